"""Labels of any spelling become classes from 0 up."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.dataset import DatasetError


def encode_labels(
    labels: Mapping[str, NDArray[Any]], where: str
) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    """Class numbers, int64 [n] for each part, and the classes' names in order.

    Whole numbers are ordered as numbers, texts as texts. The training part decides which classes there are.

    Args:
        labels: part (`train`, and perhaps `val` and `test`) to labels: integers, truth values, texts, or
            floats that are whole; [n] or [n, 1].
        where: the file or name, for errors.

    Raises:
        DatasetError: for labels of another type or shape, NaN, fractions, a single class, or a class that
            the training part doesn't have.
    """
    plain = {part: _plain(values, f"the labels of {where}") for part, values in labels.items()}
    if len({values.dtype.kind for values in plain.values()}) > 1:
        raise DatasetError(f"the labels of {where} must be all numbers or all text, got both")
    classes = np.unique(plain["train"])
    if len(classes) < 2:
        found = f"only {str(classes[0])!r}" if len(classes) else "none"
        raise DatasetError(f"{where} must have at least 2 classes to tell apart, found {found}")
    for part, values in plain.items():
        strange = np.setdiff1d(values, classes)
        if len(strange):
            raise DatasetError(
                f"class {str(strange[0])!r} of {where} is in its {part} part but not in training"
            )
    encoded = {part: np.searchsorted(classes, values).astype(np.int64) for part, values in plain.items()}
    return encoded, tuple(str(name) for name in classes)


def _plain(values: NDArray[Any], what: str) -> NDArray[Any]:
    """Labels as int64 [n] or text [n]."""
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise DatasetError(
            f"{what} must be one label an example, shape [n], got shape {list(values.shape)}; "
            "for one-hot rows save y.argmax(axis=1)"
        )
    if values.dtype.kind in "biu":
        return values.astype(np.int64)
    if values.dtype.kind == "U":
        return np.char.strip(values)
    if values.dtype.kind == "S":
        return np.char.strip(np.char.decode(values, "utf-8", "replace"))
    if values.dtype.kind != "f":
        raise DatasetError(f"{what} must be integers or text, got type {values.dtype}")
    return _whole(values, what)


def _whole(values: NDArray[Any], what: str) -> NDArray[np.int64]:
    """Floats as int64 [n], where each is a whole number."""
    numbers = values.astype(np.float64)
    wrong = ~np.isfinite(numbers) | (numbers != np.round(numbers)) | (np.abs(numbers) > 2**53)
    if wrong.any():
        row = int(wrong.argmax())
        raise DatasetError(
            f"{what} must be classes (whole numbers or text), got {numbers[row]:g} at example {row}"
        )
    return numbers.astype(np.int64)
