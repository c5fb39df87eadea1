"""The design of a space that is nearest to a network designed by hand, within the space's limits.

It has the same kinds of layers in the same order, each with the options nearest to its own that are legal
there: of numbers the nearest ratio, of other options the same one where there is a choice. One factor scales
all widths, as far as the space has them: the largest with which the design is within the limits; without
limits the widths are its own. Where it has too many layers for the space, or is too large at its narrowest,
it has fewer equal blocks in a row. Where designs say how they are trained, it says what is nearest to the
usual settings. No torch here.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.errors import Error
from rl_designer.envs.layers import full_options
from rl_designer.envs.layers.likeness import apart
from rl_designer.envs.references.by_hand import STEPS, Reference, architecture_of, references_for
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.search_spaces.trained_space import TrainedSpace

# Factors of the widths, four to each doubling, from 1/64 to 16; in steps of `architecture_of`.
_FACTORS = sorted({round(STEPS * 2 ** (quarter / 4)) for quarter in range(-24, 17)})

# A layer, or None for the end → how far each action is from it, float64 [num_actions].
Distances = Callable[[Layer | None], NDArray[np.float64]]


@dataclass(frozen=True)
class Near:
    """A reference as a space has it.

    Attributes:
        reference: its name.
        architecture: complete, and legal in the space.
        parameters: of the architecture, trainable.
        differences: where it isn't the reference, but for its widths, such as `kernel 3 for 1`.
    """

    reference: str
    architecture: Architecture
    parameters: int
    differences: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.reference} ({'; '.join((f'{self.parameters:,} parameters', *self.differences))})"


@dataclass(frozen=True)
class NearestReferences:
    """The references that a space has, each once, in their order.

    Attributes:
        left_out: the names of the others, each with the reason.
    """

    found: tuple[Near, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()


def nearest_references(
    space: SearchSpace, input_shape: Sequence[int], names: Sequence[str] = ()
) -> NearestReferences:
    """The nearest to each reference for data of a shape, or to those with `names`.

    Raises:
        ValueError: for a name that is unknown, or isn't for such data.
    """
    found: dict[str, Near] = {}
    left_out = []
    for reference in references_for(input_shape, names):
        try:
            near = nearest(reference, space)
        except ValueError as error:
            left_out.append((reference.name, str(error)))
            continue
        same = found.setdefault(near.architecture.digest, near)
        if same is not near:
            left_out.append((reference.name, f"it is the same design as {same.reference}"))
    return NearestReferences(tuple(found.values()), tuple(left_out))


def nearest(reference: Reference, space: SearchSpace) -> Near:
    """The nearest to a reference that a space has within its limits.

    Raises:
        ValueError: where the space has none; the reason alone, in words that go with the reference's name.
    """
    if isinstance(space, TrainedSpace):
        near = nearest(reference, space.networks)
        return replace(near, architecture=space.usually_trained(near.architecture))
    if not isinstance(space, LayerSpace):
        raise Error("it is a chain of layers, and the space's designs aren't")
    if space.definition.of_texts:
        raise Error("it takes no texts, and the space's designs do")
    if space.definition.rank not in reference.ranks:
        raise Error("it takes the data flattened, and the space's designs don't")
    if not architecture_of(reference, space.input_shape).layers:
        raise Error("it has no layers, and a design of the space has at least one")
    free = LayerSpace(space.definition, space.input_shape, space.num_classes)
    distances, reason = cache(partial(_distances, free)), ""
    for blocks in range(reference.blocks, 0, -1):
        try:
            return _nearest(reference, blocks, space, free, distances)
        except ValueError as error:
            reason = str(error)
    raise Error(reason)


def _nearest(
    reference: Reference, blocks: int, space: LayerSpace, free: LayerSpace, distances: Distances
) -> Near:
    """With at most so many blocks in a row; `free` is the space without its limits."""
    own = architecture_of(reference, space.input_shape, STEPS, blocks).layers
    if len(own) > free.definition.max_layers:
        raise Error(f"it has {len(own)} layers, and the space at most {free.definition.max_layers}")
    tried = _scaled(reference, blocks, space)
    rows = np.unique(free.pad(_nearest_actions(free, layers, distances) for layers in tried), axis=0)
    sizes = [costs.astype(np.int64) for costs in free.costs(rows).values()]
    legal = [row for row in range(len(rows)) if _is_legal(space, rows[row])]
    if not legal:
        least = f"at its narrowest it has {sizes[0].min():,} parameters"
        raise Error(f"{least} and {sizes[1].min():,} multiply-adds, and the limits are below")
    best = max(legal, key=lambda row: tuple(int(size[row]) for size in sizes))
    [architecture] = space.architectures(rows[best : best + 1])
    in_a_row = "1 block" if blocks == 1 else f"{blocks} blocks"
    cut = [f"at most {in_a_row} in a row for {reference.blocks}"] * (blocks < reference.blocks)
    differences = (*cut, *_differences(own, architecture.layers))
    return Near(reference.name, architecture, int(sizes[0][best]), differences)


def _scaled(reference: Reference, blocks: int, space: LayerSpace) -> Iterator[tuple[Layer, ...]]:
    """The reference's layers with all widths that are tried."""
    for steps in _FACTORS if space.limits.limited else [STEPS]:
        with suppress(ValueError):  # wider than any layer may be
            yield architecture_of(reference, space.input_shape, steps, blocks).layers


def _nearest_actions(space: LayerSpace, wanted: Sequence[Layer], distances: Distances) -> list[int]:
    """What spells the nearest design. Raises ValueError where a layer's kind isn't legal in its place."""
    state, actions = space.start(1), list[int]()
    for step, layer in enumerate([*wanted, None]):
        known = distances(layer)
        if layer and not np.isfinite(known).any():
            raise Error(f"the space has no {layer.kind} layers")
        there = np.where(space.masks(state)[0], known, np.inf)
        if not np.isfinite(there).any():
            what = f"{layer.kind} layer may be its layer {step + 1}" if layer else "network may end there"
            raise Error(f"by the space's rules no {what}")
        actions.append(int(there.argmin()))  # of equals the first
        state = space.advance(state, np.array(actions[-1:]))
    return actions


def _distances(space: LayerSpace, wanted: Layer | None) -> NDArray[np.float64]:
    return np.array([_distance(wanted, space.layer(0, action)) for action in range(space.num_actions)])


def _distance(wanted: Layer | None, offered: Layer | None) -> float:
    """See `apart`; without end where the kinds differ, or only one of them is a layer."""
    if wanted is None or offered is None:
        return 0.0 if wanted is offered else math.inf
    return apart(wanted, offered) if wanted.kind == offered.kind else math.inf


def _is_legal(space: LayerSpace, row: NDArray[np.int64]) -> bool:
    """Whether a design that spells one without limits is within them, at each of its layers."""
    state = space.start(1)
    for action in row[row >= 0]:
        if not space.masks(state)[0, action]:
            return False
        state = space.advance(state, np.array([action]))
    return True


def _differences(own: Sequence[Layer], layers: Sequence[Layer]) -> list[str]:
    """Each difference but of widths once: `kernel 3 for 1`."""
    found = dict[str, None]()
    for wanted, got in zip(own, layers, strict=True):
        options = full_options(got)
        for name, value in full_options(wanted).items():
            if name != "width" and options[name] != value:
                found[f"{name.replace('_', '-')} {options[name]} for {value}"] = None
    return list(found)
