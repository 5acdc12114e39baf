"""`clip_similarity`: the bare form of `clip_difference`, a difference of cosines at the same place."""

from __future__ import annotations

from jaxtyping import Bool
from torch import Tensor

from argus_fiftyone.methods.clip_difference import Cells, ClipDifference, by_side
from argus_fiftyone.methods.protocol import QueryBatch


class ClipSimilarity(ClipDifference):
    """The bare form, t · after − t · before: cosines at the same place, no search, no bias removed.

    To see what `clip_difference` adds: cosines with text lie in a narrow range, so that a change
    of light alone moves all of them as much as a change moves some.
    """

    name = "clip_similarity"
    paper = (
        "The plain difference of cosines with the prompt, as text-guided baselines have it; ours averages "
        "over the wordings of the query."
    )

    def _difference(
        self, cells: Tensor, seen: Bool[Tensor, "pairs rows cols"], queries: QueryBatch
    ) -> tuple[Cells, Cells]:
        before, after = by_side(queries.similarity(cells.flatten(1, 3)), cells).unbind(dim=2)
        return (before - after).clamp(min=0), (after - before).clamp(min=0)
