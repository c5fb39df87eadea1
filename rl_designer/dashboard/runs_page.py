"""The pages of runs: all of them, side by side, and one as it goes."""

from collections.abc import Mapping
from typing import Any

from nicegui import run, ui

from rl_designer.dashboard.parts import Part, Text, columns, frame, heading, link, poll, told
from rl_designer.dashboard.watch import (
    CAN_GO_ON,
    FINISHED,
    SEARCHING,
    UNREADABLE,
    Catalogue,
    RunWatch,
    View,
    design_rows,
    progress,
    run_row,
    tiles,
)
from rl_designer.quantities import show_count, show_figure, show_seconds
from rl_designer.reports.front import overlay_front
from rl_designer.reports.learning import overlay_plot
from rl_designer.reports.plots import Plot
from rl_designer.runs.reading import RunReport
from rl_designer.text import printable

_COLUMNS = {
    "name": "run",
    "state": "state",
    "evaluations": "evaluations",
    "accuracy": "validation",
    "parameters": "parameters",
    "seconds": "time",
    "about": "what",
}
_AT_FIRST = 8  # runs that are chosen when the page opens: as many as there are colours
_COMPARED = {
    "name": "run",
    "state": "state",
    "reward": "best reward",
    "accuracy": "validation",
    "parameters": "parameters",
    "found": "found at",
    "evaluations": "evaluations",
    "seconds": "time",
    "about": "what",
    "verdict": "verdict",
}
_TO_RUN = """
<q-td :props="props"><a :href="`/run/${props.row.key}`">{{ props.value }}</a></q-td>
"""
_TEXTS = ("name", "state", "about", "verdict")


def runs_page(catalogue: Catalogue) -> None:
    """Lists the runs of now."""
    with frame("Runs"):
        heading("Runs", 1)
        none = Text("p")
        table = ui.table(rows=[], columns=columns(_COLUMNS, _TEXTS), row_key="key", pagination=50)
        table.props("flat wrap-cells").classes("card wide-table")
        table.add_slot("body-cell-name", _TO_RUN)

    def show(rows: list[dict[str, Any]]) -> None:
        parent = printable(catalogue.parent)
        none.show("" if rows else f"There is no run in {parent} yet. `rl-designer train` makes one.")
        table.set_visibility(bool(rows))
        if table.rows != rows:
            table.rows = rows

    poll(lambda: [shown(run_row(key, watch.look())) for key, watch in catalogue.watches().items()], show)


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A run's row with its figures as texts."""
    seconds = row.get("seconds")
    return row | {
        "evaluations": show_count(row.get("evaluations")),
        "accuracy": show_figure(row.get("accuracy")),
        "reward": show_figure(row.get("reward")),
        "parameters": show_count(row.get("parameters")),
        "found": show_count(row.get("found")),
        "seconds": "–" if seconds is None else show_seconds(seconds),
    }


def compare_page(catalogue: Catalogue) -> None:
    """Compares the chosen runs."""
    watches = catalogue.watches()
    chosen = {key: number < _AT_FIRST for number, key in enumerate(watches)}
    with frame("Compare"):
        heading("Runs side by side", 1)
        with ui.element("fieldset").classes("choice"):
            Text("legend", "Runs")
            for key, watch in watches.items():
                box = ui.checkbox(watch.name, value=chosen[key])
                box.on_value_change(lambda event, key=key: chosen.update({key: event.value}))
        Text("p", "" if watches else "There is no run yet. `rl-designer train` makes one.")
        table = ui.table(rows=[], columns=columns(_COMPARED, _TEXTS), row_key="key")
        table.props("flat wrap-cells").classes("card wide-table")
        with ui.element("div").classes("columns"):
            figures = Part(), Part()

    def look() -> tuple[list[dict[str, Any]], tuple[Plot | None, ...]]:
        views = {key: watch.look() for key, watch in watches.items() if chosen[key]}
        rows = [shown(run_row(key, view)) for key, view in views.items()]
        return rows, overlays(list(views.values()))

    def show(found: tuple[list[dict[str, Any]], tuple[Plot | None, ...]]) -> None:
        rows, plots = found
        if table.rows != rows:
            table.rows = rows
        for part, plot in zip(figures, plots, strict=True):
            part.show_plot(plot)

    poll(look, show)


def overlays(views: list[View]) -> tuple[Plot | None, Plot | None]:
    """The learning curves, and the fronts, of the runs that can be read."""
    read = [(view.report, f"{number}. {view.name}") for number, view in enumerate(views, start=1)]
    known = [(report, name) for report, name in read if report is not None]
    if not known:
        return None, None
    reports, names = zip(*known, strict=True)
    return overlay_plot(reports, names), overlay_front(reports, names)


# The front in each pair of up to three objectives.
_FIGURES = ("run-learning", "run-front", "run-front-2", "run-front-3")
_DESIGNS = {
    "number": "no.",
    "accuracy": "validation",
    "reward": "reward",
    "parameters": "parameters",
    "macs": "multiply-adds",
    "by": "by",
    "ended": "trained",
    "design": "design",
}


def run_page(key: str, watch: RunWatch) -> None:
    """Follows one run."""
    with frame(watch.name):
        head = _Head(key, watch)
        tiles_part = Part()
        with ui.element("div").classes("columns"):
            figures = {name: Part() for name in _FIGURES}
        body = _Body()
    seen: list[RunReport | None] = [None]

    async def show(view: View) -> None:
        head.show(view)
        if view.report is None or view.report is seen[0]:
            return
        data = await run.io_bound(watch.figures, view.report)
        if data is None:  # the server ends
            return
        seen[0] = view.report
        head.show_figures(view.report, data)
        tiles_part.show("tiles", tiles(view.report, data))
        named = {plot.name: plot for plot in data["plots"]}
        for name, part in figures.items():
            part.show_plot(named.get(name))
        body.show(view.report, data)

    poll(watch.look, show)


class _Head:
    """Title, state, budget, buttons, and what went wrong."""

    def __init__(self, key: str, watch: RunWatch) -> None:
        heading(watch.name, 1)
        self._what = Text("p", classes="muted")
        with ui.element("div").classes("actions"):
            self._state = ui.label("reading …").classes("state").props('role="status"')
            self._buttons(watch)
            link("Sample designs", f"/run/{key}/sample").classes("action")
            link("Report", f"/run/{key}/report").classes("action").props('target="_blank"')
        self._bar = ui.linear_progress(0, show_value=False).props(
            'rounded size="10px" aria-label="Budget used"'
        )
        self._problem = Text("p", classes="problem")
        self._verdict = Text("p", classes="verdict")

    def _buttons(self, watch: RunWatch) -> None:
        self._stop = ui.button("Stop").props("no-caps outline")
        self._resume = ui.button("Resume").props("no-caps outline")
        self._stop.disable()  # until the state is known
        self._resume.disable()
        problem = Text("p", classes="problem")
        problem.element.props('role="alert"')

        async def stop() -> None:
            self._stop.disable()
            await run.io_bound(watch.stop)

        async def resume() -> None:
            self._resume.disable()
            await run.io_bound(watch.resume)

        self._stop.on_click(told(stop, problem))
        self._resume.on_click(told(resume, problem))

    def show(self, view: View) -> None:
        self._state.set_text(printable(view.state))
        self._state.classes(replace=f"state {view.state.split()[0]}")
        self._stop.set_enabled(view.state == SEARCHING)
        self._resume.set_enabled(view.state in CAN_GO_ON)
        self._stop.set_visibility(view.state not in (FINISHED, UNREADABLE))
        self._resume.set_visibility(view.state not in (FINISHED, UNREADABLE))
        self._problem.show(view.problem)

    def show_figures(self, report: RunReport, data: Mapping[str, Any]) -> None:
        self._what.show(data["title"])
        self._verdict.show(data["verdict"])
        share = progress(report)
        self._bar.set_visibility(share is not None)
        self._bar.set_value(share or 0.0)


class _Body:
    """The best design, the designs as they come, cost and failures, the configuration."""

    def __init__(self) -> None:
        with ui.element("div") as self._all:
            self._build()
        self._all.set_visibility(False)

    def _build(self) -> None:
        with ui.element("section").classes("card") as self._on_front:
            heading("The front so far")
            self._front = Part()
        with ui.element("section").classes("card"):
            heading("The best design so far")
            self._best = Text("p", classes="muted")
            self._layers = Part()
        with ui.element("section").classes("card"):
            heading("Designs, the newest first")
            self._count = Text("p", classes="muted")
            self._designs = ui.table(
                rows=[], columns=columns(_DESIGNS, ("by", "ended", "design")), row_key="number", pagination=10
            )
            self._designs.props("flat dense wrap-cells").classes("wide-table designs")
        with ui.element("div").classes("columns"):
            with ui.element("section").classes("card"):
                heading("Cost and failures")
                self._spent, self._failures = Part(), Part()
            with ui.element("section").classes("card"):
                heading("Configuration")
                self._configuration = Part()

    def show(self, report: RunReport, data: Mapping[str, Any]) -> None:
        self._all.set_visibility(True)
        rows = design_rows(report)
        self._designs.rows = rows
        count = len(report.designs)
        rest = "" if len(rows) == count else f"; the newest {len(rows):,} of them are here"
        self._count.show(f"{count:,} designs{rest}." if count else "None yet.")
        self._on_front.set_visibility(data["front"] is not None)
        if data["front"] is not None:
            self._front.show("front", data["front"])
        if winner := data["winner"]:
            self._layers.show("layers", winner["drawing"])
        best = f"{winner['digest']}, layer by layer." if winner else "No design has been trained in full yet."
        self._best.show(best)
        self._spent.show("pairs", "Spent", data["spent"])
        self._failures.show("failures", data["failed_share"], data["failures"])
        self._configuration.show("pairs", "Configuration", data["configuration"])
