"""`report`."""

from collections.abc import Sequence
from pathlib import Path

import click

from rl_designer.commands.options import FOLDER, note, output_options, print_json, store_option
from rl_designer.reports.benchmark_page import BenchmarkReport, is_benchmark, read_benchmark
from rl_designer.reports.page import REPORT, write_report
from rl_designer.reports.terminal import print_report, terminal
from rl_designer.runs.reading import RunReport, read_run, report_to_dict


@click.command()
@click.argument("folders", metavar="RUN...", type=FOLDER, nargs=-1, required=True)
@click.option(
    "--output",
    metavar="FILE.html",
    type=FOLDER,
    help="Where the page goes.  [default: report.html in the folder; of several, here]",
)
@store_option
@output_options
def report(
    folders: tuple[Path, ...], output: Path | None, store: str | None, as_json: bool, quiet: bool
) -> None:
    """Show what one RUN or several found, as text and as one HTML page that needs no network.

    A RUN may also be a folder that `benchmark … --output` wrote. With --json the runs' data; the page is then
    written only where --output says so.
    """
    subjects = [read_benchmark(f) if is_benchmark(f) else read_run(f, store) for f in folders]
    runs = [subject for subject in subjects if isinstance(subject, RunReport)]
    benchmarks = [subject for subject in subjects if isinstance(subject, BenchmarkReport)]
    if as_json:
        data = report_to_dict(runs)
        if benchmarks:
            data["benchmarks"] = [{"folder": str(found.path), **found.data} for found in benchmarks]
        if output is not None:
            write_report(subjects, output)
            data["file"] = str(output)
        print_json(data)
        return
    _print(runs)
    path = output or (folders[0] / REPORT if len(folders) == 1 else Path(REPORT))
    write_report(subjects, path)
    note(f"The page: {path}", quiet)


def _print(runs: Sequence[RunReport]) -> None:
    console = terminal()
    for number, read in enumerate(runs):
        if number:
            console.rule()
        print_report(console, read)
