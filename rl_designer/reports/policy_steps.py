"""Why the policy chose each layer: its probabilities at each step, and what others would have brought."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.belief import Belief
from rl_designer.agents.policy import Policy
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.search_spaces.base import Actions, SearchSpace
from rl_designer.reports.words import layer_text

MOST_CHOICES = 5


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
