"""How rewards order the designs of a table: known before anything is searched, and for nothing.

A search sees a reward only through what it pays for designs. Two rewards that put all designs of a table in
one order, equal ones included, make an agent that goes by the order alone (`Agent.by_order`) evaluate the
same designs with the same seed, so one of them needn't be run. A reward that sees the history has no such
order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.comparisons.estimators import rank_correlation
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards import COSTS, Cost, Reward
from rl_designer.envs.rewards.costs import FIELDS

MOST_DESIGNS = 20_000
_TOP, _BEST = 0.05, 0.01
_PARTS = 4

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Order:
    """How a reward orders a table's designs, beside the first reward.

    Attributes:
        reward: as the user named it.
        designs: that were looked at.
        known: whether there is an order: not where the reward sees the history.
        same_as: the earliest reward before it that puts all designs in the same order; None for none.
        over_all: Spearman's rank correlation with the first reward; None where it isn't defined, as all that
            follows is where the first reward sees the history.
        at_the_top: the same among the first reward's best 5 %.
        best_in_common: of the best 1 % by the first reward the share that is among as many by this one, 0–1.
        by_cost: for each cost that is known the rank correlation in each quarter of the designs, from the
            cheapest to the dearest.
    """

    reward: str
    designs: int
    known: bool
    same_as: str | None = None
    over_all: float | None = None
    at_the_top: float | None = None
    best_in_common: float | None = None
    by_cost: Mapping[Cost, list[float | None]] | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    def sentence(self, first: str, by_order: bool) -> str:
        """For people.

        Args:
            by_order: whether the agent goes by the order alone.
        """
        if not self.known:
            return f"{self.reward} sees the history, so how it orders designs only searches tell"
        if self.same_as is not None:
            what = "so its searches are the same" if by_order else "but this agent goes by their size, too"
            return f"{self.reward} orders all {self.designs:,} designs as {self.same_as} does, {what}"
        if self.best_in_common is None:
            return f"{self.reward}: {first} sees the history, so nothing is known before searches"
        parts = [f"{_told(self.over_all)} over all {self.designs:,} designs"]
        parts.append(f"{_told(self.at_the_top)} among the best {100 * _TOP:.0f} % of {first}")
        for cost, quarters in (self.by_cost or {}).items():
            defined = [quarter for quarter in quarters if quarter is not None]
            if defined:
                parts.append(f"at least {min(defined):.2f} in each quarter of {cost}")
        common = f"of the best 1 % {100 * self.best_in_common:.0f} % in common"
        return f"{self.reward} and {first}: rank correlation {', '.join(parts)}; {common}"


def orders_of(
    rewards: Mapping[str, Reward], evaluations: Sequence[Evaluation], failure_reward: float
) -> list[Order]:
    """Of each reward, in their order.

    Args:
        rewards: by what the user named them; the others are set beside the first.
        evaluations: of all distinct designs of a table. Of more than 20,000 that many are looked at, evenly
            spread.
        failure_reward: paid for those that failed, which takes part in the order where there are such.

    Raises:
        RewardError: where a reward can't be paid on one of them.
    """
    looked_at = evaluations[:: -(-len(evaluations) // MOST_DESIGNS)]
    trained = [evaluation for evaluation in looked_at if evaluation.failure is None]
    failed = [failure_reward] if len(trained) < len(looked_at) else []
    paid = {
        name: None if reward.sees_history else np.array([reward(evaluation) for evaluation in trained])
        for name, reward in rewards.items()
    }
    places = {name: None if v is None else _places(np.append(v, failed)) for name, v in paid.items()}
    first, costs = next(iter(rewards)), _costs(trained)
    orders = []
    for number, (name, values) in enumerate(paid.items()):
        same = (other for other in list(paid)[:number] if _equal(places[other], places[name]))
        same_as, against = next(same, None), paid[first]
        if values is None:
            orders.append(Order(name, len(trained), False))
        elif against is None:
            orders.append(Order(name, len(trained), True, same_as))
        else:
            orders.append(_beside(name, values, against, same_as, costs))
    return orders


def _beside(
    name: str, values: Values, first: Values, same_as: str | None, costs: Mapping[Cost, Values]
) -> Order:
    top = np.argsort(-first, kind="stable")[: max(int(_TOP * len(first)), 2)]
    best = max(int(_BEST * len(first)), 1)
    in_common = set(top[:best]) & set(np.argsort(-values, kind="stable")[:best])
    return Order(
        name,
        len(values),
        True,
        same_as,
        rank_correlation(values, first),
        rank_correlation(values[top], first[top]),
        len(in_common) / best,
        {
            cost: [rank_correlation(values[rows], first[rows]) for rows in _parts(known)]
            for cost, known in costs.items()
        },
    )


def _places(values: Values) -> NDArray[np.int64]:
    """Of each value its place, equal ones the same, int64 [n]."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _equal(one: NDArray[np.int64] | None, other: NDArray[np.int64] | None) -> bool:
    return one is not None and other is not None and np.array_equal(one, other)


def _costs(evaluations: Sequence[Evaluation]) -> dict[Cost, Values]:
    """Those that all have."""
    found = {cost: [getattr(evaluation, FIELDS[cost]) for evaluation in evaluations] for cost in COSTS}
    return {cost: np.array(values, dtype=np.float64) for cost, values in found.items() if None not in values}


def _parts(costs: Values) -> list[NDArray[np.int64]]:
    """Rows by cost, in quarters."""
    return np.array_split(np.argsort(costs, kind="stable"), _PARTS)


def _told(correlation: float | None) -> str:
    return "undefined" if correlation is None else f"{correlation:.2f}"
