"""`Evaluation`: what is known of a design once measured. `Evaluator`: what measures."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from inspect import signature
from typing import Any, Protocol, Self

from rl_designer.envs.architecture import Architecture

DEFAULT_FAILURE_REWARD = -1.0  # paid for a design that failed

# Called with an architecture's index in its batch and its evaluation, as it ends, in any order.
ResultObserver = Callable[[int, "Evaluation"], None]
# Epoch → the score, up to 1, that a training must have reached by then to go on.
Bars = Mapping[int, float]
_TUPLES = ("learning_curve", "val_recalls")


@dataclass(frozen=True)
class Evaluation:
    """One measured design. There is no test figure: a reward can't see the test split.

    Attributes:
        val_accuracy: fraction of the validation split that is right, 0–1; None after a failure, and where a
            number is predicted.
        val_loss: mean cross-entropy on the validation split, in nats; of numbers the mean squared error, in
            variances of the training part's.
        learning_curve: the score on the validation split after each epoch, up to 1.
        parameters: trainable parameters, a count.
        macs: multiply-adds of one forward pass of one example, a count.
        latency_seconds: measured time of one forward pass of one example.
        training_seconds: wall time of the training.
        epochs: epochs trained.
        seed: the seed of weights and batches.
        device: where it was trained, such as `cpu`.
        failure: why there is no result, or None.
        stopped_at: epochs after which the training was stopped early; None where it wasn't. Its accuracy is
            then what an evaluator expects of the whole training (see `EarlyStopping`), or the last of the
            curve, and it has no loss. The curve, the seconds and `epochs` are of what was trained.
        val_examples: of the validation split, a count.
        metric: of the search; None for accuracy.
        val_score: by that metric, up to 1, see `Metric.score`; None after a failure, and for accuracy.
        val_recalls: of each class the share that is right, 0–1, by class number, None of one without examples
            there; () where they aren't known.
        folds: parts of the examples of which each in turn was the validation split, so that it was trained as
            often (k-fold cross-validation); the figures are means over those that were, and an entry of the
            curve is the mean of the earlier folds' last scores and of this one's so far. 1: the split alone.
        ram: bytes of the values held at once at inference, as `search_spaces.limits` counts them; None where
            the search neither limits it nor looks for less of it. A search fills it in.
        flash: bytes of the parameters, likewise.
    """

    val_accuracy: float | None = None
    val_loss: float | None = None
    learning_curve: tuple[float, ...] = ()
    parameters: int | None = None
    macs: int | None = None
    latency_seconds: float | None = None
    training_seconds: float | None = None
    epochs: int | None = None
    seed: int | None = None
    device: str | None = None
    failure: str | None = None
    stopped_at: int | None = None
    val_examples: int | None = None
    metric: str | None = None
    val_score: float | None = None
    val_recalls: tuple[float | None, ...] = ()
    folds: int = 1
    ram: int | None = None
    flash: int | None = None

    @classmethod
    def trained(cls, curve: Sequence[float], loss: float, *, stopped: bool = False, **known: Any) -> Self:
        """Of a training.

        Args:
            curve: the score after each of its epochs.
            loss: after the last.
            stopped: whether it was stopped early, after these.
            known: the other attributes.
        """
        ended = {"val_loss": None, "stopped_at": len(curve)} if stopped else {"val_loss": loss}
        trained = cls(**known | ended, learning_curve=tuple(curve), epochs=len(curve))
        return trained.scored(curve[-1])

    def standing(self, epoch: int) -> float:
        """The score that it is compared by after an epoch: the best so far, since one epoch is noisy while
        the learning rate is high; of several folds the one of that moment, which is a mean.
        """
        return max(self.learning_curve[:epoch]) if self.folds == 1 else self.learning_curve[epoch - 1]

    @property
    def score(self) -> float | None:
        """How good it is, by the search's metric: higher is better, 1 the best; None after a failure."""
        return self.val_accuracy if self.metric is None else self.val_score

    def scored(self, score: float) -> Self:
        """The same with another score, by the same metric."""
        if self.metric is None:
            return replace(self, val_accuracy=score)
        return replace(self, val_score=score)

    @classmethod
    def failed(cls, failure: str, **known: Any) -> Self:
        """One without a result; `known` are the attributes that are known all the same, such as the costs."""
        return cls(failure=failure, **known)

    @classmethod
    def of_table(cls, value: float, costs: Mapping[str, float], *, epochs: int | None = None) -> Self:
        """One row of an architecture table; without a value (NaN) it is a failure.

        Args:
            value: the validation accuracy, 0–1.
            costs: `parameters`, `macs` and `latency` (s), as far as there are such; NaN where unknown.
        """
        costs = {name: cost for name, cost in costs.items() if not math.isnan(cost)}
        known: dict[str, Any] = {name: int(costs[name]) for name in ("parameters", "macs") if name in costs}
        known |= {"latency_seconds": costs.get("latency"), "epochs": epochs}
        return cls.failed("the table has no value", **known) if math.isnan(value) else cls(value, **known)

    @property
    def in_full(self) -> bool:
        """Whether it neither failed nor was stopped early: only such a design can be a run's best."""
        return self.failure is None and self.stopped_at is None

    @property
    def val_deviation(self) -> float:
        """The standard deviation that the size of the validation split alone leaves in the score, where that
        is an accuracy, 0–1; 0 where it isn't known. Binomial, with a right and a wrong answer added, so that
        it isn't 0 where all are right (Laplace's rule of succession).
        """
        if self.val_accuracy is None or self.metric is not None or not self.val_examples:
            return 0.0
        right = (self.val_accuracy * self.val_examples + 1) / (self.val_examples + 2)
        return math.sqrt(right * (1 - right) / self.val_examples)

    def to_dict(self) -> dict[str, Any]:
        lists = {name: list(getattr(self, name)) for name in _TUPLES}
        return {**asdict(self), **lists}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        known = {field.name for field in fields(cls)}
        kept = {name: value for name, value in data.items() if name in known}
        return cls(**{**kept, **{name: tuple(kept.get(name, ())) for name in _TUPLES}})


class Evaluator(Protocol):
    """Measures architectures.

    Attributes:
        digest: a text that changes with everything that a result depends on besides the architecture:
            data, split, settings. Two evaluators of one digest give the same evaluations.
    """

    @property
    def digest(self) -> str: ...

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        """A batch of complete architectures in, their evaluations out, in the same order.

        What can't be measured is an `Evaluation` with a `failure`; nothing is raised for a bad design.

        One that takes long may take `deadline`, too: when to give up, by `time.monotonic`, or None. It then
        returns the evaluations of as many of the first architectures as had ended by that time.
        """
        ...


def takes(evaluator: Evaluator, option: str) -> bool:
    """Whether an evaluator's `evaluate` has an option, such as `deadline` or `observer`."""
    return option in signature(evaluator.evaluate).parameters


def until(deadline: float | None) -> dict[str, float]:
    """The option that says so, for an evaluator that takes it; none without a deadline."""
    return {} if deadline is None else {"deadline": deadline}


def passed(deadline: float | None) -> bool:
    """Whether it is that late, by `time.monotonic`."""
    return deadline is not None and time.monotonic() >= deadline
