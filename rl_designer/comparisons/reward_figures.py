"""What the runs of a benchmark of rewards say: figures, verdicts against the first reward, the best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.comparisons.estimators import (
    SIGNIFICANCE,
    fewest_seeds,
    holm,
    improvement_interval,
    interquartile_interval,
    interquartile_mean,
    mean_interval,
    probability_of_improvement,
    seeds_to_tell,
    signed_rank,
)
from rl_designer.comparisons.hacking import HackingCheck, check_hacking
from rl_designer.comparisons.landscape import Landscape
from rl_designer.comparisons.reward_records import COLUMNS, RewardRun
from rl_designer.comparisons.yardsticks import Yardstick
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.text import short_design

BETTER, WORSE, INDISTINGUISHABLE = "better", "worse", "indistinguishable"

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """A reward against another, paired by seed.

    Attributes:
        verdict: `better`, `worse` or `indistinguishable`; None where so few seeds couldn't tell in any case.
        mean: of the differences of the yardstick, this reward's minus the other's.
        interval: its 95 % bootstrap interval; None for one seed.
        p_value: of the exact signed-rank test, and corrected by Holm for all comparisons made.
        seeds_to_tell: how many seeds would probably tell a difference as large as the observed one; None
            where it is told, where there is none, or beyond 1,000.
    """

    verdict: str | None
    mean: float
    interval: tuple[float, float] | None
    p_value: float
    adjusted_p_value: float
    seeds_to_tell: int | None


class RewardSummary:
    """The figures of all rewards, from runs of equal seeds.

    Args:
        runs: reward → its runs, each in the order of the seeds; rewards are compared with the first.
        space: that the runs searched.
    """

    def __init__(
        self,
        runs: Mapping[str, Sequence[RewardRun]],
        yardstick: Yardstick,
        landscape: Landscape,
        space: SearchSpace,
    ) -> None:
        self.runs = runs
        self.space = space
        self.yardstick = yardstick
        self.landscape = landscape
        self.first = next(iter(runs))
        self.values: dict[str, Values] = {
            reward: np.array([yardstick.measure(run, landscape) for run in of_reward])
            for reward, of_reward in runs.items()
        }

    @cached_property
    def comparisons(self) -> dict[str, Comparison]:
        """Each reward but the first, against the first."""
        others = [reward for reward in self.runs if reward != self.first]
        adjusted = holm([self._test(reward, self.first)[1] for reward in others])
        return {r: self._comparison(r, p, len(others)) for r, p in zip(others, adjusted, strict=True)}

    @cached_property
    def best(self) -> str | None:
        """The reward that is better than every other one, by Holm's correction over all pairs; None where the
        seeds don't tell.
        """
        pairs = list(combinations(self.runs, 2))
        tests = [self._test(*pair) for pair in pairs]
        adjusted = holm([p for _, p in tests])
        wins = dict.fromkeys(self.runs, 0)
        for (one, other), (statistic, _), p in zip(pairs, tests, adjusted, strict=True):
            if p <= SIGNIFICANCE:
                wins[one if statistic > 0 else other] += 1
        return next((r for r, won in wins.items() if pairs and won == len(self.runs) - 1), None)

    @cached_property
    def hacking(self) -> dict[str, HackingCheck]:
        """The check of each reward."""
        cost, limit = self.yardstick.cost, self.yardstick.limit
        return {reward: check_hacking(runs, cost, limit) for reward, runs in self.runs.items()}

    def to_dict(self) -> dict[str, Any]:
        """reward → figures, JSON-ready."""
        return {reward: self._figures(reward) for reward in self.runs}

    def gains(self, reward: str) -> Values:
        """The yardstick's values so that more is better, float64 [seeds]."""
        return self.values[reward] if self.yardstick.higher_is_better else -self.values[reward]

    def _test(self, one: str, other: str) -> tuple[float, float]:
        return signed_rank(self.gains(one) - self.gains(other))

    def _comparison(self, reward: str, adjusted: float, comparisons: int) -> Comparison:
        statistic, p_value = self._test(reward, self.first)
        differences = self.values[reward] - self.values[self.first]
        if len(differences) < fewest_seeds(comparisons):
            verdict, told = None, False
        elif told := adjusted <= SIGNIFICANCE:
            verdict = BETTER if statistic > 0 else WORSE
        else:
            verdict = INDISTINGUISHABLE
        needed = None if told else seeds_to_tell(differences, comparisons)
        return Comparison(
            verdict, float(differences.mean()), mean_interval(differences), p_value, adjusted, needed
        )

    def _figures(self, reward: str) -> dict[str, Any]:
        runs, values = self.runs[reward], self.values[reward]
        figures: dict[str, Any] = {
            "iqm": interquartile_mean(values),
            "interval": _listed(interquartile_interval(values)),
            "probability_of_improvement": None,
            "probability_of_improvement_interval": None,
            "per_seed": values.tolist(),
            "hacked": self.hacking[reward].hacked,
            "verdict": None,
            "difference": None,
        }
        if reward != self.first:
            pair = self.gains(reward), self.gains(self.first)
            figures["probability_of_improvement"] = probability_of_improvement(*pair)
            figures["probability_of_improvement_interval"] = _listed(improvement_interval(*pair))
            difference = vars(self.comparisons[reward]).copy()
            figures["verdict"] = difference.pop("verdict")
            figures["difference"] = {"against": self.first, **difference}
            figures["difference"]["interval"] = _listed(difference["interval"])
        return figures | {"hacking": self._hacking(reward), **_spent(runs), "chosen": self._chosen(runs)}

    def _chosen(self, runs: Sequence[RewardRun]) -> list[dict[str, Any] | None]:
        """Of each seed the design that the run hands out, within the yardstick's limit where it has one."""
        cost, limit = self.yardstick.cost, self.yardstick.limit
        choices = [run.choice(cost, limit) for run in runs]
        return [None if c is None else self._design(run, c) for run, c in zip(runs, choices, strict=True)]

    def _hacking(self, reward: str) -> dict[str, Any]:
        found = vars(self.hacking[reward]).copy()
        falls = found.pop("falls")
        found["designs"] = [
            {
                "seed": fall.run.seed,
                "before": self._design(fall.run, fall.before),
                "after": self._design(fall.run, fall.after),
            }
            for fall in falls
        ]
        return found

    def _design(self, run: RewardRun, index: int) -> dict[str, Any]:
        figures = dict(zip(COLUMNS, run.figures[index], strict=True))
        text = short_design(self.space.architecture(run.actions[index]))
        return {"digest": run.digests[index], "design": text, "evaluation": index + 1, **figures}


def _spent(runs: Sequence[RewardRun]) -> dict[str, Any]:
    """What the runs cost: totals of trainings and failures, means of times and energy."""
    trained = [run.training_seconds for run in runs if run.training_seconds is not None]
    energy = [run.energy_kwh for run in runs if run.energy_kwh is not None]
    return {
        "trainings": sum(run.evaluations for run in runs),
        "failures": int(sum(run.failed.sum() for run in runs)),
        "seconds_per_run": float(np.mean([run.seconds for run in runs])),
        "training_seconds_per_run": float(np.mean(trained)) if trained else None,
        "energy_kwh_per_run": float(np.mean(energy)) if energy else None,
    }


def _listed(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)
