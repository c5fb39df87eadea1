"""Accuracy against cost, or objectives in pairs, and the front: designs that none beats."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from rl_designer.envs.rewards import fronts
from rl_designer.envs.rewards.costs import COST_FACTS
from rl_designer.quantities import show_count, show_figure
from rl_designer.reports.designs import draw
from rl_designer.reports.learning import built_in_objective, mark
from rl_designer.reports.plots import Axis, Plot, Point, Series, thinned
from rl_designer.runs.choosing import Choice, distance_told, is_share
from rl_designer.runs.fronts import Facts
from rl_designer.runs.reading import RunReport
from rl_designer.store.store import StoredDesign
from rl_designer.text import printable, short_design, shortened

_COSTS = {"parameters": "parameters", "macs": "multiply-adds"}
_MOST_ROWS = 20
_MOST_DRAWN = 30  # designs of a front that are drawn layer by layer
NEAR = 0.5  # percentage points: the cheapest design so near the best is marked


@dataclass(frozen=True)
class Measure:
    """What a plot has on one of its axes.

    Attributes:
        name: for people, and `label` of the axis.
        of: a design's; None where it isn't known.
        show: a value for people.
        is_cost: whether less is better; it is drawn in logarithms.
    """

    name: str
    label: str
    of: Callable[[StoredDesign], float | None]
    show: Callable[[float], str]
    is_cost: bool = False


def front_of(designs: Sequence[StoredDesign], cost: str) -> list[StoredDesign]:
    """The designs that no other beats in both score and cost, the cheapest first."""
    costs, scores = [_cost(d, cost) for d in designs], [_score(d) for d in designs]
    return [designs[index] for index in fronts.front_of(costs, scores)]


def front_plots(report: RunReport, name: str) -> list[Plot]:
    """The objectives in pairs; without objectives the score on validation against parameters, or else against
    multiply-adds. None where nothing is known of both.
    """
    if report.objectives:
        return _of_pairs(report, name)
    for cost, title in _COSTS.items():
        drawn = [d for d in report.winners if _known(d, cost)]
        if drawn:
            return [
                _plot(report, drawn, front_of(drawn, cost), (_of_cost(cost, title), _of_score(report)), name)
            ]
    return []


def overlay_front(reports: Sequence[RunReport], names: Sequence[str]) -> Plot | None:
    """The fronts of several runs in one; None where fewer than two have one."""
    cost = "parameters"
    series, rows = [], []
    for number, (report, name) in enumerate(zip(reports, names, strict=True)):
        front = front_of([d for d in report.winners if _known(d, cost)], cost)
        points = [mark(_cost(d, cost), _score(d), d, report) for d in front]
        if points:
            colour = f"run-{number % 8}"
            series.append(Series(name, "steps", points, colour, dashed=number >= 8))
            series.append(Series(name, "points", points, colour, legend=False))
            rows += [(name, show_count(p.x), f"{p.y:.4f}") for p in points]
    if len(series) < 4:
        return None
    what = " or ".join(dict.fromkeys(report.objective.score_name for report in reports))
    return Plot(
        "all-front",
        "Fronts",
        f"{what.capitalize()} against parameters: the fronts of {len(series) // 2} runs.",
        Axis("parameters", logarithmic=True),
        Axis(what),
        series,
        ("run", "parameters", what),
        rows,
    )


# -- measures ----------------------------------------------------------------------------------------


def _of_cost(cost: str, title: str) -> Measure:
    return Measure(title, title, lambda found: _cost(found, cost), show_count, is_cost=True)


def _of_score(report: RunReport) -> Measure:
    objective = report.objective
    return Measure(objective.metric, objective.score_name, _score, show_figure)


def _of_objective(report: RunReport, facts: Facts) -> Measure:
    """Of designs that aren't on the front an own objective isn't known, since its code isn't run."""
    if facts.is_score:
        return _of_score(report)
    known = {each.digest: each.figures[facts.name] for each in report.front}
    field = next((about.field for cost, about in COST_FACTS.items() if cost == facts.cost), None)
    reward = None if field is not None else built_in_objective(facts.name)

    def of(found: StoredDesign) -> float | None:
        digest, evaluation = found.design.architecture.digest, found.design.evaluation
        if digest in known:
            return known[digest]
        if field is not None:
            return getattr(evaluation, field)
        try:
            return None if reward is None else reward(evaluation)
        except ValueError:
            return None

    title = report.title_of(facts)
    return Measure(facts.label, title, of, facts.shown, is_cost=facts.cost is not None)


def _of_pairs(report: RunReport, name: str) -> list[Plot]:
    """Each pair of objectives, upwards the one that is no cost."""
    plots = []
    front = [each.found for each in report.front]
    for number, pair in enumerate(combinations(report.objectives, 2)):
        up, across = sorted(pair, key=lambda facts: facts.cost is not None)
        axes = _of_objective(report, across), _of_objective(report, up)
        drawn = [d for d in report.winners if all(_is_drawn(axis, axis.of(d)) for axis in axes)]
        known = {d.design.architecture.digest for d in drawn}
        own = [d for d in front if d.design.architecture.digest in known]
        if own:
            plots.append(_plot(report, drawn, own, axes, name, number))
    return plots


def _is_drawn(axis: Measure, value: float | None) -> bool:
    return value is not None and (value > 0 or not axis.is_cost)


# -- the plot ----------------------------------------------------------------------------------------


def _plot(
    report: RunReport,
    drawn: Sequence[StoredDesign],
    front: Sequence[StoredDesign],
    axes: tuple[Measure, Measure],
    name: str,
    number: int = 0,
) -> Plot:
    """Better is up and to the left.

    Args:
        front: among `drawn`.
        axes: to the right, and upwards.
        number: of the plot, from 0.
    """
    x, y = axes
    front = sorted(front, key=lambda d: _worse(x, d))
    ends = [_mark(axes, d, report) for d in front]
    widest = max(drawn, key=lambda d: _worse(x, d))
    line = Series("front", "steps", [*ends, Point(x.of(widest) or 0.0, ends[-1].y)], "front")
    in_all = len(report.objectives) > 2  # then a design on the front may be beaten in this pair
    first = [Series("front", "points", ends, "front")] if in_all else [line]
    others = _designs(report, drawn, axes)
    return Plot(
        f"{name}-front{f'-{number + 1}' * (number > 0)}",
        f"{y.name[:1].upper()}{y.name[1:]} against {x.name}",
        _told(drawn, ends, axes, in_all),
        Axis(x.label, logarithmic=x.is_cost, falling=not x.is_cost),
        Axis(y.label, logarithmic=y.is_cost, falling=y.is_cost),
        [*others, *first] if in_all else [*first, *others],
        (x.label, y.label, "evaluation", "by", "design"),
        [_row(axes, d, report) for d in thinned(front, _MOST_ROWS)],
    )


def _told(
    drawn: Sequence[StoredDesign], ends: Sequence[Point], axes: tuple[Measure, Measure], in_all: bool
) -> str:
    x, y = axes
    if in_all:
        return (
            f"{len(drawn):,} designs, {len(ends):,} of them on the front, which none beats in all objectives."
        )
    first, last = (f"{y.show(end.y)} with {x.show(end.x)} {x.name}" for end in (ends[0], ends[-1]))
    return f"{len(drawn):,} designs. The front, which none beats in both, goes from {first} to {last}."


def _row(axes: tuple[Measure, Measure], found: StoredDesign, report: RunReport) -> tuple[str, ...]:
    figures = [axis.show(axis.of(found) or 0.0) for axis in axes]
    design = shortened(short_design(found.design.architecture), 200)
    return (*figures, str(report.position(found)), report.found_by(found), design)


def _worse(x: Measure, found: StoredDesign) -> float:
    value = x.of(found) or 0.0
    return value if x.is_cost else -value


def _mark(axes: tuple[Measure, Measure], found: StoredDesign, report: RunReport) -> Point:
    x, y = (axis.of(found) or 0.0 for axis in axes)
    return mark(x, y, found, report, objectives_told(report, found))


def _designs(report: RunReport, drawn: Sequence[StoredDesign], axes: tuple[Measure, Measure]) -> list[Series]:
    """Those of random search, those of the agent, and the best."""
    by_agent = [d for d in drawn if d.source == "agent"]
    controls = [d for d in drawn if d.source != "agent"]
    best = [d for d in report.winners[:1] if d in drawn]
    near = [d for d in near_the_best(report) if d in drawn]
    return [
        Series(label, "points", [_mark(axes, d, report) for d in found], colour, shape)
        for found, label, colour, shape in (
            (thinned(controls), "random search", "control", "diamond"),
            (thinned(by_agent), report.agent, "agent", "circle"),
            (best, "the best design", "front", "ring"),
            (near, f"the cheapest within {distance_told(report, NEAR)} of it", "stopped", "ring"),
        )
        if found
    ]


def near_the_best(report: RunReport) -> list[StoredDesign]:
    """What `--within 0.5` takes of a run with objectives; none where that isn't known, and of a metric whose
    unit is its own.
    """
    if not report.front or not is_share(report):
        return []
    try:
        return Choice(within=NEAR).of(report)[:1]
    except ValueError:
        return []


# -- what lies behind the points ---------------------------------------------------------------------


def objectives_told(report: RunReport, found: StoredDesign) -> str:
    """`On the front: val. accuracy 0.9012, parameters 1,234.`; "" of another design."""
    digest = found.design.architecture.digest
    figures = next((each.figures for each in report.front if each.digest == digest), None)
    if figures is None:
        return ""
    parts = [f"{report.title_of(o)} {report.shown(o, figures[o.name])}" for o in report.objectives]
    return printable(f" On the front: {', '.join(parts)}.")


def front_data(report: RunReport, name: str) -> dict[str, Any] | None:
    """The front's designs with figures and layers, for the template; None of a run without objectives."""
    if not report.front:
        return None
    near = {d.design.architecture.digest for d in near_the_best(report)}
    shown = thinned(report.front, _MOST_DRAWN)
    return {
        "id": f"{name}-on-front",
        "count": len(report.front),
        "titles": [report.title_of(objective) for objective in report.objectives],
        "distance": distance_told(report, NEAR),
        "designs": [
            {
                "digest": each.digest,
                "figures": [report.shown(o, each.figures[o.name]) for o in report.objectives],
                "found": f"{report.position(each.found):,}",
                "by": report.found_by(each.found),
                "near": each.digest in near,
                "drawing": _drawing(report, each.found),
            }
            for each in shown
        ],
    }


def _drawing(report: RunReport, found: StoredDesign) -> Any:
    try:
        return draw(found.design.architecture, report.folder.summary.get("setting", {}))
    except (ValueError, KeyError, TypeError):  # of a summary that somebody has changed
        return draw(found.design.architecture, {})


def _known(found: StoredDesign, cost: str) -> bool:
    evaluation = found.design.evaluation
    return evaluation.score is not None and bool(getattr(evaluation, cost))


def _cost(found: StoredDesign, cost: str) -> float:
    return float(getattr(found.design.evaluation, cost))


def _score(found: StoredDesign) -> float:
    return found.design.evaluation.score or 0.0
