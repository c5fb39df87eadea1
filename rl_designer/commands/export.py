"""`export`."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rl_designer.commands.options import (
    FOLDER,
    OUTPUT_FOLDER,
    choice_options,
    data_options,
    limits_option,
    note,
    options_of,
    output_options,
    print_json,
    seed_of,
    store_option,
)
from rl_designer.exporting.find import find_subject
from rl_designer.exporting.optuna import export_to_optuna
from rl_designer.exporting.quantisation import Quantisation, asked
from rl_designer.exporting.subject import Subject
from rl_designer.runs.choosing import Choice
from rl_designer.runs.reading import read_run
from rl_designer.text import printable

if TYPE_CHECKING:
    from rl_designer.exporting.export import Exported

_DEFAULT = "exported"


@click.command()
@click.argument("source", metavar="RUN|ARCHITECTURE.json|RETRAINED", type=FOLDER)
@click.option(
    "--output",
    type=OUTPUT_FOLDER,
    help="Where the files go.  [default: `exported` in the run or folder, or here]",
)
@click.option(
    "--format",
    "formats",
    metavar="NAME",
    multiple=True,
    help="python, onnx (needs the extra `onnx`), torch-export, int8 or card; again for more.  "
    "[default: all but int8]",
)
@click.option(
    "--weights-of", metavar="SEED", help="Full training whose weights to take.  [default: the first]"
)
@choice_options
@click.option("--licence", metavar="TEXT", help="For the model card.")
@click.option("--overwrite", is_flag=True, help="Replace the files that are there.")
@options_of(Quantisation)
@data_options
@store_option
@limits_option
@click.option(
    "--to-optuna",
    metavar="FILE|URL",
    help="Write the RUN into an Optuna study there instead, such as sqlite:///optuna.db (needs the extra "
    "`optuna`).",
)
@output_options
def export(
    source: Path,
    output: Path | None,
    formats: tuple[str, ...],
    weights_of: str | None,
    prefer: str | None,
    within: float | None,
    licence: str | None,
    overwrite: bool,
    store: str | None,
    to_optuna: str | None,
    as_json: bool,
    quiet: bool,
    **more: Any,
) -> None:
    """Write a network as plain Python, ONNX, a torch.export program, and a model card.

    Of a RUN its best design, with the weights that `retrain` gave it. Each file is read back and must compute
    what the network does.
    """
    if to_optuna is not None:
        _check_alone(click.get_current_context())
        _write_study(source, to_optuna, store, as_json, quiet)
        return
    # Here, since it loads torch.
    from rl_designer.exporting.export import export as write
    from rl_designer.exporting.export import left_out, wanted_formats

    how = asked({name: more.pop(name) for name in Quantisation.declared()}, formats)
    wanted = wanted_formats(formats, int8=bool(how.int8))
    given = {name: value for name, value in more.items() if value is not None}
    choice = Choice(prefer, within)
    subject = find_subject(source, given, seed=seed_of(weights_of), store=store, choice=choice)
    if choice.is_made:
        note(f"{source}: {subject.origin.note}", quiet)
    folder = output or (source / _DEFAULT if source.is_dir() else Path(_DEFAULT))
    files = write(subject, folder, wanted, licence=licence, overwrite=overwrite, quantisation=how)
    if not formats:
        for name, packages in left_out().items():
            note(f"no {name}: it needs {', '.join(packages)}: pip install 'rl-designer[onnx]'", quiet)
    if not subject.trained:
        note("The weights are not trained; `rl-designer retrain` trains them.", quiet)
    if as_json:
        print_json(_to_dict(subject, files))
    else:
        _print(subject, files)


def _check_alone(context: click.Context) -> None:
    """Raises UsageError where --to-optuna stands beside an option that is about files."""
    beside = ("source", "to_optuna", "store", "as_json", "quiet")
    for option in context.command.params:
        given = context.get_parameter_source(str(option.name)) is click.core.ParameterSource.COMMANDLINE
        if given and option.name not in beside:
            raise click.UsageError(f"--to-optuna and {option.opts[0]} exclude each other: it writes no file")


def _write_study(source: Path, url: str, store: str | None, as_json: bool, quiet: bool) -> None:
    written = export_to_optuna(read_run(source, store), url)
    if as_json:
        facts = {"study": written.name, "storage": written.url}
        print_json({"files": [], **facts, "trials": written.trials, "added": written.added})
        return
    click.echo(printable(f"study {written.name}: {written.trials:,} trials, {written.added:,} of them new"))
    note(f"See them: {shlex.join(['optuna-dashboard', written.url])}", quiet)


def _to_dict(subject: Subject, files: Sequence["Exported"]) -> dict[str, Any]:
    return {
        "files": [str(file.path) for file in files],
        "digest": subject.architecture.digest,
        "parameters": subject.costs.parameters,
        "macs": subject.costs.macs,
        "trained": subject.trained,
        "weights_of": subject.retrained_seed,
        "checked_on_real_inputs": subject.examples is not None,
        "largest_difference": {file.format: file.difference for file in files if file.difference is not None},
        **{file.format: file.quantised.to_dict() for file in files if file.quantised is not None},
    }


def _print(subject: Subject, files: Sequence["Exported"]) -> None:
    inputs = "random and real inputs" if subject.examples is not None else "random inputs"
    for file in files:
        same = "" if file.difference is None else f"  (checked on {inputs}: within {file.difference:.1e})"
        if (made := file.quantised) is not None:
            same = f"  ({made.words}; in float32 stay: {made.left})"
        click.echo(printable(f"{file.path}{same}"))
