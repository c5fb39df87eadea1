"""`report`."""

from pathlib import Path

import click

from rl_designer.commands.common import FOLDER, output_options, print_json


@click.command()
@click.argument("folders", metavar="RUN...", type=FOLDER, nargs=-1, required=True)
@click.option("--store", metavar="FILE|URL", help="The runs' store, where it was moved.")
@output_options
def report(folders: tuple[Path, ...], store: str | None, as_json: bool, quiet: bool) -> None:
    """Show what one RUN or several found: winners, the best design, the verdict."""
    from rl_designer.report import print_report, read_run, report_to_dict, terminal

    reports = [read_run(folder, store) for folder in folders]
    if as_json:
        print_json(report_to_dict(reports))
        return
    console = terminal()
    for number, read in enumerate(reports):
        if number:
            console.rule()
        print_report(console, read)
