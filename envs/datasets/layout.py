"""Which axis of an array is what: features, signals or images, and whether their channels are last."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.dataset import KINDS, Kind
from rl_designer.envs.datasets.errors import DatasetError

Arrays = NDArray[Any]

LAYOUTS: Mapping[str, bool] = {"channels-first": False, "channels-last": True}
_LAST = "layout='channels-last'"
_MOST_COLOURS = 4  # channels that an image has where its other sides are larger
_LONGEST_IMAGE = 8  # times its other side that a grey image is taken to be long
_MOST_CHANNELS = 0.25  # of a signal's length, where more channels than values are taken for swapped axes
_RANKS: Mapping[Kind, int] = {kind: rank for rank, kind in KINDS.items()}


@dataclass(frozen=True)
class Layout:
    """How the axes of an array are read.

    Attributes:
        kind: what one example is.
        channels_last: whether the channels of signals or images come after their places.
        notes: what was decided that people should know, a line each.
    """

    kind: Kind
    channels_last: bool = False
    notes: tuple[str, ...] = ()

    def arranged(self, x: Arrays) -> Arrays:
        """[n, features], [n, channels, length] or [n, channels, height, width]; a view where it can be."""
        if self.channels_last:
            return np.moveaxis(x, -1, 1)
        shape = x.shape[1:]
        return x.reshape(len(x), *(1,) * (_RANKS[self.kind] - len(shape)), *shape)


def layout_of(x: Mapping[str, Arrays], kind: Kind | None, told: bool | None, where: str) -> Layout:
    """What inputs are by their shape and by where values are missing.

    Args:
        x: part to inputs, [n, …] of one shape of one to three axes.
        kind: what they are to be read as; None for the only reading.
        told: whether the channels are last, where the source says it.

    Raises:
        DatasetError: where two readings fit, with what decides.
    """
    shape = x["train"].shape[1:]
    if len(shape) == 1:
        return Layout("signal" if kind == "signal" else "features")
    if len(shape) == 3:
        return _of_three_axes(shape, kind, told, where)
    if kind == "image":
        return Layout("image")
    missing = [np.isnan(values) for values in x.values() if values.dtype.kind == "f"]
    if kind is None and any(values.any() for values in missing):
        kind = "signal"  # images have no gaps
    return _of_two_axes(shape, kind, _ends(missing) if told is None else told, told is not None, where)


def _of_two_axes(
    shape: tuple[int, ...], kind: Kind | None, last: bool | None, told: bool, where: str
) -> Layout:
    """Signals, or grey images where `kind` says it. `last`: where the channels are, if that is known."""
    first, second = shape
    if first == 1 or kind == "features":
        return Layout("signal", bool(last))
    swapped = f"{where}: channels last: [n, {first}, {second}] is read as signals of {second} x {first}"
    if last is not None:
        return Layout("signal", last, (swapped,) if last and not told else ())
    if kind is None and second > 1 and max(shape) <= _LONGEST_IMAGE * min(shape):
        raise DatasetError(
            f"x of {where} has shape [n, {first}, {second}], which fits signals of {first} channels and grey "
            f"images of {first} x {second}; --space convnet1d reads signals, --space convnet images"
            + (f"; signals of {second} channels: save {_LAST} beside x and y" if first > second else "")
        )
    images = f"; grey images of {first} x {second}: --space convnet" if kind is None else ""
    if second == 1 or second <= _MOST_CHANNELS * first:
        return Layout("signal", True, (swapped + images,))
    if first <= second:
        notes = (f"{where}: [n, {first}, {second}] is read as signals of {first} channels{images}",)
        return Layout("signal", notes=notes if kind is None else ())
    raise DatasetError(
        f"x of {where} has shape [n, {first}, {second}], which fits signals of {first} channels and, with "
        f"channels last, of {second}; save layout='channels-first' or {_LAST} beside x and y, which says it"
    )


def _of_three_axes(shape: tuple[int, ...], kind: Kind | None, told: bool | None, where: str) -> Layout:
    """Images, whose channels are the axis that is small or unlike the others."""
    first, second, third = shape
    if told is not None:
        return Layout("image", told)
    if third <= _MOST_COLOURS < first and second != third:
        read = f"images of {third} x {first} x {second}"
        return Layout("image", True, (f"{where}: channels last: [n, {str(shape)[1:-1]}] is read as {read}",))
    square = first == second != third
    narrow = third < first and (2 * third <= second if first > _MOST_COLOURS else False)
    colours = third <= _MOST_COLOURS < first
    if first == 1 or kind == "features" or not (square or narrow or colours):
        return Layout("image")
    raise DatasetError(
        f"x of {where} must be [n, channels, height, width], got [n, {str(shape)[1:-1]}], which fits images "
        f"of {first} channels and, with channels last, of {third}; save layout='channels-first' or {_LAST} "
        "beside x and y, which says it"
    )


def _ends(missing: list[NDArray[np.bool_]]) -> bool | None:
    """Whether channels are last by where signals of unequal length end; None where that doesn't tell.

    Args:
        missing: bool [n, a, b], of each part.
    """
    if not missing:
        return None
    _, a, b = missing[0].shape  # where more values than channels are missing; else it may be a whole channel
    first = a <= b and any(values[:, :, -1].all(axis=1).any() for values in missing)
    last = a >= b and any(values[:, -1, :].all(axis=1).any() for values in missing)
    return last if first != last else None
