"""`benchmark references`."""

from pathlib import Path
from typing import Any

import click

from rl_designer.commands.options import COUNT, FOLDER, OUTPUT_FOLDER, note, output_options, print_json
from rl_designer.commands.retrain import plan_of, training_options


@click.command()
@click.argument("sources", metavar="[RUN|ARCHITECTURE.json]...", type=FOLDER, nargs=-1)
@click.option(
    "--max-parameters",
    type=COUNT,
    help="As wide as fits, such as 100k.  [default: the runs' limit, or the originals' widths]",
)
@click.option("--only", metavar="NAME", multiple=True, help="This reference alone; may be given again.")
@click.option("--top", type=COUNT, default=1, show_default=True, help="Best designs of each run to train.")
@click.option(
    "--output",
    type=OUTPUT_FOLDER,
    help="Where each network's folder is made.  [default: `retrained` in a run for its own, and here]",
)
@training_options
@output_options
def references(
    sources: tuple[Path, ...],
    max_parameters: int | None,
    only: tuple[str, ...],
    top: int,
    output: Path | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Train networks designed by hand, and the winners of runs, by one recipe, side by side.

    Linear, MLP and CNN of the MNIST-1D paper, LeNet-5, ResNet and MobileNetV2, each as wide as
    --max-parameters allows. Give the same command again to go on after any stop.
    """
    from rl_designer.jobs.progress import Display, JobProgress
    from rl_designer.reports.terminal import terminal
    from rl_designer.retraining.output import print_comparison, shown
    from rl_designer.retraining.references import compare, references_within
    from rl_designer.retraining.winners import find_winners, load_data

    if not sources and options["data"] is None:
        raise click.UsageError("name what to train on: --data NAME, or a RUN")
    found = find_winners(
        sources,
        top=top,
        max_parameters=max_parameters,
        output=output,
        store=options["store"],
        trust=options["trust"],
    )
    if max_parameters is None and found.config is not None:
        max_parameters = found.config.subject.max_parameters
    dataset = load_data(found, options)
    plan = plan_of(options, dataset)
    comparison = references_within(dataset, max_parameters, only)
    for left in comparison.left_out:
        note(f"left out: {left['reason']}", quiet)
    observer = JobProgress(Display(quiet, lines=0), shown(plan.settings.epochs))
    data = compare(comparison, found.winners, dataset, plan, output, observer)
    if as_json:
        print_json({**data, "max_parameters": max_parameters})
    else:
        print_comparison(terminal(), data)
