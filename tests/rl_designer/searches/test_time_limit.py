"""A search ends at its time limit, with what a longer one begins with."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rl_designer.reports.terminal import print_report, terminal
from rl_designer.runs.reading import read_run
from rl_designer.searches.observers import Observer
from rl_designer.searches.run import SearchResult
from rl_designer.searches.search import resume_search
from tests.helpers.searches import Fake, Slow, digests

PPO = "ppo:warm=4,batch=4,updates=1,final_updates=1,final_share=0"


def limited(limit: float, **options: Any) -> dict[str, Any]:
    return {"evaluations": None, "time_limit": limit, "control_share": 0.0, **options}


@pytest.mark.parametrize(
    ("agent", "last_first"),
    [
        (PPO, True),
        ("regularized-evolution:population=6", True),
        ("random:batch=4", True),
        ("random:batch=4", False),
    ],
)
def test_what_is_found_in_time_is_what_a_longer_search_begins_with(
    train: Any, monkeypatch: pytest.MonkeyPatch, agent: str, last_first: bool
) -> None:
    slow = Slow(monkeypatch, seconds=2, last_first=last_first)
    short = train("short", slow, agent=agent, **limited(29))
    assert slow.now <= 129 and short.summary["given_up"] > 0
    assert slow.asked > len(short.designs) or not (last_first and "batch=4" in agent)
    trained = slow.asked
    longer = train("longer", slow, agent=agent, **limited(60))  # on the same store
    whole = train("whole", Fake(), agent=agent, evaluations=len(longer.designs), control_share=0.0, store="o")
    assert 0 < len(short.designs) < len(longer.designs)
    assert digests(longer)[: len(short.designs)] == digests(short)
    assert digests(longer) == digests(whole)
    assert [d.reward for d in longer.designs] == [d.reward for d in whole.designs]
    assert slow.asked - trained <= 30  # what had ended was not trained again


def test_what_ended_after_one_that_had_not_is_stored_and_no_claim_is_left(
    train: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(monkeypatch, seconds=3)
    result = train("a", slow, agent="random:batch=4", **limited(20))  # 6 trainings: 4 and the last two of 4
    assert (len(result.designs), slow.asked, result.summary["given_up"]) == (4, 6, 4)
    with sqlite3.connect("store.sqlite") as store:
        assert store.execute("select count(*) from evaluations").fetchone() == (6,)
        assert store.execute("select count(*) from claims").fetchone() == (0,)


def test_the_time_that_is_left_to_the_control_ends_it_too(
    train: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(monkeypatch, seconds=3, last_first=False)
    result = train("a", slow, agent="reinforce", evaluations=None, time_limit=40.0)
    assert (len(result.designs), len(result.controls)) == (10, 3)
    assert (slow.now, result.summary["seconds"]) == (140, 40)


class Stop(Observer):
    """Interrupts a search at its n-th design."""

    def __init__(self, at: int) -> None:
        self.left = at

    def designed(self, design: Any, source: str) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("at", [3, 10, 12])
def test_a_run_that_is_stopped_under_a_limit_goes_on_to_the_same_designs(
    train: Any, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    options = limited(40.0, agent="regularized-evolution:population=4", control_share=0.25)
    whole = train("whole", Slow(monkeypatch, 3, last_first=False), **options, store="other")
    monkeypatch.setattr("tests.helpers.searches.run_search", stopped_at(at))
    slow = Slow(monkeypatch, 3, last_first=False)
    with pytest.raises(KeyboardInterrupt):
        train("part", slow, **options)
    result = resume_search(Path("part"))
    assert result is not None
    assert (digests(result), len(result.controls)) == (digests(whole), len(whole.controls))
    assert slow.now <= 140 + 2 * 3 * 4  # what an interruption loses is no more than a batch


def stopped_at(at: int) -> Callable[..., SearchResult]:
    from rl_designer.searches.search import run_search

    return lambda config, folder: run_search(config, folder, [Stop(at)])


def test_a_limit_within_which_no_training_ends_is_told(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"agent": PPO, "experience": "none", "evaluations": None, "time_limit": 10.0}
    result = train("a", Slow(monkeypatch, 50), **config)
    assert (result.designs, result.controls, result.summary["best"]) == ([], [], None)
    assert (result.summary["given_up"], result.summary["state"]) == (4, "finished")
    console = terminal(stderr=False)
    with console.capture() as told:
        print_report(console, read_run(Path("a")))
    assert "0 evaluations in 7.5 s, 4 given up at the time limit" in told.get()
    assert "No design was trained within the time limit of 10.0 s: allow more time" in told.get()


def test_ppo_leaves_the_time_that_its_policy_takes_at_the_end(
    train: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(monkeypatch, 1, last_first=False)
    train("a", slow, agent=PPO, **limited(20))
    assert slow.now == 117
