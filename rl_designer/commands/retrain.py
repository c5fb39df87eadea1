"""`retrain`."""

from pathlib import Path
from typing import Any

import click

from rl_designer.commands.options import (
    COUNT,
    FOLDER,
    OUTPUT_FOLDER,
    choice_options,
    data_options,
    limits_option,
    note,
    options_of,
    output_options,
    print_json,
    store_option,
    taken_engine,
    together,
)
from rl_designer.config import Training, Where
from rl_designer.envs.datasets import Dataset
from rl_designer.jobs.progress import Display, JobProgress
from rl_designer.reports.terminal import terminal
from rl_designer.retraining.folder import plain_settings
from rl_designer.retraining.output import print_retrained, retrained_to_dict, shown
from rl_designer.retraining.recipes import best_recipe, told_of
from rl_designer.retraining.retrain import retrain as train
from rl_designer.retraining.settings import FullTraining, Plan
from rl_designer.retraining.sources import Sources, find_winners, load_data
from rl_designer.runs.choosing import Choice

# What is trained in full, and how.
training_options = together(
    click.option(
        "--top", type=COUNT, default=1, show_default=True, help="Best designs of each run to train."
    ),
    choice_options,
    click.option("--front", is_flag=True, help="All designs of the front of a run with objectives."),
    click.option(
        "--output",
        type=OUTPUT_FOLDER,
        help="Where each network's folder is made.  [default: `retrained` in a run for its own, and here]",
    ),
    data_options,
    store_option,
    click.option(
        "--trust",
        is_flag=True,
        help="Take runs that were copied from elsewhere and name code for their data. It is run with your "
        "rights: say so only of runs whose origin you trust.",
    ),
    options_of(FullTraining),
    options_of(
        Training,
        "metric",
        "examples",
        examples="Train on so many of the examples that there are to train on, each class in its share; the "
        "test stays whole.  [default: all]",
        metric="What is good, see `rl-designer list metrics`, or your own file.py:function.  "
        "[default: the runs', else accuracy, or r2 where a number is predicted]",
    ),
    click.option("--no-augment", is_flag=True, help="Don't vary the data."),
    click.option("--seeds", type=COUNT, default=3, show_default=True, help="Trainings of each network."),
    click.option(
        "--on-validation",
        is_flag=True,
        help="Train on the training part alone and score on validation; the test stays sealed.",
    ),
    options_of(Where, workers="Trainings at the same time.  [default: one a core, on a GPU one]"),
    limits_option,
    output_options,
)


def plan_of(options: dict[str, Any], found: Sources, dataset: Dataset) -> Plan:
    """How to train what was found on a data set, by the options."""
    if options["no_augment"] and options["augment"] is not None:
        raise click.UsageError("--augment and --no-augment exclude each other")
    given = {name: options[name] for name in FullTraining.declared()}
    if options["no_augment"]:
        given["augment"] = False
    plan = {
        name: options[name]
        for name in ("seeds", "on_validation", "examples", "workers", "device", "rivals", "metric")
    }
    engine = taken_engine(dict(options))  # refuses options of another one
    return found.plan(dataset, given, **plan, engine=engine if options["engine"] == "ray" else None)


@click.command()
@click.argument("sources", metavar="RUN|ARCHITECTURE.json...", type=FOLDER, nargs=-1, required=True)
@click.option(
    "--rivals/--no-rivals",
    default=None,
    help="Train what people would use instead on the same data, also on images and where it takes longer; or "
    "none of it.  [default: on rows, signals and texts what takes at most about a minute]",
)
@training_options
def retrain(
    sources: tuple[Path, ...],
    top: int,
    prefer: str | None,
    within: float | None,
    front: bool,
    output: Path | None,
    store: str | None,
    trust: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Train the winners of runs, or architectures of files, in full, and score them on the sealed test split.

    Give the same command again to go on after any stop.
    """
    choice = Choice(prefer, within, front)
    found = find_winners(sources, top=top, choice=choice, output=output, store=store, trust=trust)
    dataset = load_data(found, options)
    chosen = best_recipe(found.winners, dataset, plan_of(options, found, dataset))
    plan = chosen.plan
    for line in (*found.told, *told_of(found.winners, chosen)):
        note(line, quiet)
    observer = JobProgress(Display(quiet, lines=0), shown(plan.settings.epochs))
    designs = train(found.winners, dataset, plan, observer, lambda line: note(line, quiet))
    if as_json:
        print_json(retrained_to_dict(designs, dataset.name, plain_settings(plan.settings)))
    else:
        print_retrained(terminal(), designs, dataset.name)
