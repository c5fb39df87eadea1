"""Agents side by side: every agent with every seed, in parallel processes, resumable."""

import hashlib
import json
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_designer.agents.registry import agent_class
from rl_designer.comparisons.agent_figures import Summary
from rl_designer.comparisons.trial import Arena, RunPlan, RunRecord, arena_of, run_once
from rl_designer.config import SearchConfig
from rl_designer.envs.source import source_digest
from rl_designer.envs.workers.engines import Engine
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.errors import WrongUsage, usage_errors
from rl_designer.jobs.jobs import Job, Observer, run_jobs, trials
from rl_designer.jobs.log import BenchmarkLog, RunJournal
from rl_designer.searches.sources import agent_and_sources, check_remembers, check_source, digest_of_sources
from rl_designer.setting import Setting

RUNS = "runs.jsonl"
DEFAULT_SAMPLES = 100
DEFAULT_SAMPLE_AFTER = 100


@dataclass(frozen=True)
class Benchmark:
    """What is compared with what, on what.

    Attributes:
        config: the table or the data, the reward, the limits, and `evaluations`, the cap of every run.
        agents: names, with options where wanted; the others are compared with the first. The option `from`
            of `ppo:from=RUN` names a finished run to start with; `{seed}` in it stands for the seed.
        seeds: how many; every agent has the seeds 0, 1, …
        samples, sample_after: of each policy; see `RunPlan`.
    """

    config: SearchConfig
    agents: tuple[str, ...]
    seeds: int
    samples: int = DEFAULT_SAMPLES
    sample_after: int = DEFAULT_SAMPLE_AFTER

    def plans(self) -> list[RunPlan]:
        """Every run, all agents of a seed before the next seed."""
        return [
            RunPlan(self.config, agent, seed, self.samples, self.sample_after)
            for seed in range(self.seeds)
            for agent in self.agents
        ]


@dataclass(frozen=True)
class BenchmarkResult:
    """The runs and what they say.

    Attributes:
        runs: agent → its runs in the order of the seeds.
        data: what `benchmark agents --json` prints.
        summary: for the curves.
    """

    runs: dict[str, list[RunRecord]]
    data: dict[str, Any]
    summary: Summary


def check_benchmark(benchmark: Benchmark) -> None:
    """Raises WrongUsage for agents that can't be, or nothing to compare."""
    if not benchmark.agents or benchmark.seeds < 1:
        raise WrongUsage("a benchmark needs at least one agent and one seed")
    for agent in benchmark.agents:
        if benchmark.agents.count(agent) > 1:
            raise WrongUsage(f"agent {agent!r} is named twice")
        name, sources = agent_and_sources(agent)
        with usage_errors():
            made = agent_class(name)(seed=0)
        if sources:
            check_remembers(made, name)
    if benchmark.config.budget.evaluations is None or benchmark.config.budget.time_limit is not None:
        raise WrongUsage("a benchmark counts evaluations: give a number of them, and no time limit")


def run_benchmark(
    benchmark: Benchmark,
    *,
    log: BenchmarkLog | None = None,
    engine: Engine | None = None,
    observer: Observer | None = None,
) -> BenchmarkResult:
    """Runs what isn't in the log yet.

    Args:
        log: of finished runs; None keeps nothing. Only what the same code did on the same problem is taken
            from it.
        engine: where runs are, one thread each; None for one a core of this machine. It is closed afterwards.
            A script must be importable (`if __name__ == "__main__":`), as for every process so started.

    Raises:
        WrongUsage: for agents, tables and data that can't be.
        ValueError: where a run failed; the finished ones are in the log.
        KeyboardInterrupt: with a text that says how to go on.
    """
    check_benchmark(benchmark)
    arena = arena_of(benchmark.config)
    journal = RunJournal(log, _keys(benchmark, arena), RunRecord.from_dict, lambda run: (run.agent, run.seed))
    jobs = [
        Job((plan.agent, plan.seed), f"{plan.agent} with seed {plan.seed}", run_once, (plan,))
        for plan in benchmark.plans()
    ]
    with trials(engine or LocalEngine(), "cpu" if arena.setting.on_table else "auto") as pool:
        records = run_jobs(jobs, pool, journal, observer or Observer())
    runs = {a: [records[a, seed] for seed in range(benchmark.seeds)] for a in benchmark.agents}
    return _result(benchmark, arena, runs)


def _result(benchmark: Benchmark, arena: Arena, runs: dict[str, list[RunRecord]]) -> BenchmarkResult:
    config = benchmark.config
    assert config.budget.evaluations is not None
    worst = config.failure_reward if arena.rewards is None else min(arena.rewards)
    summary = Summary(runs, config.budget.evaluations, arena.optimum, worst)
    data = {
        "task": task_name(config, arena.setting),
        "evaluations": config.budget.evaluations,
        "seeds": benchmark.seeds,
        "reward": config.reward,
        "optimum": arena.optimum,
        "designs": None if arena.rewards is None else len(arena.rewards),
        "agents": summary.to_dict(),
    }
    return BenchmarkResult(runs, data, summary)


def task_name(config: SearchConfig, setting: Setting) -> str:
    """`<table>/<task>`, or `<data set>/<space>`."""
    if not setting.on_table:
        return f"{setting.title}/{setting.space.name}"
    table = setting.space.table  # type: ignore[attr-defined]
    return f"{table.name}/{config.subject.task or next(iter(table.tasks))}"


# -- what was run before -----------------------------------------------------------------------------


def _keys(benchmark: Benchmark, arena: Arena) -> dict[Hashable, str]:
    """The key of each run. Raises as `check_source`, for every run that is started with."""
    common, keys = _key(benchmark, arena), dict[Hashable, str]()
    for plan in benchmark.plans():
        _, sources = agent_and_sources(plan.agent, plan.seed)
        for source in sources:
            check_source(Path(source), arena.setting)
        keys[plan.agent, plan.seed] = common + digest_of_sources(sources)
    return keys


def _key(benchmark: Benchmark, arena: Arena) -> str:
    """Changes with everything that a run's figures depend on besides its agent and seed."""
    config = benchmark.config
    with arena.setting.open_evaluator() as evaluator:
        what = [arena.setting.space_key, evaluator.digest, config.reward, config.failure_reward]
    reward_file = config.reward.partition(".py:")[0] + ".py"
    if Path(reward_file).is_file():
        what.append(hashlib.sha256(Path(reward_file).read_bytes()).hexdigest())
    what += [
        arena.fidelity,
        config.budget.evaluations,
        benchmark.samples,
        benchmark.sample_after,
        source_digest("rl_designer.agents", "rl_designer.envs"),
    ]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:20]
