"""Is one side better than another, paired by seed? The same verdict for agents and for rewards."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.comparisons.estimators import (
    MOST_SEEDS,
    SIGNIFICANCE,
    fewest_seeds,
    holm,
    mean_interval,
    seeds_to_tell,
    signed_rank,
)

BETTER, WORSE, INDISTINGUISHABLE = "better", "worse", "indistinguishable"
_FEWEST_FOR_A_SPREAD = 5

Values = NDArray[np.float64]
Interval = Callable[[Values], tuple[float, float] | None]
Test = Callable[[Values], tuple[float, float]]


@dataclass(frozen=True)
class Verdict:
    """One side against the first, paired by seed.

    Attributes:
        verdict: `better`, `worse` or `indistinguishable`; None where so few seeds couldn't tell in any case.
        mean: of the differences, this side's values minus the first's.
        interval: its 95 % bootstrap interval; None for one seed.
        p_value: of the signed-rank test, exact or sequential, and corrected by Holm for all comparisons made.
        seeds_to_tell: how many seeds would probably tell a difference as large as the observed one; None
            where it is told, where there is none, or beyond 1,000.
    """

    verdict: str | None
    mean: float
    interval: tuple[float, float] | None
    p_value: float
    adjusted_p_value: float
    seeds_to_tell: int | None

    def difference(self, against: str) -> dict[str, Any]:
        """The figures without the word, JSON-ready."""
        return {
            "against": against,
            "mean": self.mean,
            "interval": None if self.interval is None else list(self.interval),
            "p_value": self.p_value,
            "adjusted_p_value": self.adjusted_p_value,
            "seeds_to_tell": self.seeds_to_tell,
        }


def verdicts_of(
    values: Mapping[str, Values],
    higher_is_better: bool,
    interval: Interval = mean_interval,
    test: Test = signed_rank,
) -> dict[str, Verdict]:
    """Each side but the first, against the first.

    Args:
        values: side → what it is judged by, float64 [seeds], the same seeds for all.
        interval: of the mean of differences.
        test: of differences, float64 [seeds]; its statistic, above 0 where they outweigh, and its p-value.
    """
    first, *others = values
    tests = {name: test(_gain(values[name], values[first], higher_is_better)) for name in others}
    adjusted = holm([p_value for _, p_value in tests.values()])
    verdicts = {}
    for (name, (statistic, p_value)), corrected in zip(tests.items(), adjusted, strict=True):
        differences, verdict = values[name] - values[first], None
        if len(differences) >= fewest_seeds(len(others)):
            verdict = INDISTINGUISHABLE if corrected > SIGNIFICANCE else BETTER if statistic > 0 else WORSE
        told = verdict in (BETTER, WORSE)
        needed = None if told else seeds_to_tell(differences, len(others))
        mean = float(differences.mean())
        verdicts[name] = Verdict(verdict, mean, interval(differences), p_value, corrected, needed)
    return verdicts


def best_of_all(values: Mapping[str, Values], higher_is_better: bool, test: Test = signed_rank) -> str | None:
    """The side that is better than every other one, by Holm's correction over all pairs; None where the seeds
    don't tell.
    """
    pairs = list(combinations(values, 2))
    tests = [test(_gain(values[one], values[other], higher_is_better)) for one, other in pairs]
    adjusted = holm([p_value for _, p_value in tests])
    wins = dict.fromkeys(values, 0)
    for (one, other), (statistic, _), p_value in zip(pairs, tests, adjusted, strict=True):
        if p_value <= SIGNIFICANCE:
            wins[one if statistic > 0 else other] += 1
    return next((side for side, won in wins.items() if pairs and won == len(values) - 1), None)


def _gain(one: Values, other: Values, higher_is_better: bool) -> Values:
    return one - other if higher_is_better else other - one


# -- in sentences --------------------------------------------------------------------------------------


def sentences(
    sides: Sequence[str],
    verdicts: Mapping[str, Verdict],
    best: str | None,
    seeds: int,
    kind: str,
    *,
    measure: str = "",
    digits: int = 4,
) -> list[str]:
    """One sentence on the best, and one a comparison.

    Args:
        kind: what a side is, in the singular: `reward`.
        measure: what the differences are in, where that has to be said.
        digits: of theirs after the point.
    """
    lines = [_opening(best, seeds, len(sides) - 1, kind)]
    if seeds > 1:
        for side, verdict in verdicts.items():
            lines.append(_against(side, sides[0], verdict, seeds, measure and f" in {measure}", digits))
    return lines


def _opening(best: str | None, seeds: int, comparisons: int, kind: str) -> str:
    if not comparisons:
        return f"one {kind}: nothing to compare it with"
    needed = fewest_seeds(comparisons)
    if seeds < needed:
        tell = "one seed tells" if seeds == 1 else f"{seeds} seeds tell"
        what = "a comparison" if comparisons == 1 else f"{comparisons} comparisons"
        return f"{tell} nothing of {what}: at least {needed} are needed, 20 are a good start"
    return (
        f"best: {best}, better than every other"
        if best
        else "best: none is told to be better than every other"
    )


def _against(side: str, first: str, verdict: Verdict, seeds: int, of_what: str, digits: int) -> str:
    assert verdict.interval is not None
    low, high = verdict.interval
    observed = f"{verdict.mean:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]{of_what}"
    if verdict.verdict in (BETTER, WORSE):
        p_value = verdict.adjusted_p_value
        chance = "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.4f}"
        return f"{side} is {verdict.verdict} than {first}: {observed}, {chance}"
    if low == high == 0:
        return f"{side} and {first} are equal in every seed{of_what}"
    apart = f"{side} is not told apart from {first}: {observed}"
    if verdict.verdict is None and seeds < _FEWEST_FOR_A_SPREAD:
        return apart  # so few differences say nothing of their spread either
    if verdict.seeds_to_tell is None:
        most = max(abs(low), abs(high))
        return (
            f"{apart}; {MOST_SEEDS:,} seeds would not tell so small a difference, and more than "
            f"{most:.{digits}f} either way is unlikely"
        )
    return (
        f"{apart}; about {verdict.seeds_to_tell:,} seeds would tell a difference as large as that, "
        "if it is there"
    )
