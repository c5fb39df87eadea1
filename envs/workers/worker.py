"""A worker process of a `WorkerPool`: what it does, and how it is started and ended."""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
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


_hiding = threading.Lock()


class Processes:
    """A multiprocessing context that knows the processes that it has made.

    Attributes:
        import_main: whether they import the caller's script, as processes do that start so.
    """

    def __init__(self, context: Any) -> None:
        self._context = context
        self._made: list[BaseProcess] = []
        self.import_main = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def Process(self, *arguments: Any, **options: Any) -> BaseProcess:
        process: BaseProcess = self._context.Process(*arguments, **options)
        if not self.import_main:
            process._Popen = _started_without_main  # type: ignore[attr-defined]
        self._made = [made for made in self._made if made.pid is None or made.is_alive()] + [process]
        return process

    def end(self, grace: float) -> None:
        """Ends them by SIGTERM; by SIGKILL after so many seconds, or at another interruption."""
        alive = [process for process in self._made if process.pid is not None and process.is_alive()]
        try:
            if grace > 0:
                for process in alive:
                    process.terminate()
                deadline = time.monotonic() + grace
                for process in alive:
                    process.join(max(0.0, deadline - time.monotonic()))
        finally:
            for process in alive:
                process.kill()


def has_code_of_main(*parts: Any) -> bool:
    """Whether a process needs the caller's script to understand what it is told to do."""
    try:
        return b"__main__" in pickle.dumps(parts)
    except Exception:  # whoever sends it will say so
        return True


def _started_without_main(process: BaseProcess) -> Any:
    """Starts a process that doesn't import the caller's script, which has no name and no file meanwhile."""
    main = sys.modules["__main__"]
    with _hiding:
        kept: dict[str, Any] = {
            name: main.__dict__[name] for name in ("__spec__", "__file__") if name in main.__dict__
        }
        main.__dict__.update(dict.fromkeys(kept))
        try:
            return type(process)._Popen(process)  # type: ignore[attr-defined]
        finally:
            main.__dict__.update(kept)
