"""Whether a network is better than references and rivals, by the metric: over seeds and scored examples."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rl_designer.comparisons.estimators import crossed_difference
from rl_designer.envs.files.untrusted import damage_told
from rl_designer.envs.metrics import ACCURACY, METRICS
from rl_designer.errors import Error
from rl_designer.retraining.answers import Values, bounded, values_of
from rl_designer.retraining.folder import RetrainedFolder
from rl_designer.retraining.scores import spread

_STANDARD_ERRORS = 2.0
_LONGEST_METRIC = 100
_Side = tuple[str, Values]  # the part of the data, and values by seed and example


def judged(designs: Sequence[dict[str, Any]], references: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Whether the best design is better than the best reference, as `against_rivals` has it."""
    best, reference = _best(designs), _best(references)
    if best is None or reference is None:
        told = {"better_than_references": None, "verdict": "There is nothing to compare with."}
        return {**told, "references_difference": None}
    found = _judgement(best, reference)
    told = {"verdict": f"The best design {found.told('the best reference', best, reference)}"}
    return {"better_than_references": found.better, **told, "references_difference": found.to_dict()}


def with_rivals(
    design: dict[str, Any], rivals: Sequence[dict[str, Any]], left_out: Sequence[dict[str, str]]
) -> dict[str, Any]:
    """A design's results with its rivals, and whether it is better than the best of them. What the scored
    examples got is kept as far as a file can hold it.
    """
    seeds, spent = bounded(design["seeds"])
    beside = []
    for rival in rivals:
        lines, spent = bounded(rival["seeds"], spent)
        beside.append({**rival, "seeds": lines})
    known = {**design, "seeds": seeds, "rivals": beside, "rivals_left_out": list(left_out)}
    return {**known, **against_rivals(known, beside)}


def against_rivals(design: dict[str, Any], rivals: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """`better_than_rivals`: true where the 95 % interval of the difference to the best one is above zero,
    false where it is below, null where that can't be told; the difference; and a sentence, "" where there is
    nothing to compare with.

    The interval is over seeds and scored examples. Where what each example got isn't known, two standard
    errors over the seeds alone take its place; then one seed can't tell, but a network that is behind is said
    to be worse.
    """
    rival = _best(rivals)
    if rival is None or figure_of(design)["mean"] is None:
        return {"better_than_rivals": None, "rivals_verdict": "", "rivals_difference": None}
    found = _judgement(design, rival)
    told = {"rivals_verdict": f"The network {found.told('its best rival', design, rival)}"}
    return {"better_than_rivals": found.better, **told, "rivals_difference": found.to_dict()}


# -- by example --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """By how much one side is ahead of another on the same examples.

    Attributes:
        metric: by which; of one of which less is better the sign is turned.
        mean: above 0 where the first is better.
        interval: of 95 %, over seeds and examples, see `crossed_difference`.
        examples: that both were scored on.
        seeds: trainings of each side; those of a side of one aren't in the interval.
    """

    metric: str
    mean: float
    interval: tuple[float, float]
    examples: int
    seeds: tuple[int, int]

    @property
    def better(self) -> bool | None:
        """Whether the first is better, or worse; None where the interval isn't clear of zero."""
        low, high = self.interval
        return True if low > 0 else False if high < 0 else None

    @property
    def margin(self) -> str:
        """What the interval is over, for people."""
        low, high = self.interval
        known = "seeds and {} scored examples" if min(self.seeds) > 1 else _ONE_SEED
        return f"95 % interval {low:+.4f} to {high:+.4f}, over {known.format(f'{self.examples:,}')}"

    def to_dict(self) -> dict[str, Any]:
        known = {"metric": self.metric, "mean": self.mean, "interval": list(self.interval)}
        return {**known, "examples": self.examples, "seeds": list(self.seeds)}


_ONE_SEED = "{} scored examples, and not over the seeds of what was trained once"


def compared(folder: str | Path, other: str | Path) -> Difference:
    """By how much one folder's network is ahead of another's, by example, on the test part or on validation.

    Raises:
        ValueError: for folders that weren't scored on the same examples, or are judged by different metrics;
            and where what each example got isn't kept: of older versions, too many examples, and metrics
            other than accuracy, r2, rmse and mae.
    """
    folders = (Path(folder), Path(other))
    results = [_results(path) for path in folders]
    metric, second = (metric_name(each)[:_LONGEST_METRIC] for each in results)
    if metric != second:
        raise Error(f"{folder} is judged by {metric}, {other} by {second}; compare by one metric")
    ours, theirs = (_kept(*each, metric) for each in zip(folders, results, strict=True))
    difference = _difference(ours, theirs, metric)
    if difference is None:
        raise Error(f"{folder} and {other} must have been scored on the same examples, at least two")
    return difference


def _results(path: Path) -> dict[str, Any]:
    results = RetrainedFolder(path).results()
    if results is None:
        raise Error(f"{path} has no results; `retrain` makes them")
    return results


def _kept(path: Path, results: Mapping[str, Any], metric: str) -> _Side:
    with damage_told(path):
        side = _side(results["seeds"], metric)
    if side is None:
        raise Error(
            f"{path} doesn't know what each example got by {metric}: older versions kept nothing, there are "
            "too many examples, or the metric isn't accuracy, r2, rmse or mae"
        )
    return side


def _side(seeds: Sequence[Mapping[str, Any]], metric: str, figures: int = 1) -> _Side | None:
    """Of a design or a rival; None where what an example got isn't known of all its trainings.

    Args:
        figures: how many it has; a rival that is the same with every seed has more than trainings.
    """
    found = [values_of(seed, metric) for seed in seeds if seed["failure"] is None]
    known = [values for values in found if values is not None]
    if not found or len(known) < len(found) or len({(part, len(row)) for part, row in known}) > 1:
        return None
    rows = np.stack([row for _, row in known])
    return known[0][0], np.repeat(rows, figures, axis=0) if len(rows) == 1 else rows


def _difference(ours: _Side, theirs: _Side, metric: str) -> Difference | None:
    """None for different examples, and for a single one."""
    (part, a), (other, b) = ours, theirs
    if part != other or a.shape[1] != b.shape[1] or a.shape[1] < 2:
        return None
    a, b = (b, a) if _is_error(metric) else (a, b)
    mean, low, high = crossed_difference(a, b)
    return Difference(metric, mean, (low, high), a.shape[1], (len(ours[1]), len(theirs[1])))


# -- in words ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Judgement:
    """What is found of two sides; `difference` is None where it is by the seeds alone."""

    better: bool | None
    word: str
    lead: float
    margin: str
    difference: Difference | None = None

    def told(self, whom: str, ours: dict[str, Any], theirs: dict[str, Any]) -> str:
        figures = f"({figure_of(ours)['mean']:.4f}) is {self.word} {whom}, {theirs['name']}"
        return f"{figures} ({figure_of(theirs)['mean']:.4f}): {self.lead:+.4f} ({self.margin})."

    def to_dict(self) -> dict[str, Any] | None:
        return None if self.difference is None else self.difference.to_dict()


_WORDS = {True: "better than", False: "worse than", None: "level with"}


def _judgement(ours: dict[str, Any], theirs: dict[str, Any]) -> _Judgement:
    metric = metric_name(ours)
    one, other = (_side(line["seeds"], metric, _known(figure_of(line))) for line in (ours, theirs))
    found = None if one is None or other is None else _difference(one, other, metric)
    if found is not None:
        return _Judgement(found.better, _WORDS[found.better], found.mean, found.margin, found)
    return _by_seeds(merit_of(ours) - merit_of(theirs), _standard_error(figure_of(ours), figure_of(theirs)))


def _by_seeds(lead: float, error: float | None) -> _Judgement:
    if error is None:
        better = False if lead < 0 else None
        word = "perhaps better than" if lead > 0 else _WORDS[better]
        return _Judgement(better, word, lead, "one seed, so its spread is not known")
    better = None if abs(lead) <= _STANDARD_ERRORS * error else lead > 0
    return _Judgement(better, _WORDS[better], lead, f"± {error:.4f} standard error over seeds alone")


def _best(lines: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    trained = [line for line in lines if figure_of(line)["mean"] is not None]
    return max(trained, key=merit_of, default=None)


def _standard_error(*spreads: dict[str, Any]) -> float | None:
    squares = 0.0
    for figures in spreads:
        count = _known(figures)
        if count < 2:
            return None
        squares += figures["standard_deviation"] ** 2 / count
    return math.sqrt(squares)


def _known(figures: Mapping[str, Any]) -> int:
    """How many seeds have one."""
    return sum(value is not None for value in figures["per_seed"])


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
    return -mean if _is_error(metric_name(design)) else float(mean)


def _is_error(metric: str) -> bool:
    """Whether less is better; of metrics of one's own more is."""
    return metric in METRICS and METRICS[metric].is_error
