"""What the commands of `table` end with: a file, and what is in it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rl_designer.commands.options import note, print_json

if TYPE_CHECKING:
    from rl_designer.envs.tables.table import ArchitectureTable

FILE = click.Path(path_type=Path, dir_okay=False)


def check_output(output: Path) -> None:
    """Raises UsageError for a path that is no `.npz`."""
    if output.suffix != ".npz":
        raise click.UsageError(f"--output must be a .npz file, got {str(output)!r}")


def write(table: "ArchitectureTable", output: Path, quiet: bool) -> None:
    """Saves a table, and says so."""
    output.parent.mkdir(parents=True, exist_ok=True)
    table.save(output)
    note(f"written: {output}", quiet)


def show(table: "ArchitectureTable", as_json: bool, output: Path | None = None) -> None:
    """Prints what `table info` shows: as JSON, or for people."""
    from rl_designer.reports.terminal import terminal
    from rl_designer.table_making.info import print_info, table_info

    info = table_info(table)
    if as_json:
        print_json(info if output is None else {"output": str(output), **info})
    else:
        print_info(info, terminal())
