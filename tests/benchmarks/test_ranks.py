"""`benchmarks/ranks.py` trains designs once, ranks some by models of the others, and keeps halves apart."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "benchmarks" / "ranks.py"


@pytest.fixture
def ranks(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    spec = importlib.util.spec_from_file_location("ranks_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_there_are_enough_tasks_of_each_kind_and_some_are_held_out(ranks):
    least = {"signal": (9, 3), "image": (6, 2), "features": (6, 2)}
    for kind, (tasks, held_out) in least.items():
        of_kind = [task for task in ranks.TASKS if task.kind == kind]
        assert len(of_kind) >= tasks
        assert sum(task.held_out for task in of_kind) >= held_out
    assert len(ranks.BY_NAME) == len(ranks.TASKS)
    by_half = [{t.data for t in ranks.TASKS if t.held_out is half} for half in (False, True)]
    assert not by_half[0] & by_half[1]


def test_one_command_trains_ranks_and_goes_on_where_it_stopped(ranks, monkeypatch, tmp_path):
    monkeypatch.setattr(ranks, "EPOCHS", 1)
    monkeypatch.setattr(ranks, "TREES", 5)
    monkeypatch.setenv("RL_DESIGNER_PACKAGES", str(tmp_path / "none"))

    def run(*names):
        ended = CliRunner().invoke(ranks.main, [*names, "--output", str(tmp_path), "--splits", "2"])
        assert ended.exit_code == 0, ended.output
        with np.load(tmp_path / "wine.npz") as kept:
            return json.loads(ended.stdout), ended.stderr, kept["actions"], kept["scores"]

    result, told, actions, scores = run("wine", "diabetes")
    assert "left out: diabetes" in told
    assert list(result["tasks"]) == ["wine"]
    names = (*ranks.MODELS, "trained again")
    splits = {name: figure["splits"] for name, figure in result["tasks"]["wine"].items() if name in names}
    assert {name: len(values) for name, values in splits.items()} == {
        "reward model": 2,
        "step by step": 2,
        "forest": 2,
        "trained again": 1,
    }
    assert len(actions) == len(np.unique(actions, axis=0)) == 64
    assert np.isfinite(scores).sum(axis=1).tolist() == [64, 24]
    again, _, _, kept = run("wine")
    assert again["tasks"] == result["tasks"]
    np.testing.assert_array_equal(kept, scores)


def test_a_model_that_knows_is_told_from_one_that_guesses(ranks, monkeypatch):
    space = ranks.space_of((8,), 3)
    actions = ranks.designs(space, "test")
    worth = space.summaries(actions)[:, 1].astype(float) / 6  # at most 10^5 parameters
    again = np.where(np.arange(64) < 24, worth, np.nan)
    knows = lambda known, others: known.space.summaries(others)[:, 1]  # noqa: E731
    guesses = lambda known, others: np.random.default_rng(0).random(len(others))  # noqa: E731
    monkeypatch.setattr(ranks, "MODELS", {"reward model": knows, "guess": guesses})
    found = ranks.compared(ranks.Trained(space, actions, np.stack([worth, again]), (1, 1)), 10)
    assert found["reward model"]["mean"] == pytest.approx(1)
    assert abs(found["guess"]["mean"]) < 0.3  # by chance 0, of ten splits of 24: a standard error of 0.07
    assert found["trained again"]["mean"] == pytest.approx(1)
    assert ranks.rank_correlation(np.zeros(5), np.arange(5)) == 0
