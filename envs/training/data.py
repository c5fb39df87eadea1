"""`TrainingData`: what candidates are trained and scored on, as tensors in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rl_designer.envs.metrics import Metric


@dataclass(frozen=True, eq=False)
class TrainingData:
    """A data set's training and validation parts as tensors on one device.

    Attributes:
        x_train: float32 [n, *input_shape].
        y_train: int64 [n], classes from 0 to `num_classes` - 1; or float32 [n], standardised numbers.
        x_val, y_val: the same of the validation part.
        folds: int8 [n], the fold of each training example, from 1; the validation part is fold 0. Empty where
            there are none.
        num_classes: outputs of a network; 1 where a number is predicted.
        symbols: of texts, how many there are; 0 for other data.
    """

    x_train: Tensor
    y_train: Tensor
    x_val: Tensor
    y_val: Tensor
    folds: Tensor
    num_classes: int
    symbols: int = 0

    @classmethod
    def of(cls, parts: Sequence[NDArray[Any]], num_classes: int, device: str, symbols: int = 0) -> Self:
        """`parts` are the five arrays in the order above; on the CPU they are shared where they can be."""
        # Torch warns of arrays that can't be written to, so those are copied.
        usable = [np.require(part, requirements=["C", "W"]) for part in parts]
        x_train, y_train, x_val, y_val, folds = (torch.from_numpy(part).to(device) for part in usable)
        return cls(x_train, y_train, x_val, y_val, folds, num_classes, symbols)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """As `Dataset` has it."""
        return (*([self.symbols] if self.symbols else []), *self.x_train.shape[1:])

    @property
    def device(self) -> torch.device:
        return self.x_train.device

    def fold(self, number: int) -> Self:
        """The same examples with those of a fold for validation; 0 is the data as they are."""
        if number == 0:
            return self
        held = self.folds == number
        x, y = (
            torch.cat(pair) for pair in ((self.x_train[~held], self.x_val), (self.y_train[~held], self.y_val))
        )
        return replace(self, x_train=x, y_train=y, x_val=self.x_train[held], y_val=self.y_train[held])

    def examples_validated(self, folds: int) -> int:
        """How many examples so many folds have together."""
        return len(self.y_val) + int((self.folds < folds).sum()) * (folds > 1)

    def guess(self, metric: Metric) -> float:
        """What guessing gives on the validation part, see `Metric.guess`."""
        return metric.guess(self.y_train.cpu().numpy(), self.y_val.cpu().numpy(), self.num_classes)
