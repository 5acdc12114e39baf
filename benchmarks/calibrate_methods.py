"""Curves of methods, fitted on labelled pairs: `python -m benchmarks.calibrate_methods --pairs pairs.csv`.

A curve turns raw evidence x into h = o^steepness / (1 + o^steepness), o = odds(x / (x + half)) / odds(cut);
see `argus_fiftyone/engine/calibration.py`. A first look at every eighth pair chooses `half`, so that edges
are followed where evidence is neither all nor nothing; then a logistic regression of the label on the log
odds of each pair's strongest evidence gives `cut` and `steepness`. Each source counts alike, and within it
both labels do. What is printed beside the values was found with the curve of all other sources.

Prints what belongs into `argus_fiftyone/methods/constants.json`; writes nothing. The `open_weight` of the
clip methods is the ratio of the raw evidence at the cut, half · odds(cut), with their queries to that with
--query "". Repeated looks are quick with ARGUS_CACHE set to a folder.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import root_scalar
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from argus_fiftyone.encoders.entries import NONE
from argus_fiftyone.encoders.protocol import Encoder
from argus_fiftyone.encoders.registry import load_encoder
from argus_fiftyone.engine.batch import compare_pairs
from argus_fiftyone.engine.calibration import MOST, curve_of
from argus_fiftyone.evaluation.report import CIRCULAR
from argus_fiftyone.io.pair_list import Pair, read_pairs, read_rows
from argus_fiftyone.methods.constants import changed
from argus_fiftyone.methods.protocol import Method
from argus_fiftyone.methods.registry import built_in, load_method, needs_encoder
from argus_fiftyone.settings import Settings

FIRST_LOOK = 8
"""Of so many pairs one is looked at to choose `half`."""
FLATTEST = 0.5
"""No curve is flatter, whatever the regression says: it would call everything a little changed."""


@dataclass(frozen=True)
class Labelled:
    """Strongest evidence of pairs, and what people say of them.

    Attributes:
        evidence: e in (0, 1) of each pair, at the given half.
        changed: the label of each pair.
        source: where each pair comes from.
    """

    half: float
    evidence: np.ndarray
    changed: np.ndarray
    source: np.ndarray

    @property
    def log_odds(self) -> np.ndarray:
        """Of the evidence, finite."""
        return np.log(self.evidence / (1 - self.evidence))

    @property
    def weights(self) -> np.ndarray:
        """Each source weighs 1, shared between its labels and then among their pairs."""
        weights = np.zeros(len(self.source))
        for source in np.unique(self.source):
            own = self.source == source
            labels = np.unique(self.changed[own])
            for label in labels:
                some = own & (self.changed == label)
                weights[some] = 1 / (len(labels) * some.sum())
        return weights

    def only(self, some: np.ndarray) -> Labelled:
        """Some of the pairs."""
        return Labelled(self.half, self.evidence[some], self.changed[some], self.source[some])


def fitted(pairs: Labelled) -> dict[str, float]:
    """The curve of labelled pairs."""
    regression = LogisticRegression(C=1e6)
    regression.fit(pairs.log_odds[:, None], pairs.changed, sample_weight=pairs.weights)
    slope, start = (float(np.ravel(part)[0]) for part in (regression.coef_, regression.intercept_))
    if slope < FLATTEST:  # then only its place is fitted
        slope, start = FLATTEST, _start(pairs, FLATTEST)
    return {"half": pairs.half, "cut": float(1 / (1 + np.exp(start / slope))), "steepness": slope}


def _start(pairs: Labelled, slope: float) -> float:
    """The intercept at which, with a slope given, the weighed mean probability is that of the labels."""
    share = np.average(pairs.changed, weights=pairs.weights)

    def too_much(start: float) -> float:
        chances = 1 / (1 + np.exp(-slope * pairs.log_odds - start))
        return float(np.average(chances, weights=pairs.weights) - share)

    return root_scalar(too_much, bracket=(-50, 50)).root


def left_out(pairs: Labelled) -> tuple[float, float]:
    """Found changes and false alarms, means over sources, each at the cut of all other sources."""
    flagged = np.zeros(len(pairs.source), bool)
    for source in np.unique(pairs.source):
        own = pairs.source == source
        flagged[own] = pairs.evidence[own] >= fitted(pairs.only(~own))["cut"]
    shares = []
    for label in (True, False):
        some = pairs.changed == label
        sources = np.unique(pairs.source[some])
        shares.append(float(np.mean([flagged[some & (pairs.source == source)].mean() for source in sources])))
    return shares[0], shares[1]


def strongest(
    method: Method, half: float, encoder: Encoder, pairs: Sequence[Pair], settings: Settings
) -> np.ndarray:
    """Each pair's strongest evidence e in (0, 1), nan where it failed."""
    with changed(method.name, curve={"half": half, "cut": 0.5, "steepness": 1.0}):
        found = compare_pairs(pairs, encoder, settings, method=method)
        scores = [one.comparisons[0].score if one.comparisons else np.nan for one in found]
    return np.clip(scores, 1 - MOST, MOST)


def measure(
    method: Method, encoder: Encoder, pairs: Sequence[Pair], settings: Settings
) -> tuple[float, np.ndarray]:
    """The half that a first look chooses, and all pairs' evidence with it."""
    half = curve_of(method, encoder.family if encoder else "").half
    middle = float(np.nanmedian(strongest(method, half, encoder, pairs[::FIRST_LOOK], settings)))
    half = float(f"{half * middle / (1 - middle):.2g}")
    return half, strongest(method, half, encoder, pairs, settings)


def report(method: str, pairs: Labelled) -> str:
    """The values, and how far they hold on sources that they were not fitted on."""
    values = {name: float(f"{value:.3g}") for name, value in fitted(pairs).items()}
    found, alarms = left_out(pairs)
    area = roc_auc_score(pairs.changed, pairs.evidence)
    return (
        f"{method}: {json.dumps({'curve': values})}\n    {len(pairs.source)} pairs; on sources left out: "
        f"found {found:.2f}, false alarms {alarms:.2f}, balanced accuracy {(found + 1 - alarms) / 2:.3f}; "
        f"pair AUROC {area:.3f}"
    )


def main() -> None:
    """Measure, fit, print."""
    options = _options()
    rows = {row["id"]: row for row in read_rows(options.pairs, ("id", "source", "label"))}
    pairs = [pair for pair in read_pairs(options.pairs) if rows[pair.id]["source"] not in options.leave_out]
    pairs = pairs[:: options.every]
    label = np.array([rows[pair.id]["label"] == "change" for pair in pairs])
    source = np.array([rows[pair.id]["source"] for pair in pairs])
    if options.query is not None:
        pairs = [Pair(pair.id, pair.before, pair.after, options.query) for pair in pairs]
    settings = Settings(encoder=options.encoder, resolution=options.resolution)
    print(f"encoder {options.encoder}, {options.resolution} px", flush=True)
    for name in options.method:
        encoder = load_encoder(options.encoder if needs_encoder(name) else NONE)
        half, evidence = measure(load_method(name, encoder), encoder, pairs, settings)
        ran = ~np.isnan(evidence)
        print(report(name, Labelled(half, evidence[ran], label[ran], source[ran])), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=Path, required=True, help="with the columns source and label")
    parser.add_argument("--method", nargs="+", default=list(built_in())[1:], help="default: all but argus")
    parser.add_argument("--encoder", default="mini")
    parser.add_argument("--resolution", type=int, default=Settings.resolution)
    parser.add_argument("--every", type=int, default=1, help="take every n-th pair")
    parser.add_argument("--query", help='asked of every pair instead of its own, e.g. ""')
    parser.add_argument(
        "--leave-out", nargs="*", default=CIRCULAR, help="sources; default: the circular ones"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
