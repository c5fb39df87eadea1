"""`Evaluation`: what is known of a design once measured. `Evaluator`: what measures."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol, Self

from rl_designer.envs.architecture import Architecture

DEFAULT_FAILURE_REWARD = -1.0  # paid for a design that failed

# Called with an architecture's index in its batch and its evaluation, as it ends, in any order.
ResultObserver = Callable[[int, "Evaluation"], None]
# Epoch → the validation accuracy, 0–1, that a training must have reached by then to go on.
Bars = Mapping[int, float]


@dataclass(frozen=True)
class Evaluation:
    """One measured design. There is no test figure: a reward can't see the test split.

    Attributes:
        val_accuracy: fraction of the validation split that is right, 0–1; None after a failure.
        val_loss: mean cross-entropy on the validation split, in nats.
        learning_curve: validation accuracy after each epoch, 0–1.
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

    @classmethod
    def trained(cls, scores: Sequence[tuple[float, float]], *, stopped: bool = False, **known: Any) -> Self:
        """Of a training: validation accuracy (0–1) and loss (nats) after each of its epochs.

        Args:
            stopped: whether it was stopped early, after these.
            known: the other attributes.
        """
        curve = tuple(accuracy for accuracy, _ in scores)
        loss, stopped_at = (None, len(curve)) if stopped else (scores[-1][1], None)
        return cls(curve[-1], loss, curve, epochs=len(curve), stopped_at=stopped_at, **known)

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
        """The standard deviation that the size of the validation split alone leaves in `val_accuracy`, 0–1;
        0 where it isn't known. Binomial, with a right and a wrong answer added, so that it isn't 0 where all
        are right (Laplace's rule of succession).
        """
        if self.val_accuracy is None or not self.val_examples:
            return 0.0
        right = (self.val_accuracy * self.val_examples + 1) / (self.val_examples + 2)
        return math.sqrt(right * (1 - right) / self.val_examples)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "learning_curve": list(self.learning_curve)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        known = {field.name for field in fields(cls)}
        kept = {name: value for name, value in data.items() if name in known}
        return cls(**{**kept, "learning_curve": tuple(kept.get("learning_curve", ()))})


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
        """
        ...
