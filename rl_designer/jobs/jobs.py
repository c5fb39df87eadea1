"""`run_jobs`: many jobs by a pool of workers; what is known isn't done again, each result is kept at once."""

import os
import sys
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rl_designer.envs.evaluation import until
from rl_designer.envs.source import source_digest
from rl_designer.envs.workers.engines import Engine, Pool, Workload
from rl_designer.envs.workers.failures import failure_of
from rl_designer.envs.workers.pool import PRELOADED, Lost
from rl_designer.errors import Error, Interrupted
from rl_designer.interruption import uninterrupted

GRACE = 10.0
"""Seconds that an interrupted trial has to close what it has open."""

_CODE = ("rl_designer.agents", "rl_designer.envs")
OF_SEARCHES = ("rl_designer.agents.controller", "rl_designer.agents.reward_model")
"""Modules of searches by `ppo`, which take seconds to load."""
_MOST_OF_A_FAILURE = 2_000  # characters: of a job, all that its error says

Results = dict[Hashable, Any]


@dataclass(frozen=True)
class Job:
    """What a worker does.

    Attributes:
        key: what its result is known by.
        title: what people call it.
        function: of a module, so that another process can import it; called with `arguments`, and behind
            them the state that it goes on with, where there is one.
        state: what an earlier start has left `Unfinished`.
    """

    key: Hashable
    title: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    state: Any = None

    def task(self, state: Any) -> tuple[Any, ...]:
        """What a worker is given."""
        return self.function, *self.arguments, *(() if state is None else (state,))


@dataclass(frozen=True)
class Unfinished:
    """What a job returns that has done a part: the rest may be done by another worker, on another machine.

    Attributes:
        state: what it goes on with; picklable.
        progress: what is told of it.
    """

    state: Any
    progress: Any = None


class Journal(Protocol):
    """What keeps results."""

    def known(self, jobs: Sequence[Job]) -> Mapping[Hashable, Any]:
        """The results, by key, of those that are not to be done again."""

    def keep(self, job: Job, result: Any) -> Any:
        """Called with each result as it comes, also with what is `Lost` or `Unfinished`; returns what the
        result is from then on. What it raises ends all jobs.
        """

    def how_to_go_on(self, done: int, total: int) -> str:
        """What a person is told who has interrupted."""


class JobObserver:
    """Is told of jobs. Every method may be left as it is."""

    def started(self, jobs: Sequence[Job], known: int) -> None:
        """Once, before the first one is done; `known`: whose result is there from before."""

    def advanced(self, job: Job, progress: Any) -> None:
        """A job has done a part."""

    def finished(self, job: Job, result: Any) -> None:
        """A job has ended, and its result is kept."""

    def closed(self) -> None:
        """Once, whatever happened."""


def run_jobs(
    jobs: Sequence[Job],
    pool: Pool,
    journal: Journal,
    observer: JobObserver,
    deadline: float | None = None,
) -> Results:
    """Does every job that the journal doesn't know, begun in the given order.

    A job that is lost, since it failed, or its worker died or took too much memory or time, has a result as
    well: `Lost`. Of an interruption, or anything else that is raised here, the pool ends the workers.

    Args:
        observer: told of each result once it is kept.
        deadline: when to give up, by `time.monotonic`; None for never.

    Returns:
        Each job's result by its key, but of those that hadn't ended by the deadline.

    Raises:
        Interrupted: with a text that says how to go on.
    """
    results = dict(journal.known(jobs))
    missing = [job for job in jobs if job.key not in results]

    def finished(index: int, result: Any) -> tuple[Any, ...] | None:
        job = missing[index]
        with uninterrupted():  # a display has locks
            kept = journal.keep(job, result)
            if isinstance(result, Unfinished):
                observer.advanced(job, result.progress)
                return job.task(result.state)
            results[job.key] = kept
            observer.finished(job, kept)
        return None

    try:
        observer.started(jobs, len(results))
        pool.run(_call, [job.task(job.state) for job in missing], finished, **until(deadline))
    except KeyboardInterrupt:
        raise Interrupted(journal.how_to_go_on(len(results), len(jobs))) from None
    finally:
        observer.closed()
    return results


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception as error:
        return Lost(failure_of(error, _MOST_OF_A_FAILURE))


@contextmanager
def trials(engine: Engine, device: str = "cpu", loaded: Sequence[str] = ()) -> Iterator[Pool]:
    """A pool for whole searches: each in a process of one thread, which may have workers of its own, and has
    `GRACE` seconds to close its store where it is interrupted. The engine is closed, too.

    Args:
        device: where their designs are trained, as a user names it.
        loaded: modules that all of them need; workers of this machine then start with these, unless this
            process has had others before.
    """
    PRELOADED.extend(module for module in loaded if module not in PRELOADED)
    with closing(engine):
        here = (str(Path.cwd()), source_digest(*_CODE))
        workload = Workload(_prepare_trial, {}, here, engine.device(device), grace=GRACE)
        with closing(engine.pool(workload)) as pool:
            yield pool


def _prepare_trial(_: str, folder: str, code: str) -> None:
    """In a worker, which may be on another machine: paths mean the same, the code is the same, and libraries
    work with one thread.
    """
    from threadpoolctl import threadpool_limits

    if source_digest(*_CODE) != code:
        raise Error("the source of agents and problem is another one here; install the same on all")
    with suppress(OSError):
        os.chdir(folder)
    # Libraries read the variables as they are loaded; those that are loaded are told.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    threadpool_limits(1)
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)
