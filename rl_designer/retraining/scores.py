"""What a trained network gets right: accuracy, loss, confusion, classes. `logits_of` alone needs torch."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import nn

MOST_CLASSES_OF_A_MATRIX = 256
WEAKEST = 3
_BATCH = 512


@dataclass(frozen=True)
class Score:
    """One network on one split.

    Attributes:
        accuracy: fraction that is right, 0–1.
        loss: mean cross-entropy in nats.
        confusion: int64 [classes, classes]: examples by true class (row) and predicted class (column).
    """

    accuracy: float
    loss: float
    confusion: NDArray[np.int64]


def logits_of(network: "nn.Module", x: NDArray[np.float32], device: str) -> NDArray[np.float64]:
    """Logits, float64 [n, classes], of a network of `build_network`, which is left on the device."""
    import torch

    from rl_designer.envs.training.steps import laid_out, placed
    from rl_designer.envs.workers.devices import one_thread

    with one_thread(), torch.inference_mode():
        inputs = torch.from_numpy(np.require(x, requirements=["C", "W"]))
        ready = placed(network.eval(), inputs[:1].to(device))
        parts = [ready(laid_out(batch.to(device))).double().cpu() for batch in inputs.split(_BATCH)]
    return torch.cat(parts).numpy()


def score(logits: NDArray[np.float64], y: NDArray[np.int64]) -> Score:
    """Of logits [n, classes] and true classes [n]; among equal logits the first class is predicted."""
    classes = logits.shape[1]
    predicted = logits.argmax(axis=1)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    loss = float((log_sums - shifted[np.arange(len(y)), y]).mean())
    confusion = np.bincount(y * classes + predicted, minlength=classes * classes)
    return Score(float((predicted == y).mean()), loss, confusion.reshape(classes, classes))


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
