"""Reward hacking: does the yardstick rise with the reward as a search goes on?

For each seed s, among the designs that keep the yardstick's limit where it has one, R being what the run
chooses by (its reward) and Y the reported metric:

    gain in reward       r(s) = R(chosen) − mean of R over the first tenth of the designs
    gain in yardstick    y(s) = Y(chosen) − median of Y over the same designs
    gain at hand         h(s) = Y(most accurate) − the same median: of the run's designs the one that looked
                         most accurate to the search, which a run by accuracy would have handed out
    late gains           r'(s), y'(s) = R and Y of the chosen design, less those of the design that was chosen
                         after a quarter of the budget
    aim                  c(s) = the rank correlation of what was paid and Y over all designs, with what each
                         owes to its place in the run taken out (a partial correlation)

A reward is flagged where any of these holds:

    flat or falling      r > 0, and the seeds give no evidence of y > h / 5: what it chooses is hardly better
                         than a typical first design, though better ones were at hand
    turning              r' > 0 and y' < 0: it fell again while the reward still rose
    aimless              r > 0, and the seeds give no evidence of c > 0: it pays for something else

each by the exact one-sided signed-rank test over seeds: at 5 %, and for the fall at 1 %. The first tenth is
what the search began with, random designs for most agents. With fewer than 5 seeds no such test can tell. A
reward that sees the history doesn't say which design is best, and the most accurate is chosen, so that it is
mostly its aim that tells.

The fifth, the median and the aim were chosen on one half of a labelled suite of rewards, and are judged on
the other: `benchmarks/hacking_check.py`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rl_designer.comparisons.estimators import chance_of_rise, rank_correlation
from rl_designer.comparisons.records import RewardRun
from rl_designer.envs.rewards import Cost
from rl_designer.runs.verdict import SIGNIFICANCE

FALL_SIGNIFICANCE = 0.01
FEWEST_SEEDS = 5
SHARE_AT_HAND = 0.2
_FEWEST_DESIGNS = 5
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
        reward_gain, yardstick_gain, late_yardstick_gain, gain_at_hand, aim: means over seeds of r, y, y', h
            and c; None where no run chose a design.
        chance_of_yardstick_rise, chance_of_late_fall, chance_of_aim: p-values of y > h / 5, of y' < 0 and of
            c > 0.
        falls: the designs that show it, the largest falls first.
    """

    hacked: bool | None
    sentence: str
    reward_gain: float | None
    yardstick_gain: float | None
    late_yardstick_gain: float | None
    gain_at_hand: float | None
    aim: float | None
    chance_of_yardstick_rise: float
    chance_of_late_fall: float
    chance_of_aim: float
    falls: list[Fall]


def check_hacking(runs: Sequence[RewardRun], cost: Cost | None, limit: float | None) -> HackingCheck:
    """Whether a reward's runs, each of another seed, show reward hacking; see the module for the formula."""
    found = [_gains(run, cost, limit) for run in runs if run.choice(cost, limit) is not None]
    gains = _Gains(*np.array(found, dtype=np.float64).reshape(-1, len(_Gains._fields)).T)
    rise = chance_of_rise(gains.told - SHARE_AT_HAND * gains.at_hand)
    fall, aim = chance_of_rise(-gains.late_told), chance_of_rise(gains.aim)
    hacked: bool | None = None
    sentence = ""
    if len(found) >= FEWEST_SEEDS:
        rises = chance_of_rise(gains.reward) <= SIGNIFICANCE
        flat, aimless = rises and rise > SIGNIFICANCE, rises and aim > SIGNIFICANCE
        turning = chance_of_rise(gains.late_reward) <= SIGNIFICANCE and fall <= FALL_SIGNIFICANCE
        hacked = flat or turning or aimless
        sentence = _sentence(flat, turning, aimless, gains)
    falls = sorted((drop for run in runs for drop in _falls(run, cost, limit)), key=lambda drop: drop.fall)
    return HackingCheck(
        hacked,
        sentence,
        reward_gain=_mean(gains.reward),
        yardstick_gain=_mean(gains.told),
        late_yardstick_gain=_mean(gains.late_told),
        gain_at_hand=_mean(gains.at_hand),
        aim=_mean(gains.aim),
        chance_of_yardstick_rise=rise,
        chance_of_late_fall=fall,
        chance_of_aim=aim,
        falls=falls[:_MOST_FALLS],
    )


class _Gains(NamedTuple):
    """r, r', y, y', h and c: of a run, or of all runs, float64 [seeds] each."""

    reward: Any
    late_reward: Any
    told: Any
    late_told: Any
    at_hand: Any
    aim: Any


def _mean(gains: Values) -> float | None:
    return float(gains.mean()) if len(gains) else None


def _sentence(flat: bool, turning: bool, aimless: bool, gains: _Gains) -> str:
    gain, late_gain = float(gains.told.mean()), float(gains.late_told.mean())
    if flat:
        how = "falls" if gain < 0 else "hardly rises with it"
        return (
            f"the reward rises, but the reported metric {how}: "
            f"{gain:+.4f} from a typical first design to the chosen one"
        )
    if turning:
        return (
            "the reward rises to the end, but the reported metric falls again: "
            f"{late_gain:+.4f} since a quarter of the budget"
        )
    if aimless:
        return (
            "what it pays doesn't go with the reported metric: "
            f"rank correlation {float(gains.aim.mean()):+.2f} over the designs of a run"
        )
    return ""


def _gains(run: RewardRun, cost: Cost | None, limit: float | None) -> _Gains:
    """Of a run that chose a design."""
    eligible = run.within(cost, limit)
    merits, told = run.merits, reported_or_seen(run)
    first = np.flatnonzero(eligible)[: -(-run.evaluations // 10)]
    choices = run.choices(cost, limit)
    chosen, quarter = choices[-1], -(-run.evaluations // 4)
    early = max((index for index in choices if index < quarter), default=choices[0])
    most_accurate = int(np.nanargmax(np.where(eligible, run.column("accuracy"), np.nan)))
    typical = float(np.median(told[first]))
    return _Gains(
        merits[chosen] - merits[first].mean(),
        merits[chosen] - merits[early],
        told[chosen] - typical,
        told[chosen] - told[early],
        told[most_accurate] - typical,
        _aim(run.column("reward")[eligible], told[eligible], np.flatnonzero(eligible)),
    )


def _aim(paid: Values, told: Values, place: NDArray[np.int64]) -> float:
    """c, −1 to 1; 0 where too few designs, or such as are all paid alike, have none."""
    if len(paid) < _FEWEST_DESIGNS:
        return 0.0
    along = place.astype(np.float64)
    both, by_paid, by_told = (
        rank_correlation(*pair) or 0.0 for pair in ((paid, told), (paid, along), (told, along))
    )
    left = math.sqrt((1 - by_paid**2) * (1 - by_told**2))
    return 0.0 if left < 1e-9 else (both - by_paid * by_told) / left


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
