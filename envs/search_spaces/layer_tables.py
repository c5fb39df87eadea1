"""What `LayerSpace` looks up: for each reachable shape and each action its effect and costs; action features.

No sum overflows int64: kernels are at most 31, or 63 where they aren't from all channels to all, widths
4,096, inputs 10**8 values, so that one layer costs below 4 x 10**18 multiply-adds and a prefix at most
10**18. Nor do keys of shapes: no layer makes more than 10**6 channels or more positions than the data have,
and an ensemble has at most 64 members.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture import Layer
from rl_designer.envs.errors import Error
from rl_designer.envs.layers import KINDS, MOST_MEMBERS, Shape, full_options
from rl_designer.envs.layers.dense import classifier
from rl_designer.envs.layers.kind import Count, Part, Reach
from rl_designer.envs.layers.pooling import GLOBAL_POOL
from rl_designer.envs.search_spaces.choices import Choices
from rl_designer.envs.search_spaces.definition import NON_DECREASING, SpaceDefinition
from rl_designer.envs.search_spaces.latency import CLASSIFIER, POOL
from rl_designer.envs.search_spaces.limits import COSTS, NO_LIMITS, Limits, counted, joined

_MOST_ENTRIES = 2_000_000

Integers = NDArray[np.int64]
_Group = tuple[str, slice, Mapping[str, NDArray[Any]]]  # kind, its slice of the actions, their options


@dataclass(frozen=True)
class ShapeTables:
    """All int64 [shapes, actions], `fits` bool. Row 0 is the input's shape, the last action is `stop`.

    Attributes:
        after: index of the shape after an action.
        own: what the action costs, by the costs' names; `stop` costs nothing, the classifier is not in these.
        finished: the action's own cost joined with those of a global-pool and a classifier right after it.
        fits: whether the action fits the shape.
    """

    after: Integers
    own: Mapping[str, Integers]
    finished: Mapping[str, Integers]
    fits: NDArray[np.bool_]


@dataclass(frozen=True)
class _Rows:
    """The effect of every action on some shapes: `after` int64 [n, actions, 4], the rest [n, actions]."""

    after: Integers
    costs: Mapping[str, Integers]
    fits: NDArray[np.bool_]


def tabulate(
    definition: SpaceDefinition, inputs: Shape, num_classes: int, limits: Limits = NO_LIMITS
) -> ShapeTables:
    """The tables of a definition on data of one shape, of the usual costs and those that have a limit.

    Raises:
        ValueError: where the tables would be absurdly large.
    """
    layers = definition.enumerate()
    groups, num_actions = _groups(definition, layers), len(layers) + 1
    frontier = np.array([[inputs.channels, inputs.height, inputs.width, inputs.members]], dtype=np.int64)
    known = _keys(frontier, inputs)
    parts: list[_Rows] = []
    while len(frontier):
        if len(known) * num_actions > _MOST_ENTRIES:
            raise Error(
                f"space {definition.name!r} is too large for data of shape {inputs.sizes}: "
                f"{num_actions:,} actions on more than {len(known):,} shapes; offer fewer widths or strides"
            )
        rows = _effects(frontier, groups, num_actions, definition.rank, limits)
        if definition.widths == NON_DECREASING and parts:  # the first rows are the data's own shape
            _forbid_narrowing(rows, frontier, groups)
        _forbid_large_maps(rows, frontier, groups, dict(definition.largest_map))
        parts.append(rows)
        reached = rows.after[rows.fits]
        keys, first = np.unique(_keys(reached, inputs), return_index=True)
        new = ~np.isin(keys, known)
        frontier, known = reached[first[new]], np.concatenate([known, keys[new]])
    return _joined(parts, known, inputs, num_classes, limits)


def _keys(shapes: Integers, inputs: Shape) -> Integers:
    """One number a shape, [..., 4] → [...]; no map is larger than the inputs."""
    keys = shapes[..., 0]
    for place, most in enumerate((inputs.height, inputs.width, MOST_MEMBERS), start=1):
        keys = keys * (most + 1) + shapes[..., place]
    return keys


def _joined(
    parts: list[_Rows], known: Integers, inputs: Shape, num_classes: int, limits: Limits
) -> ShapeTables:
    after = np.concatenate([rows.after for rows in parts])
    fits = np.concatenate([rows.fits for rows in parts])
    own = {cost: np.concatenate([rows.costs[cost] for rows in parts]) for cost in counted(limits)}
    order = np.argsort(known)
    next_shape = np.zeros(fits.shape, dtype=np.int64)
    next_shape[fits] = order[np.searchsorted(known, _keys(after[fits], inputs), sorter=order)]
    channels, height, width, members = np.moveaxis(after, 2, 0)
    last = Shape(channels, height, width, inputs.rank, members)
    finished = {cost: joined(cost, own[cost], _of_end(cost, last, num_classes, limits)) for cost in own}
    return ShapeTables(next_shape, own, finished, fits)


def _of_end(cost: str, last: Shape, num_classes: int, limits: Limits) -> Count:
    """What it costs to end a network that has come to a shape."""
    pool = GLOBAL_POOL.effect(last, operation="average")
    vector = Shape(last.channels, members=last.members)
    ends = (Part(POOL, last, pool), Part(CLASSIFIER, vector, classifier(vector, num_classes)))
    return reduce(partial(joined, cost), (COSTS[cost].of(part, limits) for part in ends))


def _groups(definition: SpaceDefinition, layers: list[Layer]) -> list[_Group]:
    groups: list[_Group] = []
    first = 0
    for kind, _ in definition.layers:
        options = [full_options(layer) for layer in layers if layer.kind == kind]
        arrays = {name: np.array([option[name] for option in options]) for name in KINDS[kind].options}
        groups.append((kind, slice(first, first + len(options)), arrays))
        first += len(options)
    return groups


def _effects(shapes: Integers, groups: list[_Group], num_actions: int, rank: int, limits: Limits) -> _Rows:
    after = np.repeat(shapes[:, None, :], num_actions, axis=1)
    costs = {cost: np.zeros((len(shapes), num_actions), dtype=np.int64) for cost in counted(limits)}
    fits = np.ones((len(shapes), num_actions), dtype=np.bool_)
    channels, height, width, members = (column[:, None] for column in shapes.T)
    inputs = Shape(channels, height, width, rank, members)
    for kind, where, options in groups:
        effect = KINDS[kind].effect(inputs, **options)
        after[:, where, 0] = effect.outputs.channels
        after[:, where, 1] = effect.outputs.height
        after[:, where, 2] = effect.outputs.width
        after[:, where, 3] = effect.outputs.members
        for cost, numbers in costs.items():
            numbers[:, where] = COSTS[cost].of(Part(kind, inputs, effect, options), limits)
        fits[:, where] = KINDS[kind].fits(inputs, **options)
        if KINDS[kind].role == "global-pool":
            # On a map of one position all of them are the same, so only the first is a spelling.
            fits[:, where.start + 1 : where.stop] &= inputs.positions > 1
        if KINDS[kind].takes_vectors:
            fits[:, where] &= inputs.positions == 1
    return _Rows(after, costs, fits)


def _forbid_narrowing(rows: _Rows, shapes: Integers, groups: list[_Group]) -> None:
    for kind, where, options in groups:
        if KINDS[kind].role == "feature":
            rows.fits[:, where] &= options["width"] >= shapes[:, :1]


def _forbid_large_maps(
    rows: _Rows, shapes: Integers, groups: list[_Group], largest_map: Mapping[str, int]
) -> None:
    for kind, where, _ in groups:
        if kind in largest_map:
            rows.fits[:, where] &= shapes[:, 1:].max(axis=1, keepdims=True) <= largest_map[kind]


def reach_of(layer: Layer) -> Reach:
    """See `Kind.reach`."""
    return KINDS[layer.kind].reach(**full_options(layer))


def action_features(definition: SpaceDefinition) -> NDArray[np.float32]:
    """What each action is made of, float32 [actions, features], `stop` the last; see `features_of`."""
    return features_of([*definition.enumerate(), None], definition.layers)


def features_of(layers: Sequence[Layer | None], kinds: Sequence[tuple[str, Choices]]) -> NDArray[np.float32]:
    """What layers are made of, float32 [layers, features]: the kind as one of many (None, a design's end, is
    one where there is such); each option that is a text or a truth value as one of many; each number as its
    logarithm, scaled to -1 … 1 over the choices. Options that a kind lacks are 0. No two rows are equal.
    """
    columns = [[float(layer is not None and layer.kind == kind) for layer in layers] for kind, _ in kinds]
    if None in layers:
        columns.append([float(layer is None) for layer in layers])
    choices: dict[str, list[Any]] = {}
    for _, options in kinds:
        for name, values in options:
            known = choices.setdefault(name, [])
            known.extend(value for value in values if value not in known)
    for name, offered in choices.items():
        given = [None if layer is None else dict(layer.options).get(name) for layer in layers]
        if isinstance(offered[0], str | bool):
            columns.extend([float(value == choice) for value in given] for choice in offered)
        else:
            columns.append([_scaled(value, offered) for value in given])
    return np.array(columns, dtype=np.float32).T.copy()


def _scaled(value: Any, values: list[Any]) -> float:
    if value is None or len(values) == 1:
        return 0.0
    low, high = np.log(min(values)), np.log(max(values))
    return float(2 * (np.log(value) - low) / (high - low) - 1)
