"""Calibrating and refining from reviews, on a dataset."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fakes import SPOT, FakeEncoder, compare_by_pixels, write_list

from argus_fiftyone.encoders.protocol import FeatureKind, ImageFeatures
from argus_fiftyone.feedback import region_features
from argus_fiftyone.feedback.conformal import TooFewDecisionsError
from argus_fiftyone.feedback.region_features import region_cells, similarities
from argus_fiftyone.io.png import write_png
from argus_fiftyone.methods.common.words import DenseWords
from argus_fiftyone.methods.protocol import QueryBatch
from argus_fiftyone.plugin.dataset.calibrating import calibrate_from_reviews, decided_scores
from argus_fiftyone.plugin.dataset.computing import compute_heatmaps
from argus_fiftyone.plugin.dataset.imports import ImportReport, import_pairs, rows_of_csv
from argus_fiftyone.plugin.dataset.refining import Refining, refine_query, refined_queries, stored_refinements
from argus_fiftyone.plugin.dataset.reviews import review_pairs, review_regions
from argus_fiftyone.plugin.dataset.runs import run_record, threshold_of
from argus_fiftyone.settings import Settings
from argus_fiftyone.text.query import Query

pytestmark = pytest.mark.database

NAMES = [f"p{number:02d}" for number in range(24)]
SPOTS = {name: (0.7 if number % 2 else -0.7) * (1 - number / 100) for number, name in enumerate(NAMES)}


class BrightnessEncoder(FakeEncoder):
    """Sees how bright a cell is, and takes bright cells for texture, which misleads it at first."""

    name = family = fingerprint = "brightness"
    cell = 8
    temperature = 10.0
    one_by_one = False
    device = torch.device("cpu")

    def encode_images(
        self, images: Sequence[np.ndarray], kinds: frozenset[FeatureKind]
    ) -> list[ImageFeatures]:
        return [self._features(image) for image in images]

    def _features(self, image: np.ndarray) -> ImageFeatures:
        rows, cols = (side // self.cell for side in image.shape[:2])
        grey = image[..., 0].reshape(rows, self.cell, cols, self.cell).mean((1, 3)) / 255
        cells = torch.nn.functional.normalize(
            torch.tensor(np.stack([grey, 1 - grey], -1), dtype=torch.float32), dim=-1
        )
        return ImageFeatures((cells,), cells, cells.mean((0, 1)))

    def encode_text(self, prompts: Sequence[str]) -> torch.Tensor:
        return _understood(prompts)

    def text_support(self, texts: Sequence[str]) -> list[float]:
        return [float(bool(text.strip())) for text in texts]


class WholeQueryWords(DenseWords):
    """Reads the query as a whole: everything is relevant but what a contrast names better."""

    def relevance(self, described: torch.Tensor, queries: QueryBatch) -> torch.Tensor:
        named = [_understood(query.contrast or ("nothing",)) for query in queries.queries]
        return torch.stack([1 - (described @ words.T).amax(-1) / 2 for words in named], dim=1)


def _understood(prompts: Sequence[str]) -> torch.Tensor:
    odd = {"a cast shadow": [0.1, 0.99], "texture": [1.0, 0.0]}
    rows = [torch.tensor(odd.get(prompt, [0.7, 0.7])) for prompt in prompts]
    return torch.nn.functional.normalize(torch.stack(rows), dim=-1)


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[Any]:
    found = rows_of_csv(write_list(tmp_path, SPOTS))
    *_, made = import_pairs("taught", found, ImportReport(len(SPOTS)), overwrite=True)
    low = Settings(threshold=0.3)
    list(compute_heatmaps(made, "k", settings=low, encoder=FakeEncoder(), compare=compare_by_pixels))
    yield made
    made.delete()


def decide(dataset: Any, level: str = "pairs") -> None:
    """Brighter spots are real, darker ones are not."""
    for sample in dataset.select_group_slices("after"):
        decision = "confirmed" if SPOTS[sample.pair_id] > 0 else "rejected"
        if level == "pairs":
            review_pairs(dataset, "k", [sample.id], decision)
        else:
            review_regions(dataset, "k", [d.id for d in sample.k_regions.detections], decision)


@pytest.mark.parametrize("level", ["pairs", "regions"])
def test_pairs_count_by_their_own_decision_or_by_their_regions(dataset: Any, level: str):
    decide(dataset, level)
    confirmed, rejected = decided_scores(dataset, "k")
    assert (len(confirmed), len(rejected)) == (12, 12)
    assert max(confirmed) == pytest.approx(round(110 * SPOTS["p01"]) / 127)


def test_calibrating_sets_the_threshold_the_decisions_allow(dataset: Any):
    decide(dataset)
    found = calibrate_from_reviews(dataset, "k", "false_alarms", 0.2)
    _, rejected = decided_scores(dataset, "k")
    assert found.decisions == 12
    assert sum(score >= found.threshold for score in rejected) <= 2
    assert threshold_of(dataset, "k") == found.threshold
    assert dataset.info["argus_calibrations"]["k"]["wanted"] == 0.2


def test_calibrating_on_too_few_decisions_changes_nothing(dataset: Any):
    before = threshold_of(dataset, "k")
    review_pairs(dataset, "k", [dataset.first().id], "rejected")
    with pytest.raises(TooFewDecisionsError, match="needs 9 rejected pairs or more, found 1"):
        calibrate_from_reviews(dataset, "k", "false_alarms", 0.1)
    assert threshold_of(dataset, "k") == before


def test_refining_learns_that_shadows_are_not_meant_and_a_new_run_uses_it(dataset: Any):
    decide(dataset, "regions")
    mark_as_changed(dataset)
    refining = Refining()
    list(refine_query(dataset, "k", refining, encoder=BrightnessEncoder()))
    assert refining.query == "a spot"
    assert refining.result is not None
    assert refining.result.auroc_before < 0.5 < 0.95 < refining.result.auroc_after
    (stored,) = stored_refinements(dataset)
    weights = dict(stored["weights"])
    assert weights["a cast shadow"] > weights["dust or dirt"]

    asked: list[Any] = []

    def remember_queries(pairs, encoder, settings, queries=None):
        pairs = list(pairs)
        asked.extend(pair.query for pair in pairs)
        plain = [type(pair)(pair.id, pair.before, pair.after, "a spot") for pair in pairs]
        return compare_by_pixels(plain, encoder, settings, queries)

    refined = refined_queries(dataset)
    list(compute_heatmaps(dataset, "l", encoder=FakeEncoder(), compare=remember_queries, refined=refined))
    assert all(isinstance(query, Query) and query.log_weights == weights for query in asked)
    assert run_record(dataset, "l")["refined"] == ["a spot"]


def mark_as_changed(dataset: Any) -> None:
    """Look at the after picture for every region, also the darker ones."""
    for sample in dataset.select_group_slices("after"):
        for region in sample.k_regions.detections:
            region["direction"] = "changed"
        sample.save()


def test_refining_with_too_few_decisions_is_refused_and_stores_nothing(dataset: Any):
    review_regions(dataset, "k", [dataset.first().k_regions.detections[0].id], "confirmed")
    with pytest.raises(TooFewDecisionsError):
        list(refine_query(dataset, "k", Refining(), encoder=BrightnessEncoder()))
    assert stored_refinements(dataset) == []


def test_a_query_for_any_change_has_nothing_to_refine(dataset: Any):
    with pytest.raises(ValueError, match="no prompts to weigh"):
        list(refine_query(dataset, "k", Refining(), query="any change", encoder=BrightnessEncoder()))


def test_an_encoder_that_reads_queries_as_a_whole_gets_contrasts_instead_of_weights(
    dataset: Any, monkeypatch
):
    decide(dataset, "regions")
    mark_as_changed(dataset)
    monkeypatch.setattr(region_features, "words_of", lambda _: WholeQueryWords())
    refining = Refining()
    list(refine_query(dataset, "k", refining, encoder=BrightnessEncoder()))
    assert refining.result is not None
    assert refining.result.contrast == ("a cast shadow",)
    assert refined_queries(dataset)["a spot"].contrast == ("a cast shadow",)
    assert not refined_queries(dataset)["a spot"].log_weights


def test_a_region_is_measured_where_it_lies(tmp_path: Path):
    picture = np.zeros((64, 64, 3), np.uint8)
    write_png(tmp_path / "before.png", picture)
    picture[SPOT] = 255
    write_png(tmp_path / "after.png", picture)
    boxes = [(24 / 64, 16 / 64, 24 / 64, 16 / 64), (0, 0, 0.01, 0.01), (24 / 64, 16 / 64, 24 / 64, 16 / 64)]
    files = (tmp_path / "before.png", tmp_path / "after.png")
    encoder: Any = BrightnessEncoder()
    cells = region_cells(*files, boxes, [False, False, True], encoder, 64)
    found = similarities(cells, torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    assert found == pytest.approx(np.array([[1, 0], [0, 1], [0, 1]]), abs=1e-6)
