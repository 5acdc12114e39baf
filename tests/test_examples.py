"""The numbered examples run as they stand."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.offline_towers
@pytest.mark.parametrize("name", ["1_compare_two_pictures", "2_many_queries"])
def test_the_example_runs_and_prints_an_answer(name: str, capsys: pytest.CaptureFixture[str]):
    runpy.run_path(str(EXAMPLES / f"{name}.py"))
    assert "score" in capsys.readouterr().out


@pytest.mark.offline_towers
@pytest.mark.database
def test_the_fiftyone_example_ranks_the_pairs(capsys: pytest.CaptureFixture[str]):
    runpy.run_path(str(EXAMPLES / "3_in_fiftyone.py"))
    assert "aws_cookies/anomaly-13" in capsys.readouterr().out
