"""What the runs of a benchmark of fronts say: hypervolumes, verdicts against the first agent, fronts."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.comparisons.agents import checkpoints
from rl_designer.comparisons.estimators import interval_of_mean, mean_interval, mean_of, standard_error
from rl_designer.comparisons.front_records import FrontRun, samples_of
from rl_designer.comparisons.verdicts import Verdict, best_of_all, sentences, verdicts_of
from rl_designer.envs.objectives import Objectives, Scale
from rl_designer.envs.rewards.dominance import non_dominated

_MOST_STEPS = 50  # of a curve

Values = NDArray[np.float64]


class FrontSummary:
    """The figures of all agents, from runs of equal seeds.

    Args:
        runs: agent → its runs, each in the order of the seeds; differences are against the first agent.
        cap: evaluations of a run.
        known: the values of every design of a table, float64 [N, k]; None on real training, where the front
            of all runs together is the best that is known.
    """

    def __init__(
        self,
        runs: Mapping[str, Sequence[FrontRun]],
        cap: int,
        objectives: Objectives,
        known: Values | None,
    ) -> None:
        self.runs = runs
        self.cap = cap
        self.objectives = objectives
        self.on_table = known is not None
        together = np.concatenate([run.array for some in runs.values() for run in some])
        self.known = together if known is None else known
        self.scale = Scale.of_front(self.known)
        self.steps = checkpoints(cap)
        self.drawn = sorted({*self.steps, *np.linspace(1, cap, min(cap, _MOST_STEPS)).astype(int).tolist()})
        self.first = next(iter(runs))

    @cached_property
    def shares(self) -> dict[str, Values]:
        """By agent, the hypervolume after so many evaluations as a share of the known front's, 0–1, float64
        [seeds, len(drawn)].
        """
        whole = self.scale.hypervolume(self.known)
        return {
            agent: np.array(
                [[self.scale.hypervolume(run.array[:step]) / whole for step in self.drawn] for run in some]
            )
            for agent, some in self.runs.items()
        }

    @cached_property
    def judged(self) -> dict[str, Values]:
        """By agent, the share after all evaluations, float64 [seeds]."""
        return {agent: shares[:, -1] for agent, shares in self.shares.items()}

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """Each agent but the first, against the first."""
        return verdicts_of(self.judged, True)

    @cached_property
    def best(self) -> str | None:
        """The agent that is better than every other one; None where the seeds don't tell."""
        return best_of_all(self.judged, True)

    def conclusions(self) -> list[str]:
        """One sentence on the best, one a comparison, and what the shares are of."""
        seeds, agents = len(self.judged[self.first]), list(self.runs)
        lines = sentences(agents, self.verdicts, self.best, seeds, "agent", measure="hypervolume")
        whose = "of the table" if self.on_table else "that all runs together found: nobody knows the true one"
        return [*lines, f"hypervolumes are shares of that of the front {whose}"]

    def front_figures(self) -> list[list[float]]:
        """The known front as people read it: a row a design, in the order of the first objective's values."""
        return self._figures_on_front(self.known)

    def to_dict(self) -> dict[str, Any]:
        """agent → figures, JSON-ready. `hypervolume` are means over seeds by the number of evaluations."""
        return {agent: self._figures(agent) for agent in self.runs}

    def curves(self) -> list[dict[str, Any]]:
        """A row for each agent and number of evaluations: the mean share over seeds and its interval."""
        rows = []
        for agent, shares in self.shares.items():
            columns = zip(self.drawn, mean_of(shares), *interval_of_mean(shares), strict=True)
            for step, *numbers in columns:
                mean, low, high = (None if np.isnan(number) else float(number) for number in numbers)
                row = {"agent": agent, "figure": "hypervolume", "evaluations": step}
                rows.append({**row, "mean": mean, "low": low, "high": high})
        return rows

    def fronts(self) -> list[dict[str, Any]]:
        """A row for each design of a front: of the known one (`agent` is ""), and of each agent that of its
        median run by hypervolume.
        """
        rows = [self._row("", None, figures) for figures in self.front_figures()]
        for agent, runs in self.runs.items():
            order = np.argsort(self.judged[agent], kind="stable")
            run = runs[int(order[len(order) // 2])]
            rows += [self._row(agent, run.seed, figures) for figures in self._figures_on_front(run.array)]
        return rows

    def _row(self, agent: str, seed: int | None, figures: Sequence[float]) -> dict[str, Any]:
        named = zip((o.text for o in self.objectives.each), figures, strict=True)
        return {"agent": agent, "seed": seed, **dict(named)}

    def _figures_on_front(self, values: Values) -> list[list[float]]:
        front = values[non_dominated(values)]
        figures: list[list[float]] = self.objectives.figures(front[np.argsort(front[:, 0])]).tolist()
        return figures

    def _figures(self, agent: str) -> dict[str, Any]:
        runs, at = self.runs[agent], [self.drawn.index(step) for step in self.steps]
        shares = self.shares[agent][:, at]
        evaluations = sum(run.evaluations for run in runs)
        return {
            "hypervolume": self._by_step(mean_of(shares)),
            "interval": _listed(mean_interval(self.judged[agent])),
            "standard_error": standard_error(self.judged[agent]),
            "per_seed": self.judged[agent].tolist(),
            "policy_samples": samples_of(runs),
            "verdict": None if agent == self.first else self.verdicts[agent].verdict,
            "difference": None if agent == self.first else self._difference(agent, at),
            "evaluations_per_run": evaluations / len(runs),
            "failures": sum(run.failures for run in runs),
            "seconds_per_run": sum(run.seconds for run in runs) / len(runs),
            "own_seconds_per_evaluation": sum(run.own_seconds for run in runs) / max(evaluations, 1),
        }

    def _difference(self, agent: str, at: Sequence[int]) -> dict[str, Any]:
        """This agent minus the first, seed by seed; by the number of evaluations, too."""
        apart = (self.shares[agent] - self.shares[self.first])[:, at]
        means = mean_of(apart)
        intervals = [_listed(mean_interval(column)) for column in apart.T]
        by_step = zip(map(str, self.steps), means.tolist(), intervals, strict=True)
        return {
            **self.verdicts[agent].difference(self.first),
            "hypervolume": {step: {"mean": mean, "interval": ends} for step, mean, ends in by_step},
        }

    def _by_step(self, values: Values) -> dict[str, float]:
        return {str(step): float(value) for step, value in zip(self.steps, values, strict=True)}


def _listed(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)
