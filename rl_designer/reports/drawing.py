"""A design layer by layer: what each makes of the shape, and what it costs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rl_designer.envs.architecture import Architecture
from rl_designer.quantities import show_count
from rl_designer.text import printable

_TALLEST, _WIDEST = 44, 64  # of a shape's picture


@dataclass(frozen=True)
class DrawnLayer:
    """A line of the drawing.

    Attributes:
        options: name and value.
        box: width and height of the shape's picture; None where the shape isn't known.
        parameters_share, macs_share: of all of the design's, 0–1.
    """

    kind: str
    options: tuple[tuple[str, str], ...]
    shape: str
    box: tuple[int, int] | None
    parameters: str = ""
    macs: str = ""
    parameters_share: float = 0.0
    macs_share: float = 0.0


@dataclass(frozen=True)
class Drawing:
    """All lines, and the totals; these are empty texts where a table knows no shapes."""

    lines: tuple[DrawnLayer, ...]
    parameters: str = ""
    macs: str = ""


def draw(architecture: Architecture, setting: Mapping[str, Any]) -> Drawing:
    """Raises ValueError where the setting's facts don't fit the design."""
    if "input_shape" not in setting:
        known = (
            DrawnLayer(layer.kind, _options(dict(layer.options)), "", None) for layer in architecture.layers
        )
        return Drawing(tuple(known))
    from rl_designer.envs.search_spaces.costs import describe

    shape, classes = tuple(map(int, setting["input_shape"])), int(setting["num_classes"])
    found = describe(architecture, shape, classes)
    parameters, macs = (sum(getattr(line, name) for line in found) for name in ("parameters", "macs"))
    deepest = max(shape[0], *(line.output_shape[0] for line in found)) if found else shape[0]
    longest = max((*shape[1:], 1))
    lines = [DrawnLayer("input", (), _shape(shape), _box(shape, deepest, longest))]
    lines.extend(
        DrawnLayer(
            line.layer.kind,
            _options(dict(line.layer.options)),
            _shape(line.output_shape),
            _box(line.output_shape, deepest, longest),
            show_count(line.parameters),
            show_count(line.macs),
            line.parameters / max(parameters, 1),
            line.macs / max(macs, 1),
        )
        for line in found
    )
    return Drawing(tuple(lines), show_count(parameters), show_count(macs))


def _options(options: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((printable(name), printable(value)) for name, value in options.items())


def _shape(sizes: tuple[int, ...]) -> str:
    return " × ".join(map(str, sizes))


def _box(sizes: tuple[int, ...], deepest: int, longest: int) -> tuple[int, int]:
    """Height by the channels, width by the length, both in logarithms, so that a halving is seen."""
    height = 6 + (_TALLEST - 6) * math.log2(1 + sizes[0]) / math.log2(1 + deepest)
    length = max((*sizes[1:], 1))
    width = 6 + (_WIDEST - 6) * math.log2(length) / math.log2(max(longest, 2))
    return round(width), round(height)
