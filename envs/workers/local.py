"""`LocalEngine`: processes of this machine."""

import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pebble import ProcessPool

from rl_designer.envs.evaluation import passed
from rl_designer.envs.workers.devices import MOST_ON_A_GPU, cores, device_name
from rl_designer.envs.workers.engines import Pool, Workload, write_arrays
from rl_designer.envs.workers.failures import failure_of
from rl_designer.envs.workers.pool import Finished, Lost, WorkerPool


class LocalEngine:
    """Processes of this machine, one thread each.

    Args:
        workers: processes; None for one a core, on a GPU at most 8; 0 does tasks in this process, where one
            that hangs or crashes takes this process with it.
    """

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers

    def device(self, name: str) -> str:
        """As `device_name`."""
        return device_name(name)

    def at_once(self, device: str) -> int:
        """One a worker; of those there are, unless told, one a core, and on a GPU at most 8."""
        if self._workers is not None:
            return max(1, self._workers)
        return cores() if device == "cpu" else min(cores(), MOST_ON_A_GPU)

    def pool(self, workload: Workload) -> Pool:
        return (
            InProcess(workload) if self._workers == 0 else LocalPool(workload, self.at_once(workload.device))
        )

    def close(self) -> None:
        """Nothing is left to give back."""


class LocalPool(WorkerPool):
    """A `WorkerPool` and the files that its workers map.

    They are files since workers share one copy in memory so, and one that is replaced reads them again; the
    system's shared memory is often too small.
    """

    def __init__(self, workload: Workload, workers: int) -> None:
        super().__init__(
            workers,
            workload.prepare,
            workload.arguments,  # behind the folder, once it is there
            abandon=_remove_files,
            memory_limit=workload.memory_limit,
            grace=workload.grace,
        )
        self._workload = workload
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def close(self) -> None:
        """Ends the workers at once, and removes the files. A later `run` starts anew."""
        super().close()
        if self._folder is not None:
            self._folder.cleanup()
        self._folder = None

    def _new(self) -> ProcessPool:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="rl-designer-", ignore_cleanup_errors=True)
            write_arrays(Path(self._folder.name), self._workload.arrays)
            self._arguments = (self._folder.name, *self._workload.arguments)
        return super()._new()


def _remove_files(folder: str, *arguments: Any) -> None:
    shutil.rmtree(folder, ignore_errors=True)


class InProcess:
    """Does tasks in this process, which is prepared for each `run`; without limits."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload

    def run(
        self,
        function: Callable[..., Any],
        tasks: Sequence[tuple[Any, ...]],
        finished: Finished,
        *,
        time_limit: float | None = None,
        deadline: float | None = None,
    ) -> None:
        """As `WorkerPool.run`; the deadline is looked at between two tasks."""
        todo = deque(enumerate(tasks))
        with tempfile.TemporaryDirectory(prefix="rl-designer-", ignore_cleanup_errors=True) as folder:
            write_arrays(Path(folder), self._workload.arrays)
            self._workload.prepare(folder, *self._workload.arguments)
            while todo and not passed(deadline):
                index, task = todo.popleft()
                try:
                    outcome = function(*task)
                except Exception as error:
                    outcome = Lost(failure_of(error))
                if (again := finished(index, outcome)) is not None:
                    todo.appendleft((index, again))

    def close(self) -> None:
        """Nothing is left to end."""
