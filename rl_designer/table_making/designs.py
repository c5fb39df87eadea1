"""The designs of a layer-by-layer space, all of them or a random share, and their layout as rows of a table:
one decision a position, one option a layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.search_spaces.base import Actions, States
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.errors import WrongUsage

MOST_DESIGNS = 200_000  # that a table is built of
_FIRST_COST = 3  # a state's columns from here on are costs so far, which matter under a limit only
_DRAWN_AT_ONCE = 20_000
_MOST_DRAWN = 4_000_000

END = "end"  # the option of the positions behind a design's last layer
_MOST_OPTIONS = 256  # that a uint8 tells apart

Decisions = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Count:
    """How many designs a space has; `exact`, or about, where limits make an exact count too long."""

    designs: int
    exact: bool

    def __str__(self) -> str:
        return f"{'' if self.exact else 'about '}{self.designs:,}"


def count_designs(space: LayerSpace) -> Count:
    """How many complete designs the space has. Under limits that leave more than `MOST_DESIGNS`, an estimate
    from random designs of the space without limits.
    """
    every = Walks(_unlimited(space))
    if not space.limits.limited:
        return Count(every.total, True)
    listed = _enumerated(space, MOST_DESIGNS)
    if listed is not None:
        return Count(len(listed), True)
    drawn = every.draw(_DRAWN_AT_ONCE, np.random.default_rng(0))
    share = _within(space, drawn).mean()
    return Count(max(round(every.total * float(share)), MOST_DESIGNS), False)


def all_designs(space: LayerSpace) -> Actions:
    """Every design once, int64 [n, max_steps] padded with -1, in the order of the actions.

    Raises:
        WrongUsage: where there are more than `MOST_DESIGNS`.
    """
    rows = _enumerated(space, MOST_DESIGNS)
    if rows is None:
        raise WrongUsage(
            f"space {space.name!r} has {count_designs(space)} designs, and a table may have at most "
            f"{MOST_DESIGNS:,}; take a random share with --share 1% or --designs 5000, or limit the space"
        )
    return rows


def random_designs(space: LayerSpace, n: int, generator: np.random.Generator) -> Actions:
    """`n` distinct designs, every one of the space as likely as any other, int64 [n, max_steps], sorted.

    Raises:
        WrongUsage: where the space has fewer, or so few among those without limits that they aren't found.
    """
    if n > MOST_DESIGNS:
        raise WrongUsage(f"a table may have at most {MOST_DESIGNS:,} designs, {n:,} are wanted")
    rows = _enumerated(space, MOST_DESIGNS)
    if rows is not None:
        if n > len(rows):
            raise WrongUsage(f"space {space.name!r} has {len(rows):,} designs, {n:,} are wanted")
        return rows[np.sort(generator.choice(len(rows), n, replace=False))]
    return _drawn(space, n, generator)


def share_of(space: LayerSpace, share: float) -> int:
    """How many designs a share of them is, at least 1."""
    return max(1, round(share * count_designs(space).designs))


def _drawn(space: LayerSpace, n: int, generator: np.random.Generator) -> Actions:
    """By rejection: uniform draws of the space without limits, of which the legal ones stay."""
    walks, found, drawn = Walks(_unlimited(space)), np.zeros((0, space.max_steps), np.int64), 0
    while len(found) < n:
        if drawn >= _MOST_DRAWN:
            raise WrongUsage(
                f"only {len(found):,} of {drawn:,} random designs of space {space.name!r} keep its limits, "
                f"{n:,} are wanted; raise the limits, or define a smaller space"
            )
        designs = walks.draw(_DRAWN_AT_ONCE, generator)
        drawn += len(designs)
        together = np.concatenate([found, designs[_within(space, designs)]])
        _, first = np.unique(together, axis=0, return_index=True)
        found = together[np.sort(first)]
    return np.unique(found[:n], axis=0)


def _unlimited(space: LayerSpace) -> LayerSpace:
    return LayerSpace(space.definition, space.input_shape, space.num_classes)


def _within(space: LayerSpace, actions: Actions) -> NDArray[np.bool_]:
    """Which designs are legal in `space`, bool [n]."""
    states, legal = space.start(len(actions)), np.ones(len(actions), dtype=bool)
    for column in actions.T:
        live = np.flatnonzero(legal & (column >= 0))
        fine = space.masks(states[live])[np.arange(len(live)), column[live]]
        legal[live[~fine]] = False
        live = live[fine]
        states[live] = space.advance(states[live], column[live])
    return legal


def _enumerated(space: LayerSpace, most: int) -> Actions | None:
    """All designs, sorted; None where there are more than `most`. Every legal prefix can be finished, so
    there are never more prefixes of one length, and shorter designs, than designs."""
    done: list[Actions] = []
    prefixes, states = np.full((1, space.max_steps), -1, dtype=np.int64), space.start(1)
    for step in range(space.max_steps + 1):
        masks = space.masks(states)
        done.append(prefixes[~masks.any(axis=1)])
        if sum(map(len, done)) + int(masks.sum()) > most:
            return None
        rows, actions = np.nonzero(masks)
        if len(rows) == 0:
            break
        prefixes, states = prefixes[rows], space.advance(states[rows], actions)
        prefixes[:, step] = actions
    designs = np.concatenate(done)
    return designs[np.lexsort(designs.T[::-1])]


class Walks:
    """The designs of a space without limits, as walks through its states: counted, and drawn uniformly.

    Prefixes that differ in their costs alone are one state here, so even 10²⁰ designs take few states.

    Attributes:
        total: the number of designs, exactly.
    """

    def __init__(self, space: LayerSpace) -> None:
        self._space = space
        levels, edges = _levels(space)
        # From the last step back: how many designs each state can become. Python integers: they grow large.
        counts: list[list[int]] = [[1] * len(levels[-1])]
        for step in range(len(edges) - 1, -1, -1):
            sources, _, targets = edges[step]
            finished = ~space.masks(levels[step]).any(axis=1)
            below, here = counts[0], finished.astype(int).tolist()
            for source, target in zip(sources.tolist(), targets.tolist(), strict=True):
                here[source] += below[target]
            counts.insert(0, here)
        self.total = counts[0][0]
        self._steps = [_Step.of(edge, counts[i + 1]) for i, edge in enumerate(edges)]

    def draw(self, n: int, generator: np.random.Generator) -> Actions:
        """`n` designs, each with the same chance, int64 [n, max_steps]; one may come twice."""
        actions = np.full((n, self._space.max_steps), -1, dtype=np.int64)
        live, states = np.arange(n), np.zeros(n, dtype=np.int64)
        for number, step in enumerate(self._steps):
            going = step.leaves(states)
            live, states = live[going], states[going]
            edges = step.choose(states, generator)
            actions[live, number] = step.actions[edges]
            states = step.targets[edges]
        return actions


class _Edges(NamedTuple):
    """All int64 [edges]: from which state of a level, by which action, to which state of the next."""

    sources: NDArray[np.int64]
    actions: NDArray[np.int64]
    targets: NDArray[np.int64]


@dataclass(frozen=True)
class _Step:
    """The edges between two levels of states, by source. `ends` [sources + 1] says which are whose;
    `cumulated` [edges] rises by each edge's share of its source's designs, from the source's number on.
    """

    actions: NDArray[np.int64]
    targets: NDArray[np.int64]
    ends: NDArray[np.int64]
    cumulated: NDArray[np.float64]

    @classmethod
    def of(cls, edges: _Edges, below: list[int]) -> "_Step":
        """`below`: how many designs each state of the next level can become."""
        sources, actions, targets = edges
        last = int(sources.max()) if len(sources) else -1
        ends = np.searchsorted(sources, np.arange(last + 2))
        cumulated = np.zeros(len(sources))
        for source, (first, end) in enumerate(pairwise(ends.tolist())):
            weights = [below[target] for target in targets[first:end].tolist()]
            total = sum(weights)
            shares = np.cumsum([weight / total for weight in weights])
            cumulated[first:end] = source + shares
        return cls(actions, targets, ends, cumulated)

    def leaves(self, states: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which states go on; the others are finished designs."""
        inside = np.minimum(states, len(self.ends) - 2)
        return (states < len(self.ends) - 1) & (self.ends[inside] < self.ends[inside + 1])

    def choose(self, states: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
        """An edge of each state."""
        edges = np.searchsorted(self.cumulated, states + generator.random(len(states)), side="right")
        return np.clip(edges, self.ends[states], self.ends[states + 1] - 1)


def _levels(space: LayerSpace) -> tuple[list[States], list[_Edges]]:
    """The states after 0, 1, … actions, each once, and the edges (source, action, target) between them."""
    levels: list[States] = [space.start(1)]
    edges: list[_Edges] = []
    while (masks := space.masks(levels[-1])).any():
        sources, actions = np.nonzero(masks)
        after = space.advance(levels[-1][sources], actions)
        after[:, _FIRST_COST:] = 0
        states, targets = np.unique(after, axis=0, return_inverse=True)
        levels.append(states)
        edges.append(_Edges(sources, actions, targets.reshape(-1)))
    return levels, edges


# -- as rows of a table ------------------------------------------------------------------------------


def layout(
    architectures: Sequence[Architecture], layers: Sequence[Layer]
) -> tuple[Decisions, NDArray[np.uint8]]:
    """Decisions and rows, uint8 [n, positions]. Every position has the same options, in the order of
    `layers`: those that some design uses anywhere, and `END`.

    Raises:
        WrongUsage: for more options than a table can hold.
    """
    used = {layer for architecture in architectures for layer in architecture.layers}
    options = [layer for layer in layers if layer in used]
    if len(options) + 1 > _MOST_OPTIONS:
        raise WrongUsage(
            f"a table may have at most {_MOST_OPTIONS} options a decision, these designs use "
            f"{len(options)} different layers; define a space with fewer choices"
        )
    index = {layer: number for number, layer in enumerate(options)}
    depth = max(len(architecture.layers) for architecture in architectures)
    rows = np.full((len(architectures), depth), len(options), dtype=np.uint8)
    for row, architecture in zip(rows, architectures, strict=True):
        row[: len(architecture.layers)] = [index[layer] for layer in architecture.layers]
    texts = (*map(option_text, options), END)
    return tuple((f"layer {position}", texts) for position in range(1, depth + 1)), rows


def option_text(layer: Layer) -> str:
    """A layer in a few words: `conv k5 s2 w24`, `global-pool average`, `dense w32 relu no-normalisation`.

    Numbers stand behind the first letter of their option's name; texts stand for themselves, `none` and
    false with the option's name behind `no-`.
    """
    return " ".join([layer.kind, *(_value(name, value) for name, value in layer.options)])


def _value(name: str, value: object) -> str:
    plain = name.replace("_", "-")
    if value is True:
        return plain
    if value is False or value == "none":
        return f"no-{plain}"
    return value if isinstance(value, str) else f"{name[0]}{value}"
