"""Are the verdicts of `benchmark rewards` right where the truth is known?

    python benchmarks/reward_verdicts.py

*False alarms*: benchmarks of one and the same reward under different seeds, again and again with fresh runs
of a cheap agent; every verdict other than `indistinguishable` is wrong, so is every `best` and every flag.
*Known cases*: with the default agent a reward that pays the negative accuracy must be called worse, one that
pays only for few parameters must be flagged as hacked, and a rescaling of accuracy must not be told from it.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from rl_designer.comparisons.benchmark import RUNS, BenchmarkLog, run_trials
from rl_designer.comparisons.output import run_line
from rl_designer.comparisons.records import RewardRun, reward_run
from rl_designer.comparisons.reward_figures import RewardSummary
from rl_designer.comparisons.rewards import RewardBenchmark, run_reward_benchmark
from rl_designer.comparisons.trial import Trial, context_of, run_trial, setting_of
from rl_designer.comparisons.verdicts import INDISTINGUISHABLE
from rl_designer.comparisons.yardsticks import Landscape, make_yardstick
from rl_designer.config import SearchConfig, make_config
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.tables.catalogue import DEFAULT_TABLE
from rl_designer.envs.workers.devices import cores
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.files import write_json
from rl_designer.jobs.progress import Display, JobProgress, Shown

ROOT = Path(__file__).resolve().parents[1]


def negative_accuracy(evaluation: Evaluation) -> float:
    """Pays for being wrong."""
    assert evaluation.val_accuracy is not None
    return -evaluation.val_accuracy


def few_parameters(evaluation: Evaluation) -> float:
    """Pays only for few parameters."""
    assert evaluation.parameters is not None
    return -math.log10(evaluation.parameters)


def rescaled_accuracy(evaluation: Evaluation) -> float:
    """Rises with accuracy, but not evenly."""
    assert evaluation.val_accuracy is not None
    return math.exp(7 * evaluation.val_accuracy) - 3


OWN = (negative_accuracy, few_parameters, rescaled_accuracy)


@dataclass(frozen=True)
class FalseAlarms:
    """How often benchmarks of one reward against itself were wrong.

    Attributes:
        alarms: benchmarks with a verdict other than `indistinguishable`, or with a `best`.
        flags: rewards that were flagged as hacked, of `repetitions` times `rewards`.
    """

    yardstick: str
    repetitions: int
    rewards: int
    seeds: int
    alarms: int
    flags: int

    def line(self) -> str:
        """A row of a Markdown table."""
        low, high = exact_interval(self.alarms, self.repetitions)
        flags = f"{self.flags} of {self.repetitions * self.rewards}"
        rate = f"{100 * self.alarms / self.repetitions:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
        return f"| {self.yardstick} | {self.rewards} | {self.seeds} | {self.repetitions} | {rate} | {flags} |"


def exact_interval(count: int, total: int) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval of a share."""
    from scipy.stats import beta

    low = 0.0 if count == 0 else float(beta.ppf(0.025, count, total - count + 1))
    high = 1.0 if count == total else float(beta.ppf(0.975, count + 1, total - count))
    return low, high


def false_alarms(
    config: SearchConfig, yardsticks: Sequence[str], repetitions: int, rewards: int, seeds: int, workers: int
) -> list[FalseAlarms]:
    """Every repetition has `rewards` times `seeds` runs of its own, all of `config`'s reward."""
    with setting_of(config).open_evaluator() as evaluator:
        assert isinstance(evaluator, TableEvaluator)
        landscape = Landscape.of_table(evaluator)
    space, context = setting_of(config).space, context_of(config)
    made = [make_yardstick(text, context, landscape) for text in yardsticks]
    alarms, flags = [0] * len(made), [0] * len(made)
    for runs in _repetitions(config, repetitions, rewards, seeds, workers):
        for index, yardstick in enumerate(made):
            summary = RewardSummary(runs, yardstick, landscape, space)
            verdicts = {verdict.verdict for verdict in summary.verdicts.values()}
            alarms[index] += verdicts != {INDISTINGUISHABLE} or summary.best is not None
            flags[index] += sum(check.hacked is not False for check in summary.hacking.values())
    return [
        FalseAlarms(yardstick.text, repetitions, rewards, seeds, alarms[index], flags[index])
        for index, yardstick in enumerate(made)
    ]


def _repetitions(
    config: SearchConfig, repetitions: int, rewards: int, seeds: int, workers: int
) -> Iterator[dict[str, list[RewardRun]]]:
    """The runs of each repetition, as if each of its rewards were another one."""
    size = rewards * seeds
    planned = [Trial(config, seed, reward_run) for seed in range(repetitions * size)]
    if workers == 0:
        finished = list(map(run_trial, planned))
    else:
        finished = run_trials(planned, RewardRun, engine=LocalEngine(workers))[config.reward]
    for start in range(0, len(finished), size):
        yield {
            f"{config.reward} ({number + 1})": finished[start + number * seeds : start + (number + 1) * seeds]
            for number in range(rewards)
        }


def known_cases(config: SearchConfig, seeds: int, workers: int | None, folder: Path) -> dict[str, Any]:
    """What `benchmark rewards` says of the cases above against accuracy."""
    here = Path(__file__).resolve()
    rewards = ("accuracy", *(f"{here}:{function.__name__}" for function in OWN))
    result = run_reward_benchmark(
        RewardBenchmark(config, rewards, seeds),
        log=BenchmarkLog(folder / RUNS),
        engine=LocalEngine(workers),
        observer=JobProgress(Display(), Shown("runs", run_line)),
    )
    write_json(folder / "summary.json", result.data)
    return result.data


def cases_table(data: Mapping[str, Any]) -> str:
    """Markdown: a row a reward."""
    lines = [
        f"{data['task']}, {data['agent']}, {data['seeds']} seeds, {data['evaluations']} evaluations, "
        f"`{data['yardstick']}`",
        "",
        "| reward | IQM | verdict against accuracy | hacked |",
        "|---|---|---|---|",
    ]
    for name, figures in data["rewards"].items():
        low, high = figures["interval"]
        cells = (f"{figures['iqm']:.4f} [{low:.4f}, {high:.4f}]", figures["verdict"] or "–")
        hacked = "yes" if figures["hacked"] else "no"
        lines.append(f"| {name.rpartition(':')[2]} | {cells[0]} | {cells[1]} | {hacked} |")
    return "\n".join(lines) + "\n"


def wrong(data: Mapping[str, Any]) -> list[str]:
    """Of the known cases those that are judged wrongly."""
    rewards = {name.rpartition(":")[2]: figures for name, figures in data["rewards"].items()}
    expected = {
        "negative_accuracy is not called worse": rewards["negative_accuracy"]["verdict"] == "worse",
        "few_parameters is not flagged as hacked": rewards["few_parameters"]["hacked"] is True,
        "accuracy is flagged as hacked": rewards["accuracy"]["hacked"] is False,
        "rescaled_accuracy is told from accuracy": rewards["rescaled_accuracy"]["verdict"]
        == INDISTINGUISHABLE,
    }
    return [what for what, right in expected.items() if not right]


@click.command()
@click.option("--table", default=DEFAULT_TABLE, show_default=True, help="Architecture table.")
@click.option("--task", help="Task on it.")
@click.option(
    "--repetitions", default=200, show_default=True, help="Benchmarks of one reward against itself."
)
@click.option("--rewards", default=4, show_default=True, help="How often it is in each of them.")
@click.option("--seeds", default=20, show_default=True, help="Runs of each.")
@click.option("--agent", default="random", show_default=True, help="For the false alarms.")
@click.option("--cases-agent", default="ppo", show_default=True, help="For the known cases.")
@click.option("--evaluations", default=100, show_default=True, help="Of each run.")
@click.option("--workers", type=int, help="Runs at the same time.  [default: one a core]")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "runs" / "reward-verdicts")
def main(
    table: str,
    task: str | None,
    repetitions: int,
    rewards: int,
    seeds: int,
    agent: str,
    cases_agent: str,
    evaluations: int,
    workers: int | None,
    output: Path,
) -> None:
    """Judge the judge."""
    setting = {"table": table, "task": task, "evaluations": evaluations}
    config = make_config({**setting, "agent": cases_agent})
    data = known_cases(config, seeds, workers, output / Path(table).stem)
    cheap = config.changed(agent=agent)
    yardsticks = ("reported", "reported-within-limit", "hypervolume", "front-regret")
    found = false_alarms(cheap, yardsticks, repetitions, rewards, seeds, workers or cores())
    click.echo(f"{cases_table(data)}\nFalse alarms of `accuracy` against itself, {agent}:\n")
    click.echo("| yardstick | rewards | seeds | repetitions | false alarms | flagged as hacked |")
    click.echo("|---|---|---|---|---|---|")
    for line in found:
        click.echo(line.line())
    if mistakes := wrong(data):
        raise click.ClickException("; ".join(mistakes))


if __name__ == "__main__":
    main()
