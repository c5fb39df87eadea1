"""A benchmark's folder, `benchmark agents` or `benchmark rewards`, as plain data for the template."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_designer.errors import Error
from rl_designer.quantities import show_figure, show_seconds
from rl_designer.reports.designs import yes_or_no
from rl_designer.reports.plots import Axis, Plot, Point, Series, thinned
from rl_designer.text import printable

SUMMARY = "summary.json"
_DOTS = 21  # on a line
_WIDE = 10  # so many times the lowest, values are drawn by their logarithm
_CURVES = {
    "best_reward": ("Best reward so far", "reward"),
    "best_reported": ("Reported metric of the chosen design", "reported metric"),
    "simple_regret": ("Simple regret of the search metric", "simple regret"),
}

_ORDER_COLUMNS = [
    "reward",
    "the same order as",
    "rank correlation with the first",
    "among the first's best 5 %",
    "of the best 1 % in common",
]

Rows = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class BenchmarkReport:
    """A benchmark's folder: what `--json` printed, and the rows of its CSV files by name."""

    path: Path
    data: Mapping[str, Any]
    tables: Mapping[str, Rows]

    @property
    def kind(self) -> str:
        return "rewards" if "rewards" in self.data else "agents"


def is_benchmark(path: Path) -> bool:
    """Whether a folder is one that `benchmark … --output` wrote."""
    return (
        any((path / f"{kind}.csv").is_file() for kind in ("agents", "rewards")) and (path / SUMMARY).is_file()
    )


def read_benchmark(path: Path) -> BenchmarkReport:
    """Raises ValueError where the folder's files are damaged."""
    try:
        data = json.loads((path / SUMMARY).read_text(encoding="utf-8"))
        tables = {}
        for name in ("curves", "courses", "fronts", "profiles"):
            if (path / f"{name}.csv").is_file():
                with (path / f"{name}.csv").open(encoding="utf-8", newline="") as file:
                    tables[name] = list(csv.DictReader(file))
        report = BenchmarkReport(path, data, tables)
        if not isinstance(data, dict) or not isinstance(data[report.kind], dict):
            raise Error(f"{SUMMARY} tells of no agents and no rewards")
        benchmark_data(report, "check")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise Error(f"the benchmark {path} is damaged: {printable(error)}") from error
    return report


def benchmark_data(report: BenchmarkReport, name: str) -> dict[str, Any]:
    """What the template `benchmark.html` needs."""
    data, of_agents = report.data, report.kind == "agents"
    facts = f"{data['seeds']:,} seeds, at most {data['evaluations']:,} evaluations a run"
    if "yardstick" in data:
        facts += f", {data['agent']}, yardstick {data['yardstick']}"
    columns, rows = _agents(data) if of_agents else _rewards(data)
    return {
        "name": name,
        "title": f"{'Agents' if of_agents else 'Rewards'} on {data['task']}",
        "facts": facts,
        "folder": str(report.path),
        "columns": columns,
        "rows": rows,
        "conclusions": [str(line) for line in data.get("conclusions", [])],
        "orders_title": "How the rewards order the table's designs, known before any search",
        "order_columns": _ORDER_COLUMNS,
        "orders": _orders(data),
        "plots": _agent_plots(report, name) if of_agents else _reward_plots(report, name),
        "panels": [] if of_agents else _panels(report, name),
        "panels_title": "Reward and reported metric of the design chosen so far",
    }


def _agents(data: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    last = str(data["evaluations"])
    columns = ["agent", "evaluations to the optimum", "best reward", "reported", "time a run"]
    rows = []
    for agent, figures in data["agents"].items():
        optimum = figures["evaluations_to_optimum"] or {}
        error = optimum.get("standard_error")
        spread = "" if error is None else f" ± {error:.1f}"
        mean = optimum.get("mean")
        rows.append(
            [
                str(agent),
                "–" if mean is None else f"{mean:.1f}{spread}",
                show_figure(figures["best_reward"][last]),
                show_figure(figures["best_reported"][last]),
                show_seconds(figures["seconds_per_run"], fine=True),
            ]
        )
    return columns, rows


def _rewards(data: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    columns = ["reward", f"{data['yardstick_title']}, IQM", "95 % interval", "verdict", "hacked", "Wh a run"]
    rows = []
    for reward, figures in data["rewards"].items():
        interval = figures["interval"]
        kwh = figures["energy_kwh_per_run"]
        rows.append(
            [
                str(reward),
                show_figure(figures["iqm"]),
                "–" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}",
                str(figures["verdict"] or "–"),
                yes_or_no(figures["hacked"], "–"),
                "not measured" if kwh is None else f"{1000 * kwh:.3g}",
            ]
        )
    return columns, rows


def _orders(data: Mapping[str, Any]) -> list[list[str]]:
    """A row for each reward beside the first; none where nothing was known before."""
    rows = []
    for order in data.get("orders", [])[1:]:
        alike = order["same_as"] or ("no" if order["known"] else "not known: it sees the history")
        share = order["best_in_common"]
        figures = [show_figure(order[figure]) for figure in ("over_all", "at_the_top")]
        common = "–" if share is None else f"{100 * share:.0f} %"
        rows.append([str(order["reward"]), str(alike), *figures, common])
    return rows


def _agent_plots(report: BenchmarkReport, name: str) -> list[Plot]:
    rows = report.tables.get("curves", [])
    plots = []
    for column, (title, label) in _CURVES.items():
        y = ("mean", f"{label}, mean over seeds")
        curves = _Curves(
            title, "agent", ("evaluations", "evaluations"), y, positive=column == "simple_regret"
        )
        plots.append(curves.plot(f"{name}-{column}", [row for row in rows if row["figure"] == column]))
    return [plot for plot in plots if plot is not None]


def _reward_plots(report: BenchmarkReport, name: str) -> list[Plot]:
    cost, reported = str(report.data.get("cost_drawn") or "cost"), ("reported", "reported metric")
    share = Axis("share of seeds", low=0.0, high=1.0)
    wanted = {
        "profiles": _Curves(
            "Share of seeds that do at least as well",
            "reward",
            ("level", "at least, by the yardstick"),
            ("share", share.label),
            falling=not report.data.get("higher_is_better", True),
            y_axis=share,
        ),
        "fronts": _Curves(
            f"Reported metric by the most {cost} allowed, median over seeds",
            "reward",
            ("cost", cost),
            reported,
            band="quartiles",
            steps=True,
        ),
        "courses": _Curves(
            "Reported metric of the design chosen so far, mean over seeds",
            "reward",
            ("evaluations", "evaluations"),
            reported,
        ),
    }
    known = "known front" if report.data.get("designs") else "front of all runs"
    plots = [_intervals(report.data, f"{name}-intervals")]
    for table, curves in wanted.items():
        rows = [dict(row, reward=row["reward"] or known) for row in report.tables.get(table, [])]
        plots.append(curves.plot(f"{name}-{table}", rows, grey=known))
    return [plot for plot in plots if plot is not None]


def _intervals(data: Mapping[str, Any], name: str) -> Plot | None:
    """Each reward's interquartile mean with its interval, below one another."""
    series, told = [], []
    for number, (reward, figures) in enumerate(data["rewards"].items(), start=1):
        low, high = figures["interval"] or (figures["iqm"], figures["iqm"])
        colour, text = f"run-{(number - 1) % 8}", f"{reward}: {figures['iqm']:.4f}, {low:.4f} to {high:.4f}"
        series.append(Series(reward, "line", [Point(low, number), Point(high, number)], colour, legend=False))
        mean = [Point(figures["iqm"], number, text)]
        series.append(Series(f"{number}. {reward}", "points", mean, colour, "diamond"))
        told.append(text)
    title = f"Interquartile mean of the {data['yardstick_title']}, with 95 % intervals"
    numbers = Axis("reward", low=0.5, high=len(told) + 0.5, whole=True, falling=True)
    return Plot(name, title, "; ".join(told) + ".", Axis("yardstick"), numbers, series)


def _panels(report: BenchmarkReport, name: str) -> list[Plot]:
    """A plot for each reward: what its runs choose by on the left, the reported metric on the right."""
    panels = []
    rows = [row for row in report.tables.get("courses", []) if _value(row["chosen_by"]) is not None]
    for number, reward in enumerate(dict.fromkeys(row["reward"] for row in rows)):
        series, told = [], []
        for column, label, colour in (("chosen_by", "reward", "agent"), ("reported", "reported", "control")):
            line = _points([row for row in rows if row["reward"] == reward], "evaluations", column, label)
            if line:
                series += _line(label, line, colour, right=column == "reported")
                told.append(f"{label} from {line[0].y:.4f} to {line[-1].y:.4f}")
        panels.append(
            Plot(
                f"{name}-panel-{number}",
                reward,
                f"Means over seeds of the design chosen so far: {', '.join(told)}.",
                Axis("evaluations", whole=True, low=0),
                Axis("reward"),
                series,
                right=Axis("reported metric"),
            )
        )
    return panels


@dataclass(frozen=True)
class _Curves:
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
            line = [p for p in _points(own, self.x[0], self.y[0], key) if p.y > 0 or not self.positive]
            if line:
                colour = "stopped" if key == grey else f"run-{number % 8}"
                series += self._bands(own, colour) if key != grey else []
                series += _line(key, line, colour, steps=self.steps, dashed=number >= 8)
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
            x, y, low, high = (_value(row.get(c)) for c in (self.x[0], self.y[0], "low", "high"))
            if x is None or y is None or low is None or high is None or (self.positive and y <= 0):
                continue
            tops.append(Point(x, high))
            lows.append(max(low, y / 10) if self.positive else low)
        return [Series("", "band", tops, colour, lows=lows, legend=False)] if tops else []


def _points(rows: Rows, x: str, y: str, name: str) -> list[Point]:
    """Those rows that have both; each says what it is."""
    found = [(_value(row[x]), _value(row[y])) for row in rows]
    return [
        Point(a, b, f"{name}: {b:.4f} at {a:,.6g} {x}") for a, b in found if a is not None and b is not None
    ]


def _line(
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


def _value(text: str | None) -> float | None:
    if not text:
        return None
    value = float(text)
    return value if math.isfinite(value) else None
