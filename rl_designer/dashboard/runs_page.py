"""The pages of many runs: how far they are, and side by side."""

from typing import Any

from nicegui import ui

from rl_designer.dashboard.parts import Part, Text, columns, frame, heading, poll
from rl_designer.dashboard.watch import Catalogue, View, run_row
from rl_designer.quantities import show_count, show_figure, show_seconds
from rl_designer.reports.front import overlay_front
from rl_designer.reports.learning import overlay_plot
from rl_designer.reports.plots import Plot
from rl_designer.text import printable

_COLUMNS = {
    "name": "run",
    "state": "state",
    "evaluations": "evaluations",
    "accuracy": "val. accuracy",
    "parameters": "parameters",
    "seconds": "time",
    "about": "what",
}
_AT_FIRST = 8  # runs that are chosen when the page opens: as many as there are colours
_COMPARED = {
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
