"""What an ONNX file computes by ONNX's own reference evaluator, which knows no fused kernels.

Its pooling goes position by position in Python, and fails on signals with padding (ONNX 1.23); these two
operators are done here with NumPy, for what torch writes: no dilation, and no rounding up.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from rl_designer.errors import Error
from rl_designer.exporting.formats import INPUT

Array = NDArray[Any]


def reference_of(path: Path) -> Callable[[Array], list[Array]]:
    """Inputs [n, …] as the file takes them → all that it gives, [n, outputs] first."""
    from onnx.reference import ReferenceEvaluator
    from onnx.reference.op_run import OpRun

    class MaxPool(OpRun):  # type: ignore[misc,unused-ignore]
        op_domain = ""

        def _run(self, x: Array, **given: Any) -> tuple[Array]:
            return (_largest(x, **given),)

    class AveragePool(OpRun):  # type: ignore[misc,unused-ignore]
        op_domain = ""

        def _run(self, x: Array, **given: Any) -> tuple[Array]:
            return (_mean(x, **given),)

    evaluator = ReferenceEvaluator(str(path), new_ops=[MaxPool, AveragePool])

    def computed(x: Array) -> list[Array]:
        outputs: Any = evaluator.run(None, {INPUT: x})
        return list(outputs)

    return computed


def _largest(x: Array, **given: Any) -> Array:
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    windows, axes = _windows(x, lowest, **given)
    largest: Array = windows.max(axis=axes)
    return largest


def _mean(x: Array, count_include_pad: int | None = None, **given: Any) -> Array:
    windows, axes = _windows(x, 0.0, **given)
    counted = _windows(np.ones_like(x), float(bool(count_include_pad)), **given)[0]
    mean: Array = (windows.sum(axis=axes) / counted.sum(axis=axes)).astype(x.dtype)
    return mean


def _windows(
    x: Array,
    filling: float,
    kernel_shape: Sequence[int],
    strides: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    ceil_mode: int | None = None,
    dilations: Sequence[int] | None = None,
    **_: Any,
) -> tuple[Array, tuple[int, ...]]:
    """All windows of maps [n, channels, …], and the axes of their positions, which come last."""
    rank = len(kernel_shape)
    if ceil_mode or set(dilations or [1]) != {1}:
        raise Error("int8 can't be compared with its reference: it pools with dilation, or rounded up")
    before, after = (pads or [0] * 2 * rank)[:rank], (pads or [0] * 2 * rank)[rank:]
    padded = np.pad(x, [(0, 0), (0, 0), *zip(before, after, strict=True)], constant_values=filling)
    windows = sliding_window_view(padded, tuple(kernel_shape), axis=tuple(range(2, 2 + rank)))
    steps = (slice(None, None, stride) for stride in strides or [1] * rank)
    return windows[(slice(None), slice(None), *steps)], tuple(range(-rank, 0))
