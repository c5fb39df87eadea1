"""Rewards on the command line: what is listed, the skeleton of one's own, errors."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rl_designer.envs.rewards import REWARDS
from tests.helpers.command_line import Ended, runner
from tests.helpers.tables import synthetic_table

Command = Callable[..., Ended]
OPTIONS = ("--agent", "local-search", "--evaluations", 12, "--no-tensorboard", "--quiet")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command in a folder of its own, where `table.npz` has parameters and multiply-adds."""
    monkeypatch.chdir(tmp_path)
    made = synthetic_table()
    macs = (1_000 + np.arange(len(made.architectures), dtype=np.float32))[:, None]
    facts = {**made.metric_facts, "macs": {"unit": "count", "maximize": False}}
    replace(made, metrics={**made.metrics, "macs": macs}, metric_facts=facts).save(tmp_path / "table.npz")
    return runner(capsys)


def test_every_reward_is_listed_with_its_formula_and_its_parameters(command: Command) -> None:
    listed = command("list", "rewards", "--json").json["rewards"]
    assert list(listed)[: len(REWARDS)] == list(REWARDS)
    assert listed["tunas-absolute"] == (
        "accuracy + beta · |T / target − 1| (TuNAS, absolute). [target, cost=parameters, beta=-0.1]"
    )
    assert listed["accuracy"] == "Validation accuracy, 0–1; by another metric its score, up to 1."
    people = command("list", "rewards").out
    assert all(line in people for line in listed.values())
    assert "Where `target` is not given it is the limit on T" in people
    assert "Where `target`" not in command("list").out


@pytest.mark.parametrize("function", ["mine", "mine:weight=0.01", "ahead"])
def test_the_skeleton_of_a_reward_runs_as_it_is(command: Command, function: str) -> None:
    Path("my_rewards.py").write_text(command("list", "rewards", "--template").out, encoding="utf-8")
    reward = f"my_rewards.py:{function}"
    ended = command("train", "--table", "table.npz", "--reward", reward, "--run", "mine", "--json", *OPTIONS)
    assert (ended.status, ended.err) == (0, "")
    assert ended.json["best_by"] == ("val_accuracy" if function == "ahead" else "reward")
    assert ended.json["evaluations"] == 12 and ended.json["best"]["reward"] < 1


def test_the_skeleton_names_everything_that_a_reward_may_use() -> None:
    from dataclasses import fields

    from rl_designer.envs.evaluation import Evaluation
    from rl_designer.envs.rewards import skeleton

    assert skeleton.__doc__ is not None
    named = [field.name for field in fields(Evaluation) if field.name in skeleton.__doc__]
    assert named == [field.name for field in fields(Evaluation) if field.name != "failure"]


@pytest.mark.parametrize("words", [["list", "--template"], ["list", "agents", "--template"]])
def test_only_rewards_have_a_skeleton(command: Command, words: list[str]) -> None:
    ended = command(*words)
    assert ended.status == 2 and "--template goes with `list rewards`" in ended.err
    assert command("list", "rewards", "--template", "--json").status == 2


@pytest.mark.parametrize(
    ("reward", "status", "message"),
    [
        (
            "mnasnet:cost=latency",
            2,
            "the reward 'mnasnet' needs `target`: no typical latency is known beforehand",
        ),
        (
            "mnasnet:cost=latency,target=0.1",
            1,
            "it needs `latency_seconds`, which this evaluator doesn't measure",
        ),
        ("negative-loss", 1, "it needs `val_loss`, which this evaluator doesn't measure"),
        (
            "mnasnet:cost=params",
            2,
            "unknown value of parameter 'cost' of reward 'mnasnet': 'params'. Did you mean",
        ),
    ],
)
def test_a_reward_that_needs_what_is_not_there_gets_one_line(
    command: Command, reward: str, status: int, message: str
) -> None:
    ended = command("train", "--table", "table.npz", "--reward", reward, "--run", "a", *OPTIONS)
    assert ended.status == status
    assert message in ended.err and ended.err.count("\n") == 1


def test_the_target_stands_in_the_runs_config(command: Command) -> None:
    words = ("train", "--table", "table.npz", "--max-macs", 1_040, "--reward", "mnasnet:cost=macs")
    assert command(*words, "--run", "a", *OPTIONS).status == 0
    assert 'reward = "mnasnet:cost=macs,target=1040"' in Path("a/config.toml").read_text()


def test_agents_are_not_compared_by_a_reward_that_sees_the_history(command: Command) -> None:
    ended = command("benchmark", "agents", "random", "--table", "table.npz", "--reward", "rank", "--seeds", 2)
    assert ended.status == 2
    assert (
        "agents can't be compared by the reward 'rank': it depends on what its own run had found" in ended.err
    )
