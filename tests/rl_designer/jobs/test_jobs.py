"""Many jobs: what is known isn't done again, each result is kept first, an interruption leaves nothing."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from rl_designer.envs.workers.engines import Pool, Workload
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.envs.workers.pool import Lost
from rl_designer.jobs import jobs as module
from rl_designer.jobs.jobs import Job, JobObserver, run_jobs, trials
from rl_designer.jobs.progress import Display, JobProgress, Shown
from tests.helpers import worker_tasks as tasks
from tests.helpers.jobs import Kept, Noted

ROOT = Path(__file__).resolve().parents[3]
posix = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")

LONG = 600.0  # seconds, longer than a test may take


def here() -> Pool:
    return LocalEngine(0).pool(Workload(os.fspath, {}))


def jobs_of(function: Callable[..., Any], *arguments: Any) -> list[Job]:
    return [Job(index, f"job {index}", function, (value,)) for index, value in enumerate(arguments)]


@contextmanager
def workers(count: int) -> Iterator[Any]:
    before = set(multiprocessing.active_children())
    with trials(LocalEngine(count)) as pool:
        yield pool
    assert set(multiprocessing.active_children()) == before


def notes(folder: Path, kind: str) -> int:
    return len(list(folder.glob(f"{kind}-*")))


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# -- results ---------------------------------------------------------------------------------------


def test_what_is_known_is_not_done_again_and_each_result_is_kept_before_it_is_told() -> None:
    kept = Kept((1, "from before"))

    class Order(Noted):
        def finished(self, job: Job, result: Any) -> None:
            assert kept.order[-1] is result
            super().finished(job, result)

    observer = Order()
    results = run_jobs(jobs_of(tasks.double, 1, 2, 3), here(), kept, observer)
    assert results == {0: 2, 1: "from before", 2: 6}
    assert kept.order == [2, 6]
    assert observer.events == ["1 of 3", "job 0", "job 2", "closed"]


def test_a_job_that_has_done_a_part_goes_on_where_it_stopped_before_others_begin() -> None:
    kept, observer = Kept(), Noted()
    results = run_jobs(jobs_of(tasks.count_to, 3, 1), here(), kept, observer)
    assert results == {0: 3, 1: 1}
    assert observer.events == ["0 of 2", "job 0: 1", "job 0: 2", "job 0", "job 1", "closed"]
    assert [getattr(result, "state", result) for result in kept.order] == [1, 2, 3, 1]


def test_a_job_goes_on_with_what_an_earlier_start_has_left() -> None:
    observer = Noted()
    job = Job("a", "a", tasks.count_to, (3,), state=1)
    assert run_jobs([job], here(), Kept(), observer) == {"a": 3}
    assert observer.events == ["0 of 1", "a: 2", "a", "closed"]


def test_workers_take_turns_with_parts_of_jobs() -> None:
    with workers(2) as pool:
        assert run_jobs(jobs_of(tasks.count_to, *range(1, 8)), pool, Kept(), JobObserver()) == {
            index: index + 1 for index in range(7)
        }


def test_what_is_lost_is_a_result_too() -> None:
    with workers(1) as pool:
        jobs = [*jobs_of(tasks.fail, "a"), Job("dies", "dies", tasks.die, ("b",)), *jobs_of(tasks.double, 4)]
        jobs[2] = Job(2, "good", tasks.double, (4,))
        kept = Kept()
        results = run_jobs(jobs, pool, kept, JobObserver())
    assert results == {
        0: Lost("error: LookupError: no a"),
        "dies": Lost("worker process died: exit status 1"),
        2: 8,
    }
    assert len(kept.order) == 3


# -- interruptions ---------------------------------------------------------------------------------


def test_an_interruption_says_how_to_go_on() -> None:
    observer = Noted(stop=2)
    with pytest.raises(KeyboardInterrupt, match="2 of 3"):
        run_jobs(jobs_of(tasks.double, 1, 2, 3), here(), Kept(), observer)
    assert observer.events[-1] == "closed"


class StopsAtWork(JobObserver):
    """Ctrl-C after the first result, once other runs are at work."""

    def __init__(self, folder: Path, at_work: int) -> None:
        self.folder, self.at_work = folder, at_work

    def finished(self, job: Job, result: Any) -> None:
        wait_until(lambda: notes(self.folder, "begun") >= self.at_work)
        raise KeyboardInterrupt


@posix
def test_an_interruption_unwinds_the_runs_at_work_and_begins_no_other(tmp_path: Path) -> None:
    jobs = jobs_of(tasks.note_and_wait, (tmp_path, 0.0), *[(tmp_path, LONG)] * 8)
    with pytest.raises(KeyboardInterrupt), workers(2) as pool:
        run_jobs(jobs, pool, Kept(), StopsAtWork(tmp_path, 3))
    assert notes(tmp_path, "begun") == notes(tmp_path, "ended") == 3


@posix
def test_a_run_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE", 0.2)
    jobs = jobs_of(tasks.note_and_ignore_signals, (tmp_path, 0.0), *[(tmp_path, LONG)] * 2)
    with pytest.raises(KeyboardInterrupt), workers(2) as pool:
        run_jobs(jobs, pool, Kept(), StopsAtWork(tmp_path, 2))


@posix
def test_workers_of_a_run_end_with_a_driver_that_is_killed(tmp_path: Path) -> None:
    script = textwrap.dedent(
        f"""
        from pathlib import Path
        from rl_designer.envs.workers.local import LocalEngine
        from rl_designer.jobs.jobs import JobObserver, run_jobs, trials
        from tests.helpers import worker_tasks as tasks
        from tests.helpers.jobs import Kept
        from tests.rl_designer.jobs.test_jobs import jobs_of

        if __name__ == "__main__":
            with trials(LocalEngine(1)) as pool:
                jobs = jobs_of(tasks.train_in_workers, Path({str(tmp_path)!r}))
                run_jobs(jobs, pool, Kept(), JobObserver())
        """
    )
    path = tmp_path / "driver.py"
    path.write_text(script)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, str(path)], env=environment) as driver:
        try:
            wait_until(lambda: notes(tmp_path, "nested") == 2, seconds=200)  # two servers load torch
            time.sleep(0.1)
        finally:
            driver.send_signal(signal.SIGKILL)
    nested = [int(note.name.partition("-")[2]) for note in tmp_path.glob("nested-*")]
    wait_until(lambda: not any(Path(f"/proc/{process}/cmdline").exists() for process in nested))


def test_a_trial_works_with_one_thread_and_in_the_same_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "docs")
    with workers(1) as pool:
        [found] = run_jobs(jobs_of(tasks.threads, None), pool, Kept(), JobObserver()).values()
    assert found == {"folder": str(ROOT / "docs"), "threads": [1], "OMP_NUM_THREADS": "1"}


# -- what is shown ---------------------------------------------------------------------------------


def shown(known: int, total: int, clock: Callable[[], float] = lambda: 0.0, **options: Any) -> list[str]:
    text = StringIO()
    display = Display(console=Console(file=text, width=200), clock=clock)
    progress = JobProgress(display, Shown("runs", lambda result: f"got {result}", **options))
    jobs = jobs_of(tasks.double, *range(total))
    kept = Kept(*((index, 0) for index in range(known)))
    run_jobs(jobs, here(), kept, progress)
    return text.getvalue().splitlines()


def test_off_a_terminal_a_line_now_and_then_says_how_far_it_is() -> None:
    first, *lines = shown(0, 200)
    assert first == "200 runs"
    assert 15 <= len(lines) <= 25 and lines[-1] == "200/200 runs, got 398"
    assert shown(3, 5)[0] == "2 runs, 3 already done"
    assert shown(5, 5) == []


def test_the_time_left_is_guessed_from_what_was_done_now() -> None:
    seconds = iter(range(10_000))
    lines = shown(100, 200, clock=lambda: float(next(seconds)))
    assert lines[1].startswith("110/200 runs, got 218, about ") and lines[1].endswith(" min left")
    assert "left" not in lines[-1]


def test_on_a_terminal_a_bar_shows_the_latest_figures() -> None:
    text = StringIO()
    console = Console(file=text, force_terminal=True, width=100)
    progress = JobProgress(Display(console=console), Shown("runs", lambda result: f"got {result}"))
    run_jobs(jobs_of(tasks.double, 1, 2), here(), Kept(), progress)
    assert "2/2 runs" in text.getvalue() and "got 4" in text.getvalue()


def test_quiet_says_nothing() -> None:
    text = StringIO()
    progress = JobProgress(
        Display(quiet=True, console=Console(file=text, force_terminal=True)), Shown("runs", str)
    )
    run_jobs(jobs_of(tasks.double, 1, 2), here(), Kept(), progress)
    assert text.getvalue() == ""
