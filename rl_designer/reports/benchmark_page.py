"""A benchmark's folder, `benchmark agents` or `benchmark rewards`, as plain data for the template."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_designer.errors import Error
from rl_designer.quantities import show_figure, show_seconds
from rl_designer.reports.curves import Curves, Rows, line_of, number_in, points_of
from rl_designer.reports.designs import yes_or_no
from rl_designer.reports.plots import Axis, Plot, Point, Series
from rl_designer.text import printable

SUMMARY = "summary.json"
_CURVES = {
    "best_reward": ("Best reward so far", "reward"),
    "best_reported": ("Reported metric of the chosen design", "reported metric"),
    "simple_regret": ("Simple regret of the search metric", "simple regret"),
    "hypervolume": ("Hypervolume of the front so far, share of the known front's", "share"),
}

_ORDER_COLUMNS = [
    "reward",
    "the same order as",
    "rank correlation with the first",
    "among the first's best 5 %",
    "of the best 1 % in common",
]


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
    tabled = _fronts if "objectives" in data else _agents if of_agents else _rewards
    columns, rows = tabled(data)
    return {
        "name": name,
        "title": f"{'Agents' if of_agents else 'Rewards'} on {data['task']}{_by(data)}",
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


def _by(data: Mapping[str, Any]) -> str:
    objectives = [str(objective["name"]) for objective in data.get("objectives", [])]
    return f", by {', '.join(objectives[:-1])} and {objectives[-1]}" if objectives else ""


def _fronts(data: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    columns = ["agent", "hypervolume", "95 % interval", "verdict", "time a run"]
    rows = []
    for agent, figures in data["agents"].items():
        interval = figures["interval"]
        rows.append(
            [
                str(agent),
                show_figure(figures["hypervolume"][str(data["evaluations"])]),
                "–" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}",
                str(figures["verdict"] or "–"),
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
        curves = Curves(title, "agent", ("evaluations", "evaluations"), y, positive=column == "simple_regret")
        plots.append(curves.plot(f"{name}-{column}", [row for row in rows if row["figure"] == column]))
    return [plot for plot in [*plots, *_front_plots(report, name)] if plot is not None]


def _front_plots(report: BenchmarkReport, name: str) -> list[Plot | None]:
    """The first objective against each of the others: the known front, and each agent's in its median run."""
    objectives = report.data.get("objectives", [])
    known = "known front" if report.data.get("designs") else "front of all runs"
    rows = [dict(row, agent=row["agent"] or known) for row in report.tables.get("fronts", [])]
    plots: list[Plot | None] = []
    for other in objectives[1:]:
        x, y = ((str(o["name"]), _axis(o)) for o in (other, objectives[0]))
        title = f"Fronts by {y[0]} and {x[0]}, of each agent the median run's"
        by_x = sorted(rows, key=lambda row: number_in(row[x[0]]) or 0.0)
        curves = Curves(title, "agent", x, y, steps=len(objectives) == 2)
        plots.append(curves.plot(f"{name}-fronts-{len(plots)}", by_x, grey=known))
    return plots


def _axis(objective: Mapping[str, Any]) -> str:
    return str(objective["name"]) + (f", {objective['unit']}" if objective["unit"] == "s" else "")


def _reward_plots(report: BenchmarkReport, name: str) -> list[Plot]:
    cost, reported = str(report.data.get("cost_drawn") or "cost"), ("reported", "reported metric")
    share = Axis("share of seeds", low=0.0, high=1.0)
    wanted = {
        "profiles": Curves(
            "Share of seeds that do at least as well",
            "reward",
            ("level", "at least, by the yardstick"),
            ("share", share.label),
            falling=not report.data.get("higher_is_better", True),
            y_axis=share,
        ),
        "fronts": Curves(
            f"Reported metric by the most {cost} allowed, median over seeds",
            "reward",
            ("cost", cost),
            reported,
            band="quartiles",
            steps=True,
        ),
        "courses": Curves(
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
    rows = [row for row in report.tables.get("courses", []) if number_in(row["chosen_by"]) is not None]
    for number, reward in enumerate(dict.fromkeys(row["reward"] for row in rows)):
        series, told = [], []
        for column, label, colour in (("chosen_by", "reward", "agent"), ("reported", "reported", "control")):
            line = points_of([row for row in rows if row["reward"] == reward], "evaluations", column, label)
            if line:
                series += line_of(label, line, colour, right=column == "reported")
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
