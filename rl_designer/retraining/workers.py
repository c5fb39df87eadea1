"""Full trainings in worker processes, one thread each, or in this one; what they do is heard here."""

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.workers.failures import failure_of
from rl_designer.envs.workers.pool import Lost, WorkerPool
from rl_designer.retraining.settings import FullSettings

_BOARD = "board.npy"
_SECONDS_BETWEEN_LOOKS = 0.5

# Called with a training's index, the epochs that are done, and the last one's mean loss.
Advanced = Callable[[int, int, float], None]
# Called with a training's index and its failure, None where it succeeded.
Ended = Callable[[int, str | None], None]


@dataclass(frozen=True)
class Task:
    """One training: a network and a seed.

    Attributes:
        seed: of everything random.
        weights, checkpoint: files to write.
    """

    architecture: Architecture
    num_classes: int
    settings: FullSettings
    seed: int
    weights: Path
    checkpoint: Path


def train_all(
    tasks: Sequence[Task],
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    *,
    workers: int,
    device: str,
    advanced: Advanced,
    ended: Ended,
) -> None:
    """Trains all, begun in the given order. One that fails costs itself only.

    Args:
        x, y: float32 [n, *input_shape] and int64 [n]: what is trained on.
        workers: processes; 0 trains in this one.
        advanced: called now and then, from another thread where there are workers.
        ended: called here, as each ends.

    Raises:
        RuntimeError: where worker processes can't be started.
    """
    if workers > 0:
        _train_in_workers(tasks, x, y, workers, device, advanced, ended)
        return
    for index, task in enumerate(tasks):
        ended(index, _train(task, x, y, device, lambda *done, i=index: advanced(i, *done)))


def _train_in_workers(
    tasks: Sequence[Task],
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    workers: int,
    device: str,
    advanced: Advanced,
    ended: Ended,
) -> None:
    # Files, which all workers map into one copy in memory.
    with tempfile.TemporaryDirectory(prefix="rl-designer-", ignore_cleanup_errors=True) as folder:
        np.save(Path(folder) / "x.npy", x, allow_pickle=False)
        np.save(Path(folder) / "y.npy", y, allow_pickle=False)
        board = np.lib.format.open_memmap(
            Path(folder) / _BOARD, mode="w+", dtype=np.float64, shape=(len(tasks), 2)
        )
        pool = WorkerPool(workers, _prepare, (folder, device), abandon=_remove_files)

        def finished(index: int, outcome: str | None | Lost) -> None:
            ended(index, outcome.failure if isinstance(outcome, Lost) else outcome)

        try:
            with _watched(board, advanced):
                pool.run(_train_in_worker, list(enumerate(tasks)), finished)
        finally:
            pool.close()


def _train(
    task: Task, x: NDArray[Any], y: NDArray[Any], device: str, heard: Callable[[int, float], None]
) -> str | None:
    """Trains one; its failure, or None."""
    import torch

    from rl_designer.retraining.training import Diverged, train_fully

    try:
        train_fully(
            task.architecture,
            torch.from_numpy(np.require(x, requirements=["C", "W"])).to(device),
            torch.from_numpy(np.require(y, requirements=["C", "W"])).to(device),
            task.num_classes,
            task.settings,
            seed=task.seed,
            weights=task.weights,
            checkpoint=task.checkpoint,
            heard=heard,
        )
    except Exception as error:
        return str(error) if isinstance(error, Diverged) else failure_of(error)
    return None


@contextmanager
def _watched(board: NDArray[np.float64], advanced: Advanced) -> Iterator[None]:
    """Within it, a thread hears of what workers write on the board."""
    stop = threading.Event()
    known = np.zeros(len(board))

    def look() -> None:
        while not stop.wait(_SECONDS_BETWEEN_LOOKS):
            for index in np.flatnonzero(board[:, 0] != known):
                known[index] = board[index, 0]
                advanced(int(index), int(board[index, 0]), float(board[index, 1]))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@dataclass(frozen=True)
class _Prepared:
    x: NDArray[np.float32]
    y: NDArray[np.int64]
    board: NDArray[np.float64]
    device: str


_prepared: _Prepared | None = None


def _prepare(folder: str, device: str) -> None:
    global _prepared
    # Mode c: a write would stay in this process. Torch wants arrays that can be written to.
    x, y = (np.load(Path(folder) / name, mmap_mode="c", allow_pickle=False) for name in ("x.npy", "y.npy"))
    board = np.load(Path(folder) / _BOARD, mmap_mode="r+", allow_pickle=False)
    _prepared = _Prepared(x, y, board, device)


def _remove_files(folder: str, device: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _train_in_worker(index: int, task: Task) -> str | None:
    assert _prepared is not None  # the pool has prepared this process
    board = _prepared.board

    def heard(epochs: int, loss: float) -> None:
        board[index] = epochs, loss

    return _train(task, _prepared.x, _prepared.y, _prepared.device, heard)
