"""Whether a network is better than references and rivals, by the metric and the spread over seeds."""

import math
from collections.abc import Sequence
from typing import Any

from rl_designer.envs.metrics import ACCURACY, METRICS
from rl_designer.retraining.scores import spread

_STANDARD_ERRORS = 2.0


def judged(designs: Sequence[dict[str, Any]], references: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Whether the best design is better than the best reference: true where it leads by more than two
    standard errors of the difference over seeds, false where it doesn't lead, null where that can't be told.
    """
    best, rival = _best(designs), _best(references)
    if best is None or rival is None:
        return {"better_than_references": None, "verdict": "There is nothing to compare with."}
    ours, theirs = (figure_of(line) for line in (best, rival))
    lead = merit_of(best) - merit_of(rival)
    error = _standard_error(ours, theirs)
    better = False if lead <= 0 else None if error is None else lead > _STANDARD_ERRORS * error or None
    word = {True: "better than", False: "not better than", None: "perhaps better than"}[better]
    sentence = (
        f"The best design ({ours['mean']:.4f}) is {word} the best reference, {rival['name']} "
        f"({theirs['mean']:.4f}): {lead:+.4f} ({_margin(error, 'one seed is too few to tell')})."
    )
    return {"better_than_references": better, "verdict": sentence}


def with_rivals(
    design: dict[str, Any], rivals: Sequence[dict[str, Any]], left_out: Sequence[dict[str, str]]
) -> dict[str, Any]:
    """A design's results with its rivals, and whether it is better than the best of them."""
    beside = {"rivals": list(rivals), "rivals_left_out": list(left_out)}
    return {**design, **beside, **against_rivals(design, rivals)}


def against_rivals(design: dict[str, Any], rivals: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """`better_than_rivals`: true where it leads the best by more than two standard errors of the difference
    over seeds, false where it is behind by as much, null where that can't be told; and a sentence, "" where
    there is nothing to compare with. One seed can't tell, but a network that is behind is said to be worse.
    """
    rival = _best(rivals)
    if rival is None or figure_of(design)["mean"] is None:
        return {"better_than_rivals": None, "rivals_verdict": ""}
    ours, theirs = figure_of(design), figure_of(rival)
    lead, error = merit_of(design) - merit_of(rival), _standard_error(ours, theirs)
    level = lead == 0 or (error is not None and abs(lead) <= _STANDARD_ERRORS * error)
    better = None if level or (error is None and lead > 0) else lead > 0
    word = (
        "level with"
        if level
        else {True: "better than", False: "worse than", None: "perhaps better than"}[better]
    )
    sentence = (
        f"The network ({ours['mean']:.4f}) is {word} its best rival, {rival['name']} "
        f"({theirs['mean']:.4f}): {lead:+.4f} ({_margin(error, 'one seed, so its spread is not known')})."
    )
    return {"better_than_rivals": better, "rivals_verdict": sentence}


def _margin(error: float | None, unknown: str) -> str:
    return unknown if error is None else f"± {error:.4f} standard error over seeds"


def _best(lines: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    trained = [line for line in lines if figure_of(line)["mean"] is not None]
    return max(trained, key=merit_of, default=None)


def _standard_error(*spreads: dict[str, Any]) -> float | None:
    squares = 0.0
    for figures in spreads:
        count = sum(value is not None for value in figures["per_seed"])
        if count < 2:
            return None
        squares += figures["standard_deviation"] ** 2 / count
    return math.sqrt(squares)


def split_of(design: dict[str, Any]) -> str:
    """Of a design or a rival: `test`, or `val` where the test stayed sealed."""
    return "test" if {"test_accuracy", "test_figures"} & design.keys() else "val"


def metric_name(design: dict[str, Any]) -> str:
    """By which it is judged; designs of before there was a choice by accuracy."""
    return str(design.get("metric") or ACCURACY.name)


def figure_of(design: dict[str, Any]) -> dict[str, Any]:
    """Its metric's spread over the seeds, see `spread`; mean None where all failed."""
    split, metric = split_of(design), metric_name(design)
    known = design.get(f"{split}_figures", {}).get(metric)
    older = design.get(f"{split}_accuracy") if metric == ACCURACY.name else None
    return known or older or spread([])


def merit_of(design: dict[str, Any]) -> float:
    """The mean, with its sign turned where less is better; minus infinity where there is none."""
    mean = figure_of(design)["mean"]
    if mean is None:
        return -math.inf
    metric = METRICS.get(metric_name(design))
    return -mean if metric is not None and metric.is_error else float(mean)
