"""`Dataset`: what a search trains and validates on, and the sealed test that it never sees."""

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.dividing import FOLDS, drawn
from rl_designer.envs.datasets.encoding import Standardisation
from rl_designer.envs.datasets.errors import DatasetError
from rl_designer.envs.datasets.rows.encoding import RowEncoding
from rl_designer.envs.datasets.targets import TargetScale, metric_in_unit, strata
from rl_designer.envs.datasets.texts import Tokeniser
from rl_designer.envs.metrics import Metric, Objective, Predicts

_FEWEST_VALIDATED = 200

Kind = Literal["features", "signal", "image", "text"]

# Rank of one example's input: what it is; texts are told otherwise. And the search space that is made for it.
KINDS: dict[int, Kind] = {1: "features", 2: "signal", 3: "image"}
TEXT: Kind = "text"
PLURALS: dict[Kind, str] = {"features": "features", "signal": "signals", "image": "images", "text": "texts"}
SPACES: dict[Kind, str] = {"features": "mlp", "signal": "convnet1d", "image": "convnet", "text": "textnet"}


# int64 [n], classes; or float32 [n], standardised numbers.
Targets = NDArray[np.int64] | NDArray[np.float32]


class SealedTest:
    """The test split, behind one door. It has no repr of its contents and can't be pickled to a worker."""

    __slots__ = ("__open", "__texts")

    def __init__(self, x: NDArray[np.float32], y: Targets, texts: NDArray[Any] | None = None) -> None:
        self.__open = lambda: (x, y)
        self.__texts = lambda: texts

    def open(self) -> tuple[NDArray[np.float32], Targets]:
        """`x`, float32 [n, *input_shape], and `y` [n], as `Dataset` has them. For the final score of chosen
        winners only.
        """
        return self.__open()

    def open_texts(self) -> NDArray[Any] | None:
        """The texts themselves, str objects [n]; None of other data. For the same."""
        return self.__texts()

    def __repr__(self) -> str:
        return "SealedTest()"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a sealed test split can't be pickled; hand on `dataset.without_test()`")


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set, split and standardised with the training part's statistics.

    Attributes:
        name: for people.
        x_train, x_val: float32 [n, *input_shape], zero mean and unit variance over the training part:
            per feature, or per channel of signals and images. Of texts the numbers of their symbols,
            float32 [n, length], 0 after their ends.
        y_train, y_val: int64 [n], classes from 0 to `num_classes` - 1; or float32 [n], numbers, standardised
            over the training part.
        class_names: what each class is called in the source, by class number; () where a number is predicted.
        sealed_test: the test part; None in a copy for workers.
        standardisation: what the inputs were standardised with, None where it isn't known; not part of the
            digest.
        target_scale: what a number that is predicted was standardised with; None for classes.
        padded: whether signals may end before the input's length, with the mean from there on.
        folds: int8 [n], the fold of each training example, see `fold_numbers`; empty where the source has a
            validation part of its own. Not part of the digest.
        tokeniser: what texts became numbers by; None for other data.
        texts: of the training and of the validation part, str objects [n]; None for other data.
        grouped: whether examples belong together, so that no group of them is in two parts or folds.
        notes: what a reader did to the source that people should know, a line each; not part of the digest.
        encoding: how the rows of a table became the inputs, before they were standardised; None for other
            data; not part of the digest.
        raw_shape: of one example as it was before it was read as features; () for `input_shape`.
        pixels: of images, lowest and highest value, as they came; None for other data.
        content: of the source as `content_of` gives it, test part and names included, so that changed data
            are known without the test being opened; None where it isn't known.
    """

    name: str
    x_train: NDArray[np.float32] = field(repr=False)
    y_train: Targets = field(repr=False)
    x_val: NDArray[np.float32] = field(repr=False)
    y_val: Targets = field(repr=False)
    class_names: tuple[str, ...] = field(repr=False)
    sealed_test: SealedTest | None = field(repr=False)
    standardisation: Standardisation | None = field(default=None, repr=False)
    notes: tuple[str, ...] = field(default=(), repr=False)
    target_scale: TargetScale | None = field(default=None, repr=False)
    folds: NDArray[np.int8] = field(default_factory=lambda: np.empty(0, dtype=np.int8), repr=False)
    content: str | None = field(default=None, repr=False)
    padded: bool = field(default=False, repr=False)
    encoding: RowEncoding | None = field(default=None, repr=False)
    raw_shape: tuple[int, ...] = field(default=(), repr=False)
    pixels: tuple[float, float] | None = field(default=None, repr=False)
    grouped: bool = field(default=False, repr=False)
    tokeniser: Tokeniser | None = field(default=None, repr=False)
    texts: tuple[NDArray[Any], NDArray[Any]] | None = field(default=None, repr=False)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(features,), (channels, length) or (channels, height, width); of texts (symbols, length), the shape
        that they have with a channel for each symbol.
        """
        return self.tokeniser.input_shape if self.tokeniser else self.x_train.shape[1:]

    @property
    def symbols(self) -> int:
        """Numbers of symbols that texts are made of; 0 for other data."""
        return self.tokeniser.size if self.tokeniser else 0

    @property
    def space(self) -> str:
        """The name of the search space that is made for such data."""
        return SPACES[self.kind]

    @property
    def predicts(self) -> Predicts:
        """`class` or `number`."""
        return "class" if self.class_names else "number"

    @property
    def num_classes(self) -> int:
        """Outputs of a network: the classes, or 1 where a number is predicted."""
        return len(self.class_names) or 1

    @property
    def class_shares(self) -> list[float]:
        """Of the training examples, 0–1, by class number; [] where a number is predicted."""
        if not self.class_names:
            return []
        return (np.bincount(self.y_train, minlength=self.num_classes) / len(self.y_train)).tolist()

    @property
    def kind(self) -> Kind:
        """`text`, or `features`, `signal` or `image` by the rank of the input."""
        return TEXT if self.tokeniser else KINDS[len(self.input_shape)]

    @property
    def usual_folds(self) -> int:
        """On how many folds designs are scored where nobody says: all where the validation part is small."""
        return FOLDS if len(self.folds) and len(self.y_val) < _FEWEST_VALIDATED else 1

    @property
    def about(self) -> tuple[str, ...]:
        """Parts, classes and shape in one line, and the notes."""
        shape = " x ".join(str(size) for size in self.input_shape)
        what = f"{shape} features" if self.kind == "features" else f"{PLURALS[self.kind]} of {shape}"
        if self.tokeniser:
            what = f"texts of {self.tokeniser.length:,} {self.tokeniser.symbols}"
        sizes = f"{len(self.y_train):,} examples to train on, {len(self.y_val):,} to validate"
        targets = f"{self.num_classes:,} classes" if self.class_names else "a number to predict"
        return f"{self.name}: {sizes}, {targets}, {what}", *self.notes

    def guess(self, metric: Metric, y: Targets) -> float:
        """What guessing by the training part's targets gives on others, see `Metric.guess`; in the target's
        unit where the metric is in one.
        """
        scale = self.target_scale
        guess = metric_in_unit(metric, scale).guess(self.y_train, y, self.num_classes)
        return guess if scale is None or not metric.in_target_units else guess * scale.deviation

    def objective(self, metric: Metric) -> Objective:
        """A metric on the validation part."""
        return Objective(metric.name, self.guess(metric, self.y_val), metric.is_error)

    @cached_property
    def digest(self) -> str:
        """20 hexadecimal characters of SHA-256 over the training and validation arrays."""
        digest = hashlib.sha256()
        for array in (self.x_train, self.y_train, self.x_val, self.y_val):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        if self.tokeniser:
            digest.update(f"symbols {self.tokeniser.size}".encode())
        return digest.hexdigest()[:20]

    def with_examples(self, count: int) -> Self:
        """The same with `count` of the training examples, each class in its share; always the same ones.

        Raises:
            DatasetError: for more than there are, or fewer than one a class.
        """
        if not self.num_classes <= count <= len(self.y_train):
            raise DatasetError(
                f"{self.name} has {len(self.y_train):,} training examples of {self.num_classes} "
                f"class{'es' * (self.num_classes > 1)}: "
                f"take {self.num_classes} to {len(self.y_train):,} of them, got {count:,}"
            )
        chosen = drawn(strata(self.y_train), count, seed=0)
        folds = self.folds[chosen] if len(self.folds) else self.folds
        texts = self.texts and (self.texts[0][chosen], self.texts[1])
        x, y = self.x_train[chosen], self.y_train[chosen]
        return replace(self, x_train=x, y_train=y, folds=folds, texts=texts)

    def with_examples_of_both(self, count: int) -> Self:
        """The same with `count` of the examples of training and validation part together, both in the same
        proportion; of the training part those that `with_examples` takes. Always the same ones.

        Raises:
            DatasetError: for more than there are, and where not one a class would be left to train on and one
                to validate.
        """
        there = len(self.y_train) + len(self.y_val)
        if not self.num_classes < count <= there:
            raise DatasetError(
                f"{self.name} has {there:,} examples in training and validation part together, of "
                f"{self.num_classes} class{'es' * (self.num_classes > 1)}: "
                f"take {self.num_classes + 1} to {there:,} of them, got {count:,}"
            )
        trained = min(max(round(count * len(self.y_train) / there), self.num_classes), count - 1)
        chosen = drawn(strata(self.y_val), count - trained, seed=0)
        part = self.with_examples(trained)
        texts = part.texts and (part.texts[0], part.texts[1][chosen])
        return replace(part, x_val=self.x_val[chosen], y_val=self.y_val[chosen], texts=texts)

    def fold(self, number: int) -> Self:
        """The same examples with those of a fold for validation, see `folds`; 0 is the data as they are."""
        if number == 0:
            return self
        held = self.folds == number
        x, y = (
            np.concatenate(pair)
            for pair in ((self.x_train[~held], self.x_val), (self.y_train[~held], self.y_val))
        )
        none = np.empty(0, dtype=np.int8)
        return replace(
            self,
            x_train=x,
            y_train=y,
            x_val=self.x_train[held],
            y_val=self.y_train[held],
            folds=none,
            texts=None,
        )

    def without_test(self) -> Self:
        """The same data set without its test part, for handing to workers."""
        return replace(self, sealed_test=None)
