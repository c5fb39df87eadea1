"""Signals of unequal length and with gaps: NaN after a signal's end, and NaN before it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError
from rl_designer.envs.files.archives import FREE, MOST_EXPANSION

Arrays = NDArray[Any]


def padded(parts: Mapping[str, Sequence[Arrays]], where: str) -> tuple[dict[str, Arrays], bool]:
    """Signals of unequal length as arrays, with NaN after their ends.

    Args:
        parts: part to signals, each [length], or [channels, length] or [length, channels] of one number of
            channels.

    Returns:
        Floats [n, 1, longest], or [n, channels, longest] or [n, longest, channels], alike in all parts; and
        whether it is the last, where channels are last.

    Raises:
        DatasetError: for examples that differ in more than their length, and where they would need far more
            memory than they have values.
    """
    signals = [signal[None] if signal.ndim == 1 else signal for part in parts.values() for signal in part]
    shapes = {signal.shape for signal in signals}
    sides = [set(sizes) for sizes in zip(*shapes, strict=False)]
    if {len(shape) for shape in shapes} != {2} or sum(len(sizes) > 1 for sizes in sides) > 1:
        shown = ", ".join(sorted(str(list(shape)) for shape in shapes)[:3])
        raise DatasetError(
            f"the examples of {where} must be signals that differ in length alone, got shapes {shown} …"
        )
    longest = tuple(max(sizes) for sizes in sides)
    dtype = np.result_type(np.float32, *{signal.dtype for signal in signals})
    needed = len(signals) * longest[0] * longest[1] * dtype.itemsize
    if needed > FREE and needed > MOST_EXPANSION * sum(signal.nbytes for signal in signals):
        raise DatasetError(
            f"the signals of {where} would take {needed:,} bytes as long as the longest, {max(longest):,} "
            "values, which is beyond belief; cut it"
        )
    arrays = {}
    for part, found in parts.items():
        arrays[part] = np.full((len(found), *longest), np.nan, dtype)
        for row, signal in zip(arrays[part], found, strict=True):
            height, width = signal.shape if signal.ndim == 2 else (1, len(signal))
            row[:height, :width] = signal
    return arrays, len(sides[0]) > 1


def with_gaps_filled(x: Mapping[str, Arrays], where: str) -> tuple[dict[str, Arrays], tuple[str, ...]]:
    """Signals with NaN after their ends and nowhere else, and what is said of it.

    A signal ends with the last value of any of its channels. NaN before that are gaps: between two values
    a straight line, before the first and after the last value of a channel that one. A channel without any
    value stays NaN.

    Args:
        x: part to signals, [n, channels, length].

    Raises:
        DatasetError: for a signal without any value.
    """
    filled, values, signals, channels = {}, 0, 0, 0
    for part, given in x.items():
        known = _known(given)
        ends = _ends(known)
        if not ends.all():
            raise DatasetError(f"example {ends.argmin()} of the {part} part of {where} holds no value")
        missing = ~known & (np.arange(given.shape[2]) < ends[:, None, None])
        gaps = missing & known.any(axis=2, keepdims=True)
        filled[part] = _interpolated(given, known, gaps)
        values += int(gaps.sum())
        signals += int(gaps.any(axis=(1, 2)).sum())
        channels += int((~known.any(axis=2)).sum())
    notes = []
    if values:
        notes.append(f"{where}: missing values, interpolated linearly: {values:,} in {signals:,} signals")
    if channels:
        notes.append(f"{where}: channels of a signal without any value, filled with the mean: {channels:,}")
    return filled, tuple(notes)


def of_training_length(x: Mapping[str, Arrays], where: str) -> tuple[dict[str, Arrays], tuple[str, ...]]:
    """Signals as long as the longest of the training part, and what is said of it: longer ones are cut, and
    NaN stands after the ends of shorter ones.

    Args:
        x: part to signals, [n, channels, length], with NaN after their ends.
    """
    ends = {part: _ends(_known(values)) for part, values in x.items()}
    longest = int(ends["train"].max())
    everything = np.concatenate(list(ends.values()))
    shortest, cut = int(everything.min()), int((everything > longest).sum())
    notes = []
    if shortest < everything.max():
        told = f"{len(everything):,} signals of length {shortest:,} to {everything.max():,}"
        notes.append(f"{where}: {told}, padded with the mean to {longest:,}, the longest to train on")
    if cut:
        notes.append(f"{where}: signals to validate or test on that are longer, cut to that: {cut:,}")
    if shortest == everything.max() < x["train"].shape[2]:
        notes.append(f"{where}: signals of length {longest:,}; what is missing in all is left out")
    return {part: values[:, :, :longest] for part, values in x.items()}, tuple(notes)


def _known(x: Arrays) -> NDArray[np.bool_]:
    return ~np.isnan(x) if x.dtype.kind == "f" else np.ones(x.shape, dtype=bool)


def _ends(known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The length of each signal, int64 [n]: up to the last value of any channel.

    Args:
        known: [n, channels, length].
    """
    there: NDArray[np.bool_] = np.any(known, axis=1)
    ends = there.shape[1] - there[:, ::-1].argmax(axis=1)
    return np.where(there.any(axis=1), ends, 0)


def _interpolated(x: Arrays, known: NDArray[np.bool_], gaps: NDArray[np.bool_]) -> Arrays:
    """A copy with the gaps filled, channel by channel; the same where there are none."""
    found = np.argwhere(gaps.any(axis=2))
    if not len(found):
        return x
    x = x.copy()
    for example, channel in found:
        row, at = x[example, channel], np.flatnonzero(gaps[example, channel])
        there = np.flatnonzero(known[example, channel])
        row[at] = np.interp(at, there, row[there])
    return x
