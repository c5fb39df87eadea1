"""`Choice`: which design of a run is taken, wherever one is: the best, a smaller one that is nearly as good,
the one for a preference among objectives, or the whole front.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rl_designer.envs.metrics import ACCURACY, METRICS
from rl_designer.envs.objectives import Scale, check_preference, scalarised
from rl_designer.envs.rewards.costs import COST_FACTS, Cost
from rl_designer.errors import Error, WrongUsage, unknown_name, usage_errors
from rl_designer.runs.fronts import Facts, objectives_of
from rl_designer.runs.reading import RunReport
from rl_designer.store.store import StoredDesign
from rl_designer.text import printable

_ROUNDING = 1e-9

Prefer = str | Mapping[str, float]


@dataclass(frozen=True)
class Choice:
    """Of all of a run's designs those that are taken; by default the best.

    Attributes:
        prefer: weights of the objectives by their names, `accuracy=0.7,parameters=0.3` or a mapping; they are
            brought to a sum of 1. The design of the front that is best by them.
        within: the cheapest design whose metric is at most so far from the best: percentage points of a
            metric that is a share, such as accuracy, else in the metric's own unit.
        front: all designs of the front.

    Raises:
        WrongUsage: for more than one of them, and for a distance below 0.
    """

    prefer: Prefer | None = None
    within: float | None = None
    front: bool = False

    def __post_init__(self) -> None:
        given = [f"--{name}" for name, value in vars(self).items() if value not in (None, False)]
        if len(given) > 1:
            raise WrongUsage(f"{' and '.join(given)} exclude each other: each says which design to take")
        if self.within is not None and not 0 <= self.within < math.inf:
            raise WrongUsage(f"--within must be a number of 0 or more, got {self.within:g}")

    @property
    def is_made(self) -> bool:
        """Whether it is another than the best."""
        return self != BEST

    def check_for_runs(self, source: object) -> None:
        """Raises WrongUsage where it was made, and what it is for is no run."""
        if self.is_made:
            raise WrongUsage(
                f"--prefer, --within and --front choose among a run's designs, and {source} is none"
            )

    @property
    def typed(self) -> tuple[str, ...]:
        """The words of a command; none for the best."""
        if self.prefer is not None:
            weights = read_weights(self.prefer).items()
            return "--prefer", ",".join(f"{name}={weight:g}" for name, weight in weights)
        if self.within is not None:
            return "--within", f"{self.within:g}"
        return ("--front",) if self.front else ()

    def of(self, report: RunReport) -> list[StoredDesign]:
        """Distinct designs of a run that were trained in full, the one to take first; all for the best, those
        near the best for `within`, else those of the front.

        Raises:
            WrongUsage: for objectives that the run doesn't have.
            ValueError: where what to choose by isn't known of its designs.
        """
        if self.within is not None:
            return _near_the_best(report, self.within)
        if self.prefer is not None:
            return _by_preference(report, self.prefer)
        if self.front:
            _check_front(report)
            return [each.found for each in report.front]
        return report.winners

    def told(self, report: RunReport) -> str:
        """What was taken, in words; "" for the best."""
        if self.prefer is not None:
            weights = weights_of(report.folder.summary, self.prefer)
            return f"the front's best by {told_weights(report.folder.summary, weights)}"
        if self.within is not None:
            best = max(value for _, value in _measured(report))
            return (
                f"the design with the fewest {COST_FACTS[cost_of_run(report)].unit} within "
                f"{distance_told(report, self.within)} of the best validation {report.objective.metric}, "
                f"{report.objective.value_of(best):.4f}"
            )
        return f"a design of the front of {len(report.front):,}" if self.front else ""


BEST = Choice()

# -- within ------------------------------------------------------------------------------------------


def cost_of_run(report: RunReport) -> Cost:
    """What a cheap design is cheap in: the first cost among the run's objectives, else parameters."""
    known = {str(cost): cost for cost in COST_FACTS}
    return next((known[facts.cost] for facts in report.objectives if facts.cost in known), "parameters")


def distance_told(report: RunReport, within: float) -> str:
    """`0.5 percentage points`, or `0.5` in a metric's own unit."""
    return f"{within:g} percentage points" if is_share(report) else f"{within:g}"


def is_share(report: RunReport) -> bool:
    """Whether the run's metric is one whose differences are percentage points."""
    return report.objective.metric in METRICS and not report.objective.is_error


def _measured(report: RunReport) -> list[tuple[StoredDesign, float]]:
    """Designs that can be compared, with their scores: of a run with finalists these, after their longer
    training, else all that were trained in full.
    """
    scores = {finalist.digest: finalist.val_score for finalist in report.finalists}
    if not scores:
        scores = {d.design.architecture.digest: d.design.evaluation.score for d in report.winners}
    found = ((d, scores.get(d.design.architecture.digest)) for d in report.winners)
    return [(design, score) for design, score in found if score is not None]


def _near_the_best(report: RunReport, within: float) -> list[StoredDesign]:
    known, cost = _measured(report), cost_of_run(report)
    field, value = COST_FACTS[cost].field, report.objective.value_of
    best = max((score for _, score in known), default=0.0)
    far = (within / 100 if is_share(report) else within) + _ROUNDING
    near = [design for design, score in known if abs(value(score) - value(best)) <= far]
    costs = {id(d): getattr(d.design.evaluation, field) for d in near}
    if None in costs.values():
        raise Error(
            f"the {cost} of the designs of {report.folder.path} aren't known, so none is the cheapest"
        )
    places = {id(design): place for place, design in enumerate(report.winners)}
    return sorted(near, key=lambda design: (costs[id(design)], places.get(id(design), 0)))


# -- the front ---------------------------------------------------------------------------------------


def _check_front(report: RunReport) -> None:
    if not report.objectives:
        raise WrongUsage(
            f"{report.folder.path} has no front: it searched by a reward; --objective, given twice, finds one"
        )
    if not report.front:
        raise Error(f"{report.folder.path} has no design on its front yet")


def _by_preference(report: RunReport, prefer: Prefer) -> list[StoredDesign]:
    _check_front(report)
    weights = weights_of(report.folder.summary, prefer)
    rows = [[facts.value(each.figures[facts.name]) for facts in report.objectives] for each in report.front]
    values = np.array(rows, dtype=np.float64)
    worth = scalarised(Scale.of_front(values).units(values), np.array(weights))
    return [report.front[place].found for place in np.argsort(-worth, kind="stable")]


def read_weights(prefer: Prefer) -> dict[str, float]:
    """Weights by name, as people write them. Raises WrongUsage for anything else."""
    if not isinstance(prefer, str):
        return {name: float(weight) for name, weight in prefer.items()}
    weights: dict[str, float] = {}
    for item in prefer.split(","):
        # An objective of one's own may have an equals sign in its text.
        name, _, number = item.rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if not name or math.isnan(weight):
            raise WrongUsage(f"--prefer must be as accuracy=0.7,parameters=0.3, got {prefer!r}")
        if name.strip() in weights:
            raise WrongUsage(f"--prefer names {name.strip()} twice")
        weights[name.strip()] = weight
    return weights


def weights_of(summary: Mapping[str, Any], prefer: Prefer) -> list[float]:
    """A weight for each of a run's objectives, in their order, with a sum of 1; of one that isn't named 0.

    Args:
        summary: the run's.

    Raises:
        WrongUsage: for names of other objectives, weights below 0, and none above.
    """
    objectives, metric = objectives_of(summary), _metric(summary)
    places = {name: place for place, facts in enumerate(objectives) for name in _names(facts, metric)}
    weights = [0.0] * len(objectives)
    for name, weight in read_weights(prefer).items():
        if name not in places:
            raise WrongUsage(
                unknown_name("objective of the run", name, [facts.label for facts in objectives])
            )
        weights[places[name]] += weight
    total = sum(weights)
    if not (min(weights) >= 0 and 0 < total < math.inf):
        told = ", ".join(f"{weight:g}" for weight in weights)
        raise WrongUsage(f"--prefer needs weights of 0 or more, at least one above 0, got {told}")
    with usage_errors():
        return check_preference([weight / total for weight in weights], len(objectives)).tolist()


def told_weights(summary: Mapping[str, Any], weights: Iterable[float]) -> str:
    """`accuracy 0.7, parameters 0.3`. `summary`: the run's."""
    metric = _metric(summary)
    names = [metric if facts.is_score else facts.label for facts in objectives_of(summary)]
    return ", ".join(f"{name} {weight:.3g}" for name, weight in zip(names, weights, strict=True))


def _metric(summary: Mapping[str, Any]) -> str:
    return printable((summary.get("objective") or {}).get("metric", ACCURACY.name))


def _names(facts: Facts, metric: str) -> set[str]:
    """What an objective goes by."""
    return {facts.name, facts.label, *((ACCURACY.name, metric) if facts.is_score else ())}
