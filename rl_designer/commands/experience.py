"""`experience` and its parts."""

from pathlib import Path
from typing import Any, get_args

import click

from rl_designer.commands.options import (
    COUNT,
    OUTPUT_FOLDER,
    note,
    options_of,
    output_options,
    print_json,
    taken_engine,
)
from rl_designer.config import Where
from rl_designer.envs.datasets.dataset import Kind
from rl_designer.experience.building import DESIGNS, FILE, BuildPlan, build_trainings
from rl_designer.jobs.progress import Display


@click.group()
def experience() -> None:
    """Make what searches on new data start with: trainings on many tasks, and what is learned from them."""


@experience.command()
@click.argument("folder", type=OUTPUT_FOLDER)
@click.option("--kind", type=click.Choice(get_args(Kind)), required=True, help="Of the made tasks.")
@click.option("--tasks", type=COUNT, default=128, show_default=True, help="Made tasks to train on.")
@click.option(
    "--designs",
    type=COUNT,
    default=64,
    show_default=True,
    help=f"Random designs on each, in parts of {DESIGNS}, each part within another limit on parameters.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of tasks and designs."
)
@options_of(Where, without=("device",), workers="Parts at the same time.  [default: one a core]")
@output_options
def build(folder: Path, as_json: bool, quiet: bool, **options: Any) -> None:
    """Train many designs on many made tasks, into FOLDER.

    The same command again goes on where it was stopped, even by kill -9.
    """
    engine = taken_engine(options)
    made = build_trainings(BuildPlan(**options), folder, engine, Display(quiet))
    facts = {"file": str(folder / FILE), "tasks": len(made.tasks), "trainings": len(made)}
    if as_json:
        print_json(facts)
    else:
        note(f"{len(made):,} trainings on {len(made.tasks):,} tasks are in {folder / FILE}", quiet)
