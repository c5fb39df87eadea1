"""Rewards side by side: every reward with every seed, in parallel processes, resumable."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from rl_designer.agents.registry import agent_class
from rl_designer.comparisons.benchmark import (
    BenchmarkLog,
    BenchmarkResult,
    check_budget,
    task_name,
)
from rl_designer.comparisons.orders import Order, orders_of
from rl_designer.comparisons.records import RewardRun, reward_run
from rl_designer.comparisons.reward_figures import RewardSummary
from rl_designer.comparisons.sequential import Looks, UntilDecided, run_seeds
from rl_designer.comparisons.trial import Trial, context_of, reward_of, setting_of
from rl_designer.comparisons.yardsticks import Landscape, Yardstick, default_yardstick, make_yardstick
from rl_designer.config import SearchConfig
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.metrics import ACCURACY
from rl_designer.envs.rewards import Reward
from rl_designer.envs.workers.engines import Engine
from rl_designer.errors import WrongUsage, usage_errors
from rl_designer.jobs.jobs import JobObserver
from rl_designer.searches.energy import check_energy
from rl_designer.setting import Setting

_PROBES = 64  # designs of a table on which every reward is tried before anything is searched


@dataclass(frozen=True)
class RewardBenchmark:
    """What is compared with what, on what.

    Attributes:
        config: the table or the data, the agent, the limits, and `evaluations`, which every run spends.
        rewards: as `load_reward` reads them; the others are compared with the first.
        seeds: how many, or until it is decided; every reward has the seeds 0, 1, …
        yardstick: as `make_yardstick` reads it; None for one that suits the rewards.
        energy: whether it is measured.
        skip_equal: whether rewards that order a table's designs as an earlier one does are not run.
    """

    config: SearchConfig
    rewards: tuple[str, ...]
    seeds: int | UntilDecided
    yardstick: str | None = None
    energy: bool = False
    skip_equal: bool = False

    def check(self) -> list[Reward]:
        """The rewards. Raises WrongUsage for rewards and agents that can't be, or nothing to compare."""
        if not self.rewards or (isinstance(self.seeds, int) and self.seeds < 1):
            raise WrongUsage("a benchmark needs at least one reward and one seed")
        check_budget(self.config)
        with usage_errors():
            agent_class(self.config.agent)(seed=0)
        if self.energy:
            check_energy()
        rewards = [reward_of(self._config_of(reward)) for reward in self.rewards]
        texts = [reward.text for reward in rewards]
        for text in texts:
            if texts.count(text) > 1:
                raise WrongUsage(
                    f"the reward {text!r} is there twice; equal rewards with equal seeds give equal runs"
                )
        return rewards

    def trials(self, yardstick: Yardstick, seeds: Iterable[int]) -> list[Trial]:
        """Every run with some seeds, all rewards of a seed before the next seed."""
        record = partial(reward_run)
        if not setting_of(self.config).on_table:
            # There the yardstick's limit says which designs are judged.
            record = partial(reward_run, cost=yardstick.cost, limit=yardstick.limit)
        configs = [self._config_of(reward) for reward in self.rewards]
        return [Trial(config, seed, record, energy=self.energy) for seed in seeds for config in configs]

    def _config_of(self, reward: str) -> SearchConfig:
        return self.config.changed(reward=reward)


def run_reward_benchmark(
    benchmark: RewardBenchmark,
    *,
    log: BenchmarkLog | None = None,
    engine: Engine | None = None,
    observer: JobObserver | None = None,
    told: Callable[[str], None] = lambda note: None,
) -> BenchmarkResult:
    """Runs what isn't in the log yet.

    Args:
        log, engine, observer: as for `run_trials`.
        told: called with a line that says which yardstick is taken, and one for each reward but the first
            that says how it orders a table's designs, before anything runs.

    Raises:
        WrongUsage: for rewards, agents, yardsticks, tables and data that can't be.
        ValueError: where a reward failed, and as `run_trials`.
        KeyboardInterrupt: with a text that says how to go on.
    """
    config, rewards = benchmark.config, benchmark.check()
    landscape, evaluations = _table(config, rewards)
    yardstick, why = _yardstick(benchmark, rewards, landscape)
    told(f"yardstick: {yardstick.text}" + (f" ({why})" if why else ""))
    orders = _orders(benchmark, rewards, evaluations)
    for line in order_lines(benchmark, orders):
        told(line)
    skipped = {order.reward: order.same_as for order in orders if order.same_as and benchmark.skip_equal}
    left = replace(benchmark, rewards=tuple(reward for reward in benchmark.rewards if reward not in skipped))

    def summed(runs: Mapping[str, Sequence[RewardRun]], looks: Looks | None = None) -> RewardSummary:
        known = landscape or Landscape.of_runs(run for of_reward in runs.values() for run in of_reward)
        return RewardSummary(runs, yardstick, known, setting_of(config).space, looks)

    trials = partial(left.trials, yardstick)
    runs, looks = run_seeds(
        benchmark.seeds, trials, lambda runs: summed(runs).values, RewardRun, log, engine, observer
    )
    summary = summed(runs, looks)
    data = _data(benchmark, summary, why)
    data["orders"], data["skipped"] = [order.to_dict() for order in orders], skipped
    data["conclusions"] += [
        f"{name} was not run, since it orders all designs as {other} does" for name, other in skipped.items()
    ]
    return BenchmarkResult(runs, summary, data)


def _yardstick(
    benchmark: RewardBenchmark, rewards: Sequence[Reward], landscape: Landscape | None
) -> tuple[Yardstick, str]:
    """By what the rewards are judged, and why where nobody said. Raises WrongUsage for one that can't be."""
    text, why = benchmark.yardstick, ""
    if text is None:
        text, why = default_yardstick(rewards)
    with usage_errors():
        yardstick = make_yardstick(text, context_of(benchmark.config), landscape)
    if isinstance(benchmark.seeds, UntilDecided) and landscape is None and yardstick.by_front:
        raise WrongUsage(
            f"the yardstick {yardstick.text!r} measures by what all runs found, so on real training its "
            "values change with every seed, and --seeds auto can't look at them; give a number of seeds"
        )
    return yardstick, why


def reward_orders(benchmark: RewardBenchmark) -> list[Order]:
    """How the rewards order the table's designs, of each reward; nothing is searched.

    Raises:
        WrongUsage: for rewards and tables that can't be, and without a table.
        RewardError: where a reward can't be paid on a design of it.
    """
    rewards = benchmark.check()
    if not setting_of(benchmark.config).on_table:
        raise WrongUsage("how rewards order designs is known beforehand on a table alone; leave --data away")
    return _orders(benchmark, rewards, _table(benchmark.config, rewards)[1])


def order_lines(benchmark: RewardBenchmark, orders: Sequence[Order]) -> list[str]:
    """A sentence on each reward but the first, and on the first where it sees the history."""
    by_order, first = agent_class(benchmark.config.agent).by_order, benchmark.rewards[0]
    return [o.sentence(first, by_order) for number, o in enumerate(orders) if number or not o.known]


def _orders(
    benchmark: RewardBenchmark, rewards: Sequence[Reward], evaluations: Sequence[Evaluation]
) -> list[Order]:
    """None on real training."""
    if not evaluations:
        return []
    named = dict(zip(benchmark.rewards, rewards, strict=True))
    return orders_of(named, evaluations, benchmark.config.failure_reward)


def _table(config: SearchConfig, rewards: Sequence[Reward]) -> tuple[Landscape | None, Sequence[Evaluation]]:
    """A table, on which the rewards are tried first, and its evaluations; nothing on real training.

    Raises:
        RewardError: where a reward can't be paid on what is there.
    """
    setting = setting_of(config)
    if not setting.on_table:
        return None, []
    with setting.open_evaluator() as evaluator:
        assert isinstance(evaluator, TableEvaluator)
        landscape = Landscape.of_table(evaluator)
        evaluations = evaluator.evaluations()
    trained = [evaluation for evaluation in evaluations if evaluation.failure is None]
    probes = trained[:: -(-len(trained) // _PROBES)]
    for reward in rewards:
        for index, evaluation in enumerate(probes):
            reward(evaluation, probes[:index])
    return landscape, evaluations


def _title(yardstick: Yardstick, setting: Setting) -> str:
    """What is reported has the metric's name, where that isn't accuracy."""
    objective = setting.objective
    if objective is None or objective.metric == ACCURACY.name:
        return yardstick.title
    return yardstick.title.replace("accuracy", objective.score_name.removeprefix("validation "))


def _data(benchmark: RewardBenchmark, summary: RewardSummary, why: str) -> dict[str, Any]:
    yardstick = summary.yardstick
    return {
        "task": task_name(benchmark.config),
        "agent": benchmark.config.agent,
        "evaluations": check_budget(benchmark.config),
        "yardstick": yardstick.text,
        "yardstick_title": _title(yardstick, setting_of(benchmark.config)),
        "yardstick_chosen": why or None,
        "higher_is_better": yardstick.higher_is_better,
        "seeds": len(summary.values[summary.first]),
        "sequential": summary.looks and summary.looks.to_dict(),
        "cost_drawn": summary.cost_drawn,
        "designs": len(summary.landscape.reported) if summary.landscape.complete else None,
        "rewards": summary.to_dict(),
        "best": summary.best,
        "conclusions": summary.conclusions(),
    }
