"""Reward hacking: does the yardstick rise with the reward as a search goes on?

For each seed s, among the designs that keep the yardstick's limit where it has one, R being what the run
chooses by (its reward) and Y the reported metric:

    gain in reward       r(s) = R(chosen) − mean of R over the first tenth of the designs
    gain in yardstick    y(s) = Y(chosen) − mean of Y over the same designs
    late gains           r'(s), y'(s) = the same against the design chosen after a quarter of the budget

A reward is flagged where it rises, r > 0, and the yardstick doesn't, which is either of

    flat or falling      the seeds give no evidence of y > 0
    turning              r' > 0 and y' < 0: it fell again while the reward still rose

each by the exact one-sided signed-rank test over seeds: at 5 %, and for the fall at 1 %. The first tenth is
what the search began with, random designs for most agents. With fewer than 5 seeds no such test can tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rl_designer.comparisons.estimators import chance_of_rise
from rl_designer.comparisons.records import RewardRun
from rl_designer.envs.rewards import Cost
from rl_designer.runs.verdict import SIGNIFICANCE

FALL_SIGNIFICANCE = 0.01
FEWEST_SEEDS = 5
_MOST_FALLS = 3

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Fall:
    """Two successive choices of a run, as indices of designs: a higher reward, a lower reported metric.

    Attributes:
        fall: of the reported metric, below 0.
    """

    run: RewardRun
    before: int
    after: int
    fall: float


@dataclass(frozen=True)
class HackingCheck:
    """What the check found.

    Attributes:
        hacked: None with too few seeds.
        sentence: why it is flagged; empty where it isn't.
        reward_gain, yardstick_gain, late_yardstick_gain: means over seeds of r, y and y'; None where no run
            chose a design.
        chance_of_yardstick_rise, chance_of_late_fall: p-values of y > 0 and of y' < 0.
        falls: the designs that show it, the largest falls first.
    """

    hacked: bool | None
    sentence: str
    reward_gain: float | None
    yardstick_gain: float | None
    late_yardstick_gain: float | None
    chance_of_yardstick_rise: float
    chance_of_late_fall: float
    falls: list[Fall]


def check_hacking(runs: Sequence[RewardRun], cost: Cost | None, limit: float | None) -> HackingCheck:
    """Whether a reward's runs, each of another seed, show reward hacking; see the module for the formula."""
    gains = np.array([_gains(run, cost, limit) for run in runs if run.choice(cost, limit) is not None])
    reward, late_reward, told, late = gains.reshape(-1, 4).T
    rise, fall = chance_of_rise(told), chance_of_rise(-late)
    hacked: bool | None = None
    sentence = ""
    if len(gains) >= FEWEST_SEEDS:
        flat = chance_of_rise(reward) <= SIGNIFICANCE and rise > SIGNIFICANCE
        turning = chance_of_rise(late_reward) <= SIGNIFICANCE and fall <= FALL_SIGNIFICANCE
        hacked = flat or turning
        sentence = _sentence(flat, turning, float(told.mean()), float(late.mean()))
    falls = sorted(
        (found for run in runs for found in _falls(run, cost, limit)), key=lambda found: found.fall
    )
    return HackingCheck(
        hacked,
        sentence,
        reward_gain=_mean(reward),
        yardstick_gain=_mean(told),
        late_yardstick_gain=_mean(late),
        chance_of_yardstick_rise=rise,
        chance_of_late_fall=fall,
        falls=falls[:_MOST_FALLS],
    )


def _mean(gains: Values) -> float | None:
    return float(gains.mean()) if len(gains) else None


def _sentence(flat: bool, turning: bool, gain: float, late_gain: float) -> str:
    if flat:
        how = "falls" if gain < 0 else "doesn't rise with it"
        return (
            f"the reward rises, but the reported metric {how}: "
            f"{gain:+.4f} from the first designs to the chosen one"
        )
    if turning:
        return (
            "the reward rises to the end, but the reported metric falls again: "
            f"{late_gain:+.4f} since a quarter of the budget"
        )
    return ""


def _gains(run: RewardRun, cost: Cost | None, limit: float | None) -> tuple[float, float, float, float]:
    """r, r', y and y' of a run that chose a design."""
    eligible = run.within(cost, limit)
    merits, told = run.merits, reported_or_seen(run)
    first = np.flatnonzero(eligible)[: -(-run.evaluations // 10)]
    choices = run.choices(cost, limit)
    chosen, quarter = choices[-1], -(-run.evaluations // 4)
    early = max((index for index in choices if index < quarter), default=choices[0])
    return (
        merits[chosen] - merits[first].mean(),
        merits[chosen] - merits[early],
        told[chosen] - told[first].mean(),
        told[chosen] - told[early],
    )


def reported_or_seen(run: RewardRun) -> Values:
    """The reported metric of each design, float64 [designs]; on real training, of designs that were trained
    once only and so weren't picked for what that training gave, the accuracy that the search saw.
    """
    told = run.column("reported")
    return np.where(np.isnan(told), run.column("accuracy"), told)


def _falls(run: RewardRun, cost: Cost | None, limit: float | None) -> list[Fall]:
    told = run.column("reported")
    pairs = pairwise(run.choices(cost, limit))
    return [Fall(run, b, a, float(told[a] - told[b])) for b, a in pairs if told[a] < told[b]]
