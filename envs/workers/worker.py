"""What a worker process of a `WorkerPool` does."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any

from rl_designer.envs.errors import Error
from rl_designer.envs.workers.failures import failure_of
from rl_designer.envs.workers.memory_limit import MemoryGuard, keep_freed_memory, peak_memory, show_bytes

# Why this worker could not be prepared; None in one that was.
_unprepared: str | None = None

# Where memory is limited: what each task runs in.
_guard: MemoryGuard | None = None

_working = threading.Event()
_leaving = threading.Event()


@dataclass(frozen=True)
class Unprepared:
    """Instead of a task's result, in a worker that couldn't be prepared."""

    failure: str


def begin(
    prepare: Callable[..., None],
    abandon: Callable[..., None] | None,
    arguments: Iterable[Any],
    memory_limit: int | None,
    unwinds: bool = False,
) -> None:
    """Before the first task.

    Args:
        unwinds: whether SIGTERM unwinds a task.
    """
    global _unprepared, _guard
    if unwinds:
        signal.signal(signal.SIGTERM, lambda number, frame: _leave())
    threading.Thread(target=_end_with_parent, args=(abandon, arguments), daemon=True).start()
    keep_freed_memory()
    try:
        prepare(*arguments)
        if memory_limit is not None:
            _check_room(memory_limit)
            _guard = MemoryGuard(memory_limit)
    except Exception as error:
        _unprepared = failure_of(error)


def _check_room(memory_limit: int) -> None:
    taken = peak_memory() or 0
    if taken > memory_limit:
        raise Error(
            f"the memory limit of {show_bytes(memory_limit)} must be more than the {show_bytes(taken)} that "
            "Python, PyTorch and the data take before any design"
        )


def call(function: Callable[..., Any], task: tuple[Any, ...]) -> Any:
    """For each task."""
    if _unprepared is not None:
        return Unprepared(_unprepared)
    guarded: AbstractContextManager[None] = nullcontext() if _guard is None else _guard.task()
    try:
        _working.set()
        try:
            with guarded:
                return function(*task)
        finally:
            _working.clear()
    finally:
        if _leaving.is_set():
            # The pool would take SystemExit for the task's result and go on with the next one.
            os._exit(1)


def _leave() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _leaving.set()
    if not _working.is_set():
        # Whoever unwinds while reading the next task leaves half of it to the other workers.
        os._exit(1)
    raise SystemExit(1)


def _end_with_parent(abandon: Callable[..., None] | None, arguments: Iterable[Any]) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        try:
            if abandon is not None:
                abandon(*arguments)
        finally:
            os._exit(1)
