"""`LocalEngine`: processes of this machine."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rl_designer.envs.workers.array_folder import write_arrays
from rl_designer.envs.workers.cores import cores
from rl_designer.envs.workers.devices import MOST_ON_A_GPU, device_name
from rl_designer.envs.workers.engines import Workload
from rl_designer.envs.workers.pool import Finished, WorkerPool


class LocalEngine:
    """Processes of this machine, one thread each.

    Args:
        workers: processes, at least 1; None for one a core, on a GPU at most 8.
    """

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers

    def device(self, name: str) -> str:
        """As `device_name`."""
        return device_name(name)

    def at_once(self, device: str) -> int:
        """One a worker; of those there are, unless told, one a core, and on a GPU at most 8."""
        return self._workers or (cores() if device == "cpu" else min(cores(), MOST_ON_A_GPU))

    def pool(self, workload: Workload) -> "LocalPool":
        return LocalPool(workload, self.at_once(workload.device))

    def close(self) -> None:
        """Nothing is left to give back."""


class LocalPool:
    """A `WorkerPool` and the files that its workers map.

    They are files since workers share one copy in memory so, and one that is replaced reads them again; the
    system's shared memory is often too small.
    """

    def __init__(self, workload: Workload, workers: int) -> None:
        self._workload = workload
        self._workers = workers
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._pool: WorkerPool | None = None

    def run(
        self,
        function: Callable[..., Any],
        tasks: Sequence[tuple[Any, ...]],
        finished: Finished,
        *,
        time_limit: float | None = None,
    ) -> None:
        """As `WorkerPool.run`."""
        self._started().run(function, tasks, finished, time_limit=time_limit)

    def close(self) -> None:
        """Ends the workers at once, and removes the files. A later `run` starts anew."""
        if self._pool is not None:
            self._pool.close()
        if self._folder is not None:
            self._folder.cleanup()
        self._pool = self._folder = None

    def _started(self) -> WorkerPool:
        if self._pool is None:
            workload = self._workload
            self._folder = tempfile.TemporaryDirectory(prefix="rl-designer-", ignore_cleanup_errors=True)
            write_arrays(Path(self._folder.name), workload.arrays)
            self._pool = WorkerPool(
                self._workers,
                workload.prepare,
                (self._folder.name, *workload.arguments),
                abandon=_remove_files,
                memory_limit=workload.memory_limit,
                grace=workload.grace,
            )
        return self._pool


def _remove_files(folder: str, *arguments: Any) -> None:
    shutil.rmtree(folder, ignore_errors=True)
