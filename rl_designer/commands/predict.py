"""`predict`."""

import csv
import sys
from io import StringIO
from pathlib import Path

import click

from rl_designer.commands.options import (
    FILE,
    FOLDER,
    choice_options,
    limits_option,
    note,
    output_options,
    print_json,
    seed_of,
    store_option,
)
from rl_designer.files import write_text
from rl_designer.predicting.predict import FilePredictions, predict_file
from rl_designer.predicting.source import find_network
from rl_designer.runs.choosing import Choice
from rl_designer.text import printable


@click.command()
@click.argument("source", metavar="RUN|RETRAINED|EXPORTED", type=FOLDER)
@click.argument("file", metavar="FILE", type=FOLDER)
@click.option("--probabilities", is_flag=True, help="Those of all classes, too.")
@click.option("--output", type=FILE, help="A .csv file for the predictions.  [default: stdout]")
@click.option(
    "--weights-of", metavar="SEED", help="Full training whose weights to take.  [default: the first]"
)
@choice_options
@store_option
@limits_option
@output_options
def predict(
    source: Path,
    file: Path,
    probabilities: bool,
    output: Path | None,
    weights_of: str | None,
    prefer: str | None,
    within: float | None,
    store: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Use a trained network on rows, signals, images or texts of a FILE.

    Of a RUN the best design that `retrain` trained. FILE is a table of rows (.csv, .tsv, .parquet) with the
    columns of the training, an .npz with x, a .ts, an image, a text (.txt) or a folder of such; targets in it
    are passed over. Writes a row an example, as .csv.
    """
    network, told = find_network(source, seed_of(weights_of), store, Choice(prefer, within))
    if probabilities and not network.class_names:
        raise click.UsageError("--probabilities is for classes, and this network predicts a number")
    found = predict_file(network, file)
    for line in (*told, *found.predictions.notes):
        note(line, quiet)
    if output is not None:
        write_text(output, _csv(found, probabilities))
    if as_json:
        print_json({**found.to_dict(probabilities), "output": None if output is None else str(output)})
    elif output is None:
        _show(_csv(found, probabilities))
    else:
        note(f"{output}: {len(found.predictions):,} predictions", quiet)


def _csv(found: FilePredictions, probabilities: bool) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(found.header(probabilities))
    writer.writerows(found.rows(probabilities))
    return text.getvalue()


def _show(text: str) -> None:
    """On stdout; names from outside can't move a terminal's cursor."""
    lines = text.splitlines() if sys.stdout.isatty() else [text.removesuffix("\n")]
    for line in lines:
        click.echo(printable(line) if sys.stdout.isatty() else line)
