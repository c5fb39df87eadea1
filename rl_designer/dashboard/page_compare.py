"""Runs side by side: their learning curves and fronts over one another, and a table."""

from typing import Any

from nicegui import ui

from rl_designer.dashboard.catalogue import Catalogue
from rl_designer.dashboard.facts import run_row
from rl_designer.dashboard.page_runs import shown
from rl_designer.dashboard.parts import Figure, Text, columns, frame, heading, poll
from rl_designer.dashboard.watch import View
from rl_designer.reports.front import overlay_front
from rl_designer.reports.learning import overlay_plot
from rl_designer.reports.plots import Plot

_AT_FIRST = 8  # runs that are chosen when the page opens: as many as there are colours
_COLUMNS = {
    "name": "run",
    "state": "state",
    "reward": "best reward",
    "accuracy": "val. accuracy",
    "parameters": "parameters",
    "found": "found at",
    "evaluations": "evaluations",
    "seconds": "time",
    "about": "what",
    "verdict": "verdict",
}
_TEXTS = ("name", "state", "about", "verdict")


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
        table = ui.table(rows=[], columns=columns(_COLUMNS, _TEXTS), row_key="key")
        table.props("flat wrap-cells").classes("card wide-table")
        with ui.element("div").classes("columns"):
            figures = Figure(), Figure()

    def look() -> tuple[list[dict[str, Any]], tuple[Plot | None, ...]]:
        views = {key: watch.look() for key, watch in watches.items() if chosen[key]}
        rows = [shown(run_row(key, view)) for key, view in views.items()]
        return rows, overlays(list(views.values()))

    def show(found: tuple[list[dict[str, Any]], tuple[Plot | None, ...]]) -> None:
        rows, plots = found
        if table.rows != rows:
            table.rows = rows
        for part, plot in zip(figures, plots, strict=True):
            part.show(plot)

    poll(look, show)


def overlays(views: list[View]) -> tuple[Plot | None, Plot | None]:
    """The learning curves, and the fronts, of the runs that can be read."""
    read = [(view.report, f"{number}. {view.name}") for number, view in enumerate(views, start=1)]
    known = [(report, name) for report, name in read if report is not None]
    if not known:
        return None, None
    reports, names = zip(*known, strict=True)
    return overlay_plot(reports, names), overlay_front(reports, names)
