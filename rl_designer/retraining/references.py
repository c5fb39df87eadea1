"""Networks designed by hand at their own width or within a budget, trained side by side with winners."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_designer.envs.datasets import Dataset
from rl_designer.envs.datasets.dataset import TEXT
from rl_designer.envs.layers import MOST_WIDTH
from rl_designer.envs.references.by_hand import STEPS, Reference, architecture_of, references_for
from rl_designer.envs.search_spaces.costs import Costs, costs, costs_within
from rl_designer.envs.search_spaces.limits import COSTS, NO_LIMITS, Limits
from rl_designer.errors import Error, WrongUsage, usage_errors
from rl_designer.jobs.jobs import JobObserver
from rl_designer.retraining.answers import without_answers
from rl_designer.retraining.folder import DEFAULT_PARENT
from rl_designer.retraining.job import Winner
from rl_designer.retraining.retrain import retrain
from rl_designer.retraining.settings import Plan, shape_for
from rl_designer.retraining.verdicts import judged
from rl_designer.runs.architecture_files import ArchitectureFile


@dataclass(frozen=True)
class Built:
    """A reference for data of a shape."""

    reference: Reference
    file: ArchitectureFile
    costs: Costs


def build_reference(
    reference: Reference, input_shape: Sequence[int], num_classes: int, limits: Limits = NO_LIMITS
) -> Built:
    """A reference for data of a shape: with its own widths, or the widest version within limits.

    Raises:
        ValueError: where not even the narrowest version is within the limits, or the data don't fit it.
    """
    if not limits.limited or not reference.scales:
        built = _built(reference, input_shape, num_classes, STEPS)
        if beyond := _beyond(built, limits):
            raise Error(f"{reference.name} has {beyond[0]}, and no widths to narrow")
        return built
    best, low, high = _built(reference, input_shape, num_classes, 1), 1, STEPS * MOST_WIDTH
    if beyond := _beyond(best, limits):
        raise Error(f"{reference.name} has at least {', more than '.join(beyond)}")
    # Invariant: `low` steps fit, `high` don't, or are wider than any layer may be.
    while high - low > 1:
        middle = (low + high) // 2
        candidate = None
        with suppress(ValueError):
            candidate = _built(reference, input_shape, num_classes, middle)
        if candidate is not None and not _beyond(candidate, limits):
            best, low = candidate, middle
        else:
            high = middle
    return best


def _beyond(built: Built, limits: Limits) -> tuple[str, str] | None:
    """The first cost that is beyond its limit, in words, and the limit; None where none is."""
    if not limits.limited:
        return None
    file = built.file
    assert file.input_shape is not None and file.num_classes is not None
    found = costs_within(file.architecture, file.input_shape, file.num_classes, limits)
    for cost in limits.limited:
        if found[cost] > limits.of(cost):
            return COSTS[cost].told(found[cost]), COSTS[cost].figure(limits.of(cost))
    return None


def _built(reference: Reference, input_shape: Sequence[int], num_classes: int, steps: int) -> Built:
    architecture = architecture_of(reference, input_shape, steps)
    taken = shape_for(architecture, input_shape)
    file = ArchitectureFile(
        architecture, taken, num_classes, reference.name, reference.source, reference.note
    )
    return Built(reference, file, costs(architecture, taken, num_classes))


# -- side by side with runs' winners -----------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """What is compared.

    Attributes:
        left_out: name and reason of each reference that can't be built within the limits.
    """

    references: list[Built]
    left_out: list[dict[str, str]]


def references_within(dataset: Dataset, limits: Limits = NO_LIMITS, names: Sequence[str] = ()) -> Comparison:
    """The references for a data set, as wide as limits allow; with their own widths where there are none.

    Raises:
        WrongUsage: for unknown names, and for texts.
        ValueError: where none fits.
    """
    built, left_out = [], []
    if dataset.kind == TEXT:
        raise WrongUsage(f"no network designed by hand here is for texts, which {dataset.name} holds")
    with usage_errors():
        references = references_for(dataset.input_shape, names)
    for reference in references:
        try:
            built.append(build_reference(reference, dataset.input_shape, dataset.num_classes, limits))
        except ValueError as error:
            left_out.append({"name": reference.name, "reason": str(error)})
    if not built:
        raise Error(f"no reference fits: {left_out[0]['reason']}")
    return Comparison(built, left_out)


def compare(
    comparison: Comparison,
    winners: Sequence[Winner],
    dataset: Dataset,
    plan: Plan,
    output: Path | None = None,
    observer: JobObserver | None = None,
    told: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Trains all with one recipe. What `benchmark references --json` prints.

    Args:
        output: where the references' folders are made; None for `retrained` here.
        observer, told: as `retrain` takes them.

    Raises:
        As `retrain`.
    """
    parent = output or Path(DEFAULT_PARENT)
    named = [Winner(built.file, parent, built.reference.name) for built in comparison.references]
    results = retrain([*named, *winners], dataset, plan, observer, told)
    references, designs = results[: len(named)], results[len(named) :]
    # A design may be the same network as a reference; each line keeps its own name.
    for line, built in zip(references, comparison.references, strict=True):
        line |= {"name": built.file.name, "source": built.file.source, "note": built.file.note}
    return {
        "data": dataset.name,
        "references": [without_answers(line) for line in references],
        "designs": [without_answers(line) for line in designs],
        "left_out": comparison.left_out,
        "rivals": [without_answers(line) for line in results[0]["rivals"]],
        "rivals_left_out": results[0]["rivals_left_out"],
        **judged(designs, references),
    }
