"""What trains candidates in one process: the plan, the data on the device, and a worker's part."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import NDArray

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.datasets.targets import TargetScale, metric_in_unit
from rl_designer.envs.evaluation import Bars, Evaluation
from rl_designer.envs.metrics import metric_of
from rl_designer.envs.training.settings import TrainingSettings
from rl_designer.envs.workers.engines import read_arrays

if TYPE_CHECKING:
    from rl_designer.envs.training.data import TrainingData
    from rl_designer.envs.training.scoring import Scoring

# All that is read of a data set: never its test part.
PARTS = ("x_train", "y_train", "x_val", "y_val", "folds")


@dataclass(frozen=True)
class TrainingPlan:
    """How candidates are trained, wherever it is.

    Attributes:
        device: `cpu` or `cuda:N`.
        time_limit: seconds for each training; None is without limit.
        metric: a name as `metric_of` takes it, so that it is found in every process.
        folds: that each training may go through; see `Evaluation`.
        build: makes the network; None for `build_network`.
        target_scale: of a number that is predicted; None for classes.
        symbols: of texts, how many there are; 0 for other data.
    """

    settings: TrainingSettings
    device: str
    metric: str | None
    folds: int
    time_limit: float | None
    build: Callable[..., Any] | None
    target_scale: TargetScale | None = None
    symbols: int = 0


@dataclass(frozen=True)
class Trainer:
    """A plan and its data on the device, in the process that trains."""

    data: "TrainingData"
    plan: TrainingPlan
    scoring: "Scoring"

    @classmethod
    def of(cls, parts: Sequence[NDArray[Any]], num_classes: int, plan: TrainingPlan) -> Self:
        """`parts` in the order of `PARTS`."""
        from rl_designer.envs.training.data import TrainingData
        from rl_designer.envs.training.scoring import Scoring

        metric = metric_of(plan.metric, "number" if num_classes == 1 else "class")
        scoring = Scoring(metric_in_unit(metric, plan.target_scale), plan.folds)
        return cls(TrainingData.of(parts, num_classes, plan.device, plan.symbols), plan, scoring)

    def train(
        self, architecture: Architecture, seed: int, bars: Bars, deadline: float | None = None
    ) -> Evaluation | None:
        """As `train_candidate`."""
        from rl_designer.envs.networks.network import build_network
        from rl_designer.envs.training.recipe import train_candidate

        plan = self.plan
        return train_candidate(
            architecture,
            self.data,
            plan.settings,
            seed=seed,
            scoring=self.scoring,
            time_limit=plan.time_limit,
            deadline=deadline,
            bars=bars,
            build=plan.build or build_network,
        )


_worker_trainer: Trainer | None = None


def prepare_worker(folder: str, num_classes: int, plan: TrainingPlan) -> None:
    """In a worker, before its first task; the data lie in the folder."""
    global _worker_trainer
    _worker_trainer = Trainer.of(read_arrays(Path(folder), PARTS), num_classes, plan)


def train_in_worker(architecture: Architecture, seed: int, bars: Bars) -> Evaluation | None:
    """A worker's task."""
    assert _worker_trainer is not None  # the pool has prepared this process
    return _worker_trainer.train(architecture, seed, bars)
