"""`approve`."""

from dataclasses import asdict
from pathlib import Path

import click

from rl_designer.commands.options import FOLDER, note, output_options, print_json, store_option
from rl_designer.oversight.approval import approve as give
from rl_designer.oversight.approval import revoke as take
from rl_designer.oversight.inspection import chosen
from rl_designer.runs.reading import read_run


@click.command()
@click.argument("folder", metavar="RUN", type=FOLDER)
@click.option("--design", metavar="DIGEST", help="Its digest, or how that begins.  [default: the best]")
@click.option("--by", metavar="NAME", required=True, help="The person who decides.")
@click.option("--reason", metavar="TEXT", required=True, help="Why.")
@click.option("--revoke", is_flag=True, help="Take the approval back.")
@store_option
@output_options
def approve(
    folder: Path,
    design: str | None,
    by: str,
    reason: str,
    revoke: bool,
    store: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Approve a design of a RUN, or revoke that, where an organisation's limits ask for it.

    It stands in the run's log, and holds for this design on these data with the weights that it has now:
    before `retrain` for the design alone, which lets it be trained; once trained, for these weights.
    """
    report = read_run(folder, store)
    digest = chosen(report, design)
    said = (take if revoke else give)(report.folder, digest, by, reason)
    if as_json:
        print_json({"run": str(folder), **asdict(said)})
        return
    note(f"Design {digest} of {folder}: {said.told}", quiet)
