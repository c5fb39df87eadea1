"""A benchmark's runs in processes: each result as it comes, and an interruption leaves nothing behind."""

import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rl_designer.jobs import jobs as benchmark_processes
from rl_designer.jobs.jobs import run_all
from tests.helpers import worker_tasks as tasks

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")

LONG = 600.0  # seconds, longer than a test may take


def title(plan: Any) -> str:
    return f"run {plan}"


def notes(folder: Path, kind: str) -> int:
    return len(list(folder.glob(f"{kind}-*")))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def children() -> set[Any]:
    return set(multiprocessing.active_children())


def test_every_plan_has_one_result(tmp_path: Path) -> None:
    assert list(run_all(tasks.note_and_wait, [(tmp_path, 0.0)] * 5, 2, title)) == ["done"] * 5
    assert notes(tmp_path, "begun") == notes(tmp_path, "ended") == 5


@pytest.mark.parametrize(
    "run, message",
    [(tasks.fail, "run a failed: LookupError: no a"), (tasks.die, "a worker process died")],
)
def test_a_run_that_fails_ends_all_and_says_which(run: Callable[[str], str], message: str) -> None:
    before = children()
    with pytest.raises(ValueError, match=message):
        list(run_all(run, ["a"], 1, title))
    assert children() == before


def test_an_interruption_unwinds_the_runs_at_work_and_begins_no_other(tmp_path: Path) -> None:
    before = children()
    plans = [(tmp_path, 0.0), *[(tmp_path, LONG)] * 8]
    results = run_all(tasks.note_and_wait, plans, 2, title)
    assert next(results) == "done"
    wait_until(lambda: notes(tmp_path, "begun") == 3)
    results.close()  # type: ignore[attr-defined]
    assert notes(tmp_path, "begun") == notes(tmp_path, "ended") == 3
    assert children() == before


def test_a_run_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark_processes, "GRACE", 0.2)
    before = children()
    results = run_all(tasks.note_and_ignore_signals, [(tmp_path, 0.0), *[(tmp_path, LONG)] * 2], 2, title)
    assert next(results) == "done"
    wait_until(lambda: notes(tmp_path, "begun") >= 2)
    results.close()  # type: ignore[attr-defined]
    assert children() == before
