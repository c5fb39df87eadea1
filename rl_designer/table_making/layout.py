"""Designs of a layer-by-layer space as the rows of a table: one decision a position, one option a layer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.errors import WrongUsage

END = "end"  # the option of the positions behind a design's last layer
_MOST_OPTIONS = 256  # that a uint8 tells apart

Decisions = tuple[tuple[str, tuple[str, ...]], ...]


def layout(
    architectures: Sequence[Architecture], layers: Sequence[Layer]
) -> tuple[Decisions, NDArray[np.uint8]]:
    """Decisions and rows, uint8 [n, positions]. Every position has the same options, in the order of
    `layers`: those that some design uses anywhere, and `END`.

    Raises:
        WrongUsage: for more options than a table can hold.
    """
    used = {layer for architecture in architectures for layer in architecture.layers}
    options = [layer for layer in layers if layer in used]
    if len(options) + 1 > _MOST_OPTIONS:
        raise WrongUsage(
            f"a table may have at most {_MOST_OPTIONS} options a decision, these designs use "
            f"{len(options)} different layers; define a space with fewer choices"
        )
    index = {layer: number for number, layer in enumerate(options)}
    depth = max(len(architecture.layers) for architecture in architectures)
    rows = np.full((len(architectures), depth), len(options), dtype=np.uint8)
    for row, architecture in zip(rows, architectures, strict=True):
        row[: len(architecture.layers)] = [index[layer] for layer in architecture.layers]
    texts = (*map(option_text, options), END)
    return tuple((f"layer {position}", texts) for position in range(1, depth + 1)), rows


def option_text(layer: Layer) -> str:
    """A layer in a few words: `conv k5 s2 w24`, `global-pool average`, `dense w32 relu no-normalisation`.

    Numbers stand behind the first letter of their option's name; texts stand for themselves, `none` and
    false with the option's name behind `no-`.
    """
    return " ".join([layer.kind, *(_value(name, value) for name, value in layer.options)])


def _value(name: str, value: object) -> str:
    plain = name.replace("_", "-")
    if value is True:
        return plain
    if value is False or value == "none":
        return f"no-{plain}"
    return value if isinstance(value, str) else f"{name[0]}{value}"
