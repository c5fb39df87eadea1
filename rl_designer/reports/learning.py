"""How a search learned: its best so far, against what random search gets with as many designs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.extensions import names_code
from rl_designer.envs.objectives import load_objective
from rl_designer.envs.problem import merit
from rl_designer.envs.rewards import Reward, RewardContext, RewardError, load_reward
from rl_designer.envs.rewards.fronts import best_so_far
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.quantities import show_figure
from rl_designer.reports.designs import told_design
from rl_designer.reports.plots import Axis, Plot, Point, Series, thinned
from rl_designer.runs.fronts import leading_place
from rl_designer.runs.reading import RunReport
from rl_designer.store.store import StoredDesign

_LOW, _MIDDLE, _HIGH = 0.1, 0.5, 0.9


@dataclass(frozen=True)
class Control:
    """What random search gets: quantiles of its best after 1, 2, … designs, each float64 [n].

    Attributes:
        designs: how many it is known from.
        exact: whether these are all there are.
    """

    low: NDArray[np.float64]
    middle: NDArray[np.float64]
    high: NDArray[np.float64]
    best: float
    designs: int
    exact: bool


def best_of_draws(
    values: ArrayLike, most: int, quantiles: Sequence[float], *, replace: bool
) -> NDArray[np.float64]:
    """Quantiles of the best of 1, 2, … `most` random draws of `values`, float64 [quantiles, most].

    Args:
        values: float [n], finite, n at least 1.
        replace: with replacement, as where the values are a sample of something larger; without, the
            quantiles are exact, and after n draws there is nothing left to draw.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n = len(ordered)
    ranks = np.arange(1, n + 1, dtype=np.float64)
    log_chance = np.zeros(n)  # that all draws so far are among the lowest 1 … n
    courses = np.empty((len(quantiles), most))
    for draw in range(most):
        taken = 0 if replace else min(draw, n - 1)
        with np.errstate(divide="ignore"):
            log_chance = log_chance + np.log(np.maximum(ranks - taken, 0) / (n - taken))
        chance = np.exp(log_chance)
        places = [min(int(np.searchsorted(chance, q - 1e-12)), n - 1) for q in quantiles]
        courses[:, draw] = ordered[places]
    return courses


def control_of(report: RunReport, space: SearchSpace | None) -> Control | None:
    """What a run's control says of random search; None where there is none, or where only a reward that
    the user has written could tell, which a report doesn't run.
    """
    values, exact = _control_values(report, space)
    if not values:
        return None
    agents = sum(design.source == "agent" for design in report.designs)
    most = min(agents, len(values)) if exact else min(agents, max(len(values), 1))
    low, middle, high = best_of_draws(values, max(most, 1), (_LOW, _MIDDLE, _HIGH), replace=not exact)
    return Control(low, middle, high, max(values), len(values), exact)


def _control_values(report: RunReport, space: SearchSpace | None) -> tuple[list[float], bool]:
    """Rewards of random designs, and whether they are those of all designs."""
    paid = [d.design.reward for d in report.designs if d.source == "control"]
    if report.best_by != "reward" or report.folder.config.budget.control_share == 0:
        return [], False
    reward = _built_in_reward(report, space)
    if report.folder.config.subject.table is not None:
        if space is None or reward is None:
            return [], False
        from rl_designer.envs.evaluators.table import TableEvaluator

        evaluations = TableEvaluator(space, report.folder.config.subject.task).evaluations()  # type: ignore[arg-type]
        return _paid(evaluations, reward, report), True
    earlier = _paid(report.controls, reward, report) if reward is not None else []
    return [*earlier, *paid], False


def _paid(evaluations: Sequence[Evaluation], reward: Reward, report: RunReport) -> list[float]:
    failed = report.folder.config.failure_reward
    try:
        return [failed if e.failure is not None else reward(e) for e in evaluations]
    except RewardError:
        return []


def _built_in_reward(report: RunReport, space: SearchSpace | None) -> Reward | None:
    config = report.folder.config
    if report.objectives:
        return built_in_objective(report.objectives[leading_place(report.objectives)].name)
    if ".py:" in config.reward or space is None:
        return None
    try:
        return load_reward(config.reward, RewardContext(space))
    except ValueError:
        return None


def built_in_objective(text: str) -> Reward | None:
    """An objective of a run by its text; None for a user's own, which a report doesn't run."""
    try:
        return None if names_code(text) else load_objective(text)
    except ValueError:
        return None


def value_name(report: RunReport) -> str:
    """What designs are ranked by, for people."""
    return f"validation {report.objective.metric}" if report.best_by == "val_accuracy" else "reward"


def learning_plot(report: RunReport, control: Control | None, name: str) -> Plot | None:
    """Best so far against evaluations with the control's band; None before the first trained design."""
    designs = [d for d in report.designs if d.source == "agent"]
    values = [_value(d, report) for d in designs]
    course = best_so_far(values)
    if not any(value is not None for value in values):
        return None
    agent = report.agent
    what = value_name(report)
    tried = [
        mark(i + 1, v, d, report)
        for i, (d, v) in enumerate(zip(designs, values, strict=True))
        if v is not None
    ]
    line = [Point(i + 1, v) for i, v in enumerate(course) if v is not None]
    series = [*_control_series(control, len(designs))]
    series.append(Series(f"each design of {agent}", "points", thinned(tried), "agent"))
    series.append(Series(f"best so far of {agent}", "steps", line, "agent"))
    lowest = min([p.y for p in tried] + ([] if control is None else [float(control.low[0])]))
    series += _unfinished(designs, lowest, report)
    return Plot(
        f"{name}-learning",
        "Learning curve",
        _learning_summary(agent, what, line, control),
        Axis("evaluations", whole=True, low=0),
        Axis(what),
        series,
        ("evaluations", f"best {what} of {agent}", "random search: low", "median", "high"),
        [_learning_row(i, course, control) for i in checkpoints(len(course))],
        _control_notes(control),
    )


def _unfinished(designs: Sequence[StoredDesign], lowest: float, report: RunReport) -> list[Series]:
    """What was stopped early, and what failed, which is drawn at `lowest`."""
    failed = [
        mark(i + 1, lowest, d, report)
        for i, d in enumerate(designs)
        if d.design.evaluation.failure is not None
    ]
    stopped = [
        mark(i + 1, merit(d.design, report.best_by), d, report)
        for i, d in enumerate(designs)
        if d.design.evaluation.stopped_at is not None
    ]
    return [
        Series(label, "points", thinned(points), colour, shape)
        for points, label, colour, shape in (
            (stopped, "stopped early (expected)", "stopped", "triangle"),
            (failed, "failed (drawn at the bottom)", "failed", "cross"),
        )
        if points
    ]


def mark(x: float, y: float, found: StoredDesign, report: RunReport, more: str = "") -> Point:
    """A design in a plot; `more` is told of it behind the rest."""
    return Point(x, y, f"{told_design(found, report)}{more}", found.design.architecture.digest)


def _value(design: StoredDesign, report: RunReport) -> float | None:
    """None of what can't be the best: it failed, or was stopped early."""
    return merit(design.design, report.best_by) if design.design.evaluation.in_full else None


def _control_series(control: Control | None, evaluations: int) -> list[Series]:
    if control is None:
        return []
    steps = range(1, len(control.high) + 1)
    band = [Point(i, float(v)) for i, v in zip(steps, control.high, strict=True)]
    middle = [Point(i, float(v)) for i, v in zip(steps, control.middle, strict=True)]
    lows = [float(low) for low in control.low]
    series = [
        Series("random search, 8 of 10 searches", "band", band, "control", lows=lows),
        Series("random search, median", "line", middle, "control"),
    ]
    if not control.exact and evaluations > len(steps):
        rest = [Point(len(steps), control.best), Point(evaluations, control.best)]
        text = f"best of all {control.designs:,} random designs"
        series.append(Series(text, "line", rest, "control", dashed=True))
    return series


def _control_notes(control: Control | None) -> tuple[str, ...]:
    if control is None:
        return ()
    if control.exact:
        return (
            "Random search is computed exactly, from the whole table: in 8 of 10 searches its best lies "
            "in the band.",
        )
    return (
        f"The band is what the best of as many random designs is in 8 of 10 draws from the "
        f"{control.designs:,} that were evaluated; what lies beyond them isn't known.",
    )


def _learning_summary(agent: str, what: str, line: Sequence[Point], control: Control | None) -> str:
    first = next(p for p in line if p.y == line[-1].y)
    text = f"The best {what} of {agent} rises from {line[0].y:.4f} to {line[-1].y:.4f}, "
    text += f"which it reaches at evaluation {first.x:.0f}."
    if control is not None and control.exact:
        text += f" The median random search is at {control.middle[-1]:.4f} after {len(control.middle):,}."
    elif control is not None:
        text += f" The best of {control.designs:,} random designs has {control.best:.4f}."
    return text


def _learning_row(index: int, course: Sequence[float | None], control: Control | None) -> tuple[str, ...]:
    known = control is not None and index < len(control.middle)
    quantiles = (control.low, control.middle, control.high) if control is not None else ()
    random = [f"{values[index]:.4f}" for values in quantiles] if known else ["–"] * 3
    return (f"{index + 1:,}", show_figure(course[index]), *random)


def checkpoints(count: int) -> list[int]:
    """Places 1, 2, 4, 8, … and the last, as indices."""
    powers = [2**k - 1 for k in range(count.bit_length()) if 2**k <= count]
    return sorted({*powers, count - 1} - {-1})


def overlay_plot(reports: Sequence[RunReport], names: Sequence[str]) -> Plot | None:
    """The learning curves of several runs in one; None where none has a trained design."""
    series, rows = [], []
    for number, (report, name) in enumerate(zip(reports, names, strict=True)):
        course = best_so_far([_value(d, report) for d in report.designs if d.source == "agent"])
        line = [Point(i + 1, v) for i, v in enumerate(course) if v is not None]
        if line:
            series.append(Series(name, "steps", line, f"run-{number % 8}", dashed=number >= 8))
            reached = next(p.x for p in line if p.y == line[-1].y)
            rows.append((name, value_name(report), f"{line[-1].y:.4f}", f"{reached:,.0f}"))
    if not series:
        return None
    best = max(rows, key=lambda row: float(row[2]))
    return Plot(
        "all-learning",
        "Learning curves",
        f"Best so far of {len(series)} runs. The highest is {best[2]}, of {best[0]}.",
        Axis("evaluations", whole=True, low=0),
        Axis("best so far"),
        series,
        ("run", "of", "best", "reached at evaluation"),
        rows,
    )
