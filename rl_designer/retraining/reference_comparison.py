"""`benchmark references`: networks designed by hand and runs' winners, trained alike, side by side."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_designer.envs.datasets import Dataset
from rl_designer.errors import usage_errors
from rl_designer.jobs.jobs import Observer
from rl_designer.retraining.folder import DEFAULT_PARENT
from rl_designer.retraining.job import Plan, Winner
from rl_designer.retraining.output import split_of
from rl_designer.retraining.references import Built, build_reference, references_for
from rl_designer.retraining.retrain import retrain

_STANDARD_ERRORS = 2.0


@dataclass(frozen=True)
class Comparison:
    """What is compared.

    Attributes:
        left_out: name and reason of each reference that can't be built within the budget.
    """

    references: list[Built]
    left_out: list[dict[str, str]]


def references_within(dataset: Dataset, max_parameters: int | None, names: Sequence[str] = ()) -> Comparison:
    """The references for a data set, as wide as the budget allows; with their own widths where it is None.

    Raises:
        WrongUsage: for unknown names.
        ValueError: where none fits.
    """
    built, left_out = [], []
    with usage_errors():
        references = references_for(dataset.input_shape, names)
    for reference in references:
        try:
            built.append(build_reference(reference, dataset.input_shape, dataset.num_classes, max_parameters))
        except ValueError as error:
            left_out.append({"name": reference.name, "reason": str(error)})
    if not built:
        raise ValueError(f"no reference fits: {left_out[0]['reason']}")
    return Comparison(built, left_out)


def compare(
    comparison: Comparison,
    winners: Sequence[Winner],
    dataset: Dataset,
    plan: Plan,
    output: Path | None = None,
    observer: Observer | None = None,
) -> dict[str, Any]:
    """Trains all with one recipe. What `benchmark references --json` prints.

    Args:
        output: where the references' folders are made; None for `retrained` here.
        observer: as `retrain` takes it.

    Raises:
        As `retrain`.
    """
    parent = output or Path(DEFAULT_PARENT)
    named = [Winner(built.file, parent, built.reference.name) for built in comparison.references]
    results = retrain([*named, *winners], dataset, plan, observer)
    references, designs = results[: len(named)], results[len(named) :]
    # A design may be the same network as a reference; each line keeps its own name.
    for line, built in zip(references, comparison.references, strict=True):
        line |= {"name": built.file.name, "source": built.file.source, "note": built.file.note}
    return {
        "data": dataset.name,
        "references": references,
        "designs": designs,
        "left_out": comparison.left_out,
        **judged(designs, references),
    }


def judged(designs: Sequence[dict[str, Any]], references: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Whether the best design is better than the best reference: true where it leads by more than two
    standard errors of the difference over seeds, false where it doesn't lead, null where that can't be told.
    """
    best, rival = _best(designs), _best(references)
    if best is None or rival is None:
        return {"better_than_references": None, "verdict": "There is nothing to compare with."}
    ours, theirs = (line[f"{split_of(line)}_accuracy"] for line in (best, rival))
    lead = ours["mean"] - theirs["mean"]
    error = _standard_error(ours, theirs)
    better = False if lead <= 0 else None if error is None else lead > _STANDARD_ERRORS * error or None
    margin = "one seed is too few to tell" if error is None else f"± {error:.4f} standard error over seeds"
    word = {True: "better than", False: "not better than", None: "perhaps better than"}[better]
    sentence = (
        f"The best design ({ours['mean']:.4f}) is {word} the best reference, {rival['name']} "
        f"({theirs['mean']:.4f}): {lead:+.4f} ({margin})."
    )
    return {"better_than_references": better, "verdict": sentence}


def _best(lines: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    trained = [line for line in lines if line[f"{split_of(line)}_accuracy"]["mean"] is not None]
    return max(trained, key=lambda line: line[f"{split_of(line)}_accuracy"]["mean"], default=None)


def _standard_error(*spreads: dict[str, Any]) -> float | None:
    squares = 0.0
    for figures in spreads:
        count = sum(value is not None for value in figures["per_seed"])
        if count < 2:
            return None
        squares += figures["standard_deviation"] ** 2 / count
    return math.sqrt(squares)
