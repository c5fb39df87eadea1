"""`TrainingEvaluator`: architectures are trained, here or in worker processes, and scored on validation."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import takewhile
from types import TracebackType
from typing import Any, Self

from numpy.typing import NDArray

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.errors import Error
from rl_designer.envs.evaluation import Bars, Evaluation, ResultObserver
from rl_designer.envs.evaluators.training_digest import TrainingDataset, digest_of
from rl_designer.envs.limits import in_force
from rl_designer.envs.metrics import metric_of
from rl_designer.envs.search_spaces.costs import costs
from rl_designer.envs.seeding import seed_of
from rl_designer.envs.training.settings import (
    TrainingSettings,
    check_augmentation,
    check_class_weights,
)
from rl_designer.envs.training.trainer import PARTS, Trainer, TrainingPlan, prepare_worker, train_in_worker
from rl_designer.envs.workers.devices import device_name
from rl_designer.envs.workers.engines import Engine, Pool, Workload
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.envs.workers.memory_limit import peak_memory
from rl_designer.envs.workers.pool import Lost

__all__ = ["TrainingEvaluator", "TrainingSettings"]


class TrainingEvaluator:
    """Trains each architecture on a data set's training part and scores it on the validation part.

    Results don't depend on the number of workers, on the order, or on what else is evaluated: on the CPU of
    one machine they are equal to the bit, times aside. Use it as a context manager, or `close` it.

    Args:
        dataset: its test part is not read, and workers don't get it.
        workers: processes, one thread each; 0 trains in this process, where a candidate that hangs or crashes
            takes this process with it. See `WorkerPool` for what a script must heed.
        engine: where else workers run, instead of `workers`; closed with the evaluator.
        device: `auto` (CUDA where there is one, else the CPU), `cpu`, `cuda` or `cuda:N`.
        time_limit: seconds for each training; what takes longer is a failure. None is without limit.
        memory_limit: bytes that a worker process may take as a whole (see `WorkerPool`); a candidate that
            takes more is a failure. None is without limit.
        metric: by which designs are scored, as `metric_of` takes it; None for the usual one.
        folds: how many, at most 5, a design is scored on: each is trained on the rest; see `Evaluation`. The
            first is the validation part.
        repeat: another number gives other weights and batches for the same architectures.

    Attributes:
        device: `cpu` or `cuda:N`.
        asked: designs that it was asked to train so far, of which an organisation's limits may allow so many.

    Raises:
        ValueError: for a number out of range, a device that isn't there, an augmentation that doesn't fit, a
            memory limit that can't be kept, `workers` and an `engine` together.
    """

    def __init__(
        self,
        dataset: TrainingDataset,
        *,
        settings: TrainingSettings = TrainingSettings(),  # noqa: B008 (frozen)
        workers: int = 0,
        engine: Engine | None = None,
        device: str = "auto",
        time_limit: float | None = None,
        memory_limit: int | None = None,
        metric: str | None = None,
        folds: int = 1,
        repeat: int = 0,
        _build: Callable[..., Any] | None = None,
    ) -> None:
        if workers < 0:
            raise Error(f"workers must be 0 (this process) or more, got {workers}")
        if workers and engine is not None:
            raise Error(f"workers and an engine exclude each other, got {workers} and {engine!r}")
        engine = LocalEngine(workers) if workers else engine
        _check_limits(time_limit, memory_limit, engine)
        _check_folds(folds, dataset)
        metric_of(metric, "number" if dataset.num_classes == 1 else "class")
        check_class_weights(settings.class_weights, dataset.num_classes)
        if settings.augment:
            check_augmentation(settings.augment, dataset.x_train.shape[1:], dataset.symbols > 0)
        self.device = device_name(device) if engine is None else engine.device(device)
        self.settings = settings
        self.time_limit = time_limit
        self.memory_limit = memory_limit
        self.repeat = repeat
        self.metric = metric
        self.folds = folds
        self.asked = 0
        self._dataset = dataset
        self._digest = digest_of(dataset, settings, repeat=repeat, metric=metric, folds=folds)
        self._build = _build
        self._engine = engine
        self._pace = math.inf  # seconds a training, of those of the batch before
        self._trainer: Trainer | None = None
        self._pool: Pool | None = None

    def __getstate__(self) -> dict[str, Any]:
        """A copy has workers of its own, and no sealed test."""
        without_test = getattr(self._dataset, "without_test", lambda: self._dataset)
        return {**self.__dict__, "_trainer": None, "_pool": None, "_dataset": without_test()}

    @property
    def digest(self) -> str:
        """20 hexadecimal characters; changes with the data, the settings, the repeat and the recipe."""
        return self._digest

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the workers and frees the data. A later `evaluate` starts anew."""
        if self._pool is not None:
            self._pool.close()
        if self._engine is not None:
            self._engine.close()
        self._trainer = self._pool = None

    @property
    def epochs(self) -> int:
        """Of a training that isn't stopped, of all its folds together."""
        return self.settings.epochs * self.folds

    def costs(self, architecture: Architecture) -> dict[str, int]:
        """`parameters` and `macs`, known without a training; empty for a design that doesn't fit the data."""
        try:
            return asdict(costs(architecture, self._dataset.input_shape, self._dataset.num_classes))
        except ValueError:
            return {}  # training it will say what is wrong

    def evaluate(
        self,
        architectures: Sequence[Architecture],
        bars: Sequence[Bars] | None = None,
        observer: ResultObserver = lambda index, evaluation: None,
        deadline: float | None = None,
    ) -> list[Evaluation]:
        """Evaluations in the architectures' order. Workers start at the first call, all at once, and stay.

        What can't be trained is an `Evaluation` with a `failure` of one line (`failures` has the kinds).

        Args:
            bars: for each architecture, where its training is stopped; None trains all in full. The epochs
                that are trained are those of the full training, with its learning rates.
            observer: told of each result as it ends.
            deadline: when to give up, by `time.monotonic`; the trainings that run then are ended, and have no
                result. What is returned then are the evaluations of the first architectures, as far as all of
                them have ended; `observer` was told of others, too. None for never.

        Raises:
            OverLimit: where an organisation's limits don't allow as many, or as large ones; none is trained.
            RuntimeError: where worker processes can't be started.
        """
        self._check_limits(architectures)
        bars = bars or [{}] * len(architectures)
        results: dict[int, Evaluation] = {}
        started = time.monotonic()

        def finished(index: int, evaluation: Evaluation) -> None:
            results[index] = evaluation
            observer(index, evaluation)

        if self._engine is not None and architectures:
            self._evaluate_in_workers(self._own_pool(self._engine), architectures, bars, finished, deadline)
        else:
            self._evaluate_here(architectures, bars, finished, deadline)
        if results:
            self._pace = (time.monotonic() - started) / len(results)
        return [results[index] for index in takewhile(results.__contains__, range(len(architectures)))]

    def _check_limits(self, architectures: Sequence[Architecture]) -> None:
        rules = in_force()
        rules.check("trainings", self.asked + len(architectures), "trainings of designs")
        if rules.strictest("max_parameters") is not None:
            for architecture in architectures:
                parameters = self.costs(architecture).get("parameters", 0)
                rules.check("max_parameters", parameters, f"parameters of {architecture.digest}")
        self.asked += len(architectures)

    def _evaluate_here(
        self,
        architectures: Sequence[Architecture],
        bars: Sequence[Bars],
        finished: ResultObserver,
        deadline: float | None,
    ) -> None:
        for index, architecture in enumerate(architectures):
            trainer, seed = self._own_trainer(), self._seed(architecture)
            evaluation = trainer.train(architecture, seed, bars[index], deadline)
            if evaluation is None:
                return
            finished(index, evaluation)

    def _evaluate_in_workers(
        self,
        pool: Pool,
        architectures: Sequence[Architecture],
        bars: Sequence[Bars],
        finished: ResultObserver,
        deadline: float | None,
    ) -> None:
        order = self._order(architectures, deadline)
        tasks = [(architectures[i], self._seed(architectures[i]), dict(bars[i])) for i in order]

        def ended(position: int, outcome: Evaluation | Lost) -> None:
            index = order[position]
            if isinstance(outcome, Lost):
                outcome = self._lost(architectures[index], outcome)
            finished(index, outcome)

        pool.run(train_in_worker, tasks, ended, time_limit=self.time_limit, deadline=deadline)

    def _order(self, architectures: Sequence[Architecture], deadline: float | None) -> list[int]:
        """In which they are begun: the longest first, so that no worker starts a long one when the others are
        done; as they come where the deadline may be sooner, so that it is the first that have ended by then.
        """
        order = list(range(len(architectures)))
        if deadline is not None and time.monotonic() + len(order) * self._pace >= deadline:
            return order
        return sorted(order, key=lambda index: -self._macs(architectures[index]))

    def _seed(self, architecture: Architecture) -> int:
        return seed_of(architecture.digest, self._digest, self.repeat)

    def _macs(self, architecture: Architecture) -> int:
        return self.costs(architecture).get("macs", 0)

    def _lost(self, architecture: Architecture, lost: Lost) -> Evaluation:
        seed, costs = self._seed(architecture), self.costs(architecture)
        return Evaluation.failed(lost.failure, seed=seed, device=self.device, **costs)

    def _own_trainer(self) -> Trainer:
        if self._trainer is None:
            self._trainer = Trainer.of(list(self._parts().values()), self._dataset.num_classes, self._plan())
        return self._trainer

    def _own_pool(self, engine: Engine) -> Pool:
        if self._pool is None:
            arguments = (self._dataset.num_classes, self._plan())
            self._pool = engine.pool(
                Workload(prepare_worker, self._parts(), arguments, self.device, self.memory_limit)
            )
        return self._pool

    def _parts(self) -> dict[str, NDArray[Any]]:
        return {part: getattr(self._dataset, part) for part in PARTS}

    def _plan(self) -> TrainingPlan:
        how = (self.settings, self.device, self.metric, self.folds, self.time_limit, self._build)
        return TrainingPlan(*how, self._dataset.target_scale, self._dataset.symbols)


def _check_limits(time_limit: float | None, memory_limit: int | None, engine: Engine | None) -> None:
    if time_limit is not None and not time_limit > 0:
        raise Error(f"a training's time limit must be more than 0 seconds, got {time_limit}")
    if memory_limit is None:
        return
    if memory_limit < 1:
        raise Error(f"a training's memory limit must be at least 1 byte, got {memory_limit}")
    if engine is None:
        raise Error("a memory limit needs worker processes: set workers to 1 or more, got 0")
    if peak_memory() is None:
        raise Error("a memory limit can't be kept on this system: leave it out")


def _check_folds(folds: int, dataset: TrainingDataset) -> None:
    if folds != 1 and not 1 < folds <= int(dataset.folds.max(initial=-1)) + 1:
        most = int(dataset.folds.max(initial=0)) + 1
        raise Error(f"folds must be from 1 to {most} on these data, got {folds}")
