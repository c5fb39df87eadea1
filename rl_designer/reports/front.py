"""Accuracy against cost, and the front: designs that none beats in both."""

from collections.abc import Sequence

from rl_designer.envs.rewards import fronts
from rl_designer.quantities import show_count
from rl_designer.reports.learning import mark
from rl_designer.reports.plots import Axis, Plot, Point, Series, thinned
from rl_designer.runs.reading import RunReport
from rl_designer.store.store import StoredDesign
from rl_designer.text import short_design, shortened

_COSTS = {"parameters": "parameters", "macs": "multiply-adds"}
_MOST_ROWS = 20


def front_of(designs: Sequence[StoredDesign], cost: str) -> list[StoredDesign]:
    """The designs that no other beats in both score and cost, the cheapest first."""
    costs, scores = [_cost(d, cost) for d in designs], [_score(d) for d in designs]
    return [designs[index] for index in fronts.front_of(costs, scores)]


def front_plot(report: RunReport, name: str) -> Plot | None:
    """The score on validation against parameters, or else against multiply-adds; None without both."""
    for cost, title in _COSTS.items():
        drawn = [d for d in report.winners if _known(d, cost)]
        if drawn:
            return _plot(report, drawn, cost, title, name)
    return None


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


def _plot(report: RunReport, drawn: Sequence[StoredDesign], cost: str, title: str, name: str) -> Plot:
    front, what = front_of(drawn, cost), report.objective.score_name
    ends = [mark(_cost(d, cost), _score(d), d, report) for d in front]
    widest = max(_cost(d, cost) for d in drawn)
    line = Series("front", "steps", [*ends, Point(widest, ends[-1].y)], "front")
    rows = [
        (
            show_count(_cost(d, cost)),
            f"{_score(d):.4f}",
            str(report.position(d)),
            report.found_by(d),
            shortened(short_design(d.design.architecture), 200),
        )
        for d in thinned(front, _MOST_ROWS)
    ]
    return Plot(
        f"{name}-front",
        f"{report.objective.metric.capitalize()} against {title}",
        f"{len(drawn):,} designs. The front, which none beats in both, goes from {ends[0].y:.4f} with "
        f"{show_count(ends[0].x)} {title} to {ends[-1].y:.4f} with {show_count(ends[-1].x)}.",
        Axis(title, logarithmic=True),
        Axis(what),
        [line, *_designs(report, drawn, cost)],
        (title, what, "evaluation", "by", "design"),
        rows,
    )


def _designs(report: RunReport, drawn: Sequence[StoredDesign], cost: str) -> list[Series]:
    """Those of random search, those of the agent, and the best."""
    by_agent = [d for d in drawn if d.source == "agent"]
    controls = [d for d in drawn if d.source != "agent"]
    best = [d for d in report.winners[:1] if _known(d, cost)]
    return [
        Series(label, "points", [mark(_cost(d, cost), _score(d), d, report) for d in found], colour, shape)
        for found, label, colour, shape in (
            (thinned(controls), "random search", "control", "diamond"),
            (thinned(by_agent), report.agent, "agent", "circle"),
            (best, "the best design", "front", "ring"),
        )
        if found
    ]


def _known(found: StoredDesign, cost: str) -> bool:
    evaluation = found.design.evaluation
    return evaluation.score is not None and bool(getattr(evaluation, cost))


def _cost(found: StoredDesign, cost: str) -> float:
    return float(getattr(found.design.evaluation, cost))


def _score(found: StoredDesign) -> float:
    return found.design.evaluation.score or 0.0
