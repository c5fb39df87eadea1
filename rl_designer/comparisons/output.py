"""A benchmark's figures as files, and as a table for a terminal."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from rl_designer.comparisons.agents import BenchmarkResult
from rl_designer.comparisons.trial import RunRecord
from rl_designer.files import write_json, write_text
from rl_designer.quantities import show_seconds
from rl_designer.text import printable


def write_files(result: BenchmarkResult, folder: Path) -> list[Path]:
    """Writes `summary.json` (what `--json` prints), `agents.csv` (a row an agent) and `curves.csv` (a row for
    each agent, figure and number of evaluations).
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "summary.json", result.data)
    rows = [_agent_row(name, figures) for name, figures in result.data["agents"].items()]
    write_text(folder / "agents.csv", csv_text(rows))
    write_text(folder / "curves.csv", csv_text(result.summary.curves()))
    return [folder / name for name in ("summary.json", "agents.csv", "curves.csv")]


def _agent_row(name: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"agent": name}
    for figure in ("evaluations_to_optimum", "policy_samples"):
        for key, value in (figures[figure] or {}).items():
            if not key.endswith("per_seed"):
                row[f"{figure}_{key}"] = value
    for figure in ("best_reported", "best_reward", "simple_regret"):
        for step, value in (figures[figure] or {}).items():
            row[f"{figure}_{step}"] = value
    for figure in ("evaluations_per_run", "failures", "seconds_per_run", "own_seconds_per_evaluation"):
        row[figure] = figures[figure]
    return row


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV with a header: every column that some row has."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def figures_table(data: Mapping[str, Any]) -> Table:
    """What a person wants to know first, a row an agent."""
    table = Table(
        box=None, pad_edge=False, header_style="dim", title=_title(data), title_justify="left", title_style=""
    )
    columns: dict[str, Callable[[Mapping[str, Any]], str]] = {}
    if data["optimum"] is not None:
        columns |= {"evaluations": _to_optimum, "median": _median, "found": _found}
    last = str(data["evaluations"])
    columns |= {
        f"best@{last}": lambda f: _number(f["best_reward"][last]),
        "reported": lambda f: _number(f["best_reported"][last]),
    }
    if any(figures["policy_samples"] for figures in data["agents"].values()):
        columns["top 1 %"] = _samples
    columns |= {
        "s/run": lambda f: f"{f['seconds_per_run']:.2f}",
        "own ms": lambda f: f"{1000 * f['own_seconds_per_evaluation']:.1f}",
    }
    if len(data["agents"]) > 1:
        columns["difference"] = _difference
    table.add_column("agent", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    table.caption, table.caption_justify, table.caption_style = _caption(data), "left", "dim"
    for name, figures in data["agents"].items():
        table.add_row(Text(printable(name)), *(show(figures) for show in columns.values()))
    return table


def _title(data: Mapping[str, Any]) -> str:
    seeds = f"{data['seeds']:,} seed{'s' * (data['seeds'] > 1)}"
    return printable(f"{data['task']}, {seeds}, at most {data['evaluations']:,} evaluations")


def _caption(data: Mapping[str, Any]) -> str:
    """What the columns are, one line each where they need one."""
    lines = ["evaluations: until the best of the table was found, mean ± standard error; misses as the cap"]
    lines = lines if data["optimum"] is not None else []
    if any(figures["policy_samples"] for figures in data["agents"].values()):
        lines.append("top 1 %: of the table, share of designs sampled from the policy (distinct ones)")
    lines.append("own ms: the method's time an evaluation")
    if len(data["agents"]) > 1:
        what = "best reward" if data["optimum"] is None else "evaluations"
        lines.append(f"difference: {what}, to the first agent, paired by seed, with its 95 % interval")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _to_optimum(figures: Mapping[str, Any]) -> str:
    counts = figures["evaluations_to_optimum"]
    error = counts["standard_error"]
    return f"{counts['mean']:.1f}" + ("" if error is None else f" ± {error:.1f}")


def _median(figures: Mapping[str, Any]) -> str:
    return f"{figures['evaluations_to_optimum']['median']:.0f}"


def _found(figures: Mapping[str, Any]) -> str:
    return f"{100 * figures['evaluations_to_optimum']['found']:.0f} %"


def _samples(figures: Mapping[str, Any]) -> str:
    samples = figures["policy_samples"]
    return f"{100 * samples['top_1_percent']:.0f} % ({samples['distinct']:.0f})" if samples else "–"


def _difference(figures: Mapping[str, Any]) -> str:
    differences = figures["difference"]
    if differences is None:
        return "–"
    found = differences["evaluations_to_optimum"]
    difference = found or list(differences["best_reward"].values())[-1]
    digits = 1 if found else 4
    if difference["interval"] is None:
        return f"{difference['mean']:+.{digits}f}"
    low, high = difference["interval"]
    return f"{difference['mean']:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"


def run_line(record: RunRecord) -> str:
    """What is said of a finished run."""
    best = f"best {record.improvements[-1][1]:.4f}" if record.improvements else "all failed"
    what = f"{printable(record.agent)}, seed {record.seed}: {record.evaluations:,} evaluations"
    return f"{what}, {best}, {show_seconds(record.seconds)}"
