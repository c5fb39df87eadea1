"""`ChoiceSpace`: one decision a setting, whatever the settings are of."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture import Layer, Option, text_of
from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.search_spaces.base import Actions, SearchSpace, States


class ChoiceSpace(SearchSpace):
    """Settings with their choices: a design has one of each, in the order of their declaration. No choice
    forbids another, and no network is trained.

    A decision is a layer as those of architecture tables: its kind is the setting, its `option` the choice as
    text.

    Args:
        name: of the space.
        choices: of each setting, distinct; numbers in ascending order.

    Raises:
        ValueError: without settings, and for a setting without choices, or with one that stands there twice.
    """

    def __init__(self, name: str, choices: Mapping[str, Sequence[Option]]) -> None:
        if not choices:
            raise Error(f"space {name!r} must have at least one setting")
        for setting, values in choices.items():
            if not values or len(set(map(text_of, values))) < len(values):
                raise Error(f"space {name!r}: {setting!r} must list distinct choices, got {list(values)}")
        self.name = name
        self.choices = {setting: tuple(values) for setting, values in choices.items()}
        self.max_steps = len(choices)
        self.num_actions = max(map(len, choices.values()))
        self.action_features = np.eye(self.num_actions, dtype=np.float32)
        self._settings = list(self.choices)
        sizes = [len(values) for values in self.choices.values()]
        legal = np.arange(self.num_actions) < np.array(sizes)[:, None]
        self._legal = np.pad(legal, ((0, 1), (0, 0)))  # once all is decided nothing is legal
        self._described = {setting: _described(values) for setting, values in self.choices.items()}

    def start(self, n: int) -> States:
        return np.zeros((n, 1), dtype=np.int64)

    def advance(self, states: States, actions: NDArray[np.int64]) -> States:
        return states + 1

    def masks(self, states: States) -> NDArray[np.bool_]:
        return self._legal[states[:, 0]]

    def layer(self, step: int, action: int) -> Layer:
        setting = self._settings[step]
        return Layer(setting, (("option", text_of(self.choices[setting][action])),))

    def action_of(self, step: int, layer: Layer | None) -> int:
        if layer is None or step >= self.max_steps or layer.kind != self._settings[step]:
            raise Error(f"step {step} of space {self.name!r} has no decision {layer}")
        texts = [text_of(value) for value in self.choices[layer.kind]]
        option = dict(layer.options).get("option")
        if len(layer.options) != 1 or option not in texts:
            raise Error(unknown_name(f"choice of {layer.kind!r}", str(option), texts))
        return texts.index(str(option))

    def structure(self, actions: Actions) -> dict[str, NDArray[np.float32]]:
        """Of each setting its choice: of numbers the place in the list, 0–1; else one of all."""
        return {
            setting: self._described[setting][column]
            for setting, column in zip(self._settings, actions.T, strict=True)
        }

    def values(self, actions: Sequence[int]) -> dict[str, Option]:
        """What a complete design has chosen, setting → value."""
        return {
            setting: self.choices[setting][action]
            for setting, action in zip(self._settings, actions, strict=True)
        }

    def actions_of(self, values: Mapping[str, Option]) -> tuple[int, ...]:
        """The inverse of `values`. Raises ValueError for a choice that isn't listed, and a missing one."""
        layers = (
            Layer(setting, (("option", text_of(values[setting])),)) if setting in values else None
            for setting in self._settings
        )
        return tuple(self.action_of(step, layer) for step, layer in enumerate(layers))


def _described(values: Sequence[Option]) -> NDArray[np.float32]:
    """What each choice is for a reward model, float32 [choices, numbers]."""
    if any(isinstance(value, bool | str) for value in values):
        return np.eye(len(values), dtype=np.float32)
    return np.linspace(0, 1, len(values), dtype=np.float32)[:, None]
