"""Agents side by side: every agent with every seed, and what the runs say."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.comparisons.benchmark import (
    BenchmarkLog,
    BenchmarkResult,
    check_budget,
    task_name,
)
from rl_designer.comparisons.contender import Contender
from rl_designer.comparisons.estimators import interval_of_mean, mean_of, standard_error
from rl_designer.comparisons.records import AgentRun, agent_run, policy_samples, thresholds_of
from rl_designer.comparisons.sequential import Looks, UntilDecided, run_seeds, test_of
from rl_designer.comparisons.trial import Trial, reward_of, table_rewards, trials_of_agents
from rl_designer.comparisons.verdicts import Verdict, best_of_all, sentences, verdicts_of
from rl_designer.config import SearchConfig
from rl_designer.envs.workers.engines import Engine
from rl_designer.errors import WrongUsage
from rl_designer.jobs.jobs import JobObserver
from rl_designer.searches.search import settled_fidelity

DEFAULT_AGENTS = ("ppo", "regularized-evolution", "local-search", "random")
DEFAULT_SAMPLES = 100
DEFAULT_SAMPLE_AFTER = 100

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Benchmark:
    """What is compared with what, on what.

    Attributes:
        config: the table or the data, the reward, the limits, and `evaluations`, the cap of every run.
        agents: names, with options where wanted; the others are compared with the first. The option `from`
            of `ppo:from=RUN` names a finished run to start with; `{seed}` in it stands for the seed;
            `ppo:experience=shipped`, or a file of one's own, starts with what was learned on other tasks.
        seeds: how many, or until it is decided; every agent has the seeds 0, 1, …
        samples: designs drawn from each policy after its search.
        sample_after: a search that has found the optimum goes on until it has this many evaluations if its
            agent has a policy; the others, whose figures can't change any more, end at once.
    """

    config: SearchConfig
    agents: tuple[str, ...]
    seeds: int | UntilDecided
    samples: int = DEFAULT_SAMPLES
    sample_after: int = DEFAULT_SAMPLE_AFTER

    def check(self) -> None:
        """Raises WrongUsage for agents that can't be, or nothing to compare."""
        if not self.agents or (isinstance(self.seeds, int) and self.seeds < 1):
            raise WrongUsage("a benchmark needs at least one agent and one seed")
        for agent in self.agents:
            if self.agents.count(agent) > 1:
                raise WrongUsage(f"agent {agent!r} is named twice")
            Contender.of(agent).check()
        check_budget(self.config)

    def trials(self, seeds: Iterable[int]) -> list[Trial]:
        """With some seeds, all agents of one before the next. Raises as `table_rewards` and
        `Contender.sources`.
        """
        rewards = table_rewards(self.config)
        thresholds = {} if rewards is None else thresholds_of(rewards)
        every = Trial(
            self.config,
            seed=0,
            record=partial(agent_run, samples=self.samples, thresholds=thresholds),
            ends_at=math.inf if rewards is None else max(rewards),
            at_least=self.sample_after,
            fidelity=settled_fidelity(self.config, reward_of(self.config)),
        )
        return trials_of_agents(every, self.agents, seeds)


def run_benchmark(
    benchmark: Benchmark,
    *,
    log: BenchmarkLog | None = None,
    engine: Engine | None = None,
    observer: JobObserver | None = None,
) -> BenchmarkResult:
    """Runs what isn't in the log yet.

    Args:
        log, engine, observer: as for `run_trials`.

    Raises:
        WrongUsage: for agents, tables and data that can't be.
        ValueError, KeyboardInterrupt: as `run_trials`.
    """
    benchmark.check()
    config, rewards = benchmark.config, table_rewards(benchmark.config)
    optimum, worst = (None, config.failure_reward) if rewards is None else (max(rewards), min(rewards))
    made = partial(Summary, cap=check_budget(config), optimum=optimum, worst=worst)
    seeds, trials = benchmark.seeds, benchmark.trials
    runs, looks = run_seeds(seeds, trials, lambda r: made(r).judged, AgentRun, log, engine, observer)
    summary = made(runs, looks=looks)
    data = {
        "task": task_name(config),
        "evaluations": summary.cap,
        "seeds": len(summary.judged[summary.first]),
        "sequential": looks and looks.to_dict(),
        "reward": config.reward,
        "optimum": optimum,
        "designs": None if rewards is None else len(rewards),
        "agents": summary.to_dict(),
        "best": summary.best,
        "conclusions": summary.conclusions(),
    }
    return BenchmarkResult(runs, summary, data)


# -- what the runs say ---------------------------------------------------------------------------------


def checkpoints(evaluations: int) -> list[int]:
    """10, 25, 50, 100, 250, 500, 1,000 … below the cap, and the cap."""
    steps = [factor * 10**power // 2 for power in range(1, 12) for factor in (2, 5, 10)]
    return [step for step in steps if step < evaluations] + [evaluations]


def chosen_after(records: Sequence[AgentRun], steps: Sequence[int]) -> tuple[Values, Values]:
    """Reward and reported metric of the design that each run would have chosen after so many evaluations,
    each float64 [runs, steps]; NaN before the first success.
    """
    rewards = np.full((len(records), len(steps)), np.nan)
    reported = rewards.copy()
    for row, record in enumerate(records):
        for done, reward, told in record.improvements:
            later = np.asarray(steps) >= done
            rewards[row, later] = reward
            reported[row, later] = np.nan if told is None else told
    return rewards, reported


def evaluations_to(records: Sequence[AgentRun], optimum: float, cap: int) -> tuple[NDArray[np.int64], Any]:
    """Distinct evaluations until a reward of at least `optimum`, int64 [runs], misses as the cap; and which
    runs found it, bool [runs].
    """
    reached = [next((done for done, reward, _ in r.improvements if reward >= optimum), None) for r in records]
    counts = np.array([cap if done is None else done for done in reached], dtype=np.int64)
    return counts, np.array([done is not None for done in reached])


class Summary:
    """The figures of all agents, from runs of equal seeds.

    Args:
        records: agent → its runs, each in the order of the seeds; differences are against the first agent.
        cap: evaluations that a run may spend.
        optimum: the highest reward that there is, or None where nobody knows.
        worst: the reward that counts before the first success.
        looks: where the seeds were as many as it took.
    """

    def __init__(
        self,
        records: Mapping[str, Sequence[AgentRun]],
        cap: int,
        optimum: float | None,
        worst: float,
        looks: Looks | None = None,
    ) -> None:
        self.looks = looks
        self.records = records
        self.cap = cap
        self.optimum = optimum
        self.steps = checkpoints(cap)
        best = {agent: chosen_after(runs, self.steps) for agent, runs in records.items()}
        self.rewards = {a: np.where(np.isnan(reward), worst, reward) for a, (reward, _) in best.items()}
        self.reported = {agent: told for agent, (_, told) in best.items()}
        self.first = next(iter(records))

    @cached_property
    def judged(self) -> dict[str, Values]:
        """By agent, float64 [seeds]: evaluations to the optimum, of which fewer are better, or else the last
        reward.
        """
        if self.optimum is None:
            return {agent: rewards[:, -1] for agent, rewards in self.rewards.items()}
        return {
            agent: evaluations_to(runs, self.optimum, self.cap)[0].astype(np.float64)
            for agent, runs in self.records.items()
        }

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """Each agent but the first, against the first."""
        return verdicts_of(self.judged, self.optimum is None, _interval, test_of(self.looks))

    @cached_property
    def best(self) -> str | None:
        """The agent that is better than every other one; None where the seeds don't tell."""
        return best_of_all(self.judged, self.optimum is None, test_of(self.looks))

    def conclusions(self) -> list[str]:
        """One sentence on the best, and one a comparison."""
        seeds = len(self.judged[self.first])
        measure, digits = ("reward", 4) if self.optimum is None else ("evaluations to the best", 1)
        lines = [] if self.looks is None else [self.looks.sentence(self.verdicts.values())]
        agents = list(self.records)
        return lines + sentences(
            agents, self.verdicts, self.best, seeds, "agent", measure=measure, digits=digits
        )

    def to_dict(self) -> dict[str, Any]:
        """agent → figures, JSON-ready. `best_reported`, `best_reward` and `simple_regret` are means over
        seeds, by the number of evaluations; shares are fractions 0–1.
        """
        return {agent: self._figures(agent) for agent in self.records}

    def curves(self) -> list[dict[str, Any]]:
        """A row for each agent, figure and checkpoint: its mean over seeds and the ends of its interval."""
        rows = []
        for agent in self.records:
            for figure, values in self._along(agent).items():
                columns = zip(self.steps, mean_of(values), *interval_of_mean(values), strict=True)
                for step, *numbers in columns:
                    mean, low, high = map(_plain, numbers)
                    row = {"agent": agent, "figure": figure, "evaluations": step}
                    rows.append({**row, "mean": mean, "low": low, "high": high})
        return rows

    def _along(self, agent: str) -> dict[str, Values]:
        along = {"best_reported": self.reported[agent], "best_reward": self.rewards[agent]}
        if self.optimum is not None:
            along["simple_regret"] = self.optimum - self.rewards[agent]
        return along

    def _figures(self, agent: str) -> dict[str, Any]:
        runs = self.records[agent]
        along = {name: self._by_step(mean_of(values)) for name, values in self._along(agent).items()}
        evaluations = sum(run.evaluations for run in runs)
        return {
            "evaluations_to_optimum": self._to_optimum(runs),
            "simple_regret": None,
            **along,
            "policy_samples": policy_samples(runs),
            "sources": _sources(runs),
            "verdict": None if agent == self.first else self.verdicts[agent].verdict,
            "difference": None if agent == self.first else self._difference(agent),
            "evaluations_per_run": evaluations / len(runs),
            "failures": sum(run.failures for run in runs),
            "seconds_per_run": sum(run.seconds for run in runs) / len(runs),
            "own_seconds_per_evaluation": sum(run.own_seconds for run in runs) / max(evaluations, 1),
        }

    def _to_optimum(self, runs: Sequence[AgentRun]) -> dict[str, Any] | None:
        if self.optimum is None:
            return None
        counts, found = evaluations_to(runs, self.optimum, self.cap)
        return {
            "mean": float(counts.mean()),
            "standard_error": standard_error(counts),
            "median": float(np.median(counts)),
            "found": float(found.mean()),
            "per_seed": counts.tolist(),
        }

    def _difference(self, agent: str) -> dict[str, Any]:
        """This agent minus the first, seed by seed."""
        figures = self.verdicts[agent].difference(self.first)
        judged = {"mean": figures.pop("mean"), "interval": figures.pop("interval")}
        figures["evaluations_to_optimum"] = None if self.optimum is None else judged
        for name, values in self._along(agent).items():
            paired = _with_interval(values - self._along(self.first)[name])
            figures[name] = dict(zip(map(str, self.steps), paired, strict=True))
        return figures

    def _by_step(self, values: Values) -> dict[str, float | None]:
        return {str(step): _plain(value) for step, value in zip(self.steps, values, strict=True)}


def _sources(runs: Sequence[AgentRun]) -> list[dict[str, int]] | None:
    """In how many runs each source was kept, dropped, or not judged; None where there were none."""
    if not any(run.sources for run in runs):
        return None
    names = {True: "kept", False: "dropped", None: "not_judged"}
    each = zip(*(run.sources for run in runs), strict=True)
    return [{name: kept.count(value) for value, name in names.items()} for kept in each]


def _interval(differences: Values) -> tuple[float, float] | None:
    (low,), (high,) = interval_of_mean(differences[:, None])
    return None if np.isnan(low) else (float(low), float(high))


def _with_interval(values: Values) -> list[dict[str, Any]]:
    """Mean and 95 % interval over seeds of each column of [seeds, columns]."""
    results = []
    for mean, low, high in zip(mean_of(values), *interval_of_mean(values), strict=True):
        interval = None if np.isnan(low) else [float(low), float(high)]
        results.append({"mean": _plain(mean), "interval": interval})
    return results


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
