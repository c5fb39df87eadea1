"""`Plot`: points, lines and bands, laid out as SVG paths; the templates draw them.

SVG and not a plotting library's script: the page takes part in the reader's colours, needs no script to be
seen, is read aloud, prints, and stays a tenth as large.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

MOST_POINTS = 600  # drawn of one series; all of them are in the store
SIZES = {"wide": (760, 360), "half": (540, 310), "narrow": (360, 300)}
_TELLS_APART = 1 + 1e-9  # closer than that, values have no room between them
_MARGINS = (12, 14, 46, 58)  # top, right, bottom, left at least
_BESIDE_TICKS = 28  # for the axis's name and the room around it
_SHAPES = {
    "circle": "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0Z",
    "diamond": "M0,-5L5,0L0,5L-5,0Z",
    "cross": "M-4,-4L4,4M-4,4L4,-4",
    "triangle": "M0,4.5L4.5,-3.5L-4.5,-3.5Z",
    "ring": "M-8,0a8,8 0 1,0 16,0a8,8 0 1,0 -16,0Z",
    "dot": "M-2.5,0a2.5,2.5 0 1,0 5,0a2.5,2.5 0 1,0 -5,0Z",
}


@dataclass(frozen=True)
class Point:
    """One mark: what is told of it, and the design that it stands for (its digest), if any."""

    x: float
    y: float
    text: str = ""
    design: str = ""


@dataclass(frozen=True)
class Series:
    """Attributes:
    kind: `line`, `steps` (a value holds until the next), `points` or `band` (between y and `lows`).
    colour: class of the style sheet, `agent`, `control`, `front`, `failed`, `stopped` or `run-0` … `run-7`.
    shape: of points: a name of `_SHAPES`.
    right: whether its values are those of the axis on the right.
    """

    name: str
    kind: Literal["line", "steps", "points", "band"]
    points: Sequence[Point]
    colour: str
    shape: str = "circle"
    lows: Sequence[float] = ()
    dashed: bool = False
    legend: bool = True
    right: bool = False


@dataclass(frozen=True)
class Axis:
    """Attributes:
    low, high: None for the data's.
    falling: whether values fall to the right, or upwards.
    """

    label: str
    logarithmic: bool = False
    low: float | None = None
    high: float | None = None
    whole: bool = False
    falling: bool = False


@dataclass(frozen=True)
class Plot:
    """A plot with the words and the table that say the same.

    Attributes:
        summary: one or two sentences, the text alternative.
        columns, rows: the figures, all of them texts.
        right: a second y axis, for the series that say so.
    """

    name: str
    title: str
    summary: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = field(default_factory=tuple)
    right: Axis | None = None


def layout(plot: Plot, width: int, height: int) -> dict[str, Any]:
    """What a template needs to draw a plot: ticks with their places, path data, points; units of the SVG."""
    top, right, bottom, left = _MARGINS
    axes = (plot.y, plot.right) if plot.right else (plot.y,)
    ups = [_upward(axis, plot, height - bottom, top) for axis in axes]
    y_ticks, *right_ticks = [[(up(v), text) for v, text in up.ticks(5)] for up in ups]
    left = max(left, _BESIDE_TICKS + 7 * max((len(text) for _, text in y_ticks), default=0))
    right = left if plot.right else right
    across = _Scale(plot.x, [p.x for s in plot.series for p in s.points], left, width - right)
    return {
        "width": width,
        "height": height,
        "frame": {"left": left, "right": width - right, "top": top, "bottom": height - bottom},
        "x_ticks": [(across(v), text) for v, text in across.ticks(5 if width < 500 else 8)],
        "y_ticks": y_ticks,
        "right_ticks": right_ticks[0] if right_ticks else [],
        "series": [_laid_out(s, across, ups[s.right and len(ups) > 1]) for s in plot.series],
    }


def _upward(axis: Axis, plot: Plot, start: float, end: float) -> "_Scale":
    own = [series for series in plot.series if series.right == (axis is plot.right)]
    values = [p.y for series in own for p in series.points] + [low for series in own for low in series.lows]
    return _Scale(axis, values, start, end)


def thinned(points: Sequence[Any], most: int = MOST_POINTS) -> list[Any]:
    """At most so many of them, evenly spaced, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    step = (len(points) - 1) / (most - 1)
    return [points[round(i * step)] for i in range(most)]


def _laid_out(series: Series, across: "_Scale", upward: "_Scale") -> dict[str, Any]:
    at = [(across(p.x), upward(p.y)) for p in series.points]
    path = ""
    if series.kind == "band" and at:
        back = [(x, upward(low)) for (x, _), low in zip(at, series.lows, strict=True)]
        path = f"{_path(at)}L{_path(back[::-1])[1:]}Z"
    elif series.kind == "line":
        path = _path(at)
    elif series.kind == "steps" and at:
        corners = [at[0]]
        for (_, before), (x, y) in itertools.pairwise(at):
            corners += [(x, before), (x, y)]
        path = _path(corners)
    return {
        "name": series.name,
        "kind": series.kind,
        "colour": series.colour,
        "dashed": series.dashed,
        "path": path,
        "shape": _SHAPES[series.shape],
        "form": series.shape,
        "legend": series.legend,
        "marks": [(x, y, p.text, p.design) for (x, y), p in zip(at, series.points, strict=True)]
        if series.kind == "points"
        else [],
    }


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g},{y:g}" for x, y in places) if places else ""


class _Scale:
    """From values to places, and the values that get a tick."""

    def __init__(self, axis: Axis, values: Sequence[float], start: float, end: float) -> None:
        self._axis = axis
        self._start, self._end = (end, start) if axis.falling else (start, end)
        self._to: Callable[[float], float] = math.log10 if axis.logarithmic else float
        finite = [v for v in values if math.isfinite(v) and (v > 0 or not axis.logarithmic)]
        low = axis.low if axis.low is not None else min(finite, default=1.0)
        high = axis.high if axis.high is not None else max(finite, default=low)
        self.low, self.high = self._roomy(low, high)

    def __call__(self, value: float) -> float:
        """The place, to a tenth; what lies outside is put on the edge."""
        low, high = self._to(self.low), self._to(self.high)
        value = max(value, self.low) if self._axis.logarithmic else value
        share = min(max((self._to(value) - low) / (high - low), 0.0), 1.0)
        return round(self._start + share * (self._end - self._start), 1)

    def ticks(self, about: int) -> list[tuple[float, str]]:
        values = list(self._logarithmic() if self._axis.logarithmic else self._linear(about))
        values = values if len(values) > 2 else list(self._linear(about))
        if len(values) > about + 1:
            values = values[:: -(-len(values) // about)]
        return [(value, number(value)) for value in values]

    def _roomy(self, low: float, high: float) -> tuple[float, float]:
        if self._axis.logarithmic:
            return (low, high) if high > low * _TELLS_APART else (low / 2, high * 2)
        if not high - low > (_TELLS_APART - 1) * max(abs(low), abs(high)):
            room = abs(low) * 0.1 or 1.0
            return low - room, high + room
        room = 0.04 * (high - low)
        return (
            low if self._axis.low is not None else low - room,
            high if self._axis.high is not None else high + room,
        )

    def _linear(self, about: int) -> Iterator[float]:
        raw = (self.high - self.low) / about
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(power * f for f in (1, 2, 5, 10) if power * f >= raw * 0.999)
        step = max(step, 1.0) if self._axis.whole else step
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        yield from (round(i * step, 12) for i in range(first, last + 1))

    def _logarithmic(self) -> Iterator[float]:
        for power in range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1):
            for factor in (1, 2, 5):
                value = factor * 10.0**power
                if self.low * 0.999 <= value <= self.high * 1.001:
                    yield value


def number(value: float) -> str:
    """A tick's text: `0.85`, `20k`, `1.5M`."""
    for power, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if abs(value) >= power:
            return f"{value / power:g}{unit}"
    return f"{value:.6g}"
