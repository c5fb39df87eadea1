"""`benchmark` and its parts."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from rl_designer.commands.options import (
    COUNT,
    FOLDER,
    OUTPUT_FOLDER,
    Parsed,
    note,
    options_of,
    output_options,
    print_json,
    together,
)
from rl_designer.commands.retrain import plan_of, training_options
from rl_designer.comparisons.agents import Benchmark
from rl_designer.comparisons.benchmark import BenchmarkResult, config_of_runs, task_name
from rl_designer.comparisons.fronts import FrontBenchmark, benchmark_of_agents, run_benchmark_of_agents
from rl_designer.comparisons.output import compared, summary_table
from rl_designer.comparisons.rewards import RewardBenchmark, order_lines, reward_orders, run_reward_benchmark
from rl_designer.comparisons.sequential import MOST, UntilDecided, parse_seeds
from rl_designer.config import SearchConfig, Subject, Training, Where
from rl_designer.envs.search_spaces.limits import Limits
from rl_designer.envs.tables.catalogue import DEFAULT_TABLE
from rl_designer.errors import usage_errors
from rl_designer.jobs.progress import Display, JobProgress
from rl_designer.latencies.fitting import with_model
from rl_designer.reports.benchmark_page import read_benchmark
from rl_designer.reports.page import REPORT, check_replaceable, write_report
from rl_designer.reports.terminal import terminal
from rl_designer.retraining.output import print_comparison, shown
from rl_designer.retraining.recipes import Chosen, told_of
from rl_designer.retraining.references import compare, references_within
from rl_designer.retraining.sources import find_winners, load_data
from rl_designer.runs.choosing import Choice

_SEEDS = Parsed("count|auto", parse_seeds)
_UNTIL = f"auto: as many as it takes to decide, at most {MOST}, or as auto:40 says."
# On what runs are compared.
_SUBJECT = together(
    options_of(
        Subject,
        without=("controllers", "trial_seeds", "trial_evaluations"),
        table=f"Architecture table to search on.  [default: {DEFAULT_TABLE}, unless --data is given]",
        data="Train for real on a data set instead.",
    ),
    options_of(
        SearchConfig,
        "store",
        "limits",
        store="Where trainings are kept.  [default: in the output folder, else runs/store.sqlite]",
    ),
)
_RUNS = together(
    options_of(Where, without=("device",), workers="Runs at the same time.  [default: one a core]"),
    click.option(
        "--output",
        type=OUTPUT_FOLDER,
        help="Folder for runs, JSON and CSV; the same folder again goes on with the rest.",
    ),
    click.option("--plots", is_flag=True, help="Write the page report.html too (needs --output)."),
    output_options,
)


@click.group()
def benchmark() -> None:
    """Compare agents, or rewards, side by side."""


@benchmark.command()
@click.argument("agents", metavar="[AGENT]...", nargs=-1)
@_SUBJECT
@options_of(Training)
@click.option("--seeds", type=_SEEDS, default=10, show_default=True, help=f"Runs of each agent. {_UNTIL}")
@click.option(
    "--evaluations",
    type=COUNT,
    default=100,
    show_default=True,
    help="Distinct designs that a run may evaluate. A run that has found the table's best ends there.",
)
@options_of(SearchConfig, "reward", reward="What is searched for.  [default: accuracy]")
@options_of(SearchConfig, "objectives")
@click.option(
    "--samples", type=click.IntRange(min=0), default=100, show_default=True, help="From each policy."
)
@click.option(
    "--sample-after",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Evaluations that an agent with a policy spends at least, the best found or not.",
)
@_RUNS
def agents(
    agents: tuple[str, ...],
    seeds: int | UntilDecided,
    samples: int,
    sample_after: int,
    output: Path | None,
    plots: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Run every AGENT with every seed on an architecture table, or on real training.

    An AGENT is a name of `list agents`, with options where wanted: regularized-evolution:population=50, or
    those of a file: ppo:from-file=controller.toml.
    ppo:from=RUN starts with what a finished run learned; {seed} in RUN stands for the seed.
    ppo:experience=shipped, or a file, starts with what was learned on other tasks; without, all start from
    nothing. The others are compared with the first. Without any: ppo regularized-evolution local-search
    random.

    With --objective, given twice or three times, agents that search for whole fronts are compared by the
    hypervolume of their fronts, and --samples are drawn by each of five preferences. Without any AGENT: ppo
    nsga-ii optuna-tpe ppo-weights random.
    """

    def make(config: SearchConfig) -> Benchmark | FrontBenchmark:
        return benchmark_of_agents(config, agents, seeds, samples, sample_after)

    _compare(make, run_benchmark_of_agents, options, output, plots, as_json, quiet)


@benchmark.command()
@click.option(
    "--reward",
    "rewards",
    metavar="NAME|FILE.py:FUNCTION",
    multiple=True,
    required=True,
    help="A reward of `list rewards` or your own, with parameters where wanted. Give it once for each; the "
    "others are compared with the first.",
)
@click.option(
    "--yardstick",
    metavar="NAME",
    help="What the rewards are judged by: reported, reported-within-limit:cost=parameters,limit=20k, "
    "hypervolume:cost=macs or front-regret:cost=latency.  [default: by the rewards]",
)
@_SUBJECT
@options_of(Training, without=("fidelity",))
@click.option(
    "--seeds", type=_SEEDS, default=20, show_default=True, help=f"Runs of each reward, paired. {_UNTIL}"
)
@click.option(
    "--evaluations",
    type=COUNT,
    default=100,
    show_default=True,
    help="Distinct designs that a run evaluates.",
)
@options_of(SearchConfig, "agent", agent="What searches.  [default: ppo]")
@click.option(
    "--skip-equal",
    is_flag=True,
    help="Don't run rewards that order a table's designs as an earlier one does.",
)
@click.option(
    "--orders-only",
    is_flag=True,
    help="Say how the rewards order a table's designs, and search nothing.",
)
@click.option("--energy", is_flag=True, help="Estimate the energy of each run (needs the extra `energy`).")
@_RUNS
def rewards(
    rewards: tuple[str, ...],
    yardstick: str | None,
    seeds: int | UntilDecided,
    skip_equal: bool,
    orders_only: bool,
    energy: bool,
    output: Path | None,
    plots: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Search with every reward and every seed, and judge the rewards by what none of them has seen.

    On an architecture table, where it is told first how the rewards order its designs, or on real training.
    Each verdict is against the first reward, paired by seed; a reward that rises while the reported metric
    doesn't is flagged.
    """

    def make(config: SearchConfig) -> RewardBenchmark:
        return RewardBenchmark(config, rewards, seeds, yardstick, energy, skip_equal)

    if orders_only:
        _tell_orders(make, options, output, as_json)
        return
    run = partial(run_reward_benchmark, told=lambda line: note(line, quiet))
    _compare(make, run, options, output, plots, as_json, quiet)


@benchmark.command()
@click.argument("sources", metavar="[RUN|ARCHITECTURE.json]...", type=FOLDER, nargs=-1)
@options_of(
    Subject,
    *Subject.of_limits(),
    max_parameters="As wide as fits, such as 100k.  [default: the runs' limit, or the originals' widths]",
    max_macs="Limit on multiply-adds.  [default: the runs']",
    max_ram="Limit on memory of values, such as 32kB.  [default: the runs']",
    max_flash="Limit on memory of parameters, such as 128kB.  [default: the runs']",
    device_numbers="What is counted for these two.  [default: the runs', int8]",
    max_latency="Limit on what an example is expected to take, such as 2ms.  [default: the runs']",
    latency_from="Measurements to expect that by (see `latency`).  [default: the runs']",
)
@click.option("--only", metavar="NAME", multiple=True, help="This reference alone; may be given again.")
@click.option("--rivals/--no-rivals", help="Train what people would use instead, too.  [default: no-rivals]")
@training_options
def references(
    sources: tuple[Path, ...],
    only: tuple[str, ...],
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
    """Train networks designed by hand, and the winners of runs, by one recipe, side by side.

    Linear, MLP and CNN of the MNIST-1D paper, LeNet-5, ResNet, MobileNetV2, InceptionTime and LITE, each
    as wide as the limits allow. Give the same command again to go on after any stop.
    """
    if not sources and options["data"] is None:
        raise click.UsageError("name what to train on: --data NAME, or a RUN")
    given = with_model({name: options.pop(name) for name in Subject.of_limits()})
    with usage_errors():
        limits = Limits.given(given)
    where: dict[str, Any] = {"output": output, "store": store, "trust": trust}
    choice = Choice(prefer, within, front)
    found = find_winners(sources, top=top, choice=choice, limits=limits, **where)
    if found.runs:
        limits = Limits.given(given, Limits.kept(found.runs[0].summary.get("setting", {})))
    dataset = load_data(found, options)
    plan = plan_of(options, found, dataset)
    comparison = references_within(dataset, limits, only)
    for left in comparison.left_out:
        note(f"left out: {left['reason']}", quiet)
    for line in (*found.told, *told_of(found.winners, Chosen(plan))):
        note(line, quiet)
    observer = JobProgress(Display(quiet, lines=0), shown(plan.settings.epochs))
    told = partial(note, quiet=quiet)
    data = compare(comparison, found.winners, dataset, plan, output, observer, told)
    if as_json:
        more = {name: fact for name, fact in limits.facts.items() if fact is not None and name != "latency"}
        print_json({**data, "max_parameters": None, **more})
    else:
        print_comparison(terminal(), data)


def _tell_orders(
    make: Callable[[SearchConfig], RewardBenchmark],
    options: dict[str, Any],
    output: Path | None,
    as_json: bool,
) -> None:
    """How rewards order a table's designs, and no more."""
    if output is not None:
        raise click.UsageError("--orders-only runs nothing, so there is nothing for --output to keep; --json")
    where = set(Where.model_fields) - {"device"}
    benchmark = make(config_of_runs({n: v for n, v in options.items() if n not in where}, None))
    orders = reward_orders(benchmark)
    if as_json:
        print_json({"task": task_name(benchmark.config), "orders": [order.to_dict() for order in orders]})
        return
    for line in order_lines(benchmark, orders):
        terminal().print(line, markup=False, highlight=False, soft_wrap=True)


def _compare(
    make: Callable[[SearchConfig], Any],
    run: Callable[..., BenchmarkResult],
    options: dict[str, Any],
    output: Path | None,
    plots: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Runs a benchmark, writes its page with the other files, and shows what came out."""
    if plots and output is None:
        raise click.UsageError("--plots needs --output, the folder to write them to")
    if plots and output is not None:
        check_replaceable(output / REPORT)
    result, files = compared(make, run, options, output, Display(quiet, terminal(stderr=True)))
    if plots and output is not None:
        write_report([read_benchmark(output)], output / REPORT)
        files.append(output / REPORT)
    if files:
        note(f"written: {', '.join(map(str, files))}", quiet)
    if as_json:
        print_json(result.data)
    else:
        terminal().print(summary_table(result.data))
