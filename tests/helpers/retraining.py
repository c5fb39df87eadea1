"""Small trainings in full, of designs that are trained in no time."""

from pathlib import Path
from typing import Any

import numpy as np

from rl_designer.envs.datasets import Dataset, SealedTest
from rl_designer.envs.workers.engines import Workload
from rl_designer.envs.workers.local import InProcess, LocalEngine
from rl_designer.envs.workers.pool import Lost
from rl_designer.retraining.job import Winner
from rl_designer.retraining.settings import FullSettings, Plan
from rl_designer.runs.architecture_files import ArchitectureFile
from tests.helpers.training_candidates import blobs, dense

SETTINGS = FullSettings(epochs=2, batch_size=8)
PLAN = Plan(SETTINGS, seeds=2, workers=0, device="cpu")


class Watched(SealedTest):
    """A test split that counts how often it is opened."""

    __slots__ = ("opened",)

    def __init__(self, x: Any, y: Any) -> None:
        super().__init__(x, y)
        self.opened = 0

    def open(self) -> Any:
        self.opened += 1
        return super().open()


def data() -> tuple[Dataset, Watched]:
    """Two classes of rows, and their test split."""
    generator = np.random.default_rng(9)
    y = np.arange(40, dtype=np.int64) % 2
    sealed = Watched((generator.normal(size=(40, 4)) + 3 * y[:, None]).astype(np.float32), y)
    return blobs(sealed_test=sealed), sealed


def winner(parent: Path, *widths: int) -> Winner:
    return Winner(ArchitectureFile(dense(*widths), note="a note"), parent, "somewhere")


def folders(parent: Path) -> list[str]:
    return sorted(path.name for path in parent.iterdir())


class Watchful(LocalEngine):
    """In this process; notes the workloads. The first `lost` tasks are lost."""

    def __init__(self, lost: int = 0) -> None:
        super().__init__(0)
        self.seen: list[Workload] = []
        self.lost = lost

    def pool(self, workload: Workload) -> Any:
        self.seen.append(workload)
        whole = InProcess(workload)

        class Losing:
            def run(_, function: Any, tasks: Any, finished: Any, **options: Any) -> None:
                for index in range(self.lost):
                    finished(index, Lost("out of memory: too little"))
                rest = lambda index, outcome: finished(index + self.lost, outcome)  # noqa: E731
                whole.run(function, tasks[self.lost :], rest, **options)

            def close(_) -> None:
                pass

        return Losing()
