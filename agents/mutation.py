"""Designs that differ in one decision or layer, in any search space, through its masks alone."""

from collections.abc import Callable, Sequence
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.search_spaces.base import Actions, SearchSpace

Row = NDArray[np.int64]  # [max_steps], one complete design, -1 after its end

_MOST_TRIES = 100


def neighbours(space: SearchSpace, actions: Row) -> Actions:
    """Every design that is one edit away, int64 [k, max_steps]: each network once, never the same network.

    An edit substitutes one action by another that is legal there, or inserts or deletes a layer. What comes
    before the edit stays. What comes after a substitution stays too, action by action, where it is still
    legal, and becomes the legal action with the nearest features where it isn't (forbidden combinations,
    limits, dead prefixes); an insertion or a deletion counts only where all the rest stays. So any design
    can be reached from any other by substitutions alone, however much a space forbids.

    Args:
        actions: a complete design, int64 [max_steps] padded with -1.
    """
    body = _layers_of(space, actions)
    edits = [edit for position in range(len(body) + 1) for edit in _edits_at(space, body, position)]
    if not edits:
        return np.zeros((0, space.max_steps), dtype=np.int64)
    rows = _realise(space, edits)
    return _distinct_networks(space, actions, rows)


def mutate(space: SearchSpace, actions: Row, generator: np.random.Generator) -> Row:
    """One random edit of a complete design, int64 [max_steps]; another network wherever there is one.

    Substitution, insertion and deletion are equally likely where they are possible; then the position is
    uniform, then the action among the legal ones. In a space of fixed decisions, such as a table's, this
    changes one decision to another option (Real et al. 2019, section 3.1), and later ones only where they
    have to change with it. Repairs choose at random among the nearest legal actions.
    """
    body = _layers_of(space, actions)
    own = space.canonical(actions[None])[0]
    for _ in range(_MOST_TRIES):
        edit = _random_edit(body, partial(_legal_after, space), generator)
        if edit is None:
            continue
        for row in _realise(space, [edit], generator):
            if not np.array_equal(space.canonical(row[None])[0], own):
                return row
    return space.random_actions(1, generator)[0]


def mutations(space: SearchSpace, rows: Actions, n: int, generator: np.random.Generator) -> Actions:
    """Random edits of complete designs in turn, as `mutate` makes them, all at once: int64 [at most n,
    max_steps], without those that can't be made and with some that are no other network.

    Args:
        rows: complete designs, int64 [k, max_steps] padded with -1, k at least 1.
    """
    bodies = [_layers_of(space, row) for row in rows]
    legal = cache(partial(_legal_after, space))
    drawn = (_random_edit(bodies[i % len(bodies)], legal, generator) for i in range(n))
    edits = [edit for edit in drawn if edit is not None]
    return _realise(space, edits, generator) if edits else rows[:0]


# An edit: the actions wished for, without the one that ends the design, and whether all must be kept.
_Edit = tuple[Sequence[int], bool]


def _layers_of(space: SearchSpace, actions: Row) -> list[int]:
    """The actions that add a layer: all but a last one that only completes the design."""
    body: list[int] = actions[actions >= 0].tolist()
    return body[:-1] if body and space.layer(len(body) - 1, body[-1]) is None else body


def _edits_at(space: SearchSpace, body: list[int], position: int) -> list[_Edit]:
    before, after = body[:position], body[position:]
    legal = _legal_after(space, before)
    edits: list[_Edit] = [([*before, action, *after], bool(after)) for action in legal]
    if after:
        edits += [([*before, action, *after[1:]], False) for action in legal if action != after[0]]
        edits.append(([*before, *after[1:]], True))
    return edits


def _random_edit(
    body: list[int], legal_after: Callable[[tuple[int, ...]], list[int]], generator: np.random.Generator
) -> _Edit | None:
    kind = generator.integers(3)
    position = int(generator.integers(len(body) + (kind == 1))) if body or kind == 1 else 0
    before, after = body[:position], body[position:]
    if kind == 2:
        return ([*before, *after[1:]], True) if after else None
    legal = [action for action in legal_after(tuple(before)) if kind == 1 or [action] != after[:1]]
    if not legal or (kind == 0 and not after):
        return None
    action = legal[generator.integers(len(legal))]
    return ([*before, action, *after], bool(after)) if kind == 1 else ([*before, action, *after[1:]], False)


def _legal_after(space: SearchSpace, prefix: Sequence[int]) -> list[int]:
    states = space.start(1)
    for action in prefix:
        states = space.advance(states, np.array([action]))
    return np.flatnonzero(space.masks(states)[0]).tolist()


def _realise(
    space: SearchSpace, edits: Sequence[_Edit], generator: np.random.Generator | None = None
) -> Actions:
    """The complete designs nearest to the wishes, int64 [k, max_steps]; without the edits that had to keep
    everything and couldn't.
    """
    width = max(space.max_steps, *(len(wish) for wish, _ in edits)) + 1
    wishes = np.full((len(edits), width), -1, dtype=np.int64)
    for row, (wish, _) in zip(wishes, edits, strict=True):
        row[: len(wish)] = wish
    strict = np.array([must_keep for _, must_keep in edits])
    given_up = np.zeros(len(edits), dtype=bool)
    actions = np.full((len(edits), space.max_steps), -1, dtype=np.int64)
    states, rows = space.start(len(edits)), np.arange(len(edits))
    for step in range(space.max_steps):
        masks = space.masks(states)
        over = ~masks.any(axis=1)
        given_up[rows[over]] |= strict[rows[over]] & (wishes[rows[over], step] >= 0)
        illegal = (wishes[rows, step] >= 0) & ~masks[np.arange(len(rows)), wishes[rows, step]]
        given_up[rows] |= illegal & strict[rows]
        live = ~over & ~given_up[rows]
        rows, states, masks = rows[live], states[live], masks[live]
        chosen = wishes[rows, step]
        for i in np.flatnonzero((chosen < 0) | illegal[live]):
            wished, legal = int(chosen[i]), np.flatnonzero(masks[i])
            chosen[i] = _nearest_legal(space, step, wished, legal, generator)
            if strict[rows[i]] and space.layer(step, int(chosen[i])) is not None:
                given_up[rows[i]] = True
        actions[rows, step] = chosen
        states = space.advance(states, chosen)
    given_up |= strict & (wishes[:, space.max_steps] >= 0)
    return actions[~given_up]


def _nearest_legal(
    space: SearchSpace, step: int, wished: int, legal: Row, generator: np.random.Generator | None
) -> int:
    """A legal action instead of `wished`; where nothing is wished (-1), the end of the design if it can."""
    ends = np.array([space.layer(step, action) is None for action in legal.tolist()])
    if wished < 0:
        distances = 1.0 - ends
    else:
        features = space.action_features
        # Ending the design would drop every later layer, so that comes last.
        distances = np.abs(features[legal] - features[wished]).sum(axis=1) + 1e6 * ends
    nearest = legal[distances <= distances.min() + 1e-6]
    return int(nearest[0] if generator is None else nearest[generator.integers(len(nearest))])


def _distinct_networks(space: SearchSpace, own: Row, rows: Actions) -> Actions:
    networks = space.canonical(np.concatenate([own[None], rows]))
    _, first = np.unique(networks, axis=0, return_index=True)
    return rows[np.sort(first[first > 0]) - 1]
