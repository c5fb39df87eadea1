"""Was a search better than random search? The verdict, and the chances behind it, exact where they can be."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rl_designer.errors import Error

CONTROL_AGENT = "random"
SIGNIFICANCE = 0.05
WANT = "{}: not compared with random search, for want of designs."


@dataclass(frozen=True)
class Control:
    """What the agent was compared with.

    Attributes:
        evaluations: random designs that were compared with.
        reward: the best of them; on a table the expected best.
        paid: how many of them this run's budget paid for.
    """

    evaluations: int
    reward: float
    paid: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {"agent": CONTROL_AGENT, **vars(self)}


@dataclass(frozen=True)
class FrontControl:
    """What the agent's front was compared with.

    Attributes:
        evaluations: random designs.
        hypervolume: of the front of these, as `Verdict.hypervolume`; on a table the mean.
        paid: how many of them this run's budget paid for.
    """

    evaluations: int
    hypervolume: float
    paid: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {"agent": CONTROL_AGENT, **vars(self)}


@dataclass(frozen=True)
class Verdict:
    """Was the agent better than random search?

    Attributes:
        better: True, False, or None where too little is known.
        sentence: the same for people, with the figures.
        p_value: the chance of doing so well if the agent were no better than random; None where untested.
        hypervolume: of the agent's front with several objectives, a share of that of the whole table, or of
            all designs that it was judged by; None where there is one, or nothing to compare with.
    """

    better: bool | None
    sentence: str
    control: Control | FrontControl | None = None
    p_value: float | None = None
    hypervolume: float | None = None


def judge_by_table(values: Sequence[float], agent: str, rewards: Sequence[float]) -> Verdict:
    """Against the exact distribution of the best of as many distinct designs, drawn at random from a table.

    Args:
        values: the reward of every distinct legal design.
        rewards: of the agent's designs.
    """
    if not rewards:
        return Verdict(None, WANT.format(agent))
    draws, best = min(len(rewards), len(values)), max(rewards)
    array = np.asarray(values)
    chance = chance_of_reaching(array, draws, best)
    expected, median = expected_best(array, draws), median_best(array, draws)
    better = True if chance <= SIGNIFICANCE else False if best <= median else None
    opening = {
        True: "better than random search",
        False: "no better than random search",
        None: "not told apart",
    }
    sentence = (
        f"{agent}: {opening[better]}. Its best reward after {counted(draws)} is {best:.4f}; random search "
        f"would reach that with as many in {percent(chance)} of runs, its best is {expected:.4f} on average "
        "(exact, from the whole table)."
    )
    return Verdict(better, sentence, Control(draws, expected), chance)


def judge_by_designs(agent: str, rewards: Sequence[float], controls: Sequence[float], paid: int) -> Verdict:
    """Against random designs that were evaluated for real, by the precedence test.

    Args:
        rewards: of the agent's designs.
        controls: of the random ones, of which this run paid for `paid`.
    """
    if not rewards or not controls:
        return Verdict(None, WANT.format(agent))
    bar = max(controls)
    better_ones = sum(reward > bar for reward in rewards)
    chance = precedence_p_value(len(rewards), len(controls), better_ones)
    better = True if chance <= SIGNIFICANCE else False if better_ones == 0 else None
    compared = f"{counted(len(controls))} of random search ({paid_by(paid, len(controls) - paid)})"
    best = f"best reward {max(rewards):.4f} against {bar:.4f}"
    if better is False:
        sentence = (
            f"{agent}: no better than random search. Of its {counted(len(rewards))} none beats the best of "
            f"{compared}: {best}."
        )
    else:
        opening = "better than random search" if better else "too little is known"
        sentence = (
            f"{agent}: {opening}. Of its {counted(len(rewards))} {better_ones:,} beat the best of "
            f"{compared}: {best}. Were it no better, as many would with a chance of {percent(chance)}."
        )
    return Verdict(better, sentence, Control(len(controls), bar, paid), chance)


def no_control(agent: str, rewards: Sequence[float]) -> Verdict:
    """The verdict of a run that is compared with nothing: of random search itself, or without control."""
    if agent == CONTROL_AGENT:
        control = Control(len(rewards), max(rewards), len(rewards)) if rewards else None
        return Verdict(None, "Random search is the control itself; compare other agents with it.", control)
    return Verdict(None, f"{agent}: not compared with random search, as was asked for.")


def not_comparable(agent: str, reward: str) -> Verdict:
    """The verdict of a run whose reward sees the history, so that two searches' rewards can't be compared."""
    return Verdict(
        None,
        f"{agent}: not compared with random search. The reward {reward!r} depends on what its own run had "
        "found before, so what two searches were paid can't be compared; `benchmark rewards` has yardsticks.",
    )


def counted(count: int) -> str:
    return "1 design" if count == 1 else f"{count:,} designs"


def paid_by(paid: int, stored: int) -> str:
    parts = [f"{paid:,} paid for by this run"] * (paid > 0) + [f"{stored:,} from earlier runs"] * (stored > 0)
    return ", ".join(parts)


def percent(chance: float) -> str:
    if chance < 1e-4:
        return "less than 0.01 %"
    return f"{100 * chance:.1f} %" if chance >= 0.01 else f"{100 * chance:.2g} %"


def precedence_p_value(designs: int, controls: int, better: int) -> float:
    """The chance that at least `better` of `designs` values lie strictly above every one of `controls` values
    where all of them come, exchangeable, from one distribution:
    C(designs, better) / C(designs + controls, better).

    This is the precedence (exceedance) test, free of any distribution (Balakrishnan & Ng 2006,
    "Precedence-Type Tests and Applications"). Ties make it conservative: a value equal to the best control
    doesn't count as better, so breaking ties at random could only count more.

    Args:
        designs: values of the search, ≥ 1.
        controls: values of the control, ≥ 1.
        better: how many of `designs` are strictly better than the best control, 0 … designs.

    Raises:
        ValueError: for counts out of range.
    """
    if designs < 1 or controls < 1 or not 0 <= better <= designs:
        raise Error(
            f"needs designs ≥ 1, controls ≥ 1 and 0 ≤ better ≤ designs, got {designs}, {controls}, {better}"
        )
    return math.exp(_log_choose(designs, better) - _log_choose(designs + controls, better))


def best_of_random(values: ArrayLike, draws: int) -> NDArray[np.float64]:
    """For each value, the chance that it is the best of `draws` of them taken at random without replacement,
    float64 [n], in the order of the values sorted upwards; among equal values the last is the best.

    Args:
        values: float [n], finite.
        draws: at least 1; more than n counts as n.

    Raises:
        ValueError: for no values, values that are not finite, or no draws.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n = len(ordered)
    if n == 0 or not np.isfinite(ordered).all() or draws < 1:
        raise Error(f"needs finite values and at least 1 draw, got {n} values and {draws} draws")
    # P(best is among the k lowest) = C(k, draws) / C(n, draws).
    draws = min(draws, n)
    at_most = np.array([_chance_all_within(k, n, draws) for k in range(n + 1)])
    return np.diff(at_most)


def expected_best(values: ArrayLike, draws: int) -> float:
    """Mean of the best of `draws` values taken at random without replacement. Raises as `best_of_random`."""
    return float(best_of_random(values, draws) @ np.sort(np.asarray(values, dtype=np.float64)))


def median_best(values: ArrayLike, draws: int) -> float:
    """The lowest value that the best of `draws` doesn't pass with a chance of at least one half. Raises as
    `best_of_random`.
    """
    chances = np.cumsum(best_of_random(values, draws))
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    return float(ordered[min(int(np.searchsorted(chances, 0.5 - 1e-12)), len(ordered) - 1)])


def chance_of_reaching(values: ArrayLike, draws: int, threshold: float) -> float:
    """The chance that the best of `draws` values taken at random without replacement is at least `threshold`:
    1 − C(n − k, draws) / C(n, draws), where k values reach it. Raises as `best_of_random`.
    """
    array = np.asarray(values, dtype=np.float64)
    if len(array) == 0 or not np.isfinite(array).all() or draws < 1:
        raise Error(f"needs finite values and at least 1 draw, got {len(array)} values and {draws} draws")
    reaching = int((array >= threshold).sum())
    return 1.0 - _chance_all_within(len(array) - reaching, len(array), min(draws, len(array)))


def quarter_means(values: Sequence[float]) -> tuple[float, float] | None:
    """Means of the first and of the last quarter of a sequence; None for fewer than 4 values."""
    quarter = len(values) // 4
    if quarter == 0:
        return None
    return math.fsum(values[:quarter]) / quarter, math.fsum(values[-quarter:]) / quarter


def _chance_all_within(k: int, n: int, draws: int) -> float:
    return 0.0 if k < draws else math.exp(_log_choose(k, draws) - _log_choose(n, draws))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
