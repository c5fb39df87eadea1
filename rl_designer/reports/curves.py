"""Lines with bands and dots, of the rows of a CSV file."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rl_designer.reports.plots import Axis, Plot, Point, Series, thinned

_DOTS = 21  # on a line
_WIDE = 10  # so many times the lowest, values are drawn by their logarithm

Rows = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Curves:
    """How rows are drawn: a line for each value of `by`, with a band where they have `low` and `high`.

    Attributes:
        x, y: a column, and what to call it.
        positive: whether y is a logarithm. A curve then ends where it reaches 0, and a band that does is cut
            off at a tenth of its mean.
    """

    title: str
    by: str
    x: tuple[str, str]
    y: tuple[str, str]
    band: str = "95 % intervals"
    steps: bool = False
    positive: bool = False
    falling: bool = False
    y_axis: Axis | None = None

    def plot(self, name: str, rows: Rows, grey: str = "") -> Plot | None:
        """None where there is nothing to draw; `grey` is the line that the others are to be seen against."""
        series: list[Series] = []
        ends: list[tuple[str, ...]] = []
        number = 0
        for key in dict.fromkeys(row[self.by] for row in rows):
            own = [row for row in rows if row[self.by] == key]
            line = [p for p in points_of(own, self.x[0], self.y[0], key) if p.y > 0 or not self.positive]
            if line:
                colour = "stopped" if key == grey else f"run-{number % 8}"
                series += self._bands(own, colour) if key != grey else []
                series += line_of(key, line, colour, steps=self.steps, dashed=number >= 8)
                number += key != grey
                ends.append((key, f"{line[-1].x:g}", f"{line[-1].y:.4f}"))
        if not series:
            return None
        spread = [point.x for part in series for point in part.points]
        wide = min(spread) > 0 and max(spread) / min(spread) >= _WIDE
        shaded = any(part.kind == "band" for part in series)
        return Plot(
            name,
            self.title,
            f"{self.title}: " + "; ".join(f"{key} ends at {value}" for key, _, value in ends) + ".",
            Axis(self.x[1], logarithmic=wide, falling=self.falling),
            self.y_axis or Axis(self.y[1], logarithmic=self.positive),
            series,
            (self.by, self.x[1], self.y[1]),
            ends,
            (f"Shaded: {self.band}.",) if shaded else (),
        )

    def _bands(self, rows: Rows, colour: str) -> list[Series]:
        tops, lows = [], []
        for row in rows:
            x, y, low, high = (number_in(row.get(c)) for c in (self.x[0], self.y[0], "low", "high"))
            if x is None or y is None or low is None or high is None or (self.positive and y <= 0):
                continue
            tops.append(Point(x, high))
            lows.append(max(low, y / 10) if self.positive else low)
        return [Series("", "band", tops, colour, lows=lows, legend=False)] if tops else []


def points_of(rows: Rows, x: str, y: str, name: str) -> list[Point]:
    """Those rows that have both; each says what it is."""
    found = [(number_in(row[x]), number_in(row[y])) for row in rows]
    return [
        Point(a, b, f"{name}: {b:.4f} at {a:,.6g} {x}") for a, b in found if a is not None and b is not None
    ]


def line_of(
    name: str,
    points: Sequence[Point],
    colour: str,
    *,
    steps: bool = False,
    dashed: bool = False,
    right: bool = False,
) -> list[Series]:
    """A line with dots to point at."""
    line = Series(name, "steps" if steps else "line", points, colour, dashed=dashed, right=right)
    return [line, Series(name, "points", thinned(points, _DOTS), colour, "dot", legend=False, right=right)]


def number_in(text: str | None) -> float | None:
    if not text:
        return None
    value = float(text)
    return value if math.isfinite(value) else None
