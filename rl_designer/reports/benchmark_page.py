"""A benchmark's folder, `benchmark agents` or `benchmark rewards`, as plain data for the template."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_designer.quantities import show_seconds
from rl_designer.reports.plots import Axis, Plot, Point, Series
from rl_designer.text import printable

SUMMARY = "summary.json"
_CURVES = {
    "best_reward": ("Best reward so far", "reward"),
    "best_reported": ("Reported metric of the chosen design", "reported metric"),
    "simple_regret": ("Simple regret of the search metric", "simple regret"),
}


@dataclass(frozen=True)
class BenchmarkReport:
    """A benchmark's folder: what `--json` printed, and the rows of its CSV files by name."""

    path: Path
    data: Mapping[str, Any]
    tables: Mapping[str, Sequence[Mapping[str, str]]]

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
            raise ValueError(f"{SUMMARY} tells of no agents and no rewards")
        benchmark_data(report, "check")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise ValueError(f"the benchmark {path} is damaged: {printable(error)}") from error
    return report


def benchmark_data(report: BenchmarkReport, name: str) -> dict[str, Any]:
    """What the template `benchmark.html` needs."""
    data = report.data
    facts = f"{data['seeds']:,} seeds, at most {data['evaluations']:,} evaluations a run"
    what = "Agents" if report.kind == "agents" else "Rewards"
    table = _agents if report.kind == "agents" else _rewards
    columns, rows = table(data)
    plots = _agent_plots(report, name) if report.kind == "agents" else _reward_plots(report, name)
    return {
        "name": name,
        "title": f"{what} on {data['task']}",
        "facts": facts,
        "folder": str(report.path),
        "columns": columns,
        "rows": rows,
        "conclusions": [str(line) for line in data.get("conclusions", [])],
        "plots": plots,
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
                _number(figures["best_reward"][last]),
                _number(figures["best_reported"][last]),
                _seconds(figures["seconds_per_run"]),
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
                _number(figures["iqm"]),
                "–" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}",
                str(figures["verdict"] or "–"),
                {True: "yes", False: "no"}.get(figures["hacked"], "–"),
                "not measured" if kwh is None else f"{1000 * kwh:.3g}",
            ]
        )
    return columns, rows


def _agent_plots(report: BenchmarkReport, name: str) -> list[Plot]:
    rows = report.tables.get("curves", [])
    plots = []
    for figure, (title, label) in _CURVES.items():
        own = [row for row in rows if row["figure"] == figure]
        regret = figure == "simple_regret"
        axes = {"evaluations": "evaluations", "mean": f"{label}, mean over seeds"}
        plot = _curves(f"{name}-{figure}", title, own, "agent", axes, regret)
        if plot is not None:
            plots.append(plot)
    return plots


def _reward_plots(report: BenchmarkReport, name: str) -> list[Plot]:
    cost = str(report.data.get("cost_drawn") or "cost")
    wanted: dict[str, tuple[str, dict[str, str]]] = {
        "courses": (
            "Reported metric of the design chosen so far, mean over seeds",
            {"evaluations": "evaluations", "reported": "reported metric"},
        ),
        "fronts": (
            f"Reported accuracy by the most {cost} allowed, median over seeds",
            {"cost": cost, "reported": "reported metric"},
        ),
        "profiles": (
            "Share of seeds that do at least as well",
            {"level": "at least, by the yardstick", "share": "share of seeds"},
        ),
    }
    plots = []
    for table, (title, axes) in wanted.items():
        rows = [row for row in report.tables.get(table, []) if row["reward"]]
        plot = _curves(f"{name}-{table}", title, rows, "reward", axes, False)
        if plot is not None:
            plots.append(plot)
    return plots


def _curves(
    name: str,
    title: str,
    rows: Sequence[Mapping[str, str]],
    by: str,
    axes: Mapping[str, str],
    positive: bool,
) -> Plot | None:
    """Lines with bands where the rows have `low` and `high`; only values above 0 where `positive`.

    Args:
        by: the column that tells the lines apart.
        axes: the columns of x and of y, and what to call them.
    """
    (x, across), (y, up) = axes.items()
    series: list[Series] = []
    ends: list[tuple[str, ...]] = []
    for number, key in enumerate(dict.fromkeys(row[by] for row in rows)):
        own = [row for row in rows if row[by] == key and _value(row[x]) is not None]
        line = [(float(row[x]), v, row) for row in own if (v := _value(row[y])) is not None]
        line = [part for part in line if part[1] > 0 or not positive]
        if not line:
            continue
        colour = f"run-{number % 8}"
        band = [(at, _value(row.get("low")), _value(row.get("high"))) for at, _, row in line]
        whole = [(at, low, high) for at, low, high in band if low is not None and high is not None]
        if whole and not positive:
            tops = [Point(at, high) for at, _, high in whole]
            lows = [low for _, low, _ in whole]
            series.append(Series(f"{key}, 95 % interval", "band", tops, colour, lows=lows))
        points = [Point(at, value) for at, value, _ in line]
        series.append(Series(key, "line", points, colour, dashed=number >= 8))
        ends.append((key, f"{points[-1].x:g}", f"{points[-1].y:.4f}"))
    if not series:
        return None
    spread = [point.x for part in series for point in part.points]
    return Plot(
        name,
        title,
        f"{title}: " + "; ".join(f"{key} ends at {value}" for key, _, value in ends) + ".",
        Axis(across, logarithmic=min(spread) > 0 and max(spread) / min(spread) > 20),
        Axis(up, logarithmic=positive),
        series,
        (by, across, up),
        ends,
    )


def _value(text: str | None) -> float | None:
    if not text:
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else show_seconds(seconds)
