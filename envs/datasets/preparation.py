"""Raw arrays become a `Dataset`: checked, read as one kind of input, split, standardised."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets import signals
from rl_designer.envs.datasets.content import content_of
from rl_designer.envs.datasets.dataset import (
    PLURALS,
    SPACES,
    TEXT,
    Dataset,
    Kind,
    SealedTest,
)
from rl_designer.envs.datasets.encoding import standardisation_of, standardised
from rl_designer.envs.datasets.errors import DatasetError, is_number
from rl_designer.envs.datasets.grouping import cut_off
from rl_designer.envs.datasets.layout import Layout, layout_of
from rl_designer.envs.datasets.rows.features import features_of
from rl_designer.envs.datasets.rows.table import Rows
from rl_designer.envs.datasets.targets import encode_targets, scaled_targets
from rl_designer.envs.datasets.texts.texts import Reading, Texts, column_of, only_texts
from rl_designer.envs.datasets.texts.tokeniser import symbols_of_parts
from rl_designer.envs.errors import unknown_name
from rl_designer.envs.metrics import Predicts

Arrays = NDArray[Any]

_CHUNK = 4096  # examples that are looked at at a time
_FEWEST_OF_NUMBERS = 4  # examples with a number to predict, for each part of the split


@dataclass(frozen=True)
class RawData:
    """What a reader found, before any split.

    Attributes:
        name: of the data set.
        x, y: part (`train`, and perhaps `val` and `test`) to inputs, any number type, `Rows` or `Texts`, and
            labels.
        where: the source as errors name it.
        kind: what the inputs are where the source says it; then x has that kind's rank.
        class_names: what the classes are called, in their order, where the labels are only numbers.
        notes: what was done to the source that people should know, a line each.
        channels_last: whether the channels of signals and images are the last axis of x, where the source
            says it.
        predicts: what the targets are, where the source says it.
        groups: of each example of the only part, int64 [n]; examples of a group stay on one side of a split.
        pixels: lowest and highest value that images may have; None where the source doesn't say.
    """

    name: str
    x: Mapping[str, Arrays | Rows | Texts]
    y: Mapping[str, Arrays]
    where: str
    kind: Kind | None = None
    class_names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    channels_last: bool | None = None
    predicts: Predicts | None = None
    groups: NDArray[np.int64] | None = None
    pixels: tuple[float, float] | None = None

    @property
    def content(self) -> str:
        """Changes with every example, label and name, but not with where the source lies."""
        named: list[tuple[str, Any]] = [("class_names", self.class_names)]
        for part in sorted(self.x):
            x = self.x[part]
            named += x.content if isinstance(x, Rows | Texts) else [(f"x_{part}", x)]
        named += [(f"y_{part}", self.y[part]) for part in sorted(self.y)]
        return content_of([*named, ("groups", self.groups)])


def prepare(
    raw: RawData,
    kind: Kind | None,
    seed: int,
    *,
    sealed: bool = True,
    predicts: Predicts | None = None,
    reading: Reading = Reading(),  # noqa: B008 (frozen)
) -> Dataset:
    """Checks, splits and standardises. `kind` is how to read the inputs, None to take the only reading.

    Args:
        sealed: whether there is a test part; without one nothing is cut off for it.
        predicts: what the targets are; None to tell by them, see `encode_targets`.
        reading: of texts.

    Raises:
        DatasetError: for everything that is wrong with the arrays.
    """
    raw = _with_texts(raw, kind, reading)
    _check_lengths(raw)
    x: dict[str, Any] = {part: _numbers(values, _called(raw, "x", part)) for part, values in raw.x.items()}
    _check_shape(x, raw)
    layout = _layout(x, kind, raw)
    unequal = _check_finite(x, layout.kind, raw)
    targets = encode_targets(raw.y, predicts or raw.predicts, raw.where)
    notes = raw.notes + targets.notes + layout.notes
    y, class_names = dict(targets.y), targets.class_names and (raw.class_names or targets.class_names)
    missing = [part for part in (("test", "val") if sealed else ("val",)) if part not in x]
    _check_counts(y["train"], class_names, 1 + len(missing), raw.where)
    x = _arranged(x, layout)
    if unequal:
        x, told = signals.with_gaps_filled(x, raw.where)
        notes += told
    folds = cut_off(missing, x, y, raw.groups, seed)
    if unequal:
        x, told = signals.of_training_length(x, raw.where)
        notes += told
    encoding = None
    if isinstance(x["train"], Rows):
        x, encoding, told = features_of(dict[str, Any](x), y, raw.where)
        x, notes = _arranged(x, layout), told + notes
    if isinstance(x["train"], Texts):
        return _of_texts(raw, dict[str, Any](x), y, class_names, folds, notes, reading)
    standardisation = standardisation_of(x["train"], raw.where, unequal)
    ready = standardised(x, standardisation, raw.where)
    ready = {part: _as_kind(values, layout.kind, kind, raw.where) for part, values in ready.items()}
    if ready["train"].shape != x["train"].shape:
        standardisation = standardisation.flattened(x["train"].shape[1:])
    y, scale = (y, None) if class_names else scaled_targets(y)
    test = SealedTest(ready["test"], y["test"]) if sealed else None
    parts = (ready["train"], y["train"], ready["val"], y["val"])
    dataset = Dataset(raw.name, *parts, class_names, test, standardisation, notes, scale, folds)
    raw_shape, pixels = x["train"].shape[1:], _pixels(x["train"], raw.pixels)
    dataset = replace(dataset, content=raw.content, padded=unequal, encoding=encoding)
    return replace(dataset, raw_shape=raw_shape, pixels=pixels, grouped=raw.groups is not None)


def _with_texts(raw: RawData, kind: Kind | None, reading: Reading) -> RawData:
    """The same, with texts where the only column of a table holds some and nobody reads it otherwise.

    Raises:
        DatasetError: for texts that are to be something else, and what is no texts but is to be.
    """
    rows = raw.x["train"]
    if isinstance(rows, Rows) and kind in (None, TEXT):
        column = only_texts(rows)
        if column is None and kind == TEXT:
            raise DatasetError(f"which column of {raw.where} holds the texts? Say --text NAME.")
        if column is not None:
            tables = {part: x for part, x in raw.x.items() if isinstance(x, Rows)}
            raw = replace(raw, x={part: column_of(x, column) for part, x in tables.items()})
    of_texts = isinstance(raw.x["train"], Texts)
    if of_texts and kind not in (None, TEXT):
        raise DatasetError(
            f"{raw.where} holds texts, which can't be read as {PLURALS[kind]}; leave --space away"
        )
    if kind == TEXT and not of_texts:
        raise DatasetError(f"{raw.where} holds no texts, which --space {SPACES[TEXT]} is for")
    for option in ("symbols", "vocabulary"):
        if getattr(reading, option) is not None and not of_texts:
            raise DatasetError(f"--{option} is for texts, and {raw.where} holds none")
    return raw


def _of_texts(
    raw: RawData,
    x: Mapping[str, Texts],
    y: Mapping[str, Arrays],
    class_names: tuple[str, ...],
    folds: NDArray[np.int8],
    notes: tuple[str, ...],
    reading: Reading,
) -> Dataset:
    """Texts that were split, as a data set."""
    ready, tokeniser, told = symbols_of_parts(x, reading, raw.where)
    y, scale = (y, None) if class_names else scaled_targets(y)
    test = SealedTest(ready["test"], y["test"], x["test"].values) if "test" in x else None
    parts = (ready["train"], y["train"], ready["val"], y["val"])
    dataset = Dataset(raw.name, *parts, class_names, test, None, told + notes, scale, folds)
    texts = (x["train"].values, x["val"].values)
    return replace(
        dataset, content=raw.content, tokeniser=tokeniser, texts=texts, grouped=raw.groups is not None
    )


def _pixels(x: Arrays, told: tuple[float, float] | None) -> tuple[float, float] | None:
    """Lowest and highest value of images, [n, channels, height, width]; None of anything else."""
    return (told or (float(x.min()), float(x.max()))) if x.ndim == 4 else None


def _arranged(x: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    """Arrays as their layout says; rows wait until they are features."""
    return {part: v if isinstance(v, Rows | Texts) else layout.arranged(v) for part, v in x.items()}


def check_kind(kind: str | None) -> None:
    """Raises DatasetError for a kind that doesn't exist."""
    if kind is not None and kind not in SPACES:
        raise DatasetError(unknown_name("kind of input", kind, SPACES))


def _called(raw: RawData, array: str, part: str) -> str:
    return f"{array} of {raw.where}" if len(raw.x) == 1 else f"{array}_{part} of {raw.where}"


def _check_lengths(raw: RawData) -> None:
    for part, x in raw.x.items():
        y = raw.y[part]
        if x.ndim == 0 or y.ndim == 0 or len(x) == 0:
            raise DatasetError(f"{_called(raw, 'x', part)} holds no examples")
        if len(x) != len(y):
            raise DatasetError(
                f"{_called(raw, 'x', part)} has {len(x)} examples and its y has {len(y)}; they must be equal"
            )


def _numbers(x: Arrays | Rows | Texts, what: str) -> Arrays | Rows | Texts:
    """The same array, where it holds numbers; rows and texts become numbers once they are split."""
    if isinstance(x, Rows | Texts):
        return x
    if x.dtype.kind in "US":
        raise DatasetError(f"{what} must be numbers, got text ({_first_text(x)})")
    if x.dtype.kind not in "biuf":
        raise DatasetError(f"{what} must be real numbers, got type {x.dtype}")
    return x


def _check_finite(x: Mapping[str, Arrays], kind: Kind, raw: RawData) -> bool:
    """Refuses infinite numbers, and NaN except in signals. Whether there is any NaN."""
    missing = False
    for part, values in x.items():
        looked_at = not isinstance(values, Rows | Texts) and values.dtype.kind == "f"
        for start in range(0, len(values) if looked_at else 0, _CHUNK):
            chunk = values[start : start + _CHUNK]
            wrong = ~np.isfinite(chunk)
            if kind == "signal" and wrong.any():
                missing, wrong = True, np.isinf(chunk)
            if wrong.any():
                place = np.argwhere(wrong)[0]
                place[0] += start
                number = values[tuple(place)]
                rows = kind == "features" and np.isnan(number)
                raise DatasetError(
                    f"{_called(raw, 'x', part)} must be finite, got {number} at index {place.tolist()}"
                    + ("; if rows are signals with gaps or early ends, say --space convnet1d" if rows else "")
                )
    return missing


def _first_text(x: Arrays) -> str:
    """The first value that is no number, or the first of all, and where it stands."""
    texts = x.astype(np.str_)
    strange = (index for index, text in np.ndenumerate(texts) if not is_number(text))
    index = next(strange, (0,) * x.ndim)
    return f"{str(texts[index])[:40]!r} at index {list(index)}"


def _check_shape(x: Mapping[str, Arrays | Rows | Texts], raw: RawData) -> None:
    shape = x["train"].shape[1:]
    for part, values in x.items():
        if values.shape[1:] != shape:
            raise DatasetError(
                f"inputs of {raw.where} must have one shape, got {list(shape)} in training "
                f"and {list(values.shape[1:])} in {part}"
            )
    if not 1 <= len(shape) <= 3 or 0 in shape:
        raise DatasetError(
            f"x of {raw.where} must be [n, features], [n, length], [n, channels, length], [n, height, width] "
            f"or [n, channels, height, width], none of them 0, got {list(x['train'].shape)}"
        )


def _layout(x: Mapping[str, Arrays], kind: Kind | None, raw: RawData) -> Layout:
    """What the inputs are; the source may say it, and rows of features are signals where `kind` says so."""
    if isinstance(x["train"], Texts):
        return Layout(TEXT)
    if raw.kind is not None and x["train"].ndim > 2:
        return Layout(raw.kind)
    return layout_of(x, kind, raw.channels_last, raw.where)


def _as_kind(x: NDArray[np.float32], native: Kind, kind: Kind | None, where: str) -> NDArray[np.float32]:
    """Inputs of their own kind as the kind asked for. Everything can be flattened to features."""
    if kind is None or kind == native:
        return x
    if kind == "features":
        return x.reshape(len(x), -1)
    other = "convnet1d" if native == "features" else "mlp"
    raise DatasetError(
        f"{where} holds {PLURALS[native]} of shape {list(x.shape[1:])}, which can't be read as "
        f"{PLURALS[kind]}; use --space {SPACES[native]} or --space {other}"
    )


def _check_counts(y: Arrays, class_names: tuple[str, ...], needed: int, where: str) -> None:
    if not class_names:
        if len(y) < needed * _FEWEST_OF_NUMBERS:
            raise DatasetError(
                f"{where} has {len(y)} examples of a number to predict; it needs at least "
                f"{needed * _FEWEST_OF_NUMBERS}"
            )
        return
    counts = np.bincount(y, minlength=len(class_names))
    if counts.min() < needed:
        scarce = int(counts.argmin())
        examples = "1 example" if counts[scarce] == 1 else f"{counts[scarce]} examples"
        raise DatasetError(
            f"class {class_names[scarce]!r} of {where} has {examples}; each needs at least {needed}, "
            "so that every part of the split has one"
        )
