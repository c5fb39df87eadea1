"""How a front grew: its hypervolume so far, against what random search gets with as many designs."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.objectives import Scale
from rl_designer.envs.rewards import RewardError
from rl_designer.envs.rewards.dominance import hypervolume
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.seeding import stream
from rl_designer.quantities import show_share
from rl_designer.reports.learning import built_in_objective, checkpoints, control_of, learning_plot
from rl_designer.reports.plots import Axis, Plot, Point, Series, thinned
from rl_designer.runs.front_verdict import scale_of_designs
from rl_designer.runs.reading import RunReport

_ORDERS = 40  # of random designs
_QUANTILES = (0.1, 0.5, 0.9)

Values = NDArray[np.float64]


def course_plot(report: RunReport, space: SearchSpace | None, name: str) -> Plot | None:
    """Of a run with objectives the hypervolume of its front so far, else the best so far; the latter also
    where code of the user's own would have to be run. None before the first trained design.
    """
    values = _values(report, (d.design.evaluation for d in report.designs if d.source == "agent"))
    if values is None:
        return learning_plot(report, control_of(report, space), name)
    if not np.isfinite(values).any():
        return None
    known, on_table = _random(report, space)
    together = known if on_table else np.concatenate([values, known])
    scale = Scale.of_front(together) if on_table else scale_of_designs(together)
    whole = scale.hypervolume(together)
    line = [Point(i, v) for i, v in enumerate(_course(values, scale, whole), start=1)]
    what = "share of the whole table's hypervolume" if on_table else "share of all designs' hypervolume"
    band = _band(known, len(values), scale, whole)
    points = {index + 1: line[index].y for index in checkpoints(len(line))}
    return Plot(
        f"{name}-learning",
        "Course of the front",
        f"The front of {report.agent} ends with {show_share(line[-1].y)} of the hypervolume of "
        f"{'the whole table' if on_table else 'all designs together'}.",
        Axis("evaluations", whole=True, low=0),
        Axis(what, low=0),
        [*_band_series(band), Series(f"front of {report.agent}", "steps", thinned(line), "agent")],
        ("evaluations", f"front of {report.agent}", "random search: low", "median", "high"),
        [(f"{count:,}", show_share(share), *_random_told(band, count)) for count, share in points.items()],
        (_note(band, len(known), on_table),) if band.size else (),
    )


def _values(report: RunReport, evaluations: Iterable[Evaluation]) -> Values | None:
    """Of those that were trained in full, NaN for others; None where code of the user's own would tell."""
    rewards = [built_in_objective(facts.name) for facts in report.objectives]
    known = [reward for reward in rewards if reward is not None]
    if not rewards or len(known) < len(rewards):
        return None
    try:
        rows = [[r(e) if e.in_full else np.nan for r in known] for e in evaluations]
    except RewardError:
        return None
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(known))


def _random(report: RunReport, space: SearchSpace | None) -> tuple[Values, bool]:
    """Values of random designs, float64 [n, k], and whether they are those of a whole table."""
    config = report.folder.config
    if config.subject.table is not None and space is not None and config.budget.control_share != 0:
        from rl_designer.envs.evaluators.table import TableEvaluator

        found = TableEvaluator(space, config.subject.task).evaluations()  # type: ignore[arg-type]
        values = _values(report, found)
        return (np.zeros((0, len(report.objectives))) if values is None else values), values is not None
    paid = [d.design.evaluation for d in report.designs if d.source == "control"]
    values = _values(report, [*report.controls, *paid])
    return (np.zeros((0, len(report.objectives))) if values is None else values), False


def _course(values: Values, scale: Scale, whole: float) -> list[float]:
    """The hypervolume after each design, as a share of the whole."""
    front, volume, course = np.zeros((0, values.shape[1])), 0.0, []
    for row in scale.units(values):
        if np.isfinite(row).all() and not (front >= row).all(axis=1).any():
            front = np.vstack([front[~(row >= front).all(axis=1)], row])
            volume = hypervolume(front, scale.reference) / whole if whole > 0 else 0.0
        course.append(volume)
    return course


def _band(known: Values, most: int, scale: Scale, whole: float) -> Values:
    """Low, median and high hypervolume of random designs in random orders, float64 [3, designs]."""
    count, draws = min(most, len(known)), stream(0, "course of a front")
    if count == 0:
        return np.zeros((3, 0))
    orders = [known[draws.choice(len(known), count, replace=False)] for _ in range(_ORDERS)]
    return np.quantile([_course(order, scale, whole) for order in orders], _QUANTILES, axis=0)


def _band_series(band: Values) -> list[Series]:
    if not band.size:
        return []
    low, middle, high = band.tolist()
    marks = thinned(range(len(middle)))
    tops, lows = [Point(i + 1, high[i]) for i in marks], [low[i] for i in marks]
    return [
        Series("random search, 8 of 10 searches", "band", tops, "control", lows=lows),
        Series("random search, median", "line", [Point(i + 1, middle[i]) for i in marks], "control"),
    ]


def _random_told(band: Values, count: int) -> Sequence[str]:
    return [show_share(v) for v in band[:, count - 1].tolist()] if count <= band.shape[1] else ["–"] * 3


def _note(band: Values, known: int, on_table: bool) -> str:
    if on_table:
        return f"Random search by {_ORDERS} random orders of the table's designs."
    return (
        f"Random search by {_ORDERS} random orders of the {known:,} random designs that were evaluated, so "
        f"that the band is narrow at its end; beyond {band.shape[1]:,} nothing is known."
    )
