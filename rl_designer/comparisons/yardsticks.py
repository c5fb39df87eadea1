"""Yardsticks: by what rewards are judged. One function and one line of `YARDSTICKS` each.

What a run *chooses* is its design with the highest reward, for that is what a user of the reward is handed;
for a reward that sees the history, and so can't compare designs of different moments, the one with the
highest validation accuracy. A yardstick then measures by the *reported* metric, which no search has seen.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.comparisons.records import RewardRun
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.rewards import COSTS, Cost, Reward, RewardContext
from rl_designer.envs.rewards.costs import FIELDS
from rl_designer.envs.rewards.fronts import KnownFront
from rl_designer.envs.rewards.reward import fields_read
from rl_designer.errors import Error, unknown_name
from rl_designer.quantities import parse_count, parse_seconds

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Landscape:
    """What yardsticks measure by.

    Attributes:
        reported: the reported metric of each design, float64 [n].
        costs: of each design, float64 [n] for every cost that is known.
        complete: whether these are all legal designs, as on a table; else those that the runs found together.
        source: a table's name and metric, or what stands for them, for messages.
    """

    reported: Values
    costs: Mapping[Cost, Values]
    complete: bool
    source: str

    @classmethod
    def of_table(cls, evaluator: TableEvaluator) -> "Landscape":
        """Every distinct legal design of a table that a search can train.

        Raises:
            ValueError: for a table without searched values, or one that doesn't report some of those designs.
        """
        table, metric = evaluator.space.table, evaluator.task.report
        rows = evaluator.space.distinct_rows[~np.isnan(evaluator.search_values())]
        if len(rows) == 0:
            raise Error(
                f"table {table.name!r} has no value of the searched metric {evaluator.task.search!r} "
                "within the limits"
            )
        reported = table.values(metric)[rows]
        if missing := int(np.isnan(reported).sum()):
            raise Error(
                f"table {table.name!r} lacks the reported metric {metric!r} of {missing:,} of {len(rows):,} "
                "designs, so rewards can't be judged by it; choose another task"
            )
        costs = {cost: values[rows] for cost, values in evaluator.space.row_costs.items()}
        return cls(reported, {c: costs[c] for c in COSTS if c in costs}, True, f"table {table.name!r}")

    @classmethod
    def of_runs(cls, runs: Iterable[RewardRun]) -> "Landscape":
        """What the runs of all rewards found together, where nobody knows more."""
        figures = [run.table[~np.isnan(run.column("reported"))] for run in runs]
        table = np.concatenate([*figures, np.zeros((0, 3 + len(COSTS)))])
        costs = {cost: table[:, 3 + index] for index, cost in enumerate(COSTS)}
        return cls(table[:, 2], costs, False, "the runs")

    @property
    def floor(self) -> float:
        """What counts for a run that has no design to hand out: the lowest value of a table, or 0."""
        return float(self.reported.min()) if self.complete else 0.0

    def front(self, cost: Cost) -> KnownFront:
        """The best that is known against a cost; worked out once. Raises ValueError where there is none."""
        return _front(self, cost)


@cache
def _front(landscape: Landscape, cost: Cost) -> KnownFront:
    return KnownFront.of(landscape.costs[cost], landscape.reported)


def reported(run: RewardRun, landscape: Landscape) -> float:
    """The reported metric of the chosen design.

    A run whose designs all failed counts as the lowest value of the table, on real training as 0.
    """
    return _reported_of(run, run.choice(), landscape)


def reported_within_limit(run: RewardRun, landscape: Landscape, *, cost: Cost, limit: float) -> float:
    """The reported metric of the design that a run hands out where a cost may be at most `limit`: the one
    with the highest reward among those that keep it.

    A run without such a design counts as the lowest value of the table, on real training as 0.
    """
    return _reported_of(run, run.choice(cost, limit), landscape)


def hypervolume(run: RewardRun, landscape: Landscape, *, cost: Cost) -> float:
    """The area that a run's designs dominate in reported metric against the logarithm of a cost, as a share
    of what the known front dominates, 0–1; see `KnownFront.hypervolume`.

    The known front is the table's; on real training that of all runs of the benchmark together. The reference
    point lies a tenth of the known front's range beyond its lowest accuracy and its highest cost.
    """
    return landscape.front(cost).hypervolume(run.column(cost), run.column("reported"))


def front_regret(run: RewardRun, landscape: Landscape, *, cost: Cost) -> float:
    """How far a run's designs are from the table's front, on average along it, in units of its range; 0 where
    they cover it: IGD+, see `KnownFront.distance`. Less is better.
    """
    return landscape.front(cost).distance(run.column(cost), run.column("reported"))


@dataclass(frozen=True)
class Kind:
    """What is in the registry.

    Attributes:
        measure: of a run and the landscape; `cost` and `limit` are keyword-only, where it has them.
        title: for people, with the cost and the limit in braces.
        needs_table: whether the best that there is must be known.
        by_front: whether it measures by the known front, on real training that of all runs together.
    """

    measure: Callable[..., float]
    title: str
    higher_is_better: bool = True
    needs_table: bool = False
    by_front: bool = False


YARDSTICKS: dict[str, Kind] = {
    "reported": Kind(reported, "reported accuracy of the chosen design"),
    "reported-within-limit": Kind(
        reported_within_limit, "reported accuracy of the design chosen among those with {cost} ≤ {limit}"
    ),
    "hypervolume": Kind(
        hypervolume,
        "hypervolume of reported accuracy against {cost}, share of the known front's",
        by_front=True,
    ),
    "front-regret": Kind(
        front_regret,
        "distance to the table's front of reported accuracy against {cost}",
        higher_is_better=False,
        needs_table=True,
        by_front=True,
    ),
}


@dataclass(frozen=True)
class Yardstick:
    """A yardstick with its parameters.

    Attributes:
        text: what `make_yardstick` reads as the same.
        title: for people.
        by_front: as `Kind` has it.
        cost, limit: where it has them.
    """

    text: str
    title: str
    higher_is_better: bool
    measure: Callable[[RewardRun, Landscape], float]
    by_front: bool = False
    cost: Cost | None = None
    limit: float | None = None


def make_yardstick(text: str, context: RewardContext, landscape: Landscape | None) -> Yardstick:
    """A yardstick by name, with parameters where wanted: `reported-within-limit:cost=parameters,limit=20k`.

    The default cost is `parameters`; the default limit is what rewards aim at by default, the limit on the
    cost or the median of the costs.

    Args:
        landscape: of the table; None on real training.

    Raises:
        ValueError: for an unknown name or parameter, a value out of range, a cost that the table lacks, or a
            table that isn't there.
    """
    name, _, rest = text.partition(":")
    if name not in YARDSTICKS:
        raise Error(unknown_name("yardstick", name, YARDSTICKS))
    kind = YARDSTICKS[name]
    if kind.needs_table and landscape is None:
        raise Error(f"the yardstick {name!r} needs a table: elsewhere nobody knows the front")
    legal = [p.name for p in inspect.signature(kind.measure).parameters.values() if p.kind is p.KEYWORD_ONLY]
    given = _given(name, legal, rest)
    parameters: dict[str, Any] = {}
    if "cost" in legal:
        parameters["cost"] = _cost(name, given.get("cost", "parameters"), landscape)
    if "limit" in legal:
        parameters["limit"] = _limit(name, given.get("limit"), parameters["cost"], context)
    spelled = ",".join(f"{key}={_spelled(value)}" for key, value in parameters.items())
    return Yardstick(
        text=f"{name}:{spelled}" if spelled else name,
        title=kind.title.format(**{key: _spelled(value, ",") for key, value in parameters.items()}),
        higher_is_better=kind.higher_is_better,
        measure=lambda run, landscape: kind.measure(run, landscape, **parameters),
        by_front=kind.by_front,
        **parameters,
    )


def _given(name: str, legal: list[str], text: str) -> dict[str, str]:
    given = {}
    for item in filter(None, text.split(",")):
        key, _, value = item.partition("=")
        if key not in legal:
            raise Error(unknown_name(f"parameter of yardstick {name!r}", key, legal))
        given[key] = value
    return given


def _cost(name: str, text: str, landscape: Landscape | None) -> Cost:
    if text not in COSTS:
        raise Error(unknown_name(f"cost of yardstick {name!r}", text, COSTS))
    cost = next(cost for cost in COSTS if cost == text)
    if landscape is not None and cost not in landscape.costs:
        raise Error(
            f"the yardstick {name!r} needs the cost {cost!r}, which {landscape.source} lacks; "
            f"it has {', '.join(landscape.costs) or 'none'}"
        )
    return cost


def _limit(name: str, text: str | None, cost: Cost, context: RewardContext) -> float:
    if text is None:
        try:
            return context.target(cost)
        except ValueError as error:
            raise Error(
                f"the yardstick {name!r} needs a limit: {error}; give it, as in limit=0.001"
            ) from error
    try:
        return float(parse_seconds(text) if cost == "latency" else parse_count(text))
    except ValueError as error:
        raise Error(f"the limit of yardstick {name!r} {error}") from error


def _spelled(value: str | float, separator: str = "") -> str:
    return value if isinstance(value, str) else f"{value:{separator}.12g}"


def _reported_of(run: RewardRun, index: int | None, landscape: Landscape) -> float:
    value = np.nan if index is None else float(run.column("reported")[index])
    return landscape.floor if np.isnan(value) else value


# -- where the user names none -------------------------------------------------------------------------


def default_yardstick(rewards: Sequence[Reward]) -> tuple[str, str]:
    """The yardstick for these rewards, and why in a few words.

    Where a reward looks at a cost, somebody has a limit in mind: `reported-within-limit`, at the target that
    all rewards with a target of this cost share, or else at the setting's (its limit, or the median of its
    costs). Reported accuracy alone would blame such a reward for doing what it is for. Else `reported`.
    """
    looked_at = {reward.name: costs_of(reward) for reward in rewards}
    cost = next((costs[0] for costs in looked_at.values() if costs), None)
    if cost is None:
        return "reported", "no reward looks at a cost"
    targets = {
        float(reward.parameters["target"])
        for reward in rewards
        if "target" in reward.parameters and cost in looked_at[reward.name]
    }
    lookers = " and ".join(repr(name) for name, costs in looked_at.items() if cost in costs)
    why = f"{lookers} look at {cost}" if " and " in lookers else f"{lookers} looks at {cost}"
    if len(targets) == 1:
        return _within(cost, targets.pop()), f"{why}; the limit is the target"
    return f"reported-within-limit:cost={cost}", f"{why}; the limit is the setting's, or a typical design's"


def _within(cost: Cost, limit: float) -> str:
    # A count is whole, and a latency has no unit.
    return f"reported-within-limit:cost={cost},limit={limit if cost == 'latency' else max(round(limit), 1)}"


def costs_of(reward: Reward) -> list[Cost]:
    """The costs that a reward reads of an evaluation that has them all."""
    read = fields_read(reward)
    return [cost for cost in COSTS if FIELDS[cost] in read]
