"""What a trained network gets right: the figures of one training, and of several."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets import Dataset
from rl_designer.envs.datasets.dataset import Targets
from rl_designer.envs.datasets.targets import TargetScale, metric_in_unit
from rl_designer.envs.metrics import METRICS, Metric, Predicts, metric_of

if TYPE_CHECKING:
    from torch import nn

WEAKEST = 3
_BATCH = 512


@dataclass(frozen=True)
class Score:
    """One network on one split.

    Attributes:
        figures: metric → value: those of classes, or of numbers in the target's unit, and the search's.
        loss: mean cross-entropy in nats; of numbers the mean squared error, in variances of the training
            part's.
        confusion: int64 [classes, classes]: examples by true class (row) and predicted class (column); None
            where a number is predicted.
    """

    figures: Mapping[str, float]
    loss: float
    confusion: NDArray[np.int64] | None

    @property
    def accuracy(self) -> float | None:
        """Fraction that is right, 0–1; None where a number is predicted."""
        return self.figures.get("accuracy")


def outputs_of(network: "nn.Module", x: NDArray[np.float32], device: str) -> NDArray[np.float64]:
    """Outputs, float64 [n, outputs], of a network of `build_network`, which is left on the device."""
    import torch

    from rl_designer.envs.training.steps import laid_out, placed
    from rl_designer.envs.workers.devices import one_thread

    with one_thread(), torch.inference_mode():
        inputs = torch.from_numpy(np.require(x, requirements=["C", "W"]))
        ready = placed(network.eval(), inputs[:1].to(device))
        parts = [ready(laid_out(batch.to(device))).double().cpu() for batch in inputs.split(_BATCH)]
    return torch.cat(parts).numpy()


def score(
    outputs: NDArray[np.float64], y: Targets, metric: str | None = None, scale: TargetScale | None = None
) -> Score:
    """Of outputs [n, outputs] and targets [n]; among equal logits the first class is predicted.

    Args:
        metric: the search's; None for the usual one.
        scale: of a number that is predicted; None for classes.
    """
    if y.dtype.kind == "f":
        numbers, targets = outputs[:, 0], y.astype(np.float64)
        loss = float(((numbers - targets) ** 2).mean())
        return Score(_figures(metrics_of("number", metric), numbers, targets, scale), loss, None)
    classes = outputs.shape[1]
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    loss = float((log_sums - shifted[np.arange(len(y)), y]).mean())
    confusion = np.bincount(y * classes + outputs.argmax(axis=1), minlength=classes * classes)
    probabilities = np.exp(shifted - log_sums[:, None])
    # By the logits: two probabilities may be equal where these aren't.
    figures = _figures(metrics_of("class", metric), probabilities, y)
    figures |= {"accuracy": float((outputs.argmax(axis=1) == y).mean()), "log-loss": loss}
    return Score(figures, loss, confusion.reshape(classes, classes))


def guesses(dataset: Dataset, y: Targets, metric: str | None = None) -> dict[str, float]:
    """What guessing by the training part's targets gives on others, by each metric."""
    return {known.name: dataset.guess(known, y) for known in metrics_of(dataset.predicts, metric)}


def metrics_of(predicts: Predicts, metric: str | None) -> list[Metric]:
    """All metrics for such targets, the search's among them."""
    fitting = {known.name: known for known in METRICS.values() if known.predicts == predicts}
    own = metric_of(metric, predicts)
    return list((fitting | {own.name: own}).values())


def _figures(
    metrics: Sequence[Metric],
    outputs: NDArray[np.float64],
    y: NDArray[Any],
    scale: TargetScale | None = None,
) -> dict[str, float]:
    unit = 1.0 if scale is None else scale.deviation
    return {
        metric.name: metric_in_unit(metric, scale).value(outputs, y) * (unit if metric.in_target_units else 1)
        for metric in metrics
    }


def spread(values: Sequence[float | None]) -> dict[str, Any]:
    """Mean and standard deviation (n − 1) over seeds, and each seed's; None where a seed failed, and for the
    deviation of fewer than two.
    """
    known = [value for value in values if value is not None]
    return {
        "mean": math.fsum(known) / len(known) if known else None,
        "standard_deviation": statistics.stdev(known) if len(known) > 1 else None,
        "per_seed": list(values),
    }


def class_figures(confusion: NDArray[np.int64], names: Sequence[str]) -> list[dict[str, Any]]:
    """For each class that has examples: how many, over all seeds, which share is right, and which class the
    others are most often taken for (None where all are right).
    """
    figures = []
    for index, row in enumerate(confusion):
        if not row.sum():
            continue
        wrong = row.copy()
        wrong[index] = 0
        mistaken = int(wrong.argmax())
        figures.append(
            {
                "class": names[index],
                "examples": int(row.sum()),
                "accuracy": float(row[index] / row.sum()),
                "mistaken_for": names[mistaken] if wrong[mistaken] else None,
                "mistaken_share": float(wrong[mistaken] / row.sum()),
            }
        )
    return figures


def weakest(figures: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The classes with the lowest accuracy, at most `WEAKEST` and at most half of them, the lowest first."""
    count = min(WEAKEST, max(1, len(figures) // 2))
    return sorted(figures, key=lambda figure: figure["accuracy"])[:count]
