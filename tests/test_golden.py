"""The shipped pairs give what they gave when the golden run was stored."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.golden import ENCODERS, STORED, golden_run

SCORE_TOLERANCE, MAP_TOLERANCE = 0.01, 0.02
"""Processors without AVX-512 or AMX round otherwise; a change of a constant moves more than this."""


@pytest.mark.offline_towers
@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_shipped_pairs_give_the_stored_scores_and_maps(encoder, tmp_path):
    stored = json.loads(STORED.read_text(encoding="utf-8"))[encoder]
    found = golden_run(tmp_path, encoder)
    assert sorted(found) == sorted(stored)
    for name, row in stored.items():
        assert found[name]["score"] == pytest.approx(row["score"], abs=SCORE_TOLERANCE), name
        assert np.abs(np.subtract(found[name]["map"], row["map"])).max() <= MAP_TOLERANCE, name
