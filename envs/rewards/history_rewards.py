"""Rewards that see the run's history: what a design adds to what the run had found before it.

What they pay for designs of different moments can't be compared.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards.fronts import Front
from rl_designer.envs.rewards.history import History, SortedAccuracies
from rl_designer.envs.rewards.measures import Cost, accuracy_of

Scale = Literal["log", "linear"]

_SCALES: dict[str, Callable[[float], float]] = {"log": math.log10, "linear": float}


def rank(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """Share of the run's earlier designs that it beats in accuracy, 0–1.

    Equal ones count half, and the first design of a run gets 0.5. It is the same for every monotone rescaling
    of accuracy, as in the fitness shaping of evolution strategies (Wierstra et al. 2014, "Natural evolution
    strategies", section 3.1) and in ranked rewards (Laterre et al. 2018, which pay ±1 by a percentile).
    """
    sorted_accuracies = History.of(history).view(SortedAccuracies, "accuracies")
    return sorted_accuracies.share_below(accuracy_of(evaluation))


def hypervolume(
    evaluation: Evaluation,
    history: Sequence[Evaluation],
    *,
    reference: float,
    cost: Cost = "parameters",
    scale: Scale = "log",
) -> float:
    """Growth of the hypervolume of accuracy against a cost over the run's front so far, 0 or more.

    The hypervolume is the area that the designs dominate: for each cost below `reference` the best accuracy
    that was found for as little or less, added up over the cost's decimal logarithm (`scale=log`) or the cost
    itself (`linear`). The reference point is accuracy 0 at the cost `reference`. Zitzler & Thiele 1998,
    "Multiobjective optimization using evolutionary algorithms", for the measure; Emmerich et al. 2006,
    "Single- and multiobjective evolutionary optimization assisted by Gaussian random field metamodels", for
    its growth as a figure of merit.
    """
    front = History.of(history).view(partial(Front, cost), ("front", cost))
    return front.improvement(evaluation, reference, _SCALES[scale])
