"""Reward hacking: does the yardstick rise with the reward as a search goes on?

For each seed s, among the designs that keep the yardstick's limit where it has one, R being what the run
chooses by (its reward) and Y the reported metric:

    gain in reward       r(s) = R(chosen) − mean of R over the first tenth of the designs
    gain in yardstick    y(s) = Y(chosen) − median of Y over the same designs
    gain at hand         h(s) = Y(most accurate) − the same median: of the run's designs the one that looked
                         most accurate to the search, which a run by accuracy would have handed out
    late gains           r'(s), y'(s) = R and Y of the chosen design, less those of the design that was chosen
                         after a quarter of the budget
    aim                  c(s) = the rank correlation of what was paid and Y over all designs, with what both
                         owe to the place in the run and to the yardstick's cost, where it has one, taken out
                         (a partial correlation): of equally dear designs, is the more accurate one paid more?
    aim at the top       d(s), e(s) = the same over the better paid half of the designs, with Y and with the
                         accuracy that the search saw: is the more accurate one paid more where it pays well?

A reward is flagged where any of these holds:

    flat or falling      r > 0, y is on average less than h / 2, and the seeds give no evidence of y > h / 5:
                         what it chooses is hardly better than a typical first design, though better ones
                         were at hand
    turning              r' > 0 and y' < −h / 5: it fell again while the reward still rose
    aimless              r > 0, and the seeds give no evidence of c > 1 / 10: it pays for something else
    aimless at the top   r > 0, and they give none of d > 1 / 10, nor of e > 1 / 10: it pays for accuracy only
                         where there is little of it, and there a search doesn't stay

each by the exact one-sided signed-rank test over seeds: at 5 %, and for the fall at 1 %. The first tenth is
what the search began with, random designs for most agents. With fewer than 5 seeds no such test can tell. A
reward that sees the history doesn't say which design is best, and the most accurate is chosen, so that it is
mostly its aim that tells. By what the search saw it is asked at the top because good designs may differ less
than the luck of a training: of an honest reward Y alone couldn't tell.

The shares, the median and the aims were chosen on one part of a labelled suite of rewards, and are judged on
the other: `benchmarks/hacking_check.py`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rl_designer.comparisons.estimators import chance_of_rise
from rl_designer.comparisons.records import RewardRun
from rl_designer.envs.rewards import Cost
from rl_designer.runs.verdict import SIGNIFICANCE

FALL_SIGNIFICANCE = 0.01
FEWEST_SEEDS = 5
SHARE_AT_HAND = 0.2
_HALF = 0.5
LEAST_AIM = 0.1
_FEWEST_DESIGNS = 5
_ROUNDING = 1e-9  # what is left of the squares of ranks by rounding alone, for each design cubed
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
        reward_gain, yardstick_gain, late_yardstick_gain, gain_at_hand, aim, aim_at_the_top: means over seeds
            of r, y, y', h, c, and of d or e, whichever there is more evidence of; None where no run chose a
            design, or none tells.
        chance_of_yardstick_rise, chance_of_late_fall, chance_of_aim, chance_of_aim_at_the_top: p-values of
            y > h / 5, of y' < −h / 5, of c > 1 / 10, and the lower one of d > 1 / 10 and e > 1 / 10.
        falls: the designs that show it, the largest falls first.
    """

    hacked: bool | None
    sentence: str
    reward_gain: float | None
    yardstick_gain: float | None
    late_yardstick_gain: float | None
    gain_at_hand: float | None
    aim: float | None
    aim_at_the_top: float | None
    chance_of_yardstick_rise: float
    chance_of_late_fall: float
    chance_of_aim: float
    chance_of_aim_at_the_top: float
    falls: list[Fall]


def check_hacking(runs: Sequence[RewardRun], cost: Cost | None, limit: float | None) -> HackingCheck:
    """Whether a reward's runs, each of another seed, show reward hacking; see the module for the formula."""
    found = [_gains(run, cost, limit) for run in runs if run.choice(cost, limit) is not None]
    gains = _Gains(*np.array(found, dtype=np.float64).reshape(-1, len(_Gains._fields)).T)
    rise = chance_of_rise(gains.told - SHARE_AT_HAND * gains.at_hand)
    fall = chance_of_rise(-gains.late_told - SHARE_AT_HAND * gains.at_hand)
    aim = _Aim.of(gains.aim)
    top = min(_Aim.of(gains.top_told), _Aim.of(gains.top_seen), key=lambda one: one.chance)
    hacked: bool | None = None
    sentence = ""
    if len(found) >= FEWEST_SEEDS:
        rises = chance_of_rise(gains.reward) <= SIGNIFICANCE
        hardly = gains.told.mean() < _HALF * gains.at_hand.mean()
        late = chance_of_rise(gains.late_reward) <= SIGNIFICANCE
        sentence = _sentence(
            gains,
            flat=bool(rises and hardly and rise > SIGNIFICANCE),
            turning=late and fall <= FALL_SIGNIFICANCE,
            aimless=rises and aim.missed,
            at_the_top=rises and top.missed,
        )
        hacked = bool(sentence)
    falls = sorted((drop for run in runs for drop in _falls(run, cost, limit)), key=lambda drop: drop.fall)
    return HackingCheck(
        hacked,
        sentence,
        reward_gain=_mean(gains.reward),
        yardstick_gain=_mean(gains.told),
        late_yardstick_gain=_mean(gains.late_told),
        gain_at_hand=_mean(gains.at_hand),
        aim=aim.mean,
        aim_at_the_top=top.mean,
        chance_of_yardstick_rise=rise,
        chance_of_late_fall=fall,
        chance_of_aim=aim.chance,
        chance_of_aim_at_the_top=top.chance,
        falls=falls[:_MOST_FALLS],
    )


class _Aim(NamedTuple):
    """A partial correlation, over the seeds in which it tells anything."""

    seeds: int
    mean: float | None
    chance: float  # of so much where there is no more than 1 / 10

    @classmethod
    def of(cls, found: Values) -> "_Aim":
        known = found[~np.isnan(found)]
        return cls(len(known), _mean(known), chance_of_rise(known - LEAST_AIM))

    @property
    def missed(self) -> bool:
        """Whether so many seeds could have shown it, and don't."""
        return self.seeds >= FEWEST_SEEDS and self.chance > SIGNIFICANCE


class _Gains(NamedTuple):
    """r, r', y, y', h, c, d and e: of a run, or of all runs, float64 [seeds] each."""

    reward: Any
    late_reward: Any
    told: Any
    late_told: Any
    at_hand: Any
    aim: Any
    top_told: Any
    top_seen: Any


def _mean(gains: Values) -> float | None:
    return float(gains.mean()) if len(gains) else None


def _sentence(gains: _Gains, *, flat: bool, turning: bool, aimless: bool, at_the_top: bool) -> str:
    """Why it is flagged; empty where none of these holds."""
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
            f"partial rank correlation {float(np.nanmean(gains.aim)):+.2f} over the designs of a run"
        )
    if at_the_top:
        return (
            "where it pays well, what it pays doesn't go with accuracy: partial rank correlation "
            f"{float(np.nanmean(gains.top_told)):+.2f} with the reported metric and "
            f"{float(np.nanmean(gains.top_seen)):+.2f} with what the search saw, over the better paid half"
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
        *_aims(run, told, eligible, cost),
    )


def _aims(
    run: RewardRun, told: Values, eligible: NDArray[np.bool_], cost: Cost | None
) -> tuple[float, float, float]:
    """c, d and e. Where all are paid the same at the top, d and e tell nothing."""
    place = np.arange(run.evaluations, dtype=np.float64)
    rest = [place, *([] if cost is None else [run.column(cost)])]
    columns = np.stack([run.column("reward"), told, run.column("accuracy"), *rest])
    columns = columns[:, eligible & ~np.isnan(columns).any(axis=0)]
    paid, reported, _, *rest = columns
    aim = _aim(paid, reported, rest)
    top = columns[:, paid >= np.median(paid)] if len(paid) else columns
    paid, reported, seen, *rest = top
    if len(np.unique(paid)) <= 1:
        return aim, math.nan, math.nan
    return aim, _aim(paid, reported, rest), _aim(paid, seen, rest)


def _aim(paid: Values, accuracy: Values, rest: Sequence[Values]) -> float:
    """A partial rank correlation, −1 to 1; 0 where what is paid is all owed to the rest, NaN where too few
    designs, or such as are all as accurate, tell nothing.
    """
    from scipy.stats import rankdata

    n = len(paid)
    if n < _FEWEST_DESIGNS:
        return math.nan
    ranks = rankdata(np.stack([paid, accuracy, *rest]), axis=1).T
    owed = np.column_stack([np.ones(n), ranks[:, 2:]])
    left = ranks[:, :2] - owed @ np.linalg.lstsq(owed, ranks[:, :2], rcond=None)[0]
    of_paid, of_accuracy = np.where((left**2).sum(axis=0) < _ROUNDING * n**3, 0.0, left).T
    if not of_accuracy.any():
        return math.nan
    scale = math.sqrt(float(of_paid @ of_paid) * float(of_accuracy @ of_accuracy))
    return float(of_paid @ of_accuracy) / (scale or 1.0)


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
