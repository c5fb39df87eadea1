"""Comparisons from Python: the same as by the commands."""

from pathlib import Path
from typing import Any

import pytest

import rl_designer as rl
from rl_designer.errors import WrongUsage
from tests.helpers.command_line import runner
from tests.helpers.tables import synthetic_table


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    synthetic_table().save(tmp_path / "t.npz")


def accuracy_squared(evaluation: Any) -> float:
    return float(evaluation.val_accuracy**2)


def timeless(data: Any) -> Any:
    """Without what no two runs have in common."""
    if isinstance(data, list):
        return [timeless(part) for part in data]
    if not isinstance(data, dict):
        return data
    return {name: timeless(part) for name, part in data.items() if "seconds" not in name}


def test_agents_and_rewards_are_compared_as_by_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    command = runner(capsys)
    words = ("--table", "t.npz", "--evaluations", 6, "--seeds", 2, "--workers", 1, "--json", "--quiet")
    settings: dict[str, Any] = {"table": "t.npz", "evaluations": 6, "seeds": 2, "workers": 1}
    agents = rl.compare_agents("random", "local-search", **settings, progress=False, output="agents")
    theirs = command("benchmark", "agents", "random", "local-search", *words).json
    assert timeless(agents.data) == timeless(theirs)
    assert {"runs.jsonl", "summary.json"} <= {path.name for path in Path("agents").iterdir()}
    rewards = rl.compare_rewards("accuracy", accuracy_squared, **settings, progress=False, agent="random")
    mine = f"{__file__}:accuracy_squared"
    given = ("--reward", "accuracy", "--reward", mine, "--agent", "random")
    assert timeless(rewards.data) == timeless(command("benchmark", "rewards", *given, *words).json)


def test_what_can_not_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be a function at the top level of a \.py file"):
        rl.compare_rewards("accuracy", lambda evaluation: 1, progress=False)
    with pytest.raises(WrongUsage, match="--epochs needs --data"):
        rl.compare_agents("random", epochs=3, progress=False)
    with pytest.raises(WrongUsage, match="unknown agent 'rendom'"):
        rl.compare_agents("rendom", progress=False)
