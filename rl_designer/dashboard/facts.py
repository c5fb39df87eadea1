"""What the pages say of a run in figures: tiles, the table of designs, a line among others."""

from collections.abc import Mapping
from typing import Any

from rl_designer.dashboard.watch import FINISHED, View
from rl_designer.quantities import show_seconds
from rl_designer.reports.designs import design_row
from rl_designer.runs.reading import RunReport
from rl_designer.text import printable, shortened

MOST_DESIGNS = 200  # in the table; all of them are in the store

Tile = tuple[str, str, str]


def tiles(report: RunReport, data: Mapping[str, Any]) -> list[Tile]:
    """Label, figure, and what there is to add: budget and time first, then the best as the report has it."""
    count, limit = len(report.designs), report.folder.config.budget.evaluations
    agents = sum(found.source == "agent" for found in report.designs)
    text = f"{count:,}" if limit is None else f"{count:,} of {limit:,}"
    first: list[Tile] = [("evaluations", text, f"{agents:,} of the agent, {count - agents:,} random")]
    first.append(("time used", show_seconds(seconds_of(report)), _time_note(report)))
    best = [tile for tile in data["tiles"] if tile[0] not in ("evaluations", "time")]
    failed = sum(found.design.evaluation.failure is not None for found in report.designs)
    stopped = sum(found.design.evaluation.stopped_at is not None for found in report.designs)
    ended: Tile = ("failed", f"{failed:,}", f"{stopped:,} stopped early")
    return [*first, *best, ended]


def seconds_of(report: RunReport) -> float:
    """That the run has taken, over all its starts; of one that isn't finished, until its last design."""
    last = max((found.seconds for found in report.designs), default=0.0)
    return max(float(report.folder.summary.get("seconds", 0.0)), last)


def progress(report: RunReport) -> float | None:
    """How much of the budget is used, 0–1, of evaluations or of time, whichever is more; None without one."""
    config, shares = report.folder.config, []
    if report.folder.summary["state"] == FINISHED:
        return 1.0
    if config.budget.evaluations is not None:
        shares.append(len(report.designs) / config.budget.evaluations)
    if config.budget.time_limit is not None:
        shares.append(seconds_of(report) / config.budget.time_limit)
    return min(max(shares), 1.0) if shares else None


def design_rows(report: RunReport, most: int = MOST_DESIGNS) -> list[dict[str, str]]:
    """The designs for a table, the newest first; what failed says so."""
    rows = []
    for found in sorted(report.designs, key=report.position, reverse=True)[:most]:
        row, failed = design_row(found, report), found.design.evaluation.failure is not None
        rows.append(row | {"ended": f"failed: {row['ended']}" if failed else row["ended"] or "in full"})
    return rows


def run_row(key: str, view: View) -> dict[str, Any]:
    """A run as a line among others; figures are numbers, so that a table can be sorted by them."""
    row: dict[str, Any] = {"key": key, "name": view.name, "state": view.state, "about": view.problem}
    if view.report is None:
        return row
    report, summary = view.report, view.report.folder.summary
    best = report.winners[0].design if report.winners else None
    return row | {
        "about": shortened(printable(report.title), 120),
        "reward": None if best is None else best.reward,
        "accuracy": None if best is None else best.evaluation.val_accuracy,
        "parameters": None if best is None else best.evaluation.parameters,
        "evaluations": len(report.designs),
        "found": report.position(report.winners[0]) if report.winners else None,
        "seconds": round(seconds_of(report), 1),
        "verdict": printable(summary.get("verdict", "")),
    }


def _time_note(report: RunReport) -> str:
    limit = report.folder.config.budget.time_limit
    of = "" if limit is None else f"of at most {show_seconds(limit)}"
    until = "" if report.folder.summary["state"] == FINISHED else "until the last design"
    return ", ".join(part for part in (of, until) if part) or "of the search"
