"""`SearchSpace`: the legal designs, one at a time or many at once, by one set of rules."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.errors import Error
from rl_designer.envs.search_spaces.limits import NO_LIMITS, Limits

Actions = NDArray[np.int64]  # [n, max_steps], -1 where no action was taken yet
States = NDArray[np.int64]  # [n, state_size], whatever a space needs to know of a prefix

_MEMO_SIZE = 10_000


class SearchSpace(ABC):
    """The legal designs of one space, built action by action.

    A space implements the batched half (`start`, `advance`, `masks`) in NumPy, and what an action means
    (`layer`, `action_of`); the half that takes one `Architecture` follows from it, so that the two can't
    disagree. Actions and observations never depend on the data: only masks do.

    Attributes:
        name: the space's name, part of every architecture's digest.
        num_actions: size of the action set, the same at every step.
        max_steps: the longest episode, in actions.
        action_features: float32 [num_actions, features]; what an action is made of, for observations
            and for reward models. Two actions with equal rows would be one action.
        limits: what its masks keep.
    """

    name: str
    num_actions: int
    max_steps: int
    action_features: NDArray[np.float32]
    limits: Limits = NO_LIMITS

    # -- what a space implements -------------------------------------------------------------------

    @abstractmethod
    def start(self, n: int) -> States:
        """States of `n` empty prefixes, int64 [n, state_size]."""

    @abstractmethod
    def advance(self, states: States, actions: NDArray[np.int64]) -> States:
        """The states after one legal action each. `actions` is int64 [n]. Does not check legality."""

    @abstractmethod
    def masks(self, states: States) -> NDArray[np.bool_]:
        """Legal actions, bool [n, num_actions]. A row is all False exactly where the design is complete."""

    @abstractmethod
    def layer(self, step: int, action: int) -> Layer | None:
        """The layer that `action` adds at `step`; None where it only completes the design."""

    @abstractmethod
    def action_of(self, step: int, layer: Layer | None) -> int:
        """The inverse of `layer`. Raises ValueError for a layer that the space doesn't have."""

    def canonical(self, actions: Actions) -> Actions:
        """The one spelling of each complete design, int64 [n, max_steps] in and out."""
        return actions

    # -- one design at a time ----------------------------------------------------------------------

    def initial(self) -> Architecture:
        """The empty prefix."""
        return Architecture(self.name)

    def action_mask(self, architecture: Architecture) -> NDArray[np.bool_]:
        """Legal actions after a prefix, bool [num_actions]; all False where it is complete."""
        return self.masks(self._state(self.actions(architecture)))[0]

    def extend(self, architecture: Architecture, action: int) -> Architecture:
        """The prefix with one more action taken. Raises ValueError where the mask forbids it."""
        actions = self.actions(architecture)
        state = self._state(actions)
        if not 0 <= action < self.num_actions or not self.masks(state)[0, action]:
            legal = np.flatnonzero(self.masks(state)[0]).tolist()
            raise Error(f"action {action} is not legal after {architecture}; legal: {legal}")
        actions = (*actions, int(action))
        self._remember(actions, self.advance(state, np.array([action])))
        return self.architecture(actions)

    def encode(self, architecture: Architecture) -> NDArray[np.float32]:
        """The observation of a prefix, float32 [observation_size]."""
        return self.observations(self.pad([self.actions(architecture)]))[0]

    def actions(self, architecture: Architecture) -> tuple[int, ...]:
        """The actions that spell an architecture. Raises ValueError where the space can't spell it."""
        if architecture.space != self.name:
            raise Error(f"space {self.name!r} can't read an architecture of space {architecture.space!r}")
        actions = [self.action_of(step, layer) for step, layer in enumerate(architecture.layers)]
        if architecture.complete and self.masks(self._state(tuple(actions)))[0].any():
            actions.append(self.action_of(len(actions), None))
        return tuple(actions)

    def architecture(self, actions: Sequence[int]) -> Architecture:
        """The architecture that legal `actions` spell, in its canonical form once complete."""
        actions = tuple(actions)
        complete = not self.masks(self._state(actions))[0].any()
        if complete:
            row = self.canonical(self.pad([actions]))[0]
            actions = tuple(row[row >= 0].tolist())
        layers = (self.layer(step, action) for step, action in enumerate(actions))
        return Architecture(self.name, tuple(layer for layer in layers if layer is not None), complete)

    def check(self, architecture: Architecture) -> None:
        """Raises ValueError where an architecture breaks a rule of the space or one of its limits."""
        prefix = self.initial()
        for action in self.actions(architecture):
            prefix = self.extend(prefix, action)
        if prefix.complete != architecture.complete:
            raise Error(f"complete={architecture.complete}, but {architecture} is the other")

    # -- many at once ------------------------------------------------------------------------------

    @property
    def observation_size(self) -> int:
        return self.max_steps * self.action_features.shape[1] + self.max_steps + 1

    def observations(self, actions: Actions) -> NDArray[np.float32]:
        """Observations of prefixes, float32 [n, observation_size]: each action's features, then the step
        as one of `max_steps + 1`. `actions` is int64 [n, max_steps], padded with -1.
        """
        steps = (actions >= 0).sum(axis=1)
        size = self.max_steps * self.action_features.shape[1]
        features = self._padded_features[actions].reshape(len(actions), size)
        return np.concatenate([features, self._step_features[steps]], axis=1)

    def tokens(self, actions: Actions) -> NDArray[np.float32]:
        """What a reward model sees of each step, float32 [n, max_steps, features]; zeros where padded."""
        return self._padded_features[actions]

    def summaries(self, actions: Actions) -> NDArray[np.float32]:
        """What a reward model sees of a complete design as a whole, float32 [n, numbers of order 1]."""
        return np.zeros((len(actions), 0), dtype=np.float32)

    def structure(self, actions: Actions) -> dict[str, NDArray[np.float32]]:
        """What is known of complete designs for free and doesn't hang on a step's place: named groups of
        finite numbers, float32 [n, numbers] each. A reward model compares designs by these alone, each group
        by a length scale of its own; where there are none, step by step. A group of as many numbers as
        `action_features` has columns is made of these, in their order. Which groups, and of how many
        numbers, is always the same, also for no designs; a design's numbers don't depend on the others.
        """
        return {}

    def costs(self, actions: Actions) -> dict[str, NDArray[np.float64]]:
        """Costs of complete designs that the space knows of, float64 [n] each: `parameters`, `macs`, where
        its limits have them `flash` and `ram` (bytes), and of a table `latency` (s). NaN where a value is
        missing.
        """
        return {}

    def final_states(self, actions: Actions) -> States:
        """The states after all of the actions, int64 [n, state_size]."""
        states = self.start(len(actions))
        for column in actions.T:
            live = column >= 0
            states[live] = self.advance(states[live], column[live])
        return states

    def pad(self, sequences: Iterable[Sequence[int]]) -> Actions:
        """Action sequences as one int64 array [n, max_steps], padded with -1."""
        sequences = list(sequences)
        padded = np.full((len(sequences), self.max_steps), -1, dtype=np.int64)
        for row, actions in zip(padded, sequences, strict=True):
            row[: len(actions)] = actions
        return padded

    def random_actions(self, n: int, generator: np.random.Generator) -> Actions:
        """`n` complete designs, each action uniform among the legal ones, int64 [n, max_steps]."""
        actions = np.full((n, self.max_steps), -1, dtype=np.int64)
        states, rows = self.start(n), np.arange(n)
        for step in range(self.max_steps):
            masks = self.masks(states)
            rows, states, masks = rows[(live := masks.any(axis=1))], states[live], masks[live]
            if len(rows) == 0:
                break
            actions[rows, step] = np.where(masks, generator.random(masks.shape), -1.0).argmax(axis=1)
            states = self.advance(states, actions[rows, step])
        return actions

    def architectures(self, actions: Actions) -> list[Architecture]:
        """The architectures of action rows, int64 [n, max_steps] padded with -1."""
        return [self._known_architecture(row) for row in actions]

    # -- inside ------------------------------------------------------------------------------------

    @cached_property
    def _padded_features(self) -> NDArray[np.float32]:
        # The last row is the one that index -1 reads: no action, no features.
        return np.pad(self.action_features, ((0, 1), (0, 0)))

    @cached_property
    def _step_features(self) -> NDArray[np.float32]:
        return np.eye(self.max_steps + 1, dtype=np.float32)

    @cached_property
    def _memo(self) -> dict[tuple[int, ...], States]:
        return {}

    def _remember(self, actions: tuple[int, ...], state: States) -> None:
        if len(self._memo) >= _MEMO_SIZE:
            self._memo.clear()
        self._memo[actions] = state

    @cached_property
    def _architectures(self) -> dict[bytes, Architecture]:
        return {}

    def _known_architecture(self, row: NDArray[np.int64]) -> Architecture:
        # A policy asks for the same designs again and again; making one anew takes 40 µs.
        key = row.tobytes()
        architecture = self._architectures.get(key)
        if architecture is None:
            architecture = self.architecture(row[row >= 0].tolist())
            if len(self._architectures) >= _MEMO_SIZE:
                self._architectures.clear()
            self._architectures[key] = architecture
        return architecture

    def _state(self, actions: tuple[int, ...]) -> States:
        state = self._memo.get(actions)
        if state is None:
            state = self.start(1)
            for step, action in enumerate(actions):
                if not 0 <= action < self.num_actions or not self.masks(state)[0, action]:
                    raise Error(f"action {action} at step {step} is not legal in space {self.name!r}")
                state = self.advance(state, np.array([action]))
            self._remember(actions, state)
        return state
