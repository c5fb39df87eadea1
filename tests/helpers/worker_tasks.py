"""Tasks for workers that are ready at once, since nothing here loads PyTorch."""

import multiprocessing
import os
import signal
import time
from pathlib import Path


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
