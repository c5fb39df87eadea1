"""What a loop has brought, for a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rl_designer.quantities import show_seconds
from rl_designer.text import printable


def print_loop(console: Console, data: Mapping[str, Any]) -> None:
    """Evaluations until each table's best by generation, the sentences, what it took."""
    judged = data["judged"]
    heading = f"Evaluations until a table's best (mean ± standard error of {judged['seeds']} seeds)"
    console.print(Text(heading, style="bold"), soft_wrap=True)
    console.print(_table(judged))
    for line in (*(generation["told"] for generation in data["generations"]), *data["conclusions"]):
        console.print(Text(printable(line)), soft_wrap=True)
    energy = "" if data["energy_kwh"] is None else f", {1000 * data['energy_kwh']:.2f} Wh"
    took = f"designed in {show_seconds(data['seconds'])}{energy}; the controllers: {data['folder']}"
    console.print(Text(printable(f"{took}/generation-*/controller.toml")), soft_wrap=True)


def _table(judged: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    for of_all in judged["over_all"]:
        table.add_column(f"generation {of_all['generation']}", justify="right", no_wrap=True)
    for line in judged["tasks"]:
        table.add_row(Text(printable(line["task"])), *map(_figure, line["generations"]))
    means = (f"{of_all['geometric_mean']:.1f}" for of_all in judged["over_all"])
    table.add_row(Text("geometric mean", style="bold"), *means)
    return table


def _figure(of_task: Mapping[str, Any]) -> str:
    error = of_task["standard_error"]
    spread = "" if error is None else f" ± {error:.1f}"
    missed = "" if of_task["found"] == 1 else f" ({of_task['found']:.0%} found it)"
    return f"{of_task['mean']:.1f}{spread}{missed}"
