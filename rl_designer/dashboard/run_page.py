"""A run's page: how far it is, its figures, its designs as they come, and its two buttons."""

from collections.abc import Mapping
from typing import Any

from nicegui import run, ui

from rl_designer.dashboard.parts import Part, Text, columns, frame, heading, link, poll, told
from rl_designer.dashboard.watch import (
    CAN_GO_ON,
    FINISHED,
    SEARCHING,
    UNREADABLE,
    RunWatch,
    View,
    design_rows,
    progress,
    tiles,
)
from rl_designer.runs.reading import RunReport
from rl_designer.text import printable

_DESIGNS = {
    "number": "no.",
    "accuracy": "val. accuracy",
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
            figures = Part(), Part()
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
        for part, name in zip(figures, ("run-learning", "run-front"), strict=True):
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
        if winner := data["winner"]:
            self._layers.show("layers", winner["drawing"])
        best = f"{winner['digest']}, layer by layer." if winner else "No design has been trained in full yet."
        self._best.show(best)
        self._spent.show("pairs", "Spent", data["spent"])
        self._failures.show("failures", data["failed_share"], data["failures"])
        self._configuration.show("pairs", "Configuration", data["configuration"])
