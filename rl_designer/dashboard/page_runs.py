"""The first page: all runs, and how far they are."""

from typing import Any

from nicegui import ui

from rl_designer.dashboard.catalogue import Catalogue
from rl_designer.dashboard.facts import run_row
from rl_designer.dashboard.parts import Text, columns, frame, heading, poll
from rl_designer.quantities import show_count, show_seconds
from rl_designer.reports.words import figure
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
_TO_RUN = """
<q-td :props="props"><a :href="`/run/${props.row.key}`">{{ props.value }}</a></q-td>
"""
_LEFT = ("name", "state", "about", "verdict")


def runs_page(catalogue: Catalogue) -> None:
    """Lists the runs of now."""
    with frame("Runs"):
        heading("Runs", 1)
        none = Text("p")
        table = ui.table(rows=[], columns=columns(_COLUMNS, _LEFT), row_key="key", pagination=50)
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
        "accuracy": figure(row.get("accuracy")),
        "reward": figure(row.get("reward")),
        "parameters": show_count(row.get("parameters")),
        "found": show_count(row.get("found")),
        "seconds": "–" if seconds is None else show_seconds(seconds),
    }
