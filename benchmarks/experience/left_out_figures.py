"""What the runs of `left_out.py` say, as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.comparisons.estimators import interval_of_mean
from rl_designer.runs.verdict import SIGNIFICANCE, precedence_p_value

EIGHT = ("experience", "prior", "portfolio", "from", "nothing")
WHOLE = ("experience", "nothing", "evolution", "tpe")
PICKS, SHORT, MOST = 8, 32, 64

Values = NDArray[np.float64]
Found = Mapping[str, Mapping[str, Sequence[Any]]]


def best(curves: Sequence[Any], evaluations: int) -> Values:
    """Of the first so many trainings, [seeds]."""
    return np.array([max(curve.scores[:evaluations]) for curve in curves])


def trainings_until(curves: Sequence[Any], scores: Values) -> Values:
    """As good as a score for each seed, [seeds]; infinity where it never was."""
    reached = [np.flatnonzero(np.array(c.scores) >= s) for c, s in zip(curves, scores, strict=True)]
    return np.array([places[0] + 1 if len(places) else np.inf for places in reached])


def seconds_of(curves: Sequence[Any], evaluations: int) -> Values:
    """Of the first so many trainings, and of the agent in the whole run, [seeds]."""
    return np.array([sum(curve.training_seconds[:evaluations]) + curve.own_seconds for curve in curves])


def table(found: Found) -> str:
    """A row a task, means over seeds; below what they say together."""
    names = [*(f"{name}, 8" for name in EIGHT), "random, 64", "experience, 32"]
    names += [f"{name}, 64" for name in WHOLE]
    lines = ["| task | " + " | ".join(names) + " | until random's |", "|---|" + "---|" * (len(names) + 1)]
    for task, runs in found.items():
        random = best(runs["random"], MOST)
        scores = [best(runs[name], PICKS) for name in EIGHT] + [random, best(runs["experience"], SHORT)]
        scores += [best(runs[name], MOST) for name in WHOLE]
        until = float(np.median(trainings_until(runs["experience"], random)))
        lines.append(f"| {task} | " + " | ".join(f"{s.mean():.3f}" for s in scores) + f" | {until:g} |")
    return "\n".join([*lines, "", *together(found), "", *budgets(found)]) + "\n"


def together(found: Found) -> list[str]:
    """Over all tasks, each by its mean over seeds."""
    random = {task: best(runs["random"], MOST) for task, runs in found.items()}
    spread = {task: _spread(runs["random"]) for task, runs in found.items()}

    def beyond(name: str, evaluations: int, other: str = "random") -> Values:
        """In standard deviations of the random designs' scores, [tasks]."""
        gaps = [
            best(runs[name], evaluations) - (random[task] if other == "random" else best(runs[other], MOST))
            for task, runs in found.items()
        ]
        return np.array([gap.mean() / own for gap, own in zip(gaps, spread.values(), strict=True)])

    lines = [f"n = {len(found)} tasks. The best of 8 beside the best of 64 random ones:"]
    for name in EIGHT:
        gaps = beyond(name, PICKS)
        ours = "" if name == EIGHT[0] else f"; experience ahead by {_told(beyond(EIGHT[0], PICKS) - gaps)}"
        lines.append(f"- {name}: at least as good on {(gaps >= 0).mean():.0%}, {_told(gaps)}{ours}")
    for evaluations in (SHORT, MOST):
        lines.append(f"{evaluations} evaluations with experience beside 64 of:")
        for name in (*WHOLE[1:], "random"):
            gaps = beyond("experience", evaluations, name)
            seconds = _seconds(found, name, evaluations)
            lines.append(f"- {name}: ahead on {(gaps > 0).mean():.0%}, {_told(gaps)}; {seconds}")
    for name in ("shuffled", "other"):
        lines += _misled(found, name)
    until = [trainings_until(runs["experience"], random[task]) for task, runs in found.items()]
    lines.append(
        f"Trainings until as good as the best of 64 random ones: median {np.median(np.concatenate(until)):g}"
    )
    return lines


def _misled(found: Found, name: str) -> list[str]:
    """The trainings of a misled search beside those of one from nothing, until as good as the best of the
    first 32 random ones; all where it never was.
    """
    counts = {other: list[float]() for other in (name, "nothing")}
    for runs in found.values():
        if name in runs:
            bar = best(runs["random"], SHORT)
            for other, own in counts.items():
                own.extend(np.minimum(trainings_until(runs[other], bar), MOST))
    if not counts[name]:
        return []
    means = {other: float(np.mean(own)) for other, own in counts.items()}
    ratio = means[name] / means["nothing"]
    return [f"Misled ({name}): {means[name]:.1f} trainings for {means['nothing']:.1f}, {ratio:.2f} times"]


def budgets(found: Found) -> list[str]:
    """What `train` would have ended with, where some of its evaluations are random designs: how often it
    would have called itself better than random search, and its best beyond the best of 64 random designs.
    """
    lines = [
        "| evaluations | of them random | experience | beyond random's 64 | nothing | beyond random's 64 |",
        "|---|---|---|---|---|---|",
    ]
    for evaluations, controls in ((n, n // part) for n in (16, 32, 64) for part in (8, 4, 2)):
        cells = [f"{evaluations}", f"{controls}"]
        for name in ("experience", "nothing"):
            better, beyond = [], []
            for runs in found.values():
                for run, random in zip(runs[name], runs["random"], strict=True):
                    own, bar = run.scores[: evaluations - controls], max(random.scores[:controls])
                    above = sum(score > bar for score in own)
                    better.append(precedence_p_value(len(own), controls, above) <= SIGNIFICANCE)
                    beyond.append(max(own) - max(random.scores[:MOST]))
            cells += [f"{np.mean(better):.0%}", f"{np.mean(beyond):+.3f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _spread(curves: Sequence[Any]) -> float:
    """Of what hasn't failed, which counts as -1; an R² may be below 0, and below that, too."""
    scores = [np.array(curve.scores) for curve in curves]
    return float(np.mean([own[own > -1].std() for own in scores])) or 1.0


def _told(values: Values) -> str:
    (low,), (high,) = interval_of_mean(values[:, None])
    return f"{values.mean():+.2f} [{low:+.2f}, {high:+.2f}] standard deviations"


def _seconds(found: Found, other: str, evaluations: int) -> str:
    ratios = [
        seconds_of(runs["experience"], evaluations).mean() / seconds_of(runs[other], MOST).mean()
        for runs in found.values()
    ]
    return f"{np.exp(np.mean(np.log(ratios))):.2f} times its seconds"
