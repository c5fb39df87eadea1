"""What generations gain on tables that their loop never saw."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.controller_space import agent_text
from rl_designer.comparisons.agents import Benchmark, Summary, run_benchmark
from rl_designer.comparisons.benchmark import RUNS, BenchmarkLog
from rl_designer.comparisons.verdicts import BETTER, WORSE, Verdict, verdicts_of
from rl_designer.config import make_config
from rl_designer.controllers.named_task import NamedTask
from rl_designer.envs.architecture import Option
from rl_designer.envs.workers.engines import Engine
from rl_designer.jobs.jobs import JobObserver

FIRST = "generation 0"  # today's `ppo`
_NO_POLICY = "final_updates=0"  # designs alone are judged

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Judge:
    """What generations are judged by.

    Attributes:
        tasks: that none of their controllers was tried on.
        seeds: searches of each generation on each.
        evaluations: that a search may spend; one that hasn't found the best by then counts as so many.
    """

    tasks: tuple[NamedTask, ...]
    seeds: int
    evaluations: int

    def judge(
        self,
        controllers: Sequence[Mapping[str, Option]],
        folder: Path,
        make_engine: Callable[[], Engine],
        observer: JobObserver,
    ) -> dict[str, Any]:
        """JSON-ready figures: by task, and over all tasks.

        Args:
            controllers: options of each generation, today's `ppo` first.
            folder: for finished runs, so that the same again goes on with the rest.
            make_engine: where the searches run, called for each task.

        Raises:
            ValueError, KeyboardInterrupt: as `run_benchmark`.
        """
        names = [f"{agent_text(options)},{_NO_POLICY}" for options in controllers]
        by_task: dict[str, Summary] = {}
        for task in self.tasks:
            config = make_config({**task.settings, "evaluations": self.evaluations})
            benchmark = Benchmark(config, tuple(dict.fromkeys(names)), self.seeds, 0, 0)
            log, engine = BenchmarkLog(folder / _name(task) / RUNS), make_engine()
            by_task[str(task)] = run_benchmark(benchmark, log=log, engine=engine, observer=observer).summary
        counts = {task: [summary.judged[name] for name in names] for task, summary in by_task.items()}
        found = {
            task: [figures[name]["evaluations_to_optimum"]["found"] for name in names]
            for task, figures in ((task, summary.to_dict()) for task, summary in by_task.items())
        }
        runs = [
            run for summary in by_task.values() for records in summary.records.values() for run in records
        ]
        return {
            "seeds": self.seeds,
            "evaluations": self.evaluations,
            "tasks": [{"task": task, "generations": _of_task(counts[task], found[task])} for task in counts],
            "over_all": _over_all(list(counts.values())),
            "seconds": sum(run.seconds for run in runs),
        }


def _name(task: NamedTask) -> str:
    """Of a folder, which differs with the task."""
    digest = hashlib.sha256(str(task).encode()).hexdigest()[:8]
    stem = re.sub(r"[^\w.]+", "-", Path(task.table).stem)
    return f"{stem}-{digest}"


def _of_task(counts: Sequence[Values], found: Sequence[float]) -> list[dict[str, Any]]:
    """Of each generation the evaluations until the best, and what it gains on the first, by logarithms."""
    gains = _gains([np.log(values) for values in counts])
    return [
        {
            "generation": number,
            "mean": float(values.mean()),
            "standard_error": float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None,
            "median": float(np.median(values)),
            "found": found[number],
            "per_seed": [int(value) for value in values],
            **gains[number],
        }
        for number, values in enumerate(counts)
    ]


def _over_all(counts: Sequence[Sequence[Values]]) -> list[dict[str, Any]]:
    """The same over all tasks, each of which weighs as much: by seed the mean of the logarithms."""
    logs = [
        np.mean([np.log(of_task[number]) for of_task in counts], axis=0) for number in range(len(counts[0]))
    ]
    return [
        {"generation": number, "geometric_mean": float(np.exp(logs[number].mean())), **gain}
        for number, gain in enumerate(_gains(logs))
    ]


def _gains(logs: Sequence[Values]) -> list[dict[str, Any]]:
    """Each generation against the first, all corrected for each other, and against the one before.

    One that is an earlier one again is no further comparison.
    """
    earliest = [next(n for n in range(len(logs)) if np.array_equal(logs[n], values)) for values in logs]
    against_first = verdicts_of({f"{number}": logs[number] for number in dict.fromkeys(earliest)}, False)
    gains: list[dict[str, Any]] = [{"against_first": None, "against_previous": None}]
    for number in range(1, len(logs)):
        first = against_first[f"{earliest[number]}"] if earliest[number] else _alone(logs[0], logs[number])
        previous = _alone(logs[number - 1], logs[number])
        gains.append({"against_first": _ratio(first), "against_previous": _ratio(previous)})
    return gains


def _alone(other: Values, own: Values) -> Verdict:
    """One comparison, not corrected for others."""
    return verdicts_of({"other": other, "own": own}, False)["own"]


def _ratio(verdict: Verdict) -> dict[str, Any]:
    """How many times as many evaluations it needs, with a 95 % interval over the seeds."""
    interval = verdict.interval
    return {
        "verdict": verdict.verdict,
        "ratio": float(np.exp(verdict.mean)),
        "interval": None if interval is None else [float(np.exp(end)) for end in interval],
        "p_value": verdict.adjusted_p_value,
        "seeds_to_tell": verdict.seeds_to_tell,
    }


def conclusions(judged: Mapping[str, Any]) -> list[str]:
    """A sentence a generation, on all tasks together."""
    many = len(judged["tasks"])
    tasks = "one task that the loop never saw" if many == 1 else f"{many} tasks that the loop never saw"
    on = f"on {tasks}, over {judged['seeds']} seeds"
    lines = []
    for generation in judged["over_all"][1:]:
        number = generation["generation"]
        own = _against(generation["against_first"], "today's ppo")
        line = f"generation {number} {own}, {on}"
        if number > 1:
            line += f"; {_against(generation['against_previous'], f'generation {number - 1}')}"
        lines.append(line)
    return lines


def _against(gain: Mapping[str, Any], whom: str) -> str:
    ratio, interval = gain["ratio"], gain["interval"]
    if interval is None:
        return f"needs {ratio:.2f} times the evaluations of {whom}, of which one seed tells nothing"
    between = f"{ratio:.2f} [{interval[0]:.2f}, {interval[1]:.2f}] times the evaluations of {whom}"
    if interval[0] == interval[1] == 1:
        return f"is {whom} again"
    if gain["verdict"] == BETTER:
        return f"is better: it needs {between} (p = {gain['p_value']:.2g})"
    if gain["verdict"] == WORSE:
        return f"is worse: it needs {between} (p = {gain['p_value']:.2g})"
    return f"gains nothing that could be told: it needs {between} (p = {gain['p_value']:.2g})"
