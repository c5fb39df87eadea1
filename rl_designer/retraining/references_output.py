"""What `benchmark references` shows on a terminal."""

from typing import Any

from rich.console import Console
from rich.text import Text

from rl_designer.retraining.output import design_name, figures_table, split_of
from rl_designer.text import printable


def print_comparison(console: Console, data: dict[str, Any]) -> None:
    """Designs and references in one table, the best first, and the verdict where there are designs."""
    rows = [(f"{design_name(line)} ({line['origin']})", line) for line in data["designs"]]
    rows += [(line["name"], line) for line in data["references"]]
    rows.sort(key=lambda row: -(row[1][f"{split_of(row[1])}_accuracy"]["mean"] or 0.0))
    settings = rows[0][1]["settings"]
    augmented = f", {settings['augment']}" if settings["augment"] else ""
    title = f"{printable(data['data'])}: {settings['epochs']} epochs each{augmented}"
    console.print(Text(title, style="bold"), soft_wrap=True)
    console.print(figures_table(rows))
    if data["designs"]:
        console.print(Text(printable(data["verdict"])), soft_wrap=True)
