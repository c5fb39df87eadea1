"""`Slot`: what runs on a cluster's node as an actor of Ray: one local worker process, the node's data."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from rl_designer.envs.source import source_digest
from rl_designer.envs.workers.engines import Workload, write_arrays
from rl_designer.envs.workers.failures import failure_of
from rl_designer.envs.workers.pool import WorkerPool

if sys.platform != "win32":
    import fcntl

_LIBRARIES = ("numpy", "torch")
_FOLDER = "rl-designer-ray-"
_LOCK, _USE, _COMPLETE = "lock", "use", "complete"


@dataclass(frozen=True)
class Unfit:
    """A slot that can't do any task; `reason` in one line."""

    reason: str


def software() -> dict[str, str]:
    """Whatever of the software a training's result depends on, each with its version."""
    # What follows a `+` says for which device torch was built.
    found = {library: version(library).partition("+")[0] for library in _LIBRARIES}
    source = source_digest("rl_designer.envs")
    return {"python": platform.python_version(), **found, "rl-designer's source": source}


class Slot:
    """Tasks run in a process of their own, as `WorkerPool` has it, so that they end here as they would there:
    one that hangs, crashes or takes too much memory leaves this actor as it is. An actor that is lost was
    taken by the cluster.

    Args:
        name: of the pool; slots of one node share a folder by it.
        workload: its arrays are references to what Ray keeps.
        fetch: makes arrays of those references.
    """

    def __init__(self, name: str, workload: Workload, fetch: Callable[[Any], Any]) -> None:
        self._path = Path(tempfile.gettempdir()) / f"{_FOLDER}{name}"
        self._workload = workload
        self._fetch = fetch
        self._folder: SharedFolder | None = None
        self._pool: WorkerPool | None = None

    def begin(self, expected: Mapping[str, str]) -> Unfit | None:
        """Brings the data to this node; done before, it only says that the slot is there.

        Args:
            expected: what `software` is where the search runs.
        """
        if self._pool is not None:
            return None
        here = software()
        if wrong := [
            f"{name} {here.get(name)}, not {expected[name]}"
            for name in expected
            if here.get(name) != expected[name]
        ]:
            return Unfit(
                f"the node {platform.node()} has other software than the machine of the search "
                f"({'; '.join(wrong)}); results would differ, so install the same on all"
            )
        try:
            self._begin()
        except Exception as error:
            return Unfit(f"the node {platform.node()} can't keep the data: {failure_of(error)}")
        return None

    def call(self, function: Callable[..., Any], task: tuple[Any, ...], time_limit: float | None) -> Any:
        """The task's result, what was `Lost`, or `Unfit`."""
        assert self._pool is not None  # it has begun
        results: dict[int, Any] = {}
        try:
            self._pool.run(function, [task], results.__setitem__, time_limit=time_limit)
        except Exception as error:
            return Unfit(f"{error} (on the node {platform.node()})")
        return results[0]

    def end(self) -> None:
        """Ends the worker process at once, and leaves the data to the node's other slots."""
        if self._pool is not None:
            self._pool.close()
        if self._folder is not None:
            self._folder.leave()

    def _begin(self) -> None:
        # Otherwise each worker process would begin by importing Ray's own main module.
        vars(sys.modules["__main__"]).pop("__file__", None)
        for left in self._path.parent.glob(
            f"{_FOLDER}*"
        ):  # by a search whose processes were all killed at once
            remove_if_unused(left)
        workload = self._workload
        self._folder = SharedFolder(self._path, self._fill)
        self._pool = WorkerPool(
            1,
            workload.prepare,
            (str(self._path), *workload.arguments),
            abandon=_leave_folder,
            memory_limit=workload.memory_limit,
            grace=workload.grace,
        )
        self._workload = replace(workload, arrays={})

    def _fill(self, folder: Path) -> None:
        write_arrays(folder, {name: self._fetch(array) for name, array in self._workload.arrays.items()})


def _leave_folder(folder: str, *arguments: Any) -> None:
    """In a worker process whose slot was killed."""
    remove_if_unused(Path(folder))


class SharedFolder:
    """A folder that processes of one machine share: the first fills it, the last one removes it.

    A process uses it from the time that this object is made until `leave`, or until the process ends, however
    that is: the system then takes its lock away, and `remove_if_unused` may remove the folder.
    Not for Windows.

    Args:
        path: its parent is there; the same for all who share.
        fill: called with the folder by one process, while the others wait.
    """

    def __init__(self, path: Path, fill: Callable[[Path], None]) -> None:
        self.path = path
        self._use = self._entered(fill)

    def _entered(self, fill: Callable[[Path], None]) -> IO[bytes]:
        while True:
            self.path.mkdir(mode=0o700, exist_ok=True)
            with suppress(FileNotFoundError), _locked(self.path):  # somebody may remove it just now
                complete = self.path / _COMPLETE
                if not complete.exists():
                    fill(self.path)
                    complete.touch()
                use = (self.path / _USE).open("ab")
                fcntl.flock(use, fcntl.LOCK_SH)
                return use

    def leave(self) -> None:
        """Ends the use of this process, and removes the folder where no other uses it."""
        self._use.close()
        remove_if_unused(self.path)


def remove_if_unused(path: Path) -> None:
    """Removes a `SharedFolder` that no process uses any more."""
    with suppress(OSError), _locked(path), (path / _USE).open("rb") as use:
        fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Within it, no other process enters or removes the folder. Raises FileNotFoundError where it is gone."""
    with (path / _LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.samestat(os.fstat(lock.fileno()), (path / _LOCK).stat()):
            raise FileNotFoundError(f"{path} was removed and made anew")
        yield
