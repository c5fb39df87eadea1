"""Seeds until the question is decided: a group-sequential test of paired differences.

After each of a few looks the signed-rank test is asked again, and its 2.5 % are spent bit by bit,
α · n / most up to n seeds (Lan & DeMets 1983, "Discrete sequential boundaries for clinical trials"; of the
spending functions of Kim & DeMets 1987, "Design and analysis of group sequential tests based on the type I
error spending rate function", the one with ρ = 1, near Pocock's). So it errs in no more cases than the test
of a fixed number of seeds, whatever was seen on the way. Nothing needs to be normal: where a side is no
better, a difference and its negative are equally likely given its size, and what the statistic would have
been at every look is drawn from signs dealt at random.

The least level at which the boundaries would have been crossed by now is a p-value at every look (Liu &
Anderson 2008, "On adaptive extensions of group sequential trials for clinical investigations"), which Holm's
correction takes as it takes others.

A comparison that isn't told also ends where the seeds up to the most would tell it with a chance of less than
a quarter, by its predictive power (Spiegelhalter, Freedman & Blackburn 1986, "Monitoring clinical trials:
conditional or predictive power?"). The boundaries don't reckon with that, so it can only make errors rarer;
it costs power, which `benchmarks/seeds_auto.py` measures.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.comparisons.benchmark import BenchmarkLog, run_trials
from rl_designer.comparisons.estimators import SIGNIFICANCE, holm, signed_rank
from rl_designer.comparisons.records import Record
from rl_designer.comparisons.trial import Trial
from rl_designer.comparisons.verdicts import BETTER, WORSE, Test, Verdict
from rl_designer.envs.seeding import stream
from rl_designer.envs.workers.engines import Engine
from rl_designer.errors import Error
from rl_designer.jobs.jobs import JobObserver
from rl_designer.quantities import parse_count

AUTO = "auto"
MOST = 60
FUTILE = 0.25
_GROWTH = 1.2  # of the seeds, from look to look
_DRAWS = 20_000
_HALVINGS = 14  # of a level's logarithm

Values = NDArray[np.float64]


@dataclass(frozen=True)
class UntilDecided:
    """As many seeds as it takes, in place of a number of them.

    Attributes:
        most: that are run where it takes so many.
    """

    most: int = MOST

    def looks(self, comparisons: int) -> list[int]:
        """After how many seeds is looked, ascending; the last is `most`. The first is the fewest with which
        one of so many comparisons could be told.
        """
        looks = [
            next(
                (n for n in range(2, self.most) if 2 * 2**-n * comparisons <= SIGNIFICANCE * n / self.most),
                self.most,
            )
        ]
        while looks[-1] < self.most:
            looks.append(min(max(math.ceil(looks[-1] * _GROWTH), looks[-1] + 2), self.most))
        return looks


def parse_seeds(value: object) -> int | UntilDecided:
    """A number of seeds, or `auto`, or `auto:40` for at most so many. Raises ValueError for anything else."""
    if isinstance(value, UntilDecided):
        return value
    name, colon, most = value.partition(":") if isinstance(value, str) else ("", "", "")
    if name != AUTO:
        try:
            return parse_count(value)
        except ValueError as error:
            raise Error(f"{error}; or {AUTO}, or {AUTO}:40 for at most 40") from None
    return UntilDecided(parse_count(most)) if colon else UntilDecided()


@dataclass(frozen=True)
class Looks:
    """After how many seeds was looked, and how many there could have been."""

    seeds: tuple[int, ...]
    most: int

    def test(self, differences: Values) -> tuple[float, float]:
        """The signed-rank statistic of differences, float64 [seeds so far], and the sequential p-value."""
        return signed_rank(differences)[0], sequential_p_value(differences, self.seeds, self.most)

    def sentence(self, verdicts: Iterable[Verdict]) -> str:
        """How many seeds were needed, and why no more."""
        looks = ", ".join(map(str, self.seeds))
        if all(verdict.verdict in (BETTER, WORSE) for verdict in verdicts):
            why = "they tell all that was asked"
        else:
            why = "no more were allowed" if self.seeds[-1] == self.most else "more would hardly tell the rest"
        return f"{self.seeds[-1]} of at most {self.most} seeds: {why} (sequential test, looks after {looks})"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"most": self.most, "looks": list(self.seeds)}


def test_of(looks: Looks | None) -> Test:
    """Of paired differences: after these looks, or the exact one of a number of seeds."""
    return signed_rank if looks is None else looks.test


def run_seeds(
    seeds: int | UntilDecided,
    trials: Callable[[Iterable[int]], Sequence[Trial]],
    values: Callable[[Mapping[str, Sequence[Any]]], Mapping[str, Values]],
    record: type[Record],
    log: BenchmarkLog | None = None,
    engine: Engine | None = None,
    observer: JobObserver | None = None,
) -> tuple[dict[str, list[Any]], Looks | None]:
    """Runs a number of seeds, or looks after some of them whether more are needed.

    Args:
        trials: of all sides with some seeds.
        values: of the runs so far, side → what it is judged by, float64 [seeds]. What a run is judged by must
            not change with later ones.
        record, log, engine, observer: as for `run_trials`, raising the same.

    Returns:
        The runs, and the looks; None for a number of seeds.
    """
    if isinstance(seeds, int):
        return run_trials(trials(range(seeds)), record, log, engine, observer), None
    sides = len(trials(range(1)))
    planned = seeds.looks(max(sides - 1, 1))
    done = [planned[0]]

    def more(runs: Mapping[str, Sequence[Any]]) -> Sequence[Trial]:
        if len(done) == len(planned) or decided(values(runs), Looks(tuple(done), seeds.most)):
            return ()
        done.append(planned[len(done)])
        return trials(range(done[-2], done[-1]))

    begun, most = trials(range(done[0])), sides * seeds.most
    runs = run_trials(begun, record, log, engine, observer, more, most)
    return runs, Looks(tuple(done), seeds.most)


def decided(values: Mapping[str, Values], looks: Looks) -> bool:
    """Whether each side but the first is told from it, or hardly would be by all seeds that there may be.

    Args:
        values: side → what it is judged by, float64 [seeds so far].
    """
    first, *others = values
    differences = [values[name] - values[first] for name in others]
    adjusted = holm([sequential_p_value(d, looks.seeds, looks.most) for d in differences])
    return all(
        p_value <= SIGNIFICANCE or predictive_power(d, looks.most, len(others)) < FUTILE
        for p_value, d in zip(adjusted, differences, strict=True)
    )


def sequential_p_value(differences: Values, looks: Sequence[int], most: int) -> float:
    """The least level at which the two-sided test would have told by now; at least 1 / 20,000.

    Args:
        differences: of the paired seeds so far, float64 [n], n the last of `looks`.
        looks: after how many seeds was looked.
        most: seeds, when all of the level is spent.
    """
    signs, seen, drawn = _signs(most), [], []
    for look in looks:
        ranks = _ranks(np.abs(differences[:look]))
        seen.append(abs(float(np.sign(differences[:look]) @ ranks)))
        drawn.append(np.abs(signs[:, :look] @ ranks))
    shares = [look / most for look in looks]
    low, high = math.log(1 / _DRAWS), 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if _crossed(math.exp(middle), seen, drawn, shares) else (middle, high)
    return math.exp(high)


def _crossed(level: float, seen: Sequence[float], drawn: Sequence[Values], shares: Sequence[float]) -> bool:
    """Whether a boundary was crossed, where `level` times a share may be spent up to each look."""
    going_on, stopped = np.ones(_DRAWS, dtype=bool), 0
    for told, statistics, share in zip(seen, drawn, shares, strict=True):
        # What was seen counts as one more draw, so that draws can't make the level too small (Phipson & Smyth
        # 2010, "Permutation p-values should never be zero").
        may_stop = math.floor(level * share * (_DRAWS + 1)) - 1 - stopped
        left = statistics[going_on]
        if may_stop < 1 or may_stop >= len(left):
            continue
        bar = np.partition(left, -may_stop - 1)[-may_stop - 1]
        if told > bar:
            return True
        stops = going_on & (statistics > bar)
        stopped += int(stops.sum())
        going_on &= ~stops
    return False


def _ranks(magnitudes: Values) -> Values:
    """Of those that aren't 0; 0 of the others."""
    from scipy.stats import rankdata

    ranks = np.zeros(len(magnitudes))
    moved = magnitudes != 0
    ranks[moved] = rankdata(magnitudes[moved])
    return ranks


@lru_cache(maxsize=4)
def _signs(most: int) -> Values:
    """−1 or 1, float64 [draws, most], always the same."""
    return stream(0, "signs").choice(np.array([-1.0, 1.0]), size=(_DRAWS, most))


def predictive_power(differences: Values, most: int, comparisons: int) -> float:
    """The chance that all seeds up to `most` would tell, given those so far and no other knowledge, 0–1.

    Φ((|z| / √t − z(1 − α / 2m)) · √(t / (1 − t))) with the share t of the seeds, the normal deviate z of the
    signed-rank statistic and m comparisons; and the same on the other side.
    """
    from scipy.stats import norm

    ranks, share = _ranks(np.abs(differences)), len(differences) / most
    spread = math.sqrt(float(ranks @ ranks))
    if spread == 0 or share >= 1:
        return 0.0
    drift = abs(float(np.sign(differences) @ ranks)) / spread / math.sqrt(share)
    bar = float(norm.ppf(1 - SIGNIFICANCE / (2 * comparisons)))
    scale = math.sqrt(share / (1 - share))
    return float(norm.cdf((drift - bar) * scale) + norm.cdf((-drift - bar) * scale))
