"""Where trainings run: `Engine` and its `Pool`, and the engines by name. No Ray, no Pebble, no torch here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.errors import Error, unknown_name

# Module and class, and what is said of it.
ENGINES: Mapping[str, tuple[str, str]] = {
    "local": ("local:LocalEngine", "processes of this machine"),
    "ray": ("ray_engine:RayEngine", "a cluster of machines, by Ray"),
}


@dataclass(frozen=True, eq=False)
class Workload:
    """What workers are prepared with.

    Attributes:
        prepare: called once in each worker as `prepare(folder, *arguments)`; picklable. Each array lies in
            the folder as `<name>.npy`.
        arrays: what every task reads; one copy on each machine.
        device: where tasks compute, as `Engine.device` gave it.
        memory_limit: bytes that a worker may take as a whole, as `WorkerPool` has it.
        grace: seconds that an interrupted task has to close what it has open, as `WorkerPool` has it.
    """

    prepare: Callable[..., None]
    arrays: Mapping[str, NDArray[Any]]
    arguments: tuple[Any, ...] = ()
    device: str = "cpu"
    memory_limit: int | None = None
    grace: float = 0.0


class Pool(Protocol):
    """Workers that do tasks; a task that hangs or dies costs itself only."""

    def run(
        self,
        function: Callable[..., Any],
        tasks: Sequence[tuple[Any, ...]],
        finished: Callable[[int, Any], tuple[Any, ...] | None],
        *,
        time_limit: float | None = None,
        deadline: float | None = None,
    ) -> None:
        """As `WorkerPool.run`."""

    def close(self) -> None:
        """Ends the workers at once. A later `run` starts others."""


class Engine(Protocol):
    """Where workers run."""

    def device(self, name: str) -> str:
        """Where tasks compute, `cpu` or `cuda:N`, for the name that a user gave.

        Raises:
            ValueError: for an unknown name, and a device that isn't there.
        """

    def at_once(self, device: str) -> int:
        """Tasks that run at the same time now, on such a device."""

    def pool(self, workload: Workload) -> Pool:
        """Nothing is started before the pool's first `run`."""

    def close(self) -> None:
        """Gives back what the engine itself has taken, once its pools are closed."""


def make_engine(
    name: str,
    *,
    workers: int | None = None,
    address: str | None = None,
    gpus_per_candidate: float | None = None,
) -> Engine:
    """An engine by name.

    Args:
        workers: tasks at the same time, at least 1; None for as many as there is room for.
        address, gpus_per_candidate: as `RayEngine` takes them; for other engines None.

    Raises:
        ValueError: for a name that isn't in `ENGINES`, and options that don't fit.
        ImportError: where the engine's extra isn't installed.
    """
    if name not in ENGINES:
        raise Error(unknown_name("engine", name, ENGINES))
    module, _, attribute = ENGINES[name][0].partition(":")
    options = {"workers": workers, "address": address, "gpus_per_candidate": gpus_per_candidate}
    given = {option: value for option, value in options.items() if value is not None}
    made: Engine = getattr(import_module(f"rl_designer.envs.workers.{module}"), attribute)(**given)
    return made


def engine_name(engine: Engine | None) -> str:
    """As `make_engine` takes it; `local` for None, which is this process."""
    kind = type(engine).__name__
    return next((name for name, (where, _) in ENGINES.items() if where.endswith(f":{kind}")), "local")


def write_arrays(folder: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Each as `<name>.npy`."""
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)


def read_arrays(folder: Path, names: Sequence[str]) -> list[NDArray[Any]]:
    """Mapped from the files. A write stays in this process; torch wants arrays that can be written to."""
    return [np.load(folder / f"{name}.npy", mmap_mode="c", allow_pickle=False) for name in names]
