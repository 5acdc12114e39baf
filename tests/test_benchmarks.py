"""The benchmark command: its cheap parts run, and the report keeps what was not measured again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import speed

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
@pytest.mark.parametrize("part", ["evaluation_speed", "many_pairs", "kills", "database_writes"])
def test_a_part_runs_at_sizes_that_mean_nothing(part: str):
    command = [sys.executable, "-m", f"benchmarks.{part}", "--smoke"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "→ " in done.stdout


def test_every_part_exists():
    for part in speed.PARTS:
        assert (ROOT / "benchmarks" / f"{part}.py").is_file()


def test_ratios_are_collected_with_what_was_aimed_at():
    told = "12 pairs\n→ × the loop, 1 query: 3.21 (aim ≥ 4, as asked)\n→ limit, fp32, 1 MP: 0.85\nnothing: 1"
    assert speed.table([told]).splitlines()[2:] == [
        "| × the loop, 1 query | 3.21 | ≥ 4, as asked |",
        "| limit, fp32, 1 MP | 0.85 |  |",
    ]


def test_measuring_one_part_keeps_the_others_and_the_words_around(tmp_path, monkeypatch):
    report = tmp_path / "benchmarks.md"
    report.write_text(f"# Method\n\n{speed.BEGIN}\n{speed.END}\n\n## Not measured\n")
    printed = tmp_path / "printed.md"
    monkeypatch.setattr(speed, "REPORT", report)
    monkeypatch.setattr(speed, "PRINTED", printed)
    first = speed.section("stages", "", "→ limit: 0.85")
    second = speed.section("kills", "--quick", "→ lost: 1 (aim < 8)")
    speed.write_report({"stages": first, "kills": second})
    before = report.read_text()
    known = speed.known_sections()
    assert set(known) == {"stages", "kills"}
    speed.write_report(known)
    assert report.read_text() == before
    speed.write_report(known | {"kills": speed.section("kills", "", "→ lost: 2 (aim < 8)")})
    text = report.read_text()
    assert text.startswith("# Method")
    assert text.endswith("## Not measured\n")
    assert "| limit | 0.85 |  |" in text
    assert "| lost | 2 | < 8 |" in text
    assert "lost: 1" not in printed.read_text()
    assert "lost: 2" in printed.read_text()


def test_the_page_has_ratios_in_its_table_and_only_parts_without_any_in_full(tmp_path, monkeypatch):
    report = tmp_path / "benchmarks.md"
    report.write_text(f"{speed.BEGIN}\n{speed.END}\n")
    monkeypatch.setattr(speed, "REPORT", report)
    monkeypatch.setattr(speed, "PRINTED", tmp_path / "printed.md")
    kills = speed.section("kills", "--quick", "kill 1: 0 lost\n→ lost: 1 (aim < 8)")
    speed.write_report({"kills": kills, "first_result": speed.section("first_result", "", "cold 2.2 s")})
    text = report.read_text()
    assert "| **Ten kills at random moments**: `python -m benchmarks.kills --quick`" in text
    assert "cold 2.2 s" in text
    assert "kill 1" not in text
