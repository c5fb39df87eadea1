"""`latency` and its parts."""

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from rl_designer.commands.options import (
    COUNT,
    FILE,
    OUTPUT_FOLDER,
    note,
    options_of,
    output_options,
    print_json,
    together,
)
from rl_designer.config import Subject, Where
from rl_designer.envs.search_spaces.registry import DataSpace
from rl_designer.errors import usage_errors
from rl_designer.jobs.progress import Display
from rl_designer.latencies.files import Latencies
from rl_designer.latencies.fitting import Fitted, fitted
from rl_designer.latencies.measuring import DESIGNS, measured
from rl_designer.setting import training_data

# Of which designs.
_SPACE = together(
    options_of(Subject, without=("table", "task", "max_latency", "latency_from")),
    click.option(
        "--designs", type=COUNT, default=DESIGNS, show_default=True, help="Random ones, so many of them."
    ),
    click.option(
        "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the random designs."
    ),
)


@click.group()
def latency() -> None:
    """Measure what networks take, here or on a device, for --max-latency."""


@latency.command()
@_SPACE
@options_of(Where, "device")
@click.option("--output", type=FILE, required=True, help="The file that --latency-from takes, a .json.")
@output_options
def measure(
    output: Path,
    designs: int,
    seed: int,
    device: str | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Measure random designs on this machine, by PyTorch, and write what one example takes.

    The file holds for later searches, here or elsewhere, on these data or others of the kind. Let nothing
    else run meanwhile.
    """
    space = _space(options)
    with usage_errors():
        found = measured(space, device or "auto", designs, seed)
    output.parent.mkdir(parents=True, exist_ok=True)
    found.write(output)
    note(f"written: {output}", quiet)
    _show(fitted(found), output, as_json)


@latency.command()
@_SPACE
@click.option("--output", type=OUTPUT_FOLDER, required=True, help="Folder to make, for the device.")
@output_options
def export(output: Path, designs: int, seed: int, as_json: bool, quiet: bool, **options: Any) -> None:
    """Write random designs as ONNX files, and a script that measures them where ONNX Runtime alone is.

    Take the folder to the device, run `python measure.py` in it, and bring `latencies.json` back: it is what
    --latency-from takes.
    """
    from rl_designer.exporting.latencies import export_networks

    space = _space(options)
    display = Display(quiet)
    display.begin("", designs, "written")
    with closing(display):
        count = export_networks(space, output, designs, seed, lambda n: display.show(n, "", fresh=n))
    note(f"{count:,} networks and measure.py are in {output}", quiet)
    if as_json:
        print_json({"folder": str(output), "designs": count})


@latency.command()
@click.argument("file", metavar="FILE", type=FILE)
@output_options
def info(file: Path, as_json: bool, quiet: bool) -> None:
    """Show how well what was measured can be expected."""
    _show(fitted(Latencies.read(file)), file, as_json)


def _space(options: dict[str, Any]) -> DataSpace:
    with usage_errors():
        subject = Subject.of(options)
    return training_data(subject)[1]


def _show(found: Fitted, file: Path, as_json: bool) -> None:
    if as_json:
        figures = {"designs": found.designs, "error": found.error, "rank_correlation": found.rank}
        print_json({"file": str(file), **figures, "nanoseconds": dict(found.model.nanoseconds)})
    else:
        click.echo(found.model.about)
