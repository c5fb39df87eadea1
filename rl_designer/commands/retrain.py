"""`retrain`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rl_designer.commands.options import (
    COUNT,
    FOLDER,
    OUTPUT_FOLDER,
    Number,
    engine_options,
    output_options,
    print_json,
    taken_engine,
)

if TYPE_CHECKING:
    from rl_designer.envs.datasets import Dataset
    from rl_designer.retraining.settings import Plan

_SETTINGS = (
    "epochs",
    "batch_size",
    "learning_rate",
    "weight_decay",
    "label_smoothing",
    "averaging",
    "augment",
    "precision",
    "optimizer",
)

_DATA_OPTIONS = (
    click.option("--data", metavar="NAME|PATH", help="Data set; a run brings its own."),
    click.option("--target", metavar="COLUMN", help="Column to predict, of your own .csv or .parquet."),
    click.option(
        "--data-folder", metavar="FOLDER", help="Where the original files of a published data set lie."
    ),
    click.option("--image-size", type=COUNT, help="Side in pixels that your own images are brought to."),
    click.option("--space", metavar="NAME", help="Read the data as this space does, where two readings fit."),
    click.option("--store", metavar="FILE|URL", help="The runs' store, where it was moved."),
    click.option(
        "--trust",
        is_flag=True,
        help="Take runs that were copied from elsewhere and name code for their data. It is run with your "
        "rights: say so only of runs whose origin you trust.",
    ),
)
_TRAINING_OPTIONS = (
    click.option("--epochs", type=COUNT, help="Passes over the data.  [default: by their number]"),
    click.option("--seeds", type=COUNT, default=3, show_default=True, help="Trainings of each network."),
    click.option("--batch-size", type=COUNT, help="Examples a step."),
    click.option("--learning-rate", type=Number(0, min_open=True), help="Peak of the cycle."),
    click.option("--weight-decay", type=Number(0), help="Of matrices and kernels, decoupled."),
    click.option(
        "--label-smoothing",
        type=Number(0, 1, max_open=True),
        help="Share of the target that all classes get.",
    ),
    click.option(
        "--averaging",
        type=Number(0, 1),
        help="Horizon of the weights' average as a share of all steps; 0: none.",
    ),
    click.option("--augment", metavar="NAME", help="Vary the data.  [default: by their kind]"),
    click.option("--no-augment", is_flag=True, help="Don't vary the data."),
    click.option(
        "--precision",
        metavar="NAME",
        help="float32, or bfloat16 (faster where the hardware has it).  [default: by the device]",
    ),
    click.option(
        "--optimizer", metavar="NAME", help="adamw, or muon (slower, often better).  [default: adamw]"
    ),
    click.option(
        "--on-validation",
        is_flag=True,
        help="Train on the training part alone and score on validation; the test stays sealed.",
    ),
    click.option(
        "--workers", type=COUNT, help="Trainings at the same time.  [default: one a core, on a GPU one]"
    ),
    click.option("--device", metavar="NAME", default="auto", help="auto, cpu, cuda …  [default: auto]"),
)


def training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of data and of full trainings, which `plan_of` and `load_data` take."""
    command = engine_options(command)
    for option in reversed((*_DATA_OPTIONS, *_TRAINING_OPTIONS)):
        command = option(command)
    return command


def plan_of(options: dict[str, Any], dataset: "Dataset") -> "Plan":
    """How to train on a data set, by the options."""
    from rl_designer.retraining.settings import Plan

    if options["no_augment"] and options["augment"] is not None:
        raise click.UsageError("--augment and --no-augment exclude each other")
    given = {name: options[name] for name in _SETTINGS}
    if options["no_augment"]:
        given["augment"] = False
    plan = {name: options[name] for name in ("seeds", "on_validation", "workers", "device")}
    engine = taken_engine(dict(options))
    return Plan.of(dataset, given, **plan, engine=engine if options["engine"] == "ray" else None)


@click.command()
@click.argument("sources", metavar="RUN|ARCHITECTURE.json...", type=FOLDER, nargs=-1, required=True)
@click.option("--top", type=COUNT, default=1, show_default=True, help="Best designs of each run to train.")
@click.option(
    "--output",
    type=OUTPUT_FOLDER,
    help="Where each network's folder is made.  [default: `retrained` in the run, or here]",
)
@training_options
@output_options
def retrain(
    sources: tuple[Path, ...],
    top: int,
    output: Path | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Train the winners of runs, or architectures of files, in full, and score them on the sealed test split.

    Give the same command again to go on after any stop.
    """
    from rl_designer.jobs.progress import Display, JobProgress
    from rl_designer.reports.terminal import terminal
    from rl_designer.retraining.folder import plain_settings
    from rl_designer.retraining.output import print_retrained, retrained_to_dict, shown
    from rl_designer.retraining.retrain import retrain as train
    from rl_designer.retraining.winners import find_winners, load_data

    found = find_winners(sources, top=top, output=output, store=options["store"], trust=options["trust"])
    dataset = load_data(found, options)
    plan = plan_of(options, dataset)
    observer = JobProgress(Display(quiet, lines=0), shown(plan.settings.epochs))
    designs = train(found.winners, dataset, plan, observer)
    if as_json:
        print_json(retrained_to_dict(designs, dataset.name, plain_settings(plan.settings)))
    else:
        print_retrained(terminal(), designs, dataset.name)
