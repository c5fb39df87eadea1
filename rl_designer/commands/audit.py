"""`audit`."""

from dataclasses import asdict
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from rl_designer.commands.options import FOLDER, output_options, print_json, store_option
from rl_designer.errors import Error
from rl_designer.oversight.audit import Entry, Verified
from rl_designer.oversight.inspection import inspected
from rl_designer.reports.terminal import terminal
from rl_designer.runs.folder import RunFolder
from rl_designer.text import printable, shortened

_LONGEST = 160


@click.command()
@click.argument("folder", metavar="RUN", type=FOLDER)
@store_option
@output_options
def audit(folder: Path, store: str | None, as_json: bool, quiet: bool) -> None:
    """Show who did what in a RUN, and whether anything of it was changed.

    Looks through its log, the files that this names, and its designs, and names the first line that was
    changed, removed, added or cut off. Exit status 1 where anything was.
    """
    run = RunFolder.open(folder)
    found = inspected(run, store)
    if as_json:
        print_json(
            {
                "run": str(folder),
                "whole": not found.problems,
                "first_bad": found.first_bad,
                "problems": found.problems,
                "notes": found.notes,
                "lines": [asdict(entry) for entry in found.entries],
            }
        )
    else:
        _print(found, quiet)
    if found.problems:
        more = len(found.problems) - 1
        others = f", and {more:,} more" if more else ""
        raise Error(f"{folder} is not what its log says: {found.problems[0]}{others}")


def _print(found: Verified, quiet: bool) -> None:
    console = terminal()
    if not quiet:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("line", "time", "what", "who", "of what"):
            table.add_column(name, overflow="fold")
        for entry in found.entries:
            who = printable(f"{entry.who}@{entry.host}")
            table.add_row(str(entry.number), entry.time, entry.action, Text(who), Text(_told(entry)))
        console.print(table)
    for note in found.notes:
        console.print(Text(printable(note)), soft_wrap=True)
    for problem in found.problems[1:]:
        console.print(Text(f"Changed: {printable(problem)}", style="bold"), soft_wrap=True)
    if not found.problems:
        console.print(f"All {len(found.entries):,} lines are as they were written, and what they name is.")


def _told(entry: Entry) -> str:
    """The facts that people want to see at once."""
    facts = entry.facts
    told = [str(facts[name]) for name in ("by", "reason", "why", "design", "best") if facts.get(name)]
    files = facts.get("files")
    if isinstance(files, dict) and files:
        told.append(f"{len(files):,} file{'s' * (len(files) != 1)}")
    return shortened(printable("; ".join(told)), _LONGEST)
