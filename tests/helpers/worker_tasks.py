"""Tasks for workers that are ready at once, since nothing here loads PyTorch."""

import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

from rl_designer.envs.workers.engines import Workload
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.jobs.jobs import Unfinished


def prepare_folder(folder: Path) -> None:
    folder.mkdir()


def remove_folder(folder: Path) -> None:
    folder.rmdir()


def write_process_and_hang(path: Path) -> None:
    path.write_text(str(os.getpid()))
    time.sleep(600)


def kill_the_slot(really: bool) -> str:
    """As a cluster does that takes a worker away: what the pool of this worker runs in."""
    slot = multiprocessing.parent_process()
    if really and slot is not None and slot.pid is not None:
        os.kill(slot.pid, signal.SIGKILL)
        time.sleep(600)
    return "done"


def kill_the_slot_at_first(note: Path | None) -> str:
    """The first time; then it's done."""
    first = note is not None and not note.exists()
    if note is not None:
        note.touch()
    return kill_the_slot(first)


def note_and_wait(plan: tuple[Path, float]) -> str:
    """A run that leaves a note as it begins, and another as it ends, however it ends."""
    folder, seconds = plan
    try:
        (folder / f"begun-{os.getpid()}-{time.monotonic_ns()}").touch()
        time.sleep(seconds)
    finally:
        (folder / f"ended-{os.getpid()}-{time.monotonic_ns()}").touch()
    return "done"


def note_and_ignore_signals(plan: tuple[Path, float]) -> str:
    """A run that no signal that can be ignored ends."""
    folder, seconds = plan
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (folder / f"begun-{os.getpid()}").touch()
    time.sleep(seconds)
    return "done"


def fail(plan: str) -> str:
    raise LookupError(f"no {plan}")


def die(plan: str) -> str:
    os._exit(1)


def double(number: int) -> int:
    return 2 * number


def count_to(number: int, done: int = 0) -> int | Unfinished:
    """One more a call."""
    return number if done + 1 == number else Unfinished(done + 1, progress=done + 1)


def count_to_or_kill_the_slot(number: int, note: Path, done: int = 0) -> int | Unfinished:
    """As `count_to`; once, in its third part, it takes the slot with it."""
    if done == 2:
        kill_the_slot_at_first(note)
    return count_to(number, done)


def threads(_: None) -> dict[str, Any]:
    """Where a worker works, and with how many threads."""
    import numpy  # noqa: F401
    from threadpoolctl import threadpool_info

    return {
        "folder": str(Path.cwd()),
        "threads": sorted({library["num_threads"] for library in threadpool_info()}),
        "OMP_NUM_THREADS": os.environ["OMP_NUM_THREADS"],
    }


def train_in_workers(folder: Path) -> None:
    """A trial that has workers of its own."""
    engine = LocalEngine(2)
    pool = engine.pool(Workload(os.fspath, {}))
    pool.run(note_nested_and_wait, [(folder,)] * 2, lambda index, result: None)


def note_nested_and_wait(folder: Path) -> None:
    (folder / f"nested-{os.getpid()}").touch()
    time.sleep(600)


def apply(function: Any, *arguments: Any) -> Any:
    return function(*arguments)
