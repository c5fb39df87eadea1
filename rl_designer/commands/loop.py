"""`loop`. What does the work is imported when it is called, so that `--help` comes at once."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from rl_designer.commands.options import COUNT, OUTPUT_FOLDER, note, options_of, output_options, print_json
from rl_designer.config import SearchConfig, Where
from rl_designer.controllers import DEFAULT_CONTROLLERS
from rl_designer.envs.tables.catalogue import DEFAULT_TABLE


@click.command()
@options_of(
    SearchConfig,
    "controllers",
    "trial_seeds",
    "trial_evaluations",
    "evaluations",
    "seed",
    controllers="Table that controllers are tried on, perhaps a task of it within limits, "
    f"TABLE:cifar10,max_parameters=5k. May be given several times.  [default: {DEFAULT_TABLE}]",
    evaluations=f"Controllers that each generation tries.  [default: {DEFAULT_CONTROLLERS}]",
)
@click.option(
    "--generations", type=COUNT, default=3, show_default=True, help="Controllers to design, one by the other."
)
@click.option(
    "--finalists",
    type=COUNT,
    default=4,
    show_default=True,
    help="Best ones of each generation that are tried again, with other seeds, against their designer.",
)
@click.option(
    "--judge",
    metavar="TABLE[:TASK]",
    multiple=True,
    help="Table that the generations are judged on; none may be tried on it. May be given several times.  "
    "[default: the embedded tables that none is tried on]",
)
@click.option(
    "--judge-seeds", type=COUNT, default=20, show_default=True, help="Searches of each on each of them."
)
@click.option(
    "--judge-evaluations",
    type=COUNT,
    default=200,
    show_default=True,
    help="Distinct designs that each of these may evaluate; one that has found the best ends there.",
)
@options_of(SearchConfig, "energy")
@options_of(Where, without=("device",), workers="Searches at the same time.  [default: one a core]")
@click.option("--run", "folder", type=OUTPUT_FOLDER, help="Folder of the loop.  [default: runs/loop]")
@output_options
def loop(
    generations: int,
    finalists: int,
    judge: tuple[str, ...],
    judge_seeds: int,
    judge_evaluations: int,
    folder: Path | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Let the controller design its own successor, which designs the next.

    A controller is `ppo` with a policy network and settings of its own; it is worth how soon its searches
    find good designs. Each generation is a run folder with a controller.toml, for --agent
    ppo:from-file=controller.toml. In the end all are compared with today's on tables that the loop never saw.
    The same command again goes on where it was stopped.
    """
    from rl_designer.comparisons.output import run_line
    from rl_designer.controllers.loop import DEFAULT_FOLDER, Loop, config_of, run_loop
    from rl_designer.controllers.output import print_loop
    from rl_designer.jobs.progress import Display, JobProgress, Shown
    from rl_designer.reports.terminal import terminal
    from rl_designer.searches.observers import observers_of

    looped = Loop(config_of(options), generations, finalists, judge, judge_seeds, judge_evaluations)
    data = run_loop(
        looped,
        folder or DEFAULT_FOLDER,
        partial(observers_of, not quiet, tensorboard=False),
        JobProgress(Display(quiet), Shown("searches", run_line)),
        lambda line: note(line, quiet),
    )
    if as_json:
        print_json(data)
    else:
        print_loop(terminal(), data)
