"""Agents side by side where several objectives are searched for: whose front has more of the hypervolume?"""

from dataclasses import dataclass
from functools import partial
from typing import Any

from rl_designer.comparisons.agents import (
    DEFAULT_AGENTS,
    DEFAULT_SAMPLES,
    Benchmark,
    run_benchmark,
)
from rl_designer.comparisons.benchmark import (
    BenchmarkLog,
    BenchmarkResult,
    check_budget,
    run_trials,
    task_name,
)
from rl_designer.comparisons.front_figures import FrontSummary
from rl_designer.comparisons.front_records import FrontRun, front_run, several_of, table_values
from rl_designer.comparisons.sequential import UntilDecided
from rl_designer.comparisons.trial import Trial, objectives_in, trials_of_agents
from rl_designer.config import SearchConfig
from rl_designer.envs.rewards.dominance import non_dominated
from rl_designer.envs.workers.engines import Engine
from rl_designer.errors import Error, WrongUsage
from rl_designer.jobs.jobs import JobObserver
from rl_designer.searches.objectives import fidelity_beside

DEFAULT_FRONT_AGENTS = ("ppo", "nsga-ii", "optuna-tpe", "ppo-weights", "random")


@dataclass(frozen=True)
class FrontBenchmark:
    """What is compared with what, on what.

    Attributes:
        config: the table or the data, the limits, the objectives, and `evaluations`, which every run spends.
        agents: as `Benchmark` takes them.
        seeds: how many; every agent has the seeds 0, 1, …
        samples: designs drawn from each policy by each of five preferences, or six of three objectives.
    """

    config: SearchConfig
    agents: tuple[str, ...]
    seeds: int
    samples: int = DEFAULT_SAMPLES

    def check(self) -> None:
        """Raises WrongUsage for agents that can't be, or can't search for fronts, or nothing to compare."""
        Benchmark(self.config, self.agents, self.seeds).check()
        if not self.config.objectives:
            raise WrongUsage("a comparison of fronts needs two or three objectives")
        for agent in self.agents:
            objectives_in(self.config.changed(agent=agent))

    def trials(self) -> list[Trial]:
        """All agents of a seed before the next seed. Raises as `Contender.sources`."""
        objectives = several_of(self.config)
        every = Trial(
            self.config,
            seed=0,
            record=partial(front_run, samples=self.samples),
            fidelity=fidelity_beside(self.config, objectives),
        )
        return trials_of_agents(every, self.agents, range(self.seeds))


def run_front_benchmark(
    benchmark: FrontBenchmark,
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
    config = benchmark.config
    objectives, known = several_of(config), table_values(config.changed(agent="random"))
    runs = run_trials(benchmark.trials(), FrontRun, log, engine, observer)
    if not any(len(non_dominated(run.array)) for some in runs.values() for run in some):
        raise Error("all designs of all runs failed, so that there is no front")
    summary = FrontSummary(runs, check_budget(config), objectives, known)
    data = {
        "task": task_name(config),
        "evaluations": summary.cap,
        "seeds": benchmark.seeds,
        "objectives": objectives.described(),
        "designs": None if known is None else len(known),
        "front": summary.front_figures(),
        "agents": summary.to_dict(),
        "best": summary.best,
        "conclusions": summary.conclusions(),
    }
    return BenchmarkResult(runs, summary, data)


def benchmark_of_agents(
    config: SearchConfig, agents: tuple[str, ...], seeds: int | UntilDecided, samples: int, sample_after: int
) -> Benchmark | FrontBenchmark:
    """By their fronts where the config has objectives, else by its reward; `agents` may be empty.

    Raises:
        WrongUsage: for fronts until decided, which is judged by designs alone.
    """
    if config.objectives:
        if isinstance(seeds, UntilDecided):
            raise WrongUsage("--seeds auto is for designs, not for fronts; give a number with --objective")
        return FrontBenchmark(config, agents or DEFAULT_FRONT_AGENTS, seeds, samples)
    return Benchmark(config, agents or DEFAULT_AGENTS, seeds, samples, sample_after)


def run_benchmark_of_agents(benchmark: Benchmark | FrontBenchmark, **options: Any) -> BenchmarkResult:
    """As `run_benchmark` and `run_front_benchmark`."""
    if isinstance(benchmark, FrontBenchmark):
        return run_front_benchmark(benchmark, **options)
    return run_benchmark(benchmark, **options)
