"""What a run found, as text for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from rl_designer.envs.architecture import TRAINING, Architecture
from rl_designer.envs.problem import Design, best_of, merit
from rl_designer.latencies.checking import latency_told
from rl_designer.oversight.approval import said_of
from rl_designer.quantities import show_count, show_figure, show_seconds
from rl_designer.reports.designs import device_costs, draw
from rl_designer.reports.plots import thinned
from rl_designer.runs.reading import RunReport, improvement
from rl_designer.store.store import StoredDesign
from rl_designer.text import printable, short_design, shortened

WINNERS = 10
FRONT_ROWS = 20
_WIDTH_ELSEWHERE = 120  # characters, where stdout is no terminal


def print_report(console: Console, report: RunReport) -> None:
    """The table of winners, the best design layer by layer, how the designs improved, the verdict."""
    for part in _parts(report, console.width):
        console.print(part, soft_wrap=isinstance(part, Text))


def terminal(*, stderr: bool = False) -> Console:
    """A console that leaves wide lines to where they go, unless that is a terminal."""
    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=_WIDTH_ELSEWHERE)


def _parts(report: RunReport, width: int) -> Iterator[RenderableType]:
    yield Text(_headline(report), style="bold")
    if rule := report.folder.summary.get("stopped_by"):
        yield Text(f"Ended by a limit: {printable(str(rule))}.")
    if not report.winners:
        yield Text(_all_failed(report) if report.designs else _none(report))
        return
    if report.front:
        yield Text(f"The front: {front_told(report)}")
        yield _front_table(report, width)
        yield Text("")
    yield _winners_table(report, width)
    yield from _best_design(report)
    yield Text("")
    better = improvement([d.design for d in report.designs if report.is_own(d)])
    if better is not None and report.best_by == "reward" and not report.objectives:
        first, last = better["first_quarter"], better["last_quarter"]
        yield Text(
            f"Mean reward of {report.agent}'s designs: {first:.4f} in the first quarter, "
            f"{last:.4f} in the last."
        )
    for line in references_told(report):
        yield Text(line)
    for source in report.folder.summary.get("sources", []):
        yield Text(f"Started from {printable(source['reason'])}.")
    if told := report.folder.summary.get("finalists_verdict"):
        yield Text(printable(told))
    if "verdict" in report.folder.summary:
        yield Text(printable(report.folder.summary["verdict"]))


def _best_design(report: RunReport) -> Iterator[RenderableType]:
    """Layer by layer, with what it takes on a device and who approved it."""
    best, setting = report.winners[0].design.architecture, report.folder.summary.get("setting", {})
    yield Text(f"\nThe best design, {best.digest}:")
    yield drawing(best, setting)
    for words, spent, most in device_costs(best, setting):
        yield Text(f"{spent} {words}, {most}")
    if (told := latency_told(report.folder.summary)) is not None:
        yield Text(told)
    if approval := said_of(report.folder, best.digest):
        yield Text(f"{approval}.")


def references_told(report: RunReport) -> Iterator[str]:
    """Which networks designed by hand the search began with, and whether it got beyond: one line or none."""
    if not report.references:
        return
    found = {d.design.architecture.digest: d for d in report.designs if d.source == "agent"}
    known = [(name, found[digest].design) for digest, name in report.references.items() if digest in found]
    figures = ", ".join(f"{name} ({_figure(design, report)})" for name, design in known)
    line = f"Began with the nearest to networks designed by hand: {figures or 'none was evaluated'}"
    best = best_of([design for _, design in known], report.best_by)
    if best is not None:
        first = best_of((d.design for d in report.winners), report.best_by) or best
        ahead = merit(first, report.best_by) - merit(best, report.best_by)
        line += f"; the best design is ahead by {ahead:.4f}" if ahead > 0 else "; no design was better"
    yield printable(f"{line}.")


def _figure(design: Design, report: RunReport) -> str:
    if not design.evaluation.in_full:
        return "failed"
    facts = report.folder.summary["references"]["found"]
    mine = next(fact for fact in facts if fact["digest"] == design.architecture.digest)
    return "; ".join((show_figure(merit(design, report.best_by)), *mine.get("differences", ())))


def _headline(report: RunReport) -> str:
    summary, designs = report.folder.summary, [d.design for d in report.designs]
    failed = sum(design.evaluation.failure is not None for design in designs)
    state = str(summary.get("state", "running"))
    time = f" in {show_seconds(summary['seconds'])}" if "seconds" in summary else ""
    stopped = sum(design.evaluation.stopped_at is not None for design in designs)
    failures = f", {failed:,} failed" if failed else ""
    failures += f", {stopped:,} stopped early" if stopped else ""
    given_up = summary.get("given_up", 0)
    failures += f", {given_up:,} given up at the time limit" if given_up else ""
    what = f"{report.folder.config.agent} on {summary.get('title', '')}"
    return printable(f"{report.folder.path}: {what}, {state}, {len(designs):,} evaluations{time}{failures}")


def _none(report: RunReport) -> str:
    limit = report.folder.config.budget.time_limit
    if limit is None or not report.folder.summary.get("given_up"):
        return "No design has been trained yet."
    return (
        f"No design was trained within the time limit of {show_seconds(limit)}: allow more time, or less for "
        "each training (fewer epochs, or --examples)."
    )


def _all_failed(report: RunReport) -> str:
    reason = printable(report.designs[0].design.evaluation.failure)
    return f"All {len(report.designs):,} designs failed; the first: {reason}"


def _winners_table(report: RunReport, width: int) -> Table:
    winners = report.winners[:WINNERS]
    evaluations = [winner.design.evaluation for winner in winners]
    columns: dict[str, list[str]] = {
        "": [str(rank) for rank in range(1, len(winners) + 1)],
        "reward": [show_figure(winner.design.reward) for winner in winners],
        f"val. {report.objective.metric}": [show_figure(report.measured(e)) for e in evaluations],
        "as finalist": [show_figure(report.measured_longer(winner)) for winner in winners],
        "parameters": [show_count(e.parameters) for e in evaluations],
        "multiply-adds": [show_count(e.macs) for e in evaluations],
        "found at": [str(report.position(winner)) for winner in winners],
        "by": [report.found_by(winner) for winner in winners],
    }
    return _designs_table(columns, winners, width)


def _designs_table(columns: Mapping[str, list[str]], designs: Sequence[StoredDesign], width: int) -> Table:
    """Designs with what is known of them, a column each, and what they are made of."""
    columns = {name: cells for name, cells in columns.items() if set(cells) != {"–"}}
    room = width - sum(2 + max(map(len, (name, *cells))) for name, cells in columns.items())
    columns["design"] = [shortened(short_design(w.design.architecture), max(room, 16)) for w in designs]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in columns:
        table.add_column(
            Text(printable(name)), justify="left" if name in ("by", "design") else "right", no_wrap=True
        )
    for cells in zip(*columns.values(), strict=True):
        table.add_row(*map(Text, cells))
    return table


def front_told(report: RunReport) -> str:
    """How many designs no other beats, and in what."""
    names = ", ".join(report.title_of(objective) for objective in report.objectives)
    count = len(report.front)
    return f"{count:,} {'design' if count == 1 else 'designs'} that no other beats in {names}."


def _front_table(report: RunReport, width: int) -> Table:
    """The designs of the front with their figures, the best by the leading objective first."""
    front = thinned(report.front, FRONT_ROWS)
    columns = {
        report.title_of(objective): [report.shown(objective, each.figures[objective.name]) for each in front]
        for objective in report.objectives
    }
    columns["found at"] = [str(report.position(each.found)) for each in front]
    columns["by"] = [report.found_by(each.found) for each in front]
    return _designs_table(columns, [each.found for each in front], width)


def drawing(architecture: Architecture, setting: Mapping[str, Any]) -> RenderableType:
    """A design layer by layer: what each makes of the shape, what it costs; of a table's, its decisions."""
    drawn, table = draw(architecture, setting), Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("layer")
    if not drawn.parameters:
        table.add_column("")
        for line in drawn.lines:
            table.add_row(Text(printable(line.kind)), Text(", ".join(value for _, value in line.options)))
        return table
    for name in ("output", "parameters", "multiply-adds"):
        table.add_column(name, justify="right", no_wrap=True)
    graph = drawn.graph
    for line in drawn.lines:
        name = line.text if line.kind in ("input", TRAINING) else f"↓ {line.text}"
        if line.kind == "cell" and graph is not None:
            name, graph = f"{name}: {graph.words}", None  # the others are the same
        costs = ("·" if cost == "0" else cost for cost in (line.parameters, line.macs))
        table.add_row(Text(printable(name)), line.shape, *costs)
    table.add_row("together", "", drawn.parameters, drawn.macs, style="bold")
    return table
