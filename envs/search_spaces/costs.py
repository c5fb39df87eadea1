"""Parameters, multiply-adds and shapes of an architecture, in closed form. No torch here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.errors import Error
from rl_designer.envs.layers import KINDS, Effect, Shape
from rl_designer.envs.layers.cell import parts_of as edge_parts
from rl_designer.envs.layers.dense import classifier
from rl_designer.envs.layers.kind import Part
from rl_designer.envs.search_spaces.cell_layers import chain_of
from rl_designer.envs.search_spaces.latency import CLASSIFIER
from rl_designer.envs.search_spaces.limits import ALWAYS, COSTS, Limits, counted, joined

MOST_INPUT_VALUES = 10**8
MOST_CLASSES = 10**6
MOST_SIZE = 10**6
# Of a network that is built: far from what is designed here, and no more than a stranger's file may cost.
MOST_PARAMETERS = 250_000_000
MOST_ACTIVATIONS = 50_000_000

DATA_OF_RANK = {
    0: "features (features,)",
    1: "signals (channels, length)",
    2: "images (channels, height, width)",
}


@dataclass(frozen=True)
class Costs:
    """Trainable parameters, and multiply-adds of one forward pass of one example; both are counts."""

    parameters: int
    macs: int


@dataclass(frozen=True)
class LayerSummary:
    """One line of a network's table. `output_shape` is one example's, in an ensemble for each member; the
    counts are this layer's own.

    The final classifier is shown as a layer of kind `classifier`, or `linear` where a number is predicted.
    """

    layer: Layer
    output_shape: tuple[int, ...]
    parameters: int
    macs: int


@dataclass(frozen=True)
class Step:
    """A layer where it stands: its options with the defaults filled in, the shape it gets, its effect."""

    layer: Layer
    options: dict[str, Any]
    inputs: Shape
    effect: Effect


def input_of(input_shape: Sequence[int]) -> Shape:
    """The shape of one example of the data.

    Raises:
        ValueError: for anything but (features,), (channels, length) or (channels, height, width), or sizes
            out of range.
    """
    sizes = tuple(input_shape)
    if len(sizes) not in (1, 2, 3):
        raise Error(f"an input must be {'; '.join(DATA_OF_RANK.values())}; got the shape {sizes}")
    total = 1
    for size in sizes:
        if int(size) != size or not 1 <= size <= MOST_SIZE:
            raise Error(f"an input's sizes must be integers from 1 to {MOST_SIZE:,}, got the shape {sizes}")
        total *= int(size)
    if total > MOST_INPUT_VALUES:
        raise Error(f"an input may have at most {MOST_INPUT_VALUES:,} values, got the shape {sizes}")
    channels, height, width = (*(int(size) for size in sizes), 1, 1)[:3]
    return Shape(channels, height, width, len(sizes) - 1)


def check_classes(num_classes: int) -> None:
    """Raises ValueError for a number of classes out of range; 1 stands for a number that is predicted."""
    if not 1 <= num_classes <= MOST_CLASSES:
        raise Error(
            f"a network needs 2 to {MOST_CLASSES:,} classes, or 1 output for a number, got {num_classes}"
        )


def trace(architecture: Architecture, input_shape: Sequence[int]) -> Iterator[Step]:
    """The layers one after the other, without the final classifier; a cell's design as the chain that it is.

    Raises:
        ValueError: for an unknown layer, an option out of range, or a layer that can't stand where it does.
    """
    shape = inputs = input_of(input_shape)
    for layer, options in chain_of(architecture):
        kind = KINDS[layer.kind]
        if kind.role == "embedding" and shape is not inputs:
            raise Error(f"{layer} takes symbols of texts, so that it can only come first")
        if kind.role != "dropout" and kind.takes_vectors != (shape.rank == 0):
            needs = "a vector: put a global-pool before it" if kind.takes_vectors else "a map, not a vector"
            raise Error(f"{layer} needs {needs}; it gets the shape {shape.sizes}")
        if not kind.fits(shape, **options):
            raise Error(f"{layer} does not fit the shape {shape.sizes} that it gets")
        effect = kind.effect(shape, **options)
        yield Step(layer, options, shape, effect)
        shape = effect.outputs


def final_shape(architecture: Architecture, input_shape: Sequence[int]) -> Shape:
    """The vector that a complete architecture's classifier gets.

    Raises:
        ValueError: as `trace`, and where it would get a map.
    """
    shape = input_of(input_shape)
    for step in trace(architecture, input_shape):
        shape = step.effect.outputs
    if shape.rank:
        raise Error(f"a complete network needs a global-pool before its classifier: {architecture}")
    return shape


def describe(architecture: Architecture, input_shape: Sequence[int], num_classes: int) -> list[LayerSummary]:
    """A network's table, layer by layer; with the final classifier where the architecture is complete.

    Raises:
        ValueError: as `trace`, and for a complete architecture that does not end in a vector.
    """
    check_classes(num_classes)
    summaries = [_summary(step.layer, step.effect) for step in trace(architecture, input_shape)]
    if architecture.complete:
        end = classifier(final_shape(architecture, input_shape), num_classes)
        head = (
            Layer.of("classifier", classes=num_classes) if num_classes > 1 else Layer.of("linear", numbers=1)
        )
        summaries.append(_summary(head, end))
    return summaries


def costs(architecture: Architecture, input_shape: Sequence[int], num_classes: int) -> Costs:
    """The costs of an architecture; of a prefix, without a classifier. Raises as `describe`."""
    summaries = describe(architecture, input_shape, num_classes)
    return Costs(sum(line.parameters for line in summaries), sum(line.macs for line in summaries))


def costs_within(
    architecture: Architecture, input_shape: Sequence[int], num_classes: int, limits: Limits
) -> dict[str, int]:
    """The costs of a complete architecture by their names, all that `limits` count and the usual ones. Raises
    as `describe`.
    """
    parts = list(parts_of(architecture, input_shape, num_classes))
    return {
        cost: int(reduce(partial(joined, cost), (COSTS[cost].of(part, limits) for part in parts)))
        for cost in counted(limits)
    }


def counted_beside(architecture: Architecture, facts: Mapping[str, Any]) -> dict[str, int]:
    """The costs that a run counts of a design beside the usual ones, limited or not, by their names.

    Args:
        facts: of the run's setting; of a damaged one nothing is known.
    """
    try:
        limits = Limits.given(Limits.kept(facts))
        if set(counted(limits)) == set(ALWAYS) or "input_shape" not in facts:
            return {}
        spent = costs_within(architecture, facts["input_shape"], facts["num_classes"], limits)
    except (ValueError, KeyError, TypeError):
        return {}
    return {cost: count for cost, count in spent.items() if cost not in ALWAYS}


def parts_of(architecture: Architecture, input_shape: Sequence[int], num_classes: int) -> Iterator[Part]:
    """The layers of a complete architecture, its classifier the last. Raises as `describe`."""
    shape = final_shape(architecture, input_shape)
    for step in trace(architecture, input_shape):
        edges = step.options.get("edges", ())
        own = edge_parts(step.inputs, edges) if edges else ()
        yield Part(step.layer.kind, step.inputs, step.effect, step.options, own)
    yield Part(CLASSIFIER, shape, classifier(shape, num_classes))


def check_size(architecture: Architecture, input_shape: Sequence[int], num_classes: int) -> Costs:
    """The costs of an architecture that may be built, before any memory is taken for it.

    Raises:
        ValueError: as `describe`; for more than 250 million parameters, which are 1 GB; and for a layer that
            makes more than 50 million values of one example.
    """
    found = costs(architecture, input_shape, num_classes)
    if found.parameters > MOST_PARAMETERS:
        raise Error(
            f"the network has {found.parameters:,} parameters, which take {4e-9 * found.parameters:,.1f} GB; "
            f"at most {MOST_PARAMETERS:,} are built: make it narrower"
        )
    for step in trace(architecture, input_shape):
        shapes = (step.inputs, step.effect.outputs)
        values = int(max(*(shape.values for shape in shapes), step.effect.inside))
        if values > MOST_ACTIVATIONS:
            raise Error(
                f"the layer {step.layer} makes {values:,} values of one example; at most "
                f"{MOST_ACTIVATIONS:,} are computed: make the network narrower, or the input smaller"
            )
    return found


def _summary(layer: Layer, effect: Effect) -> LayerSummary:
    return LayerSummary(layer, effect.outputs.sizes, int(effect.parameters), int(effect.macs))
