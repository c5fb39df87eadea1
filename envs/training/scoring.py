"""How a trained network does on a validation part."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rl_designer.envs.metrics import ACCURACY, Metric
from rl_designer.envs.training.data import TrainingData
from rl_designer.envs.training.steps import computed_in, laid_out, loss_of

_SCORING_BATCH = 512
MOST_RECALLS = 256  # classes whose shares an evaluation tells


@dataclass(frozen=True)
class Scoring:
    """How candidates are scored.

    Attributes:
        folds: how many; see `Evaluation`.
    """

    metric: Metric = ACCURACY
    folds: int = 1


@dataclass(frozen=True)
class Scored:
    """A network on a validation part.

    Attributes:
        score: by the metric, see `Metric.score`.
        loss: mean cross-entropy in nats, or the mean squared error.
        right, examples: of each class, int64 [classes]; None where a number is predicted.
    """

    score: float
    loss: float
    right: NDArray[np.int64] | None
    examples: NDArray[np.int64] | None

    @classmethod
    def mean(cls, folds: Sequence[Self]) -> Self:
        """Of several validation parts, each of one fold."""
        if len(folds) == 1:
            return folds[0]
        score, loss = (fmean(getattr(fold, name) for fold in folds) for name in ("score", "loss"))
        if folds[0].right is None:
            return cls(score, loss, None, None)
        right, examples = (
            np.sum([getattr(f, name) for f in folds], axis=0) for name in ("right", "examples")
        )
        return cls(score, loss, right, examples)

    def known(self, metric: Metric) -> dict[str, Any]:
        """What an evaluation has of it beside the curve."""
        if self.right is None or self.examples is None:
            return {}
        pairs = zip(self.right.tolist(), self.examples.tolist(), strict=True)
        recalls = tuple(right / examples if examples else None for right, examples in pairs)
        figures: dict[str, Any] = {"val_recalls": recalls if len(recalls) <= MOST_RECALLS else ()}
        return figures if metric is ACCURACY else figures | {"val_accuracy": self.accuracy}

    @property
    def accuracy(self) -> float:
        assert self.right is not None and self.examples is not None  # classes are predicted
        return int(self.right.sum()) / int(self.examples.sum())


@torch.inference_mode()
def score(network: nn.Module, data: TrainingData, precision: str, metric: Metric, guess: float) -> Scored:
    """A network on the validation part."""
    network.eval()
    loss = torch.zeros((), dtype=torch.float64, device=data.device)
    outputs = []
    for x, y in zip(data.x_val.split(_SCORING_BATCH), data.y_val.split(_SCORING_BATCH), strict=True):
        with computed_in(precision, data.device):
            output = network(laid_out(x)).float()
        loss += loss_of(output, y, reduction="sum").double()
        outputs.append(output)
    output, y, mean_loss = torch.cat(outputs), data.y_val, float(loss) / len(data.y_val)
    if not math.isfinite(mean_loss):
        return Scored(0.0, mean_loss, None, None)
    if y.is_floating_point():
        value = metric.value(output[:, 0].double().cpu().numpy(), y.double().cpu().numpy())
        return Scored(metric.score(value, guess), mean_loss, None, None)
    hits = (output.argmax(dim=1) == y).cpu().numpy()
    labels = y.cpu().numpy()
    examples = np.bincount(labels, minlength=data.num_classes)
    right = np.bincount(labels, weights=hits, minlength=data.num_classes).astype(np.int64)
    if metric is ACCURACY:
        return Scored(int(hits.sum()) / len(labels), mean_loss, right, examples)
    value = metric.value(torch.softmax(output.double(), dim=1).cpu().numpy(), labels)
    return Scored(metric.score(value, guess), mean_loss, right, examples)
