"""`compare_agents`, `compare_rewards`: is one better, how sure is that? `loop`: controllers made better."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl_designer.api.given import interruptible, plain
from rl_designer.config import SearchConfig
from rl_designer.envs.rewards import RewardFunction, file_and_name
from rl_designer.errors import Error, usage_errors

if TYPE_CHECKING:
    from rl_designer.comparisons.benchmark import BenchmarkResult
    from rl_designer.comparisons.sequential import UntilDecided


def compare_agents(
    *agents: str,
    seeds: int | str = 10,
    samples: int = 100,
    sample_after: int = 100,
    output: str | Path | None = None,
    progress: bool = True,
    **settings: Any,
) -> "BenchmarkResult":
    """Runs every agent with every seed, as `rl-designer benchmark agents`: is one better, how sure is that?

    Args:
        agents: names, with options where wanted; the others are compared with the first. Without any:
            `ppo`, `regularized-evolution`, `local-search`, `random`; with `objectives` those for fronts.
        seeds: runs of each; "auto" for as many as it takes to decide, "auto:40" for at most 40.
        samples, sample_after: as `rl_designer.comparisons.agents.Benchmark` takes them.
        output: a folder for the runs, JSON and CSV; the same again goes on with the rest.
        settings: as `search` takes them; without `data` on the table that the package carries.
    """
    from rl_designer.comparisons.fronts import benchmark_of_agents, run_benchmark_of_agents

    def make(config: SearchConfig) -> Any:
        return benchmark_of_agents(config, agents, _seeds(seeds), samples, sample_after)

    return _compared(make, run_benchmark_of_agents, settings, output, progress)


def compare_rewards(
    *rewards: str | RewardFunction,
    seeds: int | str = 20,
    yardstick: str | None = None,
    energy: bool = False,
    skip_equal: bool = False,
    output: str | Path | None = None,
    progress: bool = True,
    **settings: Any,
) -> "BenchmarkResult":
    """Searches with every reward and every seed, as `rl-designer benchmark rewards`: is one better?

    Args:
        rewards: names, or functions at the top level of a file, which runs in every process; the others are
            compared with the first.
        yardstick: what they are judged by; None for one that suits them.
        energy: whether to estimate it.
        skip_equal: whether rewards that order a table's designs as an earlier one does are not run.
        seeds, output, settings: as `compare_agents` takes them.
    """
    from rl_designer.comparisons.rewards import RewardBenchmark, run_reward_benchmark

    texts = tuple(reward if isinstance(reward, str) else file_and_name(reward) for reward in rewards)

    def make(config: SearchConfig) -> RewardBenchmark:
        return RewardBenchmark(config, texts, _seeds(seeds), yardstick, energy, skip_equal)

    return _compared(make, run_reward_benchmark, settings, output, progress)


def loop(
    *,
    generations: int = 3,
    finalists: int = 4,
    judge: Sequence[str] = (),
    judge_seeds: int = 20,
    judge_evaluations: int = 200,
    run: str | Path | None = None,
    progress: bool = True,
    **settings: Any,
) -> dict[str, Any]:
    """Lets the controller design its own successor, which designs the next, as `rl-designer loop`.

    Args:
        generations: controllers to design, one by the other.
        finalists: the best ones of each generation that are tried again, with other seeds.
        judge: tables that the generations are judged on; without, the embedded ones that none is tried on.
        judge_seeds, judge_evaluations: searches of each generation on each of these, and their designs.
        run: the folder; the same again goes on with the rest. None for `runs/loop`.
        settings: `controllers`, tables that they are tried on, `trial_seeds`, `trial_evaluations`,
            `evaluations`, which are controllers of a generation, `seed`, `energy`, `workers`, `engine`.

    Returns:
        The figures that `rl-designer loop --json` prints.
    """
    from rl_designer.comparisons.output import run_line
    from rl_designer.controllers.loop import DEFAULT_FOLDER, Loop, config_of, run_loop
    from rl_designer.jobs.progress import Display, JobProgress, Shown
    from rl_designer.searches.observers import observers_of

    looped = Loop(
        config_of(plain(settings)), generations, finalists, tuple(judge), judge_seeds, judge_evaluations
    )
    display = Display(not progress)
    with interruptible():
        return run_loop(
            looped,
            DEFAULT_FOLDER if run is None else Path(run),
            partial(observers_of, progress, tensorboard=False),
            JobProgress(display, Shown("searches", run_line)),
            display.say,
        )


def _seeds(seeds: int | str) -> "int | UntilDecided":
    """Raises WrongUsage for what is neither a number nor `auto`."""
    from rl_designer.comparisons.sequential import parse_seeds

    with usage_errors():
        try:
            return parse_seeds(seeds)
        except ValueError as error:
            raise Error(f"seeds {error}") from None


def _compared(
    make: Callable[[SearchConfig], Any],
    run: Callable[..., "BenchmarkResult"],
    settings: Mapping[str, Any],
    output: str | Path | None,
    progress: bool,
) -> "BenchmarkResult":
    from rl_designer.comparisons.output import compared
    from rl_designer.jobs.progress import Display

    with interruptible():
        folder = None if output is None else Path(output)
        return compared(make, run, plain({"evaluations": 100, **settings}), folder, Display(not progress))[0]
