"""`nearest_neighbour`: what has no counterpart in the other image, whatever it is."""

from __future__ import annotations

from argus_fiftyone.encoders.protocol import Encoder
from argus_fiftyone.methods.common.distances import level_distances, over_levels
from argus_fiftyone.methods.constants import constants
from argus_fiftyone.methods.protocol import Needs, PairBatch, QueryFree, Tensors


class NearestNeighbour(QueryFree):
    """Mean of the distances to the nearest cell nearby and in the whole other image, over all levels.

    The first tells a change from a still scene, the second a defect from another specimen's harmless
    texture. `argus` starts from the same distances; what it adds is the difference between the two.
    """

    name = "nearest_neighbour"
    paper = (
        "AnomalyDINO (arXiv 2405.14529) with the before image as its one reference, and the local window of "
        "GeSCF; ours works both ways, takes all levels alike and weighs empty cells less."
    )
    version = 1
    needs = Needs(frozenset({"levels"}))

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.reach: int = constants(self.name, encoder.family)["reach"]

    def observe(self, pairs: PairBatch, fitted: Tensors) -> Tensors:
        """The distances of the after image (appeared) and of the before image (disappeared)."""
        levels = [level_distances(level, self.reach) for level in pairs.levels]
        sides = over_levels(levels, [1.0] * len(levels))
        seen = pairs.valid_on((sides.shape[2], sides.shape[3])).to(sides.device)
        return {"appeared": sides[:, 1] * seen, "disappeared": sides[:, 0] * seen}
