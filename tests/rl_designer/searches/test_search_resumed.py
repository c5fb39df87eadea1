"""A search goes on after any stop as if it had never stopped."""

import time
from pathlib import Path
from typing import Any

import pytest

from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.errors import Interrupted
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.reading import read_run
from rl_designer.searches.replay import RunClock
from rl_designer.searches.search import resume_search
from tests.helpers.searches import Fake, all_digests

PPO = "ppo:warm=4,batch=4,updates=1,final_updates=1,final_share=0"


@pytest.mark.parametrize(
    ("agent", "stop_at"), [*(("reinforce", n) for n in (0, 1, 7, 11, 12, 14, 15)), (PPO, 6)]
)
def test_a_stopped_run_goes_on_as_if_it_had_never_stopped(train: Any, agent: str, stop_at: int) -> None:
    whole = train("whole", agent=agent)
    options = {"agent": agent, "store": "other.sqlite"}
    with pytest.raises(Interrupted, match=f"stopped after {stop_at} evaluations.*rl-designer resume part"):
        train("part", Fake(stop_at), **options)
    stopped = RunFolder.open(Path("part"))
    assert stopped.summary["state"] == "interrupted"
    evaluator = Fake()
    result = train("part", evaluator, resume=True)
    assert evaluator.asked == 16 - stop_at
    assert all_digests(result) == all_digests(whole)
    if agent == PPO:
        policies = [Path(name, "policy", "policy.safetensors").read_bytes() for name in ("part", "whole")]
        assert policies[0] == policies[1]
    same = ("verdict", "best", "control", "better_than_control", "improvement", "evaluations")
    assert {key: result.summary[key] for key in same} == {key: whole.summary[key] for key in same}
    assert [d.source for d in read_run(Path("part")).designs] == ["agent"] * 12 + ["control"] * 4


@pytest.mark.parametrize("agent", [PPO, "regularized-evolution"])
def test_a_search_for_cells_trains_no_network_twice_and_goes_on(train: Any, agent: str) -> None:
    options = {"agent": agent, "space": "cell1d", "data": "mnist1d", "max_parameters": 20_000}
    whole = train("whole", **options)
    with pytest.raises(Interrupted):
        train("part", Fake(9), store="other.sqlite", **options)
    assert all_digests(train("part", resume=True)) == all_digests(whole)
    designs = [found.design.architecture for found in read_run(Path("whole")).designs]
    space = make_space("cell1d", (1, 40), 10, max_parameters=20_000)
    rows = space.pad([space.actions(design) for design in designs])
    assert (space.canonical(rows) == rows).all()
    assert len({design.digest for design in designs}) == len(designs) == 16


def test_a_run_may_be_stopped_again_and_again(train: Any) -> None:
    whole = train("whole", agent="reinforce")
    with pytest.raises(Interrupted):
        train("part", Fake(3), agent="reinforce", store="other.sqlite")
    for _ in range(3):
        with pytest.raises(Interrupted):
            train("part", Fake(3), resume=True)
    result = train("part", resume=True)
    assert all_digests(result) == all_digests(whole)


def test_random_designs_stored_meanwhile_do_not_change_a_resumed_run(train: Any) -> None:
    with pytest.raises(Interrupted):
        train("part", Fake(5), agent="reinforce", evaluations=16)
    train("random", evaluations=16, seed=9)
    result = train("part", resume=True)
    assert (len(result.designs), len(result.controls)) == (12, 4)
    assert result.summary["control"]["evaluations"] == 4


def test_a_finished_run_is_left_as_it_is(train: Any) -> None:
    train("a")
    assert resume_search(Path("a")) is None


def test_a_run_whose_evaluator_changed_can_not_go_on(train: Any) -> None:
    with pytest.raises(Interrupted):
        train("part", Fake(5))
    with pytest.raises(
        ValueError, match="part can't go on: its data, space or settings are not what they were"
    ):
        train("part", Fake(digest="other"), resume=True)


def test_two_processes_do_not_search_in_one_folder(train: Any) -> None:
    with pytest.raises(Interrupted):
        train("part", Fake(5))
    with (
        RunFolder.open(Path("part")).locked(),
        pytest.raises(ValueError, match="another process is searching in part"),
    ):
        train("part", resume=True)


def test_seconds_count_over_all_starts_and_stand_still_while_designs_are_replayed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    clock = RunClock(replayed=3, seconds=50.0)
    now += 7
    clock.replay(2)
    assert clock() == 0
    clock.replay(2)
    assert clock() == 50
    now += 5
    clock.replay(1)
    assert clock() == 55
