"""`benchmarks/finalists.py` trains designs for parts of the epochs once, and says how that ranks them."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from tests.helpers.scripts import script

QUICK = ("--data", "wine", "--designs", "3", "--examples", "40", "--epochs", "8")


@pytest.fixture(scope="module")
def finalists():
    module = script("finalists")
    module.DRAWS = 20
    return module


def test_one_command_trains_ranks_and_trains_nothing_again(finalists, monkeypatch, tmp_path):
    first = CliRunner().invoke(finalists.main, [*QUICK, "--output", str(tmp_path)])
    assert first.exit_code == 0, first.output
    result = json.loads((tmp_path / "finalists.json").read_text())
    assert [line["epochs"] for line in result["lengths"]] == [1, 2, 4, 8] and result["designs"] == 3
    curves = json.loads((tmp_path / "curves.json").read_text())
    assert [{name: len(curve) for name, curve in design.items()} for design in curves] == [
        {"1": 1, "2": 2, "4": 4, "8": 8, "again": 8}
    ] * 3
    assert (tmp_path / "finalists.md").read_text().count("\n| ") == 5
    monkeypatch.delattr(finalists.TrainingEvaluator, "evaluate")
    again = CliRunner().invoke(finalists.main, [*QUICK, "--output", str(tmp_path)])
    assert json.loads((tmp_path / "finalists.json").read_text()) == result, again.output


def test_when_the_time_is_over_it_says_so_and_what_has_no_eighth_is_refused(finalists, tmp_path):
    late = CliRunner().invoke(finalists.main, [*QUICK, "--minutes", "0", "--output", str(tmp_path)])
    assert late.exit_code == 1 and "0 designs were trained in time, too few to rank" in late.output
    refused = CliRunner().invoke(finalists.main, ["--epochs", "12"])
    assert refused.exit_code == 1 and "must be a multiple of 8, got 12" in refused.output


def test_a_length_is_judged_by_its_ranks_and_by_what_it_puts_first(finalists):
    full = np.array([0.1, 0.5, 0.9])
    good, bad = (finalists.compared(short, full) for short in (full / 2, -full))
    assert (good["rank_correlation"], bad["rank_correlation"]) == (pytest.approx(1), pytest.approx(-1))
    assert (good["first_has"], bad["first_has"]) == (pytest.approx(0.9), pytest.approx(0.1))
    assert finalists.rank_correlation(np.zeros(3), full) == 0.0
