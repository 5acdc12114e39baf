"""The pair list: what is read, and what is refused with file, line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from argus_fiftyone.io.pair_list import Pair, PairListError, read_pairs, read_rows


@pytest.fixture
def listed(tmp_path: Path):
    """Writes a pairs.csv and reads it."""

    def write_and_read(text: str) -> list[Pair]:
        (tmp_path / "pairs.csv").write_text(text, encoding="utf-8")
        return read_pairs(tmp_path / "pairs.csv")

    return write_and_read


def test_paths_are_relative_to_the_list_and_other_columns_are_ignored(listed, tmp_path: Path):
    pairs = listed("label,id,before,after,query\nchange,a/1,old/1.png,new/1.png, a missing screw \n")
    assert pairs == [Pair("a/1", tmp_path / "old/1.png", tmp_path / "new/1.png", "a missing screw")]


def test_absolute_paths_are_kept(listed, tmp_path: Path):
    pairs = listed(f"id,before,after\n1,{tmp_path}/x.png,{tmp_path}/y.png\n")
    assert pairs[0].before == tmp_path / "x.png"


def test_without_a_query_column_any_change_is_asked_for(listed):
    assert [pair.query for pair in listed("id,before,after\n1,a,b\n2,c,d\n")] == ["", ""]


def test_a_mark_of_byte_order_and_quoted_commas_are_read(listed):
    pairs = listed('\ufeffid,before,after,query\n1,a,b,"a crack, or a chip"\n')
    assert pairs[0].query == "a crack, or a chip"


def test_rows_that_end_early_have_empty_values(tmp_path: Path):
    (tmp_path / "rows.csv").write_text("id,score,note\n1,0.5\n")
    assert read_rows(tmp_path / "rows.csv", ("id",)) == [{"id": "1", "score": "0.5", "note": ""}]


def test_a_list_without_pairs_is_empty(listed):
    assert listed("id,before,after\n") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,after\n1,b\n", r"pairs\.csv: needs the column before; found id, after"),
        ("name\n1\n", r"needs the columns id, before, after; found name"),
        ("", r"needs the columns id, before, after; found an empty file"),
        ("id,before,after\n1,a,b\n1,c,d\n", r"pairs\.csv, line 3: id '1' appears twice"),
        ("id,before,after\n ,a,b\n", r"line 2: the id is empty"),
        ("id,before,after\n../x,a,b\n", r"line 2: id '\.\./x' would leave the output folder"),
        ("id,before,after\na/../../x,a,b\n", r"would leave the output folder"),
        ("id,before,after\n/etc/x,a,b\n", r"would leave the output folder"),
        ("id,before,after\n\\x,a,b\n", r"would leave the output folder"),
        ("id,before,after\na\\..\\x,a,b\n", r"would leave the output folder"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_with_the_reason(listed, text: str, message: str):
    with pytest.raises(PairListError, match=message):
        listed(text)


def test_dots_inside_a_name_do_no_harm(listed):
    assert listed("id,before,after\na..b/v1.2,a,b\n")[0].id == "a..b/v1.2"


def test_a_missing_list_a_folder_and_another_encoding_are_named(tmp_path: Path):
    with pytest.raises(PairListError, match=r"none\.csv: no such file"):
        read_pairs(tmp_path / "none.csv")
    with pytest.raises(PairListError, match="not a UTF-8 CSV file"):
        read_pairs(tmp_path)
    (tmp_path / "latin.csv").write_bytes("id,before,after\n1,größe,b\n".encode("latin-1"))
    with pytest.raises(PairListError, match=r"latin\.csv: not a UTF-8 CSV file"):
        read_pairs(tmp_path / "latin.csv")


def test_damaged_parquet_is_named(tmp_path: Path):
    pytest.importorskip("pyarrow", reason="Parquet lists need pyarrow, of the [ray] extra")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(PairListError, match=r"torn\.parquet: not a readable Parquet file"):
        read_pairs(tmp_path / "torn.parquet")
    with pytest.raises(PairListError, match=r"none\.parquet: no such file"):
        read_pairs(tmp_path / "none.parquet")
