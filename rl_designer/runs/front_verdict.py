"""Was a search for a whole front better than random search? By the hypervolume of as many random designs."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.objectives import Scale
from rl_designer.envs.seeding import stream
from rl_designer.runs.verdict import (
    SIGNIFICANCE,
    WANT,
    FrontControl,
    Verdict,
    counted,
    paid_by,
    percent,
)

_DRAWS = 999  # of as many designs; enough for chances down to 0.1 %
_MEANS = 200  # for a mean alone

Values = NDArray[np.float64]


def judge_front_by_table(values: Values, agent: str, own: Values) -> Verdict:
    """Against the hypervolumes of as many distinct designs, drawn at random from a table 999 times.

    Args:
        values: of every distinct legal design, float64 [N, k]; NaN where one has none.
        own: of the agent's designs, float64 [n, k].
    """
    if len(own) == 0 or not np.isfinite(values).any():
        return Verdict(None, WANT.format(agent))
    scale, draws = Scale.of_front(values), min(len(own), len(values))
    whole = scale.hypervolume(values)
    reached = float(scale.hypervolume(own) / whole)
    drawn = _drawn(values, draws, _DRAWS, lambda rows: scale.hypervolume(rows) / whole)
    chance = _chance(int((drawn >= reached).sum()))
    better = True if chance <= SIGNIFICANCE else False if reached <= np.median(drawn) else None
    opening = {
        True: "better than random search",
        False: "no better than random search",
        None: "not told apart",
    }
    expected = float(drawn.mean())
    sentence = (
        f"{agent}: {opening[better]}. The front of its {counted(draws)} has {percent(reached)} of "
        f"the hypervolume of the whole table's; random search would reach that with as many in "
        f"{percent(chance)} of runs, its front has {percent(expected)} on average "
        f"({_DRAWS:,} random draws from the table)."
    )
    return Verdict(better, sentence, FrontControl(draws, expected), chance, reached)


def judge_front_by_designs(agent: str, own: Values, controls: Values, paid: int) -> Verdict:
    """Against random designs that were evaluated for real, by a permutation test: were the agent no better,
    the smaller of the two groups would be any as many of all designs together, and so would its hypervolume.

    Units are by all designs together, in which no group has a say by itself.

    Args:
        own: of the agent's designs, float64 [n, k]; NaN for one that failed or was stopped early.
        controls: of the random ones, float64 [m, k], of which this run paid for `paid`.
    """
    together = np.concatenate([own, controls])
    if len(own) == 0 or len(controls) == 0 or not np.isfinite(together).any():
        return Verdict(None, WANT.format(agent))
    scale, size = scale_of_designs(together), min(len(own), len(controls))
    whole = scale.hypervolume(together)

    def share(rows: Values) -> float:
        return float(scale.hypervolume(rows) / whole)

    ours, theirs = (_as_many(rows, size, share) for rows in (own, controls))
    drawn = _drawn(together, size, _DRAWS, share)
    as_good = drawn <= theirs if len(controls) == size else drawn >= ours
    chance = _chance(int(as_good.sum()))
    better = False if ours <= theirs else True if chance <= SIGNIFICANCE else None
    opening = {
        True: "better than random search",
        False: "no better than random search",
        None: "too little is known",
    }
    compared = f"{counted(len(controls))} of random search ({paid_by(paid, len(controls) - paid)})"
    sentence = (
        f"{agent}: {opening[better]}. Its {counted(len(own))} and {compared} have one front together; of "
        f"its hypervolume {size:,} of the agent's designs have {percent(ours)} on average, {size:,} random "
        f"ones {percent(theirs)}. Were it no better, they would be so far apart with a chance of "
        f"{percent(chance)}."
    )
    return Verdict(better, sentence, FrontControl(len(controls), theirs, paid), chance, share(own))


def scale_of_designs(together: Values) -> Scale:
    """From the worst of the front of all designs, or from their median where that is worse, so that a short
    front doesn't leave most of them without any hypervolume.
    """
    front = Scale.of_front(together)
    return Scale(np.minimum(front.worst, np.nanmedian(together, axis=0)), front.best)


def _as_many(rows: Values, size: int, share: Callable[[Values], float]) -> float:
    """The mean hypervolume of so many of the rows."""
    return share(rows) if len(rows) == size else float(_drawn(rows, size, _MEANS, share).mean())


def _drawn(rows: Values, size: int, times: int, share: Callable[[Values], float]) -> Values:
    """Hypervolumes of random rows, so many each time, float64 [times]; always the same."""
    draws = stream(0, "hypervolumes", size)
    return np.array([share(rows[draws.choice(len(rows), size, replace=False)]) for _ in range(times)])


def _chance(as_good: int) -> float:
    """Of doing as well, the agent's own being one of the draws."""
    return (as_good + 1) / (_DRAWS + 1)
