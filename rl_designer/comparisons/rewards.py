"""Rewards side by side: every reward with every seed, in parallel processes, resumable."""

import hashlib
import inspect
import json
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_designer.agents.registry import agent_class
from rl_designer.comparisons.agents import task_name
from rl_designer.comparisons.conclusions import conclusions
from rl_designer.comparisons.curves import cost_drawn
from rl_designer.comparisons.default_yardstick import default_yardstick
from rl_designer.comparisons.landscape import Landscape
from rl_designer.comparisons.reward_figures import RewardSummary
from rl_designer.comparisons.reward_records import RewardRun
from rl_designer.comparisons.reward_trial import RewardPlan, context_of, reward_of, run_once, setting_of
from rl_designer.comparisons.yardsticks import Yardstick, make_yardstick
from rl_designer.config import SearchConfig
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.rewards import Reward, RewardFunction
from rl_designer.envs.source import source_digest
from rl_designer.envs.workers.engines import Engine
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.errors import WrongUsage, usage_errors
from rl_designer.jobs.jobs import Job, Observer, run_jobs, trials
from rl_designer.jobs.log import BenchmarkLog, RunJournal
from rl_designer.searches.energy import check_energy

RUNS = "runs.jsonl"
_PROBES = 64  # designs of a table on which every reward is tried before anything is searched


@dataclass(frozen=True)
class RewardBenchmark:
    """What is compared with what, on what.

    Attributes:
        config: the table or the data, the agent, the limits, and `evaluations`, which every run spends.
        rewards: as `load_reward` reads them; the others are compared with the first.
        seeds: how many; every reward has the seeds 0, 1, …
        yardstick: as `make_yardstick` reads it; None for one that suits the rewards.
        energy: whether it is measured.
    """

    config: SearchConfig
    rewards: tuple[str, ...]
    seeds: int
    yardstick: str | None = None
    energy: bool = False

    def config_of(self, reward: str) -> SearchConfig:
        """The config of a reward's runs."""
        return self.config.changed(reward=reward)


@dataclass(frozen=True)
class RewardBenchmarkResult:
    """The runs and what they say.

    Attributes:
        summary: for plots and tables; it holds the runs, the yardstick and the landscape.
        data: what `benchmark rewards --json` prints.
    """

    summary: RewardSummary
    data: dict[str, Any]


def run_reward_benchmark(
    benchmark: RewardBenchmark,
    *,
    log: BenchmarkLog | None = None,
    engine: Engine | None = None,
    observer: Observer | None = None,
    told: Callable[[str], None] = lambda note: None,
) -> RewardBenchmarkResult:
    """Runs what isn't in the log yet.

    Args:
        log: of finished runs; None keeps nothing. Only what the same code did on the same problem is taken
            from it.
        engine: where runs are, one thread each; None for one a core of this machine. It is closed afterwards.
            A script must be importable (`if __name__ == "__main__":`), as for every process so started.
        told: called with a line that says which yardstick is taken, before anything runs.

    Raises:
        WrongUsage: for rewards, agents, yardsticks, tables and data that can't be.
        ValueError: where a reward or a run failed; the finished ones are in the log.
        KeyboardInterrupt: with a text that says how to go on.
    """
    _check(benchmark)
    rewards = [reward_of(benchmark.config_of(reward)) for reward in benchmark.rewards]
    _check_distinct(rewards)
    landscape = _landscape(benchmark.config, rewards)
    yardstick, why = _yardstick(benchmark, rewards, landscape)
    told(f"yardstick: {yardstick.text}" + (f" ({why})" if why else ""))
    journal, jobs = _jobs(benchmark, rewards, yardstick, log)
    device = "cpu" if setting_of(benchmark.config).on_table else "auto"
    with trials(engine or LocalEngine(), device) as pool:
        done = run_jobs(jobs, pool, journal, observer or Observer())
    runs = {name: [done[name, seed] for seed in range(benchmark.seeds)] for name in benchmark.rewards}
    known = landscape or Landscape.of_runs(run for of_reward in runs.values() for run in of_reward)
    summary = RewardSummary(runs, yardstick, known, setting_of(benchmark.config).space)
    return RewardBenchmarkResult(summary, _data(benchmark, summary, why))


def _check(benchmark: RewardBenchmark) -> None:
    if not benchmark.rewards or benchmark.seeds < 1:
        raise WrongUsage("a benchmark needs at least one reward and one seed")
    if benchmark.config.budget.evaluations is None or benchmark.config.budget.time_limit is not None:
        raise WrongUsage("a benchmark counts evaluations: give a number of them, and no time limit")
    with usage_errors():
        agent_class(benchmark.config.agent)(seed=0)
    if benchmark.energy:
        check_energy()


def _check_distinct(rewards: Sequence[Reward]) -> None:
    texts = [reward.text for reward in rewards]
    for text in texts:
        if texts.count(text) > 1:
            raise WrongUsage(
                f"the reward {text!r} is there twice; equal rewards with equal seeds give equal runs"
            )


def _landscape(config: SearchConfig, rewards: Sequence[Reward]) -> Landscape | None:
    """That of a table, on which the rewards are tried first; None on real training."""
    setting = setting_of(config)
    if not setting.on_table:
        return None
    with setting.open_evaluator() as evaluator:
        assert isinstance(evaluator, TableEvaluator)
        landscape = Landscape.of_table(evaluator)
        trained = [e for e in evaluator.evaluations() if e.failure is None]
    for reward in rewards:
        _try(reward, trained[:: -(-len(trained) // _PROBES)])
    return landscape


def _try(reward: Reward, evaluations: Sequence[Evaluation]) -> None:
    """Raises RewardError where a reward can't be paid on what is there."""
    for index, evaluation in enumerate(evaluations):
        reward(evaluation, evaluations[:index])


def _yardstick(
    benchmark: RewardBenchmark, rewards: Sequence[Reward], landscape: Landscape | None
) -> tuple[Yardstick, str]:
    """The yardstick, and why it was taken where the user didn't name it."""
    context = context_of(benchmark.config)
    text, why = (benchmark.yardstick, "") if benchmark.yardstick else default_yardstick(rewards, context)
    with usage_errors():
        return make_yardstick(text, context, landscape), why


def _jobs(
    benchmark: RewardBenchmark, rewards: Sequence[Reward], yardstick: Yardstick, log: BenchmarkLog | None
) -> tuple[RunJournal, list[Job]]:
    """Every run, all rewards of a seed before the next seed, and what keeps them."""
    keys = {
        name: _key(benchmark, name, reward, yardstick)
        for name, reward in zip(benchmark.rewards, rewards, strict=True)
    }
    jobs, keys_of_jobs = [], dict[Hashable, str]()
    for seed in range(benchmark.seeds):
        for name in benchmark.rewards:
            config = benchmark.config_of(name)
            plan = RewardPlan(config, seed, yardstick.cost, yardstick.limit, benchmark.energy)
            jobs.append(Job((name, seed), f"{name} with seed {seed}", run_once, (plan,)))
            keys_of_jobs[name, seed] = keys[name]
    return RunJournal(log, keys_of_jobs, RewardRun.from_dict, lambda run: (run.reward, run.seed)), jobs


def _key(benchmark: RewardBenchmark, name: str, reward: Reward, yardstick: Yardstick) -> str:
    """Changes with everything that a run's figures depend on besides its seed."""
    config, setting = benchmark.config, setting_of(benchmark.config)
    with setting.open_evaluator() as evaluator:
        what: list[Any] = [setting.space_key, evaluator.digest, config.failure_reward]
    # On real training the yardstick's limit says which designs are judged.
    judged = None if setting.on_table else [yardstick.cost, yardstick.limit]
    what += [name, reward.text, _source_digest(reward.function), judged, benchmark.energy]
    what += [config.agent, config.budget.evaluations, source_digest("rl_designer.agents", "rl_designer.envs")]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:20]


def _source_digest(function: RewardFunction) -> str | None:
    """Of the file that a reward is written in; None where that isn't known."""
    try:
        path = inspect.getsourcefile(inspect.unwrap(function))
        return None if path is None else hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except (TypeError, OSError):
        return None


def _data(benchmark: RewardBenchmark, summary: RewardSummary, why: str) -> dict[str, Any]:
    config, setting = benchmark.config, setting_of(benchmark.config)
    yardstick = summary.yardstick
    data = {
        "task": task_name(config, setting),
        "agent": config.agent,
        "evaluations": config.budget.evaluations,
        "yardstick": yardstick.text,
        "yardstick_title": yardstick.title,
        "yardstick_chosen": why or None,
        "higher_is_better": yardstick.higher_is_better,
        "seeds": benchmark.seeds,
        "cost_drawn": cost_drawn(summary),
        "designs": len(summary.landscape.reported) if summary.landscape.complete else None,
        "rewards": summary.to_dict(),
        "best": summary.best,
    }
    return data | {"conclusions": conclusions(data)}
