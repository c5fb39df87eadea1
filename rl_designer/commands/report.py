"""`report`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rl_designer.commands.options import FOLDER, note, output_options, print_json

if TYPE_CHECKING:
    from rl_designer.reports.benchmark_page import BenchmarkReport
    from rl_designer.runs.reading import RunReport


@click.command()
@click.argument("folders", metavar="RUN...", type=FOLDER, nargs=-1, required=True)
@click.option(
    "--output",
    metavar="FILE.html",
    type=FOLDER,
    help="Where the page goes.  [default: report.html in the folder; of several, here]",
)
@click.option("--store", metavar="FILE|URL", help="The runs' store, where it was moved.")
@output_options
def report(
    folders: tuple[Path, ...], output: Path | None, store: str | None, as_json: bool, quiet: bool
) -> None:
    """Show what one RUN or several found, as text and as one HTML page that needs no network.

    A RUN may also be a folder that `benchmark … --output` wrote. With --json the runs' data; the page is then
    written only where --output says so.
    """
    from rl_designer.runs.reading import report_to_dict

    subjects = [_read(folder, store) for folder in folders]
    runs, benchmarks = _sorted(subjects)
    if as_json:
        data = report_to_dict(runs)
        if benchmarks:
            data["benchmarks"] = [{"folder": str(found.path), **found.data} for found in benchmarks]
        if output is not None:
            data["file"] = str(_write(subjects, output))
        print_json(data)
        return
    _print(runs)
    path = _write(subjects, output or _default(folders))
    note(f"The page: {path}", quiet)


def _read(folder: Path, store: str | None) -> "RunReport | BenchmarkReport":
    from rl_designer.reports.benchmark_page import is_benchmark, read_benchmark
    from rl_designer.runs.reading import read_run

    return read_benchmark(folder) if is_benchmark(folder) else read_run(folder, store)


def _sorted(
    subjects: Sequence["RunReport | BenchmarkReport"],
) -> tuple[list["RunReport"], list["BenchmarkReport"]]:
    from rl_designer.reports.benchmark_page import BenchmarkReport
    from rl_designer.runs.reading import RunReport

    runs = [subject for subject in subjects if isinstance(subject, RunReport)]
    return runs, [subject for subject in subjects if isinstance(subject, BenchmarkReport)]


def _print(runs: Sequence["RunReport"]) -> None:
    from rl_designer.reports.terminal import print_report, terminal

    console = terminal()
    for number, read in enumerate(runs):
        if number:
            console.rule()
        print_report(console, read)


def _write(subjects: Sequence["RunReport | BenchmarkReport"], path: Path) -> Path:
    from rl_designer.reports.page import write_report

    write_report(subjects, path)
    return path


def _default(folders: Sequence[Path]) -> Path:
    from rl_designer.reports.page import REPORT

    return folders[0] / REPORT if len(folders) == 1 else Path(REPORT)
