"""Runs of a benchmark in parallel processes of one thread each, each result as it comes."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import TypeVar

Plan = TypeVar("Plan")
Record = TypeVar("Record")

GRACE = 10.0
"""Seconds that an interrupted run has to close what it has open."""


def run_all(
    run: Callable[[Plan], Record], plans: Sequence[Plan], workers: int, title: Callable[[Plan], str]
) -> Iterator[Record]:
    """Runs every plan in one of `workers` spawned processes; the results in the order in which they end.

    Args:
        run: a function of a module, so that a process can import it.
        title: what a plan is called where it fails.

    Raises:
        ValueError: where a run failed, or a process died.
    """
    if not plans:
        return
    with _workers(min(workers, len(plans))) as executor:
        futures = {executor.submit(_at_work, run, plan): plan for plan in plans}
        for future in as_completed(futures):
            yield _result(future, title(futures[future]))


def _result(future: Future[Record], title: str) -> Record:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise ValueError("a worker process died, perhaps for want of memory; fewer workers may do") from error
    except Exception as error:
        raise ValueError(f"{title} failed: {type(error).__name__}: {error}") from error


@contextmanager
def _workers(n: int) -> Iterator[ProcessPoolExecutor]:
    """Spawned processes of one thread each; on any error or interruption they are ended at once."""
    before = set(multiprocessing.active_children())
    with _environment(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1"):
        executor = ProcessPoolExecutor(
            n, mp_context=multiprocessing.get_context("spawn"), initializer=_prepare_worker
        )
        try:
            yield executor
        except BaseException:
            _end(set(multiprocessing.active_children()) - before)
            raise
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def _end(children: Collection[BaseProcess]) -> None:
    """Ends processes by SIGTERM, by SIGKILL after `GRACE` seconds, or at a second interruption."""
    try:
        for child in children:
            child.terminate()
        deadline = time.monotonic() + GRACE
        for child in children:
            child.join(max(0.0, deadline - time.monotonic()))
    finally:
        for child in children:
            child.kill()


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Sets variables that processes started within inherit; libraries read them as they are loaded."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


_working = threading.Event()
_leaving = threading.Event()


def _at_work(run: Callable[[Plan], Record], plan: Plan) -> Record:
    """In a worker: runs a plan, and lets `_leave` know."""
    try:
        _working.set()
        try:
            return run(plan)
        finally:
            _working.clear()
    finally:
        if _leaving.is_set():
            # The executor would take SystemExit for the plan's result and go on with the next plan.
            os._exit(1)


def _prepare_worker() -> None:
    """Ctrl-C is the parent's to handle; SIGTERM unwinds what is open; no worker outlives the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: _leave())
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _leave() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _leaving.set()
    if not _working.is_set():
        # Whoever unwinds while reading the next plan leaves half of it to the other workers.
        os._exit(1)
    raise SystemExit(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
