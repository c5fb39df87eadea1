"""Why a policy chose each layer, and what a reward model believes matters.

The effect of a decision is by how much the expected score (in standard deviations of all designs) changes
when it alone is made otherwise, as far as that is legal; permutation importance (Breiman 2001, Fisher et al.
2019) within the rules.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.belief import Belief
from rl_designer.agents.policy import Policy
from rl_designer.envs.architecture import MACRO, TRAINING, Architecture, Layer
from rl_designer.envs.search_spaces.base import Actions, SearchSpace
from rl_designer.envs.search_spaces.cell_layers import operation_of
from rl_designer.envs.seeding import stream
from rl_designer.reports.designs import layer_text

MOST_CHOICES = 5
_DESIGNS = 400
_PAIRS = 250  # of design and step, for each decision
_MOST_OPTIONS = 8  # tried at each
_FEWEST_TRIED = 5  # times that an option must have been tried to be told of


@dataclass(frozen=True)
class Choice:
    """A legal action at a step.

    Attributes:
        probability: the policy's, 0–1.
        expected: the reward that the reward model expects of the design with this choice there and the rest
            as it is; None where that isn't a legal design, or without a model.
        chosen: whether it is the design's own.
    """

    text: str
    probability: float
    expected: float | None
    chosen: bool


@dataclass(frozen=True)
class Step:
    """One decision.

    Attributes:
        choices: the likeliest, and the one that was taken.
        others, other_probability: how many more are legal, and what they have together.
        legal, actions: how many of all actions the rules and limits allow.
        options: 2 to the power of the entropy in bits: among how many equally likely ones it hesitates.
    """

    number: int
    choices: tuple[Choice, ...]
    others: int
    other_probability: float
    legal: int
    actions: int
    options: float

    @property
    def chosen(self) -> Choice:
        return next(choice for choice in self.choices if choice.chosen)


def steps_of(
    policy: Policy, belief: Belief | None, space: SearchSpace, architecture: Architecture
) -> list[Step]:
    """Every decision of a complete design. Raises ValueError where it isn't legal in `space`."""
    policy.check(space)
    actions = space.actions(architecture)
    row = space.pad([actions])
    state, taken = space.start(1), np.full_like(row, -1)
    steps = []
    for step, action in enumerate(actions):
        mask = space.masks(state)
        logs = policy.log_probabilities(space.observations(taken), mask)[0]
        steps.append(
            _step(step, action, mask[0], np.exp(logs), _expected(belief, space, row, step, mask[0]), space)
        )
        state = space.advance(state, np.array([action]))
        taken[0, step] = action
    return steps


def _step(
    step: int,
    action: int,
    mask: NDArray[np.bool_],
    probabilities: NDArray[np.float64],
    expected: NDArray[np.float64],
    space: SearchSpace,
) -> Step:
    likely = np.argsort(-probabilities, kind="stable")[: min(MOST_CHOICES, int(mask.sum()))].tolist()
    shown = likely if action in likely else [*likely[:-1], action]
    choices = tuple(
        Choice(
            action_text(space, step, a),
            float(probabilities[a]),
            None if np.isnan(expected[a]) else float(expected[a]),
            a == action,
        )
        for a in shown
    )
    positive = probabilities[probabilities > 0]
    entropy = float(-(positive * np.log2(positive)).sum())
    rest = max(1.0 - sum(choice.probability for choice in choices), 0.0)
    legal = int(mask.sum())
    return Step(step + 1, choices, legal - len(shown), rest, legal, space.num_actions, 2**entropy)


def _expected(
    belief: Belief | None, space: SearchSpace, row: Actions, step: int, mask: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """What the model expects with each action in that place, float64 [num_actions]; NaN where it can't be."""
    expected = np.full(space.num_actions, np.nan)
    if belief is None:
        return expected
    tried = np.flatnonzero(mask)
    rows = np.repeat(row, len(tried), axis=0)
    rows[:, step] = tried
    possible = legal_rows(space, rows)
    if possible.any():
        expected[tried[possible]] = belief.expected_rewards(space, rows[possible])
    return expected


def legal_rows(space: SearchSpace, actions: Actions) -> NDArray[np.bool_]:
    """Which rows, int64 [n, max_steps] padded with -1, are complete designs within the limits, bool [n]."""
    states, legal = space.start(len(actions)), np.ones(len(actions), dtype=bool)
    for chosen in actions.T:
        masks = space.masks(states)
        legal &= masks.any(axis=1) == (chosen >= 0)
        rows = np.flatnonzero(legal & (chosen >= 0))
        legal[rows] = masks[rows, chosen[rows]]
        rows = rows[legal[rows]]
        states[rows] = space.advance(states[rows], chosen[rows])
    return legal & ~space.masks(states).any(axis=1)


def action_text(space: SearchSpace, step: int, action: int) -> str:
    """An action for people: the layer that it adds, or `stop`."""
    layer = space.layer(step, action)
    return "stop" if layer is None else layer_text(layer)


@dataclass(frozen=True)
class Decision:
    """A decision and what hangs on it.

    Attributes:
        kind: `layer option` (such as `kernel`), or `position`.
        effect: mean absolute change of the expected score, in standard deviations.
        options: value → by how much it is better than the others in its place, on average.
    """

    name: str
    kind: str
    effect: float
    options: tuple[tuple[str, float], ...] = ()


def importance(belief: Belief, space: SearchSpace, seed: int = 0) -> list[Decision]:
    """All decisions, the most important first within their kind."""
    draws = stream(seed, "importance")
    designs = np.unique(space.canonical(space.random_actions(_DESIGNS, draws)), axis=0)
    found = []
    first = space.layer(0, 0)
    if first is None or not first.is_decision:  # whole layers with options each, and not one option a step
        layers = [_first_meaning(space, action) for action in range(space.num_actions)]
        for name, siblings in _option_siblings(layers).items():
            found.append(_decision(belief, space, designs, draws, name, "layer option", siblings, layers))
    found.extend(_position(belief, space, designs, draws, step) for step in range(space.max_steps))
    known = [decision for decision in found if decision is not None and decision.effect > 0]
    return sorted(known, key=lambda decision: (decision.kind, -decision.effect))


def _first_meaning(space: SearchSpace, action: int) -> Layer | None:
    """The layer of an action at the first step that knows it."""
    for step in range(space.max_steps):
        with suppress(ValueError):
            return space.layer(step, action)
    return None


def _option_siblings(layers: Sequence[Layer | None]) -> dict[str, dict[int, list[int]]]:
    """Of each option's name: action → the actions that differ from it in that option alone."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for action, layer in enumerate(layers):
        if layer is None:
            continue
        for name, _ in layer.options:
            rest = [f"{n}={v}" for n, v in layer.options if n != name]
            groups.setdefault((name, layer.kind, *rest), []).append(action)
    siblings: dict[str, dict[int, list[int]]] = {}
    for (name, *_), actions in groups.items():
        if len(actions) > 1:
            siblings.setdefault(name, {}).update(dict.fromkeys(actions, actions))
    return siblings


def _decision(
    belief: Belief,
    space: SearchSpace,
    designs: Actions,
    draws: np.random.Generator,
    name: str,
    kind: str,
    siblings: Mapping[int, list[int]],
    layers: Sequence[Layer | None],
) -> Decision | None:
    places = np.argwhere(np.isin(designs, list(siblings)))
    places = places[draws.permutation(len(places))[:_PAIRS]]
    tried = [siblings[int(designs[row, step])] for row, step in places]
    effect, values = _tried(belief, space, designs, places, tried)
    if effect is None:
        return None
    texts: dict[str, list[float]] = {}
    for action, gains in values.items():
        layer = layers[action]
        assert layer is not None
        texts.setdefault(str(layer[name]), []).extend(gains)
    return Decision(name, kind, effect, _means(texts))


def _position(
    belief: Belief, space: SearchSpace, designs: Actions, draws: np.random.Generator, step: int
) -> Decision | None:
    rows = np.flatnonzero(designs[:, step] >= 0)
    rows = draws.permutation(rows)[:_PAIRS]
    if len(rows) == 0:
        return None
    places = np.column_stack([rows, np.full(len(rows), step)])
    everything = list(range(space.num_actions))
    few = space.num_actions <= _MOST_OPTIONS
    tried = []
    for row in rows:
        others = everything if few else draws.choice(space.num_actions, _MOST_OPTIONS, replace=False).tolist()
        tried.append(sorted({int(designs[row, step]), *others}))
    effect, values = _tried(belief, space, designs, places, tried)
    if effect is None:
        return None
    named = {str(layer): gains for action, gains in values.items() if (layer := _option(space, step, action))}
    first = [space.layer(i, int(designs[rows[0], i])) for i in range(step + 1)]
    name = _place(first[-1], sum(layer is None or not layer.is_training for layer in first))
    return Decision(name, "position", effect, _means(named) if few else ())


def _place(layer: Layer | None, number: int) -> str:
    """What a step decides, by a layer that it may add and its number among those of the network."""
    if layer is not None and layer.is_training:
        return f"{TRAINING} {layer.options[0][0]}"
    if layer is None or not (layer.is_decision or layer.kind == MACRO or "edge" in dict(layer.options)):
        return f"layer {number}"
    edge = dict(layer.options).get("edge")
    return layer.kind if edge is None else f"edge {edge}"


def _option(space: SearchSpace, step: int, action: int) -> str:
    layer = space.layer(step, action)
    if layer is None:
        return "stop"
    if "edge" in dict(layer.options):
        return str(operation_of(layer))
    return ", ".join(str(value) for _, value in layer.options) or layer.kind


def _tried(
    belief: Belief,
    space: SearchSpace,
    designs: Actions,
    places: NDArray[np.int64],
    tried: Sequence[Sequence[int]],
) -> tuple[float | None, dict[int, list[float]]]:
    """Puts each of the actions tried into its place. Mean absolute change from the design's own, and of each
    action how much better it was than the mean of those in its place.
    """
    group = np.repeat(np.arange(len(places)), [len(actions) for actions in tried])
    if len(group) == 0:
        return None, {}
    rows = designs[places[group, 0]]
    own = rows[np.arange(len(rows)), places[group, 1]].copy()
    put = np.concatenate([np.asarray(actions) for actions in tried])
    rows[np.arange(len(rows)), places[group, 1]] = put
    scores = np.full(len(rows), np.nan)
    legal = legal_rows(space, rows)
    if not legal.any():
        return None, {}
    scores[legal] = belief.mean(space, rows[legal])
    changes, values = [], dict[int, list[float]]()
    for members in np.split(np.arange(len(group)), np.flatnonzero(np.diff(group)) + 1):
        members = members[~np.isnan(scores[members])]
        kept = members[put[members] == own[members]]
        if len(members) < 2 or len(kept) == 0:
            continue
        others = members[put[members] != own[members]]
        changes.append(float(np.abs(scores[others] - scores[kept[0]]).mean()))
        for member in members:
            values.setdefault(int(put[member]), []).append(float(scores[member] - scores[members].mean()))
    return (float(np.mean(changes)) if changes else None), values


def _means(values: Mapping[str, Sequence[float]]) -> tuple[tuple[str, float], ...]:
    means = {text: float(np.mean(gains)) for text, gains in values.items() if len(gains) >= _FEWEST_TRIED}
    return tuple(sorted(means.items(), key=lambda pair: -pair[1]))
