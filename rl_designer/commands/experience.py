"""`experience` and its parts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from rl_designer.agents.experience import Experience
from rl_designer.commands.options import (
    COUNT,
    FILE,
    FOLDER,
    OUTPUT_FOLDER,
    limits_option,
    note,
    options_of,
    output_options,
    print_json,
    taken_engine,
)
from rl_designer.config import Where
from rl_designer.envs.search_spaces.registry import SPACES
from rl_designer.envs.tasks.made import Kind
from rl_designer.experience.building import DESIGNS, TRAININGS, BuildPlan, build_trainings
from rl_designer.experience.settings import PolicySettings
from rl_designer.experience.shipped import shipped
from rl_designer.experience.trainings import Trainings
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
@limits_option
@output_options
def build(folder: Path, as_json: bool, quiet: bool, **options: Any) -> None:
    """Train many designs on many made tasks, into FOLDER.

    The same command again goes on where it was stopped, even by kill -9.
    """
    engine = taken_engine(options)
    made = build_trainings(BuildPlan(**options), folder, engine, Display(quiet))
    facts = {"file": str(folder / TRAININGS), "tasks": len(made.tasks), "trainings": len(made)}
    if as_json:
        print_json(facts)
    else:
        note(f"{len(made):,} trainings on {len(made.tasks):,} tasks are in {folder / TRAININGS}", quiet)


def _learning_options(command: Callable[..., None]) -> Callable[..., None]:
    seed = click.option(
        "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of what is learned."
    )
    updates = click.option(
        "--updates",
        type=COUNT,
        default=PolicySettings().updates,
        show_default=True,
        help="Of the policy, each of some 400 designs.",
    )
    return seed(updates(command))


@experience.command()
@click.argument("trainings", metavar="FILE...", type=FILE, nargs=-1, required=True)
@click.option("--output", type=FILE, required=True, help="The experience, a .npz file.")
@_learning_options
@output_options
def learn(
    trainings: tuple[Path, ...], output: Path, seed: int, updates: int, as_json: bool, quiet: bool
) -> None:
    """Learn a prior and a policy from FILEs of trainings, for `train --experience` and `sample --data`."""
    from rl_designer.experience.learning import learn as learned

    known = Trainings.merged([Trainings.load(path) for path in trainings])
    made = learned(known, policy_settings=PolicySettings(updates=updates), seed=seed)
    output.parent.mkdir(parents=True, exist_ok=True)
    made.save(output)
    _tell(made, output, as_json, quiet)


@experience.command()
@click.argument("runs", metavar="RUN...", type=FOLDER, nargs=-1, required=True)
@click.option(
    "--to", "file", type=FILE, required=True, help="The experience, a .npz file; what it has, stays."
)
@_learning_options
@click.option(
    "--trust",
    is_flag=True,
    help="Take runs that were copied from elsewhere and name code. It is run with your rights: say so only "
    "of runs whose origin you trust.",
)
@output_options
def add(
    runs: tuple[Path, ...], file: Path, seed: int, updates: int, trust: bool, as_json: bool, quiet: bool
) -> None:
    """Add finished RUNs, whose data must be at hand, to the experience in a file of your own.

    Where the file isn't there yet, to what ships. All is learned anew, in some minutes; nothing leaves this
    machine. Beside FILE.npz lies FILE-trainings.npz, what it was made from.
    """
    from rl_designer.experience.adding import add_runs

    made = add_runs(runs, file, PolicySettings(updates=updates), seed, trust=trust)
    _tell(made, file, as_json, quiet)


@experience.command()
@click.argument("file", metavar="FILE|SPACE")
@output_options
def info(file: str, as_json: bool, quiet: bool) -> None:
    """Show what an experience was made from: a FILE, or what ships for a SPACE such as convnet1d."""
    made = shipped(file) if file in SPACES else Experience.load(Path(file))
    if made is None:
        raise click.UsageError(f"no experience ships for space {file!r}; name a file")
    _tell(made, file, as_json, quiet)


def _tell(made: Experience, file: object, as_json: bool, quiet: bool) -> None:
    facts = {"file": str(file), "space": made.definition["name"], **made.about}
    if as_json:
        print_json(facts)
        return
    families = ", ".join(made.about["families"])
    note(
        f"{file}: for space {facts['space']}, from {made.about['trainings']:,} trainings on "
        f"{made.about['tasks']:,} tasks of these families: {families}",
        quiet,
    )
