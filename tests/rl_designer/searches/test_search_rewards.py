"""Rewards in a search: what they take from the setting and the history, and how they fail."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rl_designer.config import make_config
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.errors import Interrupted, WrongUsage
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.reading import read_run, report_to_dict
from rl_designer.searches.search import run_search
from rl_designer.testing.problems import LayerEvaluator
from tests.helpers.searches import Fake, digests
from tests.helpers.tables import synthetic_table


@pytest.fixture
def table(tmp_path: Path) -> str:
    synthetic_table(missing=0.1).save(tmp_path / "table.npz")
    return str(tmp_path / "table.npz")


# -- what a reward takes from the setting, and from the history --------------------------------------


@pytest.mark.parametrize(("limit", "target"), [(130, 130), (None, 140)])
def test_a_target_that_was_not_given_is_taken_from_the_setting_and_kept(
    table: str, limit: int | None, target: int
) -> None:
    options = {"table": table, "agent": "random", "reward": "mnasnet:w=-1", "max_parameters": limit}
    result = run_search(make_config({**options, "evaluations": 4}))
    assert RunFolder.open(result.folder.path).config.reward == f"mnasnet:w=-1,target={target}"
    for design in result.designs:
        accuracy, parameters = design.evaluation.val_accuracy or 0, design.evaluation.parameters or 0
        assert design.evaluation.failure or design.reward == pytest.approx(accuracy * target / parameters)


def test_a_latency_to_aim_at_must_be_given_where_none_is_known_beforehand(train: Any) -> None:
    with pytest.raises(WrongUsage, match=r"needs `target`: no typical latency is known beforehand .* give"):
        train("a", reward="mnasnet:cost=latency")
    assert not Path("a").exists()


@pytest.mark.parametrize("reward", ["rank", "hypervolume:scale=linear"])
def test_a_run_with_a_reward_that_sees_the_history_goes_on_as_if_it_had_never_stopped(
    train: Any, reward: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate = LayerEvaluator.evaluate

    def with_costs(self: LayerEvaluator, architectures: Sequence[Architecture]) -> list[Evaluation]:
        return [
            replace(e, parameters=100 * len(a.layers))
            for a, e in zip(architectures, evaluate(self, architectures), strict=True)
        ]

    monkeypatch.setattr(LayerEvaluator, "evaluate", with_costs)
    options = {"agent": "regularized-evolution:population=5,sample=3", "reward": reward, "evaluations": 30}
    whole = train("whole", store="one.sqlite", **options)
    with pytest.raises(Interrupted):
        train("part", Fake(11), store="two.sqlite", **options)
    result = train("part", resume=True)
    assert [d.reward for d in result.designs] == [d.reward for d in whole.designs]
    assert digests(result) == digests(whole) and len(set(digests(whole))) == 30


@pytest.mark.parametrize("on_table", [True, False])
def test_by_a_reward_that_sees_the_history_a_run_is_not_compared_with_random_search(
    train: Any, table: str, on_table: bool
) -> None:
    if on_table:
        config = make_config({"table": table, "agent": "local-search", "evaluations": 16, "reward": "rank"})
        result = run_search(config, Path("a"))
    else:
        result = train("a", agent="local-search", reward="rank")
    assert len(result.designs) == 16 and result.controls == []
    assert (result.summary["better_than_control"], result.summary["control"]) == (None, None)
    assert "not compared with random search. The reward 'rank' depends on" in result.summary["verdict"]
    best = max(result.designs, key=lambda d: d.evaluation.val_accuracy or 0)
    assert result.summary["best"]["digest"] == best.architecture.digest
    assert result.summary["best_by"] == "val_accuracy" and result.summary["improvement"] is None
    report = read_run(Path("a"))
    assert report.winners[0].design.architecture == best.architecture
    assert report_to_dict([report])["best"]["digest"] == best.architecture.digest


def test_a_reward_of_the_users_own_is_what_is_paid(train: Any) -> None:
    Path("mine.py").write_text("def score(evaluation):\n    return 2 * evaluation.val_accuracy\n")
    result = train("a", reward="mine.py:score")
    assert all(d.reward == 2 * (d.evaluation.val_accuracy or 0) for d in result.designs)
    assert RunFolder.open(Path("a")).config.reward == f"{Path('mine.py').absolute()}:score"


# -- rewards that fail -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def score(e): return 1 / 0", r"ZeroDivisionError: division by zero \(mine.py, line 1: `def score"),
        ("def score(e):\n  raise KeyError('a\\nb')", r"KeyError: 'a\\nb' \(mine.py, line 2: `raise KeyError"),
        ("def score(e): return 'good'", r"it must give a finite number, got 'good' \(mine.py, line 1\)"),
        ("def score(e): return None", "it must give a finite number, got None"),
        ("def score(e): return float('nan')", "it must give a finite number, got nan"),
        ("def score(e, history): return history[-1].val_accuracy", "IndexError: list index out of range"),
    ],
)
def test_a_reward_that_fails_gets_one_line_with_its_name_the_design_and_the_place(
    train: Any, source: str, message: str
) -> None:
    Path("mine.py").write_text(source)
    where = r"the reward 'mine.py:score' failed on the design .* → .* \([0-9a-f]{20}\): "
    with pytest.raises(ValueError, match=where + message) as error:
        train("a", reward="mine.py:score")
    assert "\n" not in str(error.value)


def test_when_a_reward_fails_nothing_that_was_evaluated_is_lost(train: Any) -> None:
    good = "def score(e):\n    return e.val_accuracy\n"
    Path("mine.py").write_text(good.replace("return", "assert e.val_accuracy < 0.6\n    return"))
    stopped = Fake()
    with pytest.raises(ValueError, match="AssertionError"):
        train("a", stopped, reward="mine.py:score")
    assert 0 < stopped.asked < 16
    Path("mine.py").write_text(good)
    rest = Fake()
    result = train("a", rest, reward="mine.py:score", resume=True)
    assert stopped.asked + rest.asked == 16 == len(result.designs)


def test_a_function_that_is_no_reward_is_wrong_usage_before_anything_is_written(train: Any) -> None:
    Path("mine.py").write_text("def score(): return 1.0")
    with pytest.raises(WrongUsage, match=r"must be a function of .evaluation. or of .evaluation, history."):
        train("a", reward="mine.py:score")
    assert not Path("a").exists()
