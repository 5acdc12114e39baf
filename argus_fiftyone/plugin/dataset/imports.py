"""Pictures on disk, or a flat dataset → a grouped dataset with before and after slices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fiftyone as fo

from argus_fiftyone.io.images import ImageError
from argus_fiftyone.io.pair_list import Pair, read_pairs, read_rows
from argus_fiftyone.plugin.dataset.appearance import colour_fields
from argus_fiftyone.plugin.dataset.fields import (
    CHANGE,
    FIRST_RUN,
    MASK_TARGETS,
    PAIR_ID,
    QUERY,
    TRUTH,
    Dataset,
    Samples,
)
from argus_fiftyone.plugin.dataset.folders import managed_folder
from argus_fiftyone.plugin.dataset.roles import Roles, RolesError, read_roles
from argus_fiftyone.plugin.dataset.slices import AFTER, BEFORE, slice_names
from argus_fiftyone.plugin.labels import truth_label

PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")
CHUNK = 200


class ImportPairsError(ValueError):
    """Nothing can be imported; the message says what was looked for and where."""


@dataclass
class PairRow:
    """A pair on its way into a dataset: the pair, its mask, and what else is known of it."""

    pair: Pair
    mask: Path | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    before_sample: fo.Sample | None = None
    after_sample: fo.Sample | None = None


@dataclass
class ImportReport:
    """What an import did, kept up to date while it runs.

    Attributes:
        imported, total: pairs.
        incomplete: one sentence per pair that was left out, naming the file.
        roles: what was taken for before and after, where that is not in the source's own words.
    """

    total: int
    imported: int = 0
    incomplete: list[str] = field(default_factory=list)
    roles: str = ""


@dataclass
class PairRows:
    """Pairs found, sentences on what could not be paired, and how before and after were told apart."""

    rows: list[PairRow] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)
    roles: str = ""


def rows_of_csv(path: str | Path) -> PairRows:
    """Pairs of a CSV; mask becomes ground truth, label becomes `change`, the rest plain fields."""
    pairs = {pair.id: pair for pair in read_pairs(path)}
    folder, known = Path(path).parent, ("id", "before", "after", "query", "mask", "label")
    found = PairRows()
    for row in read_rows(path, ("id", "before", "after")):
        mask, label = (row.get(name, "").strip() for name in ("mask", "label"))
        extra = {_field_name(k): v for k, v in row.items() if k not in known and v}
        if label:
            extra[CHANGE] = label
        found.rows.append(PairRow(pairs[row["id"].strip()], folder / mask if mask else None, extra))
    return found


def rows_of_folders(
    before: str | Path, after: str | Path, masks: str | Path | None = None, query: str = ""
) -> PairRows:
    """Pairs of two folders: the pictures with the same relative path, whatever their ending."""
    old, new = _pictures(before), _pictures(after)
    truth = _pictures(masks) if masks else {}
    found = PairRows()
    for name in sorted({*old, *new}):
        if name in old and name in new:
            found.rows.append(PairRow(Pair(name, old[name], new[name], query), truth.get(name)))
        else:
            side, folder = (AFTER, after) if name in old else (BEFORE, before)
            found.incomplete.append(f"{name}: no {side} picture of this name in {folder}")
    return found


def rows_of_flat(
    samples: Samples,
    key_field: str,
    role_field: str,
    query: str = "",
    before_value: Any = None,
    after_value: Any = None,
) -> PairRows:
    """Pairs of a flat dataset, or of all slices of a grouped one: two samples with the same `key_field`.

    Args:
        role_field: says which is which, by words, dates or numbers that `read_roles` knows.
        before_value, after_value: the values of `role_field` that mean before and after, where its
            words do not say so; of two values, the one is enough.

    Raises:
        ImportPairsError: if the values do not say it and neither does the caller.
    """
    flat = all_slices(samples)
    roles = roles_of(flat, role_field, before_value, after_value)
    groups: dict[str, list[tuple[float, fo.Sample]]] = {}
    found = PairRows(roles=roles.told)
    for sample, key, role in zip(flat, *flat.values([key_field, role_field]), strict=True):
        if key is None or role is None:
            found.incomplete.append(f"{sample.filepath}: {key_field} or {role_field} is empty")
        elif (rank := roles.rank_of(role)) is None:
            found.incomplete.append(f"{sample.filepath}: {role_field} {role!r} is neither before nor after")
        else:
            groups.setdefault(str(key), []).append((rank, sample))
    for key, members in groups.items():
        _pair_up(found, key, members, key_field, query)
    return found


def _pair_up(
    found: PairRows, key: str, members: list[tuple[float, fo.Sample]], key_field: str, query: str
) -> None:
    if len(members) != 2:
        found.incomplete.append(f"{key}: needs two pictures with this {key_field}, found {len(members)}")
        return
    (first, old), (second, new) = sorted(members, key=lambda member: member[0])
    if first == second:
        found.incomplete.append(f"{key}: neither of its two pictures is before the other")
        return
    pair = Pair(key, Path(old.filepath), Path(new.filepath), query)
    found.rows.append(PairRow(pair, before_sample=old, after_sample=new))


def roles_of(flat: Samples, role_field: str, before_value: Any = None, after_value: Any = None) -> Roles:
    """How the values of a field are read; see `read_roles`.

    Raises:
        ImportPairsError: if nobody can tell.
    """
    try:
        return read_roles(flat.distinct(role_field), before_value, after_value)
    except RolesError as fault:
        in_python = "in Python: before_value, after_value"
        raise ImportPairsError(f"field {role_field!r}: {fault} ({in_python})") from None


def all_slices(samples: Samples) -> Samples:
    """A collection as one flat list of samples, whichever slice is active."""
    if samples.media_type != "group":
        return samples
    return samples.select_group_slices(slice_names(samples._root_dataset), _allow_mixed=True)


def _pictures(folder: str | Path) -> dict[str, Path]:
    root = Path(folder)
    if not root.is_dir():
        raise ImportPairsError(f"{root}: no such folder")
    files = (p for p in sorted(root.rglob("*")) if p.suffix.lower() in PICTURE_ENDINGS)
    return {p.relative_to(root).with_suffix("").as_posix(): p for p in files}


def _field_name(column: str) -> str:
    cleaned = "".join(c if c.isalnum() and c.isascii() else "_" for c in column.strip().lower()).strip("_")
    taken = ("filepath", "tags", "metadata", "group", PAIR_ID, TRUTH)
    return f"{cleaned}_column" if cleaned in taken or not cleaned or cleaned[0].isdigit() else cleaned


def import_pairs(
    name: str, found: PairRows, report: ImportReport, overwrite: bool = False
) -> Iterator[Dataset]:
    """Build a persistent grouped dataset, yielding it after every chunk.

    A pair with a missing picture is left out and named in the report; nothing is
    left out in silence. The report also stays in `dataset.info["argus_import"]`.

    Raises:
        ImportPairsError: if no pair was found, or the name is taken and `overwrite` is off.
    """
    report.incomplete.extend(found.incomplete)
    report.roles = found.roles
    if not found.rows:
        raise ImportPairsError("no pairs found; " + ("; ".join(found.incomplete[:3]) or "the list is empty"))
    dataset = _new_dataset(name, overwrite)
    folder = managed_folder(dataset, "ground_truth")
    for start in range(0, len(found.rows), CHUNK):
        chunk = found.rows[start : start + CHUNK]
        dataset.add_samples(list(_samples_of(chunk, report, folder)), dynamic=True)
        told = {"imported": report.imported, "incomplete": report.incomplete[:1000], "roles": report.roles}
        dataset.info["argus_import"] = told
        dataset.save()
        yield dataset


def _new_dataset(name: str, overwrite: bool) -> Dataset:
    if fo.dataset_exists(name) and not overwrite:
        raise ImportPairsError(f"a dataset named {name!r} exists; choose another name or tick overwrite")
    dataset = fo.Dataset(name, persistent=True, overwrite=overwrite)
    dataset.add_group_field("group", default=AFTER)
    for declared in (PAIR_ID, QUERY, CHANGE):
        dataset.add_sample_field(declared, fo.StringField)
    dataset.add_sample_field(TRUTH, fo.EmbeddedDocumentField, embedded_doc_type=fo.Segmentation)
    dataset.mask_targets = {TRUTH: dict(MASK_TARGETS)}
    dataset.create_index(PAIR_ID)
    colour_fields(dataset, FIRST_RUN)  # by now: the App reads colours only when it opens a dataset
    return dataset


def _samples_of(rows: Sequence[PairRow], report: ImportReport, folder: Path) -> Iterable[fo.Sample]:
    for row in rows:
        missing = [p for p in (row.pair.before, row.pair.after) if not p.is_file()]
        if missing:
            report.incomplete.append(f"{row.pair.id}: no such file {missing[0]}")
            continue
        try:
            truth = truth_label(row.mask.absolute(), folder, row.pair.id) if row.mask else None
        except ImageError as error:
            truth = None
            report.incomplete.append(f"{row.pair.id}: imported without ground truth, {error}")
        report.imported += 1
        group = fo.Group()
        yield _sample(row, BEFORE, group)
        after = _sample(row, AFTER, group)
        after.set_field(QUERY, row.pair.query)
        after.set_field(TRUTH, truth or _field_of(row.after_sample, TRUTH))
        yield after


def _sample(row: PairRow, side: str, group: fo.Group) -> fo.Sample:
    source = row.before_sample if side == BEFORE else row.after_sample
    path = (row.pair.before if side == BEFORE else row.pair.after).absolute()
    sample = _ungrouped(source) if source is not None else fo.Sample(filepath=str(path))
    sample["group"] = group.element(side)
    sample[PAIR_ID] = row.pair.id
    for name, value in row.extra.items():
        sample[name] = value
    return sample


def _ungrouped(source: fo.Sample) -> fo.Sample:
    """A copy without its place in the groups of the dataset it comes from."""
    groups = [name for name in source.field_names if isinstance(source[name], fo.Group)]
    return source.copy(omit_fields=groups) if groups else source.copy()


def _field_of(sample: fo.Sample | None, name: str) -> Any:
    return sample[name] if sample is not None and sample.has_field(name) else None
