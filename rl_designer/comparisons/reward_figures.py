"""What the runs of a benchmark of rewards say: figures, verdicts against the first reward, what is drawn."""

import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.comparisons.estimators import (
    improvement_interval,
    interquartile_interval,
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
)
from rl_designer.comparisons.hacking import HackingCheck, check_hacking, reported_or_seen
from rl_designer.comparisons.records import COLUMNS, RewardRun
from rl_designer.comparisons.sequential import Looks, test_of
from rl_designer.comparisons.verdicts import Verdict, best_of_all, sentences, verdicts_of
from rl_designer.comparisons.yardsticks import Landscape, Yardstick
from rl_designer.envs.rewards import COSTS, Cost
from rl_designer.envs.rewards.fronts import best_within
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.text import short_design, shortened

_DESIGN_WIDTH = 60
_LEVELS = 101
_QUARTILES = (0.25, 0.5, 0.75)

Row = dict[str, Any]
Values = NDArray[np.float64]


class RewardSummary:
    """The figures of all rewards, from runs of equal seeds.

    Args:
        runs: reward → its runs, each in the order of the seeds; rewards are compared with the first.
        space: that the runs searched.
        looks: where the seeds were as many as it took.
    """

    def __init__(
        self,
        runs: Mapping[str, Sequence[RewardRun]],
        yardstick: Yardstick,
        landscape: Landscape,
        space: SearchSpace,
        looks: Looks | None = None,
    ) -> None:
        self.looks = looks
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
    def verdicts(self) -> dict[str, Verdict]:
        """Each reward but the first, against the first."""
        return verdicts_of(self.values, self.yardstick.higher_is_better, test=test_of(self.looks))

    @cached_property
    def best(self) -> str | None:
        """The reward that is better than every other one; None where the seeds don't tell."""
        return best_of_all(self.values, self.yardstick.higher_is_better, test_of(self.looks))

    @cached_property
    def hacking(self) -> dict[str, HackingCheck]:
        """The check of each reward."""
        cost, limit = self.yardstick.cost, self.yardstick.limit
        return {reward: check_hacking(runs, cost, limit) for reward, runs in self.runs.items()}

    @property
    def cost_drawn(self) -> Cost | None:
        """The yardstick's cost, or the first that is known; None where none is."""
        costs = self.landscape.costs
        known = (cost for cost in COSTS if cost in costs and np.isfinite(costs[cost]).any())
        return self.yardstick.cost or next(known, None)

    def conclusions(self) -> list[str]:
        """One sentence on the best, one a comparison, one a reward that looks hacked."""
        seeds = len(self.values[self.first])
        lines = [] if self.looks is None else [self.looks.sentence(self.verdicts.values())]
        lines += sentences(list(self.runs), self.verdicts, self.best, seeds, "reward")
        return lines + [self._hacked(name) for name, check in self.hacking.items() if check.hacked]

    def to_dict(self) -> dict[str, Any]:
        """reward → figures, JSON-ready."""
        return {reward: self._figures(reward) for reward in self.runs}

    def gains(self, reward: str) -> Values:
        """The yardstick's values so that more is better, float64 [seeds]."""
        return self.values[reward] if self.yardstick.higher_is_better else -self.values[reward]

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
            figures["verdict"] = self.verdicts[reward].verdict
            figures["difference"] = self.verdicts[reward].difference(self.first)
        return figures | {"hacking": self._hacking(reward), **_spent(runs), "chosen": self._chosen(runs)}

    def _chosen(self, runs: Sequence[RewardRun]) -> list[dict[str, Any] | None]:
        """Of each seed the design that the run hands out, within the yardstick's limit where it has one."""
        choices = [run.choice(self.yardstick.cost, self.yardstick.limit) for run in runs]
        return [None if c is None else self._design(run, c) for run, c in zip(runs, choices, strict=True)]

    def _hacking(self, reward: str) -> dict[str, Any]:
        found = vars(self.hacking[reward]).copy()
        found["designs"] = [
            {
                "seed": fall.run.seed,
                "before": self._design(fall.run, fall.before),
                "after": self._design(fall.run, fall.after),
            }
            for fall in found.pop("falls")
        ]
        return found

    def _hacked(self, reward: str) -> str:
        found = self._hacking(reward)
        line = f"{reward} looks hacked: {found['sentence']}"
        if not found["designs"]:
            return line
        worst = found["designs"][0]
        before, after = worst["before"], worst["after"]
        return (
            f"{line}; with seed {worst['seed']} from {_told(before)} at evaluation {before['evaluation']} "
            f"to {_told(after)} at {after['evaluation']}"
        )

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


def _told(design: Mapping[str, Any]) -> str:
    text = shortened(design["design"], _DESIGN_WIDTH)
    return f"{text} (reward {design['reward']:.6g}, reported {design['reported']:.4f})"


def _listed(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)


# -- what is drawn, as rows of plain figures ---------------------------------------------------------


def profiles(summary: RewardSummary) -> list[Row]:
    """Performance profiles: for each reward and each level of the yardstick (of its negative where less is
    better) the share of seeds that reach it, with its 95 % band.
    """
    pooled = np.concatenate([summary.gains(reward) for reward in summary.runs])
    levels = np.linspace(pooled.min(), pooled.max(), _LEVELS)
    sign = 1 if summary.yardstick.higher_is_better else -1
    rows = []
    for reward in summary.runs:
        columns = performance_profile(summary.gains(reward), levels)
        for level, share, low, high in zip(levels, *columns, strict=True):
            low, high = (None if np.isnan(end) else float(end) for end in (low, high))
            row = {"reward": reward, "level": sign * float(level), "share": float(share)}
            rows.append({**row, "low": low, "high": high})
    return rows


def fronts(summary: RewardSummary) -> list[Row]:
    """For each reward and each level of a cost the reported metric of the best design that a run evaluated
    for at most so much: median and quartiles over seeds. And the known front, as the reward None.

    A level that less than half of the runs have a design for has no row; the others count at the floor.
    """
    cost = summary.cost_drawn
    if cost is None:
        return []
    known = summary.landscape.front(cost)
    costs = summary.landscape.costs[cost]
    levels = np.geomspace(known.costs[0], np.nanmax(costs), _LEVELS)
    levels = np.unique(np.concatenate([levels, known.costs]))
    best = best_within(costs, summary.landscape.reported, levels)
    rows = [_front_row(None, level, value, value, value) for level, value in zip(levels, best, strict=True)]
    for reward, runs in summary.runs.items():
        reached = np.stack([best_within(run.column(cost), run.column("reported"), levels) for run in runs])
        drawn = np.isfinite(reached).mean(axis=0) >= 0.5
        filled = np.where(np.isnan(reached), summary.landscape.floor, reached)
        low, middle, high = np.quantile(filled, _QUARTILES, axis=0)
        columns = zip(levels[drawn], middle[drawn], low[drawn], high[drawn], strict=True)
        rows += [_front_row(reward, *map(float, column)) for column in columns]
    return rows


def courses(summary: RewardSummary) -> list[Row]:
    """For each reward and each number of evaluations, means over seeds of the design that the runs would
    choose then, within the yardstick's limit: its reward (what it is chosen by) and its reported metric.
    """
    rows = []
    for reward, runs in summary.runs.items():
        along = np.stack([_course(run, summary) for run in runs])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # before any run has a design
            means = np.nanmean(along, axis=0)
        for done, (merit, told) in enumerate(means.T, start=1):
            if np.isfinite(merit):
                row = {"chosen_by": float(merit), "reported": float(told)}
                rows.append({"reward": reward, "evaluations": done, **row})
    return rows


def _course(run: RewardRun, summary: RewardSummary) -> Values:
    """float64 [2, most evaluations]: what the incumbents are chosen by, and their reported metric."""
    longest = max(other.evaluations for runs in summary.runs.values() for other in runs)
    course = np.full((2, longest), np.nan)
    told = reported_or_seen(run)
    for index in run.choices(summary.yardstick.cost, summary.yardstick.limit):
        course[0, index:], course[1, index:] = run.merits[index], told[index]
    return course


def _front_row(reward: str | None, cost: float, median: float, low: float, high: float) -> Row:
    return {"reward": reward, "cost": float(cost), "reported": float(median), "low": low, "high": high}
