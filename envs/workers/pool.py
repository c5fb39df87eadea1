"""`WorkerPool`: processes that work on tasks; one that hangs or dies costs its own task only."""

import multiprocessing
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import resource_tracker
from queue import Empty, SimpleQueue
from typing import Any

from pebble import ProcessExpired, ProcessPool

from rl_designer.envs.evaluation import passed
from rl_designer.envs.workers.failures import (
    WORKER_DIED,
    failure_of,
    failure_text,
    out_of_memory,
    out_of_time,
)
from rl_designer.envs.workers.memory_limit import OVER_LIMIT
from rl_designer.envs.workers.worker import Processes, Unprepared, begin, call, has_code_of_main

# A task that keeps its own time ends by itself at the limit; one that hangs is killed a little later.
_GRACE_SHARE, _GRACE_SECONDS = 0.25, 1.0

# Loaded once, by the server process that workers are forked from, so that a worker starts in no time.
PRELOADED = [
    "torch",
    "gymnasium",
    "rl_designer.envs.training.trainer",
    "rl_designer.envs.training.recipe",
    "rl_designer.envs.networks.network",
]

_START_METHOD = "forkserver" if sys.platform == "linux" else "spawn"

_MOST_FRUITLESS_STARTS = 2

# More than one, so that no worker waits while the caller takes in what another one has done.
_SCHEDULED_A_WORKER = 2

# How often a wait for results looks whether the pool is still there.
_LOOK_SECONDS = 1.0

# Then a worker makes room for a fresh one, so that what tasks leave behind doesn't pile up.
_TASKS_A_WORKER = 100


@dataclass(frozen=True)
class Lost:
    """A task without a result. `failure` says why, in one line."""

    failure: str


# Called with a task's index and its outcome; returns the task that goes on with it, or None.
Finished = Callable[[int, Any], tuple[Any, ...] | None]


class WorkerPool:
    """Processes of one torch thread each, started together at the first `run`.

    They are not forks of this process, since a fork of a process that has used torch can hang: on Linux they
    are forks of a `forkserver`, elsewhere they are `spawn`ed. Where what they do has code of the caller's
    script in it they import the script, which then must keep its work under `if __name__ == "__main__":`, or
    the workers would do it too.

    Workers ignore Ctrl-C: the caller gets the KeyboardInterrupt, and the pool ends its workers. They also end
    when the caller's process is killed. Each gives way to a fresh one after 100 tasks.

    Args:
        workers: processes, at least 1.
        prepare: called once in each worker with `arguments`, before its first task; picklable.
        abandon: called in each worker with `arguments` when the caller's process was killed and can't clean
            up; picklable.
        memory_limit: bytes of memory that a worker may take as a whole, Python, PyTorch and the data
            included; a task that takes more is lost, and its worker with it. None is without limit; Windows
            can't keep one.
        grace: seconds that a task has to close what it has open where it is interrupted: SystemExit unwinds
            it. 0 kills it at once.
    """

    def __init__(
        self,
        workers: int,
        prepare: Callable[..., None],
        arguments: Sequence[Any] = (),
        *,
        abandon: Callable[..., None] | None = None,
        memory_limit: int | None = None,
        grace: float = 0.0,
    ) -> None:
        self._workers = workers
        self._prepare = prepare
        self._abandon = abandon
        self._arguments = tuple(arguments)
        self._memory_limit = memory_limit
        self._grace = grace
        self._pool: ProcessPool | None = None
        self._processes = Processes(multiprocessing.get_context(_START_METHOD))

    def run(
        self,
        function: Callable[..., Any],
        tasks: Sequence[tuple[Any, ...]],
        finished: Finished,
        *,
        time_limit: float | None = None,
        deadline: float | None = None,
    ) -> None:
        """Calls `function(*task)` for each task in the workers, begun in the given order.

        On any exception, KeyboardInterrupt included, the workers are ended.

        Args:
            function: picklable, as are its results.
            finished: called here with a task's index and its result, or what was `Lost`, as each ends. A task
                that it returns takes the ended one's place, before those that weren't begun.
            time_limit: seconds that a task may take; its worker is killed after that, a quarter of it, and a
                second.
            deadline: when to give up, by `time.monotonic`: the workers are ended, and `finished` isn't called
                for what they were doing and for what wasn't begun. None for never.

        Raises:
            RuntimeError: where workers can't be prepared, or end before they have done anything.
        """
        waiting = dict(enumerate(tasks))
        fruitless = 0
        if self._pool is None:
            theirs = (self._prepare, self._abandon, self._arguments, function, tasks)
            self._processes.import_main = has_code_of_main(*theirs)
        try:
            while waiting:
                fruitful = self._round(function, waiting, finished, time_limit, deadline)
                if waiting and passed(deadline):
                    self.close()
                    return
                fruitless = 0 if fruitful else fruitless + 1
                if fruitless == _MOST_FRUITLESS_STARTS:
                    raise RuntimeError(
                        "the worker processes end before their first task; a script must keep its work under "
                        '`if __name__ == "__main__":`'
                    )
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the workers at once. A later `run` starts others."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()
            # It would wait for one after the other; and one that is still starting when the pool is gone
            # would complain on stderr.
            self._processes.end(self._grace)
            pool.join()

    def _round(
        self,
        function: Callable[..., Any],
        waiting: dict[int, tuple[Any, ...]],
        finished: Finished,
        time_limit: float | None,
        deadline: float | None,
    ) -> bool:
        """Takes out of `waiting` what ends; what is left when the pool breaks, or at the deadline, stays in.
        Whether any ended.
        """
        kill_after = None if time_limit is None else time_limit * (1 + _GRACE_SHARE) + _GRACE_SECONDS
        pool, fruitful = self._started(), False
        todo, scheduled, ended = deque(waiting), dict[Future[Any], int](), SimpleQueue[Future[Any]]()
        while scheduled or (todo and not passed(deadline)):
            while todo and not passed(deadline) and len(scheduled) < _SCHEDULED_A_WORKER * self._workers:
                future = _scheduled(pool, function, waiting[todo[0]], kill_after)
                if future is None:
                    todo.clear()
                    break
                scheduled[future] = todo.popleft()
                future.add_done_callback(ended.put)
            future = _next(ended, pool, deadline)
            if future is None:
                break
            index, outcome = scheduled.pop(future), _outcome(future, time_limit, self._memory_limit)
            if outcome is None:
                continue
            if isinstance(outcome[0], Unprepared):
                raise RuntimeError(f"a worker process can't be prepared: {outcome[0].failure}")
            fruitful = True
            del waiting[index]
            if (again := finished(index, outcome[0])) is not None:
                waiting[index] = again
                todo.appendleft(index)
        return fruitful

    def _started(self) -> ProcessPool:
        if self._pool is not None and not self._pool.active:
            self.close()
        if self._pool is None:
            self._pool = self._new()
            _start(self._pool)
        return self._pool

    def _new(self) -> ProcessPool:
        if _START_METHOD == "forkserver":
            self._processes.set_forkserver_preload(PRELOADED)
        return ProcessPool(
            self._workers,
            max_tasks=_TASKS_A_WORKER,
            initializer=begin,
            initargs=(self._prepare, self._abandon, self._arguments, self._memory_limit, self._grace > 0),
            context=self._processes,
        )


def _start(pool: ProcessPool) -> None:
    """Starts the workers; Ctrl-C waits, since one whose number isn't known yet can't be ended."""
    with ThreadPoolExecutor(1) as thread:  # signals are the main thread's
        thread.submit(_start_deaf, pool).result()


def _start_deaf(pool: ProcessPool) -> None:
    """Starts the workers, and the server they are forked from, deaf to a terminal's Ctrl-C: of one that comes
    during imports Python would tell at length.
    """
    if sys.platform != "win32":
        resource_tracker.ensure_running()  # it would undo the next line
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # of this thread, and handed down
    _ = pool.active


def _scheduled(
    pool: ProcessPool, function: Callable[..., Any], task: tuple[Any, ...], kill_after: float | None
) -> Future[Any] | None:
    """None where the pool broke just now."""
    try:
        return pool.schedule(call, args=(function, task), timeout=kill_after)
    except RuntimeError:
        if pool.active:
            raise
        return None


def _next(ended: "SimpleQueue[Future[Any]]", pool: ProcessPool, deadline: float | None) -> Future[Any] | None:
    """What ends next; None where nothing has by the deadline, and where the pool broke at the moment that it
    was given a task, which then never ends.
    """
    while True:
        broken = not pool.active
        left = _LOOK_SECONDS if deadline is None else deadline - time.monotonic()
        try:
            return ended.get(timeout=min(max(left, 0.0), _LOOK_SECONDS))
        except Empty:
            if broken or passed(deadline):
                return None


def _outcome(future: Future[Any], time_limit: float | None, memory_limit: int | None) -> tuple[Any] | None:
    """The result or what was `Lost`, in a tuple; None where the pool broke and the task has to wait."""
    error = future.exception()
    if error is None:
        return (future.result(),)
    if isinstance(error, BrokenProcessPool):
        return None
    if isinstance(error, TimeoutError):
        return (Lost(out_of_time(time_limit or 0.0)),)
    if isinstance(error, ProcessExpired):
        if memory_limit is not None and error.exitcode == OVER_LIMIT:
            return (Lost(out_of_memory(memory_limit)),)
        return (Lost(failure_text(WORKER_DIED, _ending(error.exitcode))),)
    return (Lost(failure_of(error)),)


def _ending(exit_code: int) -> str:
    if exit_code >= 0:
        return f"exit status {exit_code}"
    name = signal.Signals(-exit_code).name
    return f"{name}, perhaps for lack of memory" if name == "SIGKILL" else name
