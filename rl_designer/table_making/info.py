"""What is to be known of an architecture table at a glance."""

import math
from collections.abc import Mapping
from itertools import combinations, groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rl_designer.comparisons.estimators import rank_correlation
from rl_designer.envs.tables.table import ArchitectureTable, Task
from rl_designer.text import printable

_QUANTILES = {"worst": 0.0, "10%": 0.1, "25%": 0.25, "50%": 0.5, "75%": 0.75, "90%": 0.9, "best": 1.0}


def table_info(table: ArchitectureTable) -> dict[str, Any]:
    """JSON-ready: everything but the values. Values are in the units that the metrics name.

    `rank_correlation` is Spearman's: of a metric the mean over all pairs of its repeats, of a task that
    between its two metrics; null where there is one repeat, one metric, or too few values. `distinct`
    networks count once in tasks.
    """
    return {
        "name": table.name,
        "title": table.title,
        "source": table.source,
        "architectures": len(table.architectures),
        "distinct": len(np.unique(table.canonical)),
        "decisions": [{"name": name, "options": list(options)} for name, options in table.decisions],
        "wiring": _wiring(table),
        "metrics": {name: _metric(table, name) for name in table.metrics},
        "tasks": {name: _task(table, task) for name, task in table.tasks.items()},
        "made": dict(table.made),
    }


def _wiring(table: ArchitectureTable) -> dict[str, Any] | None:
    """Each decision's edge by name; None for a table whose designs aren't cells."""
    if table.wiring is None:
        return None
    names = (name for name, _ in table.decisions)
    edges = {name: list(edge) for name, edge in zip(names, table.wiring.edges, strict=True)}
    return {"edges": edges, "absent": table.wiring.absent}


def _metric(table: ArchitectureTable, name: str) -> dict[str, Any]:
    values = table.metrics[name].astype(np.float64)
    pairs = [rank_correlation(first, second) for first, second in combinations(values.T, 2)]
    known = [value for value in pairs if value is not None]
    return {
        **table.metric_facts[name],
        "repeats": values.shape[1],
        "missing": int(np.isnan(values).sum()),
        **_range(values),
        "rank_correlation": float(np.mean(known)) if known else None,
    }


def _range(values: NDArray[np.float64]) -> dict[str, float | None]:
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return {"lowest": None, "median": None, "highest": None}
    return {"lowest": float(known.min()), "median": float(np.median(known)), "highest": float(known.max())}


def _task(table: ArchitectureTable, task: Task) -> dict[str, Any]:
    _, first = np.unique(table.canonical, return_index=True)
    searched, reported = (
        table.metrics[m].astype(np.float64).mean(axis=1) for m in (task.search, task.report)
    )
    better = table.values(task.search)[first]  # higher is better, whatever the metric
    known = first[np.argsort(better, kind="stable")][: int((~np.isnan(better)).sum())]
    info: dict[str, Any] = {
        "search": task.search,
        "report": task.report,
        "missing": len(first) - len(known),
        "best": None,
        "spread": None,
        "rank_correlation": None,
    }
    if len(known) == 0:
        return info
    best = known[-1]
    positions = {name: round(share * (len(known) - 1)) for name, share in _QUANTILES.items()}
    return info | {
        "best": {
            "options": [
                options[o] for o, (_, options) in zip(table.architectures[best], table.decisions, strict=True)
            ],
            "search": float(searched[best]),
            "report": _finite(reported[best]),
        },
        "spread": {name: float(searched[known[position]]) for name, position in positions.items()},
        "rank_correlation": None
        if task.search == task.report
        else rank_correlation(searched[first], reported[first]),
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


# -- for people ----------------------------------------------------------------------------------------


def print_info(info: Mapping[str, Any], console: Console) -> None:
    """`table_info`'s figures on a terminal."""
    networks = (
        f"{info['distinct']:,} distinct" if info["distinct"] < info["architectures"] else "all distinct"
    )
    _line(console, f"{info['name']}: {info['title']}")
    _line(console, f"{info['architectures']:,} designs, {networks}; {info['source']}")
    for names, options in _same_options(info["decisions"]):
        _line(console, f"{names}: {', '.join(options)}")
    if info["wiring"] is not None:
        _line(console, _cells(info["wiring"], info["decisions"]))
    for name, task in info["tasks"].items():
        _line(console, f"\ntask {name}: search {task['search']}, report {task['report']}")
        if task["best"] is not None:
            _print_task(task, console)
    console.print(_metrics_table(info["metrics"]))


def _cells(wiring: Mapping[str, Any], decisions: list[dict[str, Any]]) -> str:
    edges = ", ".join(f"{name} {source}→{target}" for name, (source, target) in wiring["edges"].items())
    taken_out = any(wiring["absent"] in decision["options"] for decision in decisions)
    return (
        f"cells, {wiring['absent'] + ' takes an edge out' if taken_out else 'with every edge there'}: {edges}"
    )


def _print_task(task: Mapping[str, Any], console: Console) -> None:
    best = task["best"]
    figures = f"{_number(best['search'])} (reported {_number(best['report'])})"
    _line(console, f"  best {figures}: {' → '.join(best['options'])}")
    _line(
        console,
        "  spread: " + ", ".join(f"{name} {_number(value)}" for name, value in task["spread"].items()),
    )
    if task["rank_correlation"] is not None:
        _line(console, f"  rank correlation of the two metrics {task['rank_correlation']:.3f}")


def _line(console: Console, text: str) -> None:
    console.print(Text("\n".join(map(printable, text.split("\n")))), soft_wrap=True)


def _same_options(decisions: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """Neighbouring decisions with the same options, as one."""
    found = []
    for options, group in groupby(decisions, key=lambda decision: decision["options"]):
        names = [decision["name"] for decision in group]
        found.append((names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}", options))
    return found


def _metrics_table(metrics: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("metric", no_wrap=True)
    for name in (
        "unit",
        "split",
        "epochs",
        "repeats",
        "missing",
        "lowest",
        "median",
        "highest",
        "repeats agree",
    ):
        table.add_column(name, justify="right")
    for name, facts in metrics.items():
        table.add_row(
            Text(printable(name)),
            *(Text(printable(facts.get(fact) or "–")) for fact in ("unit", "split", "epochs")),
            f"{facts['repeats']}",
            f"{facts['missing']:,}",
            *(_number(facts[end]) for end in ("lowest", "median", "highest")),
            _number(facts["rank_correlation"]),
        )
    return table


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
