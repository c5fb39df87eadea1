"""The pool of workers: a task that hangs or crashes costs itself only, and nothing stays behind."""

import os
import platform
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pebble.pool.process import PoolManager

from rl_designer.envs.workers.pool import Lost, WorkerPool
from tests.helpers import training_candidates as tasks
from tests.helpers import worker_tasks

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(2, tasks.prepare, ("a", 1))
    yield pool
    pool.close()


def results_of(pool: WorkerPool, function: Callable[..., Any], *given: Any, **options: Any) -> list[Any]:
    results: dict[int, Any] = {}
    pool.run(function, [(task,) for task in given], results.__setitem__, **options)
    return [results[index] for index in range(len(given))]


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until(happened: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it didn't happen in time"
        time.sleep(0.05)


def test_every_task_ends_with_its_result_under_its_index(pool: WorkerPool) -> None:
    assert results_of(pool, tasks.double, *range(20)) == [2 * number for number in range(20)]


def test_no_tasks_need_no_workers() -> None:
    assert results_of(WorkerPool(1, tasks.fail_to_prepare), tasks.double) == []


def test_workers_are_prepared_once_with_the_arguments(pool: WorkerPool) -> None:
    results: list[Any] = []
    pool.run(tasks.what_was_prepared, [()], lambda index, result: results.append(result))
    assert results == [("a", 1)]


def test_workers_stay_between_runs(pool: WorkerPool) -> None:
    first, second = (set(results_of(pool, tasks.misbehave, *["own_process"] * 8)) for _ in range(2))
    assert os.getpid() not in first
    assert len(first | second) <= 2


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("leave_at_once", "worker process died: exit status 3"),
        ("die_of_a_signal", "worker process died: SIGKILL, perhaps for lack of memory"),
        ("read_forbidden_memory", "worker process died: SIGSEGV"),
        ("raise_two_lines", "error: ValueError: the first line the second line"),
        ("exit_politely", "error: SystemExit: 4"),
        ("raise_memory_error", "out of memory: MemoryError:"),
    ],
)
def test_a_task_that_fails_is_lost_and_the_others_go_on(pool: WorkerPool, name: str, failure: str) -> None:
    good = "own_process"
    outcomes = results_of(pool, tasks.misbehave, good, name, good, good)
    assert outcomes[1] == Lost(failure)
    assert isinstance(outcomes[0], int) and isinstance(outcomes[2], int)


def test_a_task_that_hangs_is_killed_after_the_time_limit(pool: WorkerPool) -> None:
    outcomes = results_of(pool, tasks.misbehave, "hang", "own_process", time_limit=0.2)
    assert outcomes[0] == Lost("time limit: not done after 0.2 s")
    assert isinstance(outcomes[1], int)


def test_workers_that_were_killed_between_runs_are_replaced(pool: WorkerPool) -> None:
    for process in set(results_of(pool, tasks.misbehave, *["own_process"] * 8)):
        os.kill(process, signal.SIGKILL)
    assert results_of(pool, tasks.double, 4, 5) == [8, 10]
    time.sleep(0.5)  # the pool notices the dead
    assert results_of(pool, tasks.double, 6) == [12]


@pytest.fixture(scope="module")
def small_pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(2, tasks.prepare, memory_limit=10**9)
    yield pool
    pool.close()


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("fill_memory", "out of memory: more than 1 GB"),
        ("ask_for_a_long_list", "out of memory: MemoryError:"),
        ("ask_for_a_petabyte", "out of memory: RuntimeError: "),
        ("leave_at_once", "worker process died: exit status 3"),
    ],
)
def test_a_task_that_takes_too_much_memory_is_lost_and_the_others_go_on(
    small_pool: WorkerPool, name: str, failure: str
) -> None:
    outcomes = results_of(small_pool, tasks.misbehave, "own_process", name, "take_half_a_gigabyte")
    assert isinstance(outcomes[1], Lost)
    assert outcomes[1].failure.startswith(failure)
    assert isinstance(outcomes[0], int) and isinstance(outcomes[2], int)


def test_memory_that_a_task_has_given_back_counts_for_no_other() -> None:
    pool = WorkerPool(1, tasks.prepare, memory_limit=10**9)
    processes = results_of(pool, tasks.misbehave, *["take_half_a_gigabyte"] * 2)
    assert len(set(processes)) == 1
    pool.close()


def test_a_memory_limit_below_what_a_worker_needs_is_an_error_that_says_so() -> None:
    with pytest.raises(RuntimeError, match=r"memory limit of 0.01 GB must be more than the 0\.\d+ GB that"):
        results_of(WorkerPool(1, tasks.prepare, memory_limit=10**7), tasks.double, 1)


def test_a_worker_makes_room_for_a_fresh_one_after_a_hundred_tasks() -> None:
    pool = WorkerPool(1, tasks.prepare)
    processes = results_of(pool, tasks.misbehave, *["own_process"] * 250)
    assert [processes.count(process) for process in dict.fromkeys(processes)] == [100, 100, 50]
    pool.close()


def test_an_exception_of_the_caller_ends_the_workers_and_a_later_run_starts_others(pool: WorkerPool) -> None:
    [worker] = results_of(pool, tasks.misbehave, "own_process")

    def stop(index: int, result: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pool.run(tasks.double, [(1,), (2,)], stop)
    wait_until(lambda: not is_alive(worker))
    assert results_of(pool, tasks.double, 3) == [6]


def test_a_closed_pool_leaves_no_process_and_can_be_used_again() -> None:
    pool = WorkerPool(1, tasks.prepare)
    [worker] = results_of(pool, tasks.misbehave, "own_process")
    pool.close()
    pool.close()
    assert not is_alive(worker)
    assert results_of(pool, tasks.double, 1) == [2]
    pool.close()


def test_workers_that_cannot_be_prepared_are_an_error_that_says_why() -> None:
    with pytest.raises(
        RuntimeError, match="a worker process can't be prepared: error: OSError: no such data"
    ):
        results_of(WorkerPool(2, tasks.fail_to_prepare), tasks.double, 1, 2)


def test_workers_that_die_while_they_start_are_an_error_and_no_endless_loop() -> None:
    with pytest.raises(RuntimeError, match="worker processes end before their first task"):
        results_of(WorkerPool(2, tasks.leave_at_once), tasks.double, 1, 2)


def test_a_task_given_to_a_pool_that_has_just_broken_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schedule = PoolManager.schedule

    def schedule_late(manager: PoolManager, task: Any) -> None:
        wait_until(lambda: not manager.context.alive)
        schedule(manager, task)

    monkeypatch.setattr(PoolManager, "schedule", schedule_late)
    with pytest.raises(RuntimeError, match="worker processes end before their first task"):
        results_of(WorkerPool(2, tasks.leave_at_once), tasks.double, 1, 2)


# -- scripts ---------------------------------------------------------------------------------------

SCRIPT = """
    import sys
    from pathlib import Path
    from rl_designer.envs.workers import pool as worker_pool
    from rl_designer.envs.workers.pool import WorkerPool
    from tests.helpers import worker_tasks as tasks

    worker_pool.PRELOADED = []  # loading PyTorch in two more processes is most of the time of a start

    if __name__ == "__main__":
        note = Path(sys.argv[1])
        pool = WorkerPool(1, tasks.prepare_folder, (note.parent / "data",), abandon=tasks.remove_folder)
        pool.run(tasks.write_process_and_hang, [(note,)], print)
"""


def started_script(folder: Path) -> tuple[subprocess.Popen[str], Path]:
    script, note = folder / "script.py", folder / "worker"
    script.write_text(textwrap.dedent(SCRIPT))
    process = subprocess.Popen(
        [sys.executable, str(script), str(note)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Whoever starts the tests in the background may have had Ctrl-C ignored, which is handed down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    return process, note


def worker_of(note: Path) -> int:
    wait_until(lambda: note.exists() and note.read_text() != "", 60)
    return int(note.read_text())


def test_ctrl_c_ends_a_script_and_its_workers(tmp_path: Path) -> None:
    process, note = started_script(tmp_path)
    worker = worker_of(note)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers, too
    _, errors = process.communicate(timeout=120)
    assert process.returncode != 0
    assert errors.count("KeyboardInterrupt") == 1  # the script's own, none of a worker
    wait_until(lambda: not is_alive(worker))


SLOW_START = """\
    import os
    import signal
    import sys
    import threading
    import time
    from pathlib import Path

    from rl_designer.envs.workers import pool as worker_pool
    from rl_designer.envs.workers.pool import WorkerPool
    from tests.helpers import worker_tasks as tasks

    worker_pool.PRELOADED = ["slow"]

    if __name__ == "__main__":
        pool = WorkerPool(2, tasks.prepare_folder, (Path(sys.argv[1]),))
        threading.Timer(0.5, os.killpg, (os.getpgrp(), signal.SIGINT)).start()  # as a terminal does
        try:
            pool.run(tasks.write_process_and_hang, [(Path("note"),)], print)
        except KeyboardInterrupt:
            print("interrupted")
        del pool
        time.sleep(3)
"""


def test_ctrl_c_while_workers_start_leaves_none_behind(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time\n\ntime.sleep(2)\n")
    (tmp_path / "script.py").write_text(textwrap.dedent(SLOW_START))
    ended = subprocess.run(
        [sys.executable, "script.py", "prepared"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "interrupted\n", "")
    assert not (tmp_path / "prepared").exists()


def test_workers_clean_up_and_end_when_their_script_is_killed(tmp_path: Path) -> None:
    process, note = started_script(tmp_path)
    worker = worker_of(note)
    assert (tmp_path / "data").exists()
    process.kill()
    process.communicate(timeout=30)
    wait_until(lambda: not is_alive(worker))
    assert not (tmp_path / "data").exists()


UNGUARDED = """\
    from rl_designer.envs.workers import pool as worker_pool
    from rl_designer.envs.workers.pool import WorkerPool
    from tests.helpers import worker_tasks as tasks

    def own(number):
        return number + 1

    print("once")
    worker_pool.PRELOADED = []
    pool = WorkerPool(1, tasks.double, (1,))
    pool.run({function}, [(2,)], print)
    pool.close()
"""


def ended_script(folder: Path, function: str) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(textwrap.dedent(UNGUARDED.format(function=function)))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "script.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_script_needs_no_guard_where_workers_do_nothing_of_its_own(tmp_path: Path) -> None:
    ended = ended_script(tmp_path, "abs")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "once\n0 2\n", "")


def test_a_script_without_a_guard_whose_own_code_workers_run_is_told_so(tmp_path: Path) -> None:
    ended = ended_script(tmp_path, "own")
    assert ended.returncode == 1
    assert 'must keep its work under `if __name__ == "__main__":`' in ended.stderr
    assert not ended.stdout.endswith("3\n")


_FREED = """
import os
import resource
import torch
from rl_designer.envs.workers.memory_limit import keep_freed_memory
torch.set_num_threads(1)
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
for kept in True, False:
    if os.fork():
        os.wait()
        continue
    if kept:
        keep_freed_memory()
    before = resident()
    tensors = [torch.ones(7_000_000) for _ in range(4)]
    del tensors
    print(resident() - before, flush=True)
    os._exit(0)
"""


@pytest.mark.skipif("glibc" not in platform.libc_ver(), reason="needs glibc")
def test_freed_memory_is_kept_so_that_large_tensors_do_not_come_page_by_page() -> None:
    command = [sys.executable, "-c", _FREED]
    done = subprocess.run(command, capture_output=True, check=True, text=True, cwd=ROOT)
    kept, not_kept = map(int, done.stdout.split())
    # Of 112 MB. Without it the first large tensors of a process are given back to the system at once.
    assert kept > 100e6 and not_kept < 20e6


@pytest.mark.parametrize("begun", [1, 0])
def test_at_the_deadline_what_runs_is_ended_and_what_has_ended_stays(
    pool: WorkerPool, tmp_path: Path, begun: int
) -> None:
    assert results_of(pool, tasks.double, 4) == [8]
    results: dict[int, Any] = {}
    note = tmp_path / "note"
    given = [(worker_tasks.double, 1), (worker_tasks.write_process_and_hang, note)]
    started = time.monotonic()
    deadline = started + 3 * begun
    pool.run(worker_tasks.apply, given, results.__setitem__, deadline=deadline)
    assert time.monotonic() - deadline < 20
    assert set(results) <= {0} and (not begun or results == {0: 2})
    if note.exists():
        wait_until(lambda: not is_alive(int(note.read_text())))
    assert results_of(pool, tasks.double, 3) == [6]
