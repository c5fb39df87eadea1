"""`TrainingSettings`: how a candidate is trained. No torch here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.errors import Error, unknown_name

PRECISIONS = ("float32", "bfloat16")
OPTIMIZERS = ("adamw", "muon", "sgd")
CLASS_WEIGHTS = ("none", "balanced")
# name: (what it does in one line, the fewest dimensions of one example)
AUGMENTATIONS = {
    "shift": ("moves signals and images by up to an eighth of each side", 2),
    "flip-shift": ("mirrors half of the images left to right, and moves as `shift`", 3),
    "flip-shift-erase": ("as `flip-shift`, and blanks a square of up to half of each side", 3),
    "drop-symbols": ("takes a third of a text's symbols for unknown ones", 1),
}
_OF_TEXTS = ("drop-symbols",)
_NEEDS = ("texts", "signals or images", "images, shape (channels, height, width)")  # by dimensions, from 1

NO_AUGMENTATION = "none"  # as a design says it

# An epoch has at least this many batches, however small the training split is.
_FEWEST_BATCHES = 8
_SMALLEST_BATCH = 2


@dataclass(frozen=True)
class TrainingSettings:
    """How a candidate is trained: an optimiser, one cycle of the learning rate, cross-entropy.

    The defaults suit small networks on a few thousand small examples: on `mnist1d` good networks of at most
    20,000 parameters reach a validation accuracy of 0.98 in 2 to 4 s of one core.

    Attributes:
        epochs: passes over the training split, at least 1.
        batch_size: examples a step, at least 2; less on a training split of fewer than 8 batches.
        learning_rate: the peak of the cycle, above 0.
        warmup: share of the steps in which the learning rate rises, linearly, 0 to 1; then it falls as a
            cosine (one-cycle, Smith & Topin 2018, arXiv:1708.07120).
        weight_decay: decoupled, on matrices and kernels only, not on biases and norms; at least 0.
        label_smoothing: the share of the target that is spread over all classes, 0 to below 1.
        augment: a name of `AUGMENTATIONS`, or False.
        precision: of the forward pass's products, one of `PRECISIONS`; weights are float32. bfloat16 is
            faster on GPUs, and on CPUs with AVX-512 BF16 or AMX; on others it is slower.
        optimizer: one of `OPTIMIZERS`. `adamw` (Loshchilov & Hutter 2019, arXiv:1711.05101), or `muon`, whose
            steps of matrices and kernels are made orthogonal (Jordan et al. 2024,
            https://kellerjordan.github.io/posts/muon/) and have AdamW's size (Liu et al. 2025,
            arXiv:2502.16982, 2.2); AdamW moves biases and norms. `sgd` has Nesterov's momentum, 0.9, and
            decoupled weight decay (SGDW, arXiv:1711.05101, algorithm 1).
        class_weights: of the classes in the loss, one of `CLASS_WEIGHTS`; `balanced` lets each class weigh as
            much as any other, however few examples it has.

    Raises:
        ValueError: for a value out of range, an unknown augmentation, precision, optimiser or kind of class
            weights.
    """

    epochs: int = 12
    batch_size: int = 64
    learning_rate: float = 0.02
    warmup: float = 0.25
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    augment: str | Literal[False] = False
    precision: str = "float32"
    optimizer: str = "adamw"
    class_weights: str = "none"

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise Error(f"a training needs at least 1 epoch, got {self.epochs}")
        if self.batch_size < _SMALLEST_BATCH:
            raise Error(f"batch_size must be at least {_SMALLEST_BATCH}, got {self.batch_size}")
        if not 0 < self.learning_rate < math.inf:
            raise Error(f"learning_rate must be above 0, got {self.learning_rate}")
        if not 0 <= self.warmup <= 1:
            raise Error(f"warmup is a share of the training, 0 to 1, got {self.warmup}")
        if not 0 <= self.weight_decay < math.inf:
            raise Error(f"weight_decay must be at least 0, got {self.weight_decay}")
        if not 0 <= self.label_smoothing < 1:
            raise Error(f"label_smoothing must be at least 0 and below 1, got {self.label_smoothing}")
        if self.augment is not False and self.augment not in AUGMENTATIONS:
            legal = unknown_name("augmentation", str(self.augment), AUGMENTATIONS)
            raise Error(f"{legal} For none: False in Python, --no-augment of `retrain`.")
        named = {"precision": PRECISIONS, "optimizer": OPTIMIZERS, "class_weights": CLASS_WEIGHTS}
        for name, choices in named.items():
            if (value := getattr(self, name)) not in choices:
                raise Error(unknown_name(name.replace("_", " "), str(value), choices))

    def decided_by(self, architecture: Architecture) -> Self:
        """The same where a design doesn't say how it is trained; what it says wins. Raises ValueError as for
        any value out of range.
        """
        decided: dict[str, Any] = {**architecture.training}
        if decided.get("augment") == NO_AUGMENTATION:
            decided["augment"] = False
        return replace(self, **decided) if decided else self

    def batch_for(self, examples: int) -> int:
        """Examples a step on a training split of `examples`."""
        return min(self.batch_size, max(_SMALLEST_BATCH, examples // _FEWEST_BATCHES))

    def learning_rate_at(self, step: int, steps: int) -> float:
        """The learning rate of step `step` of `steps`, counted from 0."""
        rising = self.warmup * steps
        if step < rising:
            return self.learning_rate * min(1.0, (step + 1) / rising)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1.0, steps - rising)))


def check_class_weights(name: str, num_classes: int) -> None:
    """Raises ValueError where class weights make no sense, since a number is predicted."""
    if name != CLASS_WEIGHTS[0] and num_classes == 1:
        raise Error(f"class weights are for classes, and a number is predicted; leave {name!r} away")


def check_augmentation(name: str, input_shape: Sequence[int], texts: bool) -> None:
    """Raises ValueError where an augmentation of `AUGMENTATIONS` makes no sense for examples of a shape.

    Args:
        texts: whether they are texts, shape (length,).
    """
    needed = AUGMENTATIONS[name][1]
    if texts != (name in _OF_TEXTS) or len(input_shape) < needed:
        what = "the data are texts" if texts else f"the data has the shape {tuple(input_shape)}"
        raise Error(f"augmentation {name!r} needs {_NEEDS[needed - 1]}; {what}")
