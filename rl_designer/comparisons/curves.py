"""What is drawn of a benchmark of rewards, as rows of plain figures: profiles, fronts, searches' courses."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.comparisons.estimators import performance_profile
from rl_designer.comparisons.hacking import reported_or_seen
from rl_designer.comparisons.reward_figures import RewardSummary
from rl_designer.comparisons.reward_records import RewardRun
from rl_designer.envs.rewards import COSTS, Cost
from rl_designer.envs.rewards.fronts import best_within

_LEVELS = 101
_QUARTILES = (0.25, 0.5, 0.75)

Row = dict[str, Any]
Values = NDArray[np.float64]


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
            band = {"low": _plain(low), "high": _plain(high)}
            rows.append({"reward": reward, "level": sign * float(level), "share": float(share), **band})
    return rows


def cost_drawn(summary: RewardSummary) -> Cost | None:
    """The yardstick's cost, or the first that is known; None where none is."""
    known = [
        c for c in COSTS if c in summary.landscape.costs and np.isfinite(summary.landscape.costs[c]).any()
    ]
    return summary.yardstick.cost or next(iter(known), None)


def fronts(summary: RewardSummary) -> list[Row]:
    """For each reward and each level of a cost the reported metric of the best design that a run evaluated
    for at most so much: median and quartiles over seeds. And the known front, as the reward None.

    A level that less than half of the runs have a design for has no row; the others count at the floor.
    """
    cost = cost_drawn(summary)
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
    for index in run.best_so_far(run.within(summary.yardstick.cost, summary.yardstick.limit)):
        course[0, index:], course[1, index:] = run.merits[index], told[index]
    return course


def _front_row(reward: str | None, cost: float, median: float, low: float, high: float) -> Row:
    return {"reward": reward, "cost": float(cost), "reported": float(median), "low": low, "high": high}


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
