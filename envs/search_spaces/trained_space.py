"""`TrainedSpace`: how a design is trained, then its network; `TrainedDefinition`: the same without data.

A space's TOML, of layers or of cells, may say so by a section more:

    [training]                      # for each setting a decision, the first ones of a design
    optimizer = ["adamw", "muon"]
    learning_rate = [0.005, 0.01, 0.02]
    label_smoothing = [0.1]         # a list of one fixes it

The settings are those of `TRAINING_OPTIONS`; what isn't listed is as the search says.
"""

from dataclasses import dataclass, replace
from math import log
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture import TRAINING, Architecture, Layer
from rl_designer.envs.errors import Error
from rl_designer.envs.search_spaces.base import Actions, SearchSpace, States
from rl_designer.envs.search_spaces.cell_definition import CellDefinition
from rl_designer.envs.search_spaces.cell_space import CellSpace
from rl_designer.envs.search_spaces.choices import Choices, digest_of
from rl_designer.envs.search_spaces.definition import SpaceDefinition
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.search_spaces.layer_tables import features_of
from rl_designer.envs.search_spaces.training_options import (
    TRAINING_OPTIONS,
    check_choices_fit,
    training_choices,
    training_layers,
)

_SMALL = 0.1  # as what share of the smallest choice above it 0 is seen


@dataclass(frozen=True)
class TrainedDefinition:
    """A space whose designs say how they are trained. `TrainedDefinition.of` is the usual way to make one.

    Attributes:
        networks: the space without that.
        training: settings with their choices, in the order of `TRAINING_OPTIONS`.
    """

    networks: SpaceDefinition | CellDefinition
    training: Choices

    @classmethod
    def of(cls, networks: SpaceDefinition | CellDefinition, training: Any) -> Self:
        """Of setting → list of choices. Raises ValueError as `training_choices`."""
        return cls(networks, training_choices(training, f"space {networks.name!r}: {TRAINING}"))

    def to_dict(self) -> dict[str, Any]:
        """JSON- and TOML-ready."""
        training = {option: list(values) for option, values in self.training}
        return {**self.networks.to_dict(), TRAINING: training}

    @property
    def name(self) -> str:
        return self.networks.name

    @property
    def told(self) -> str:
        """The settings and their choices: `optimizer (adamw, muon), learning rate (0.01, 0.02)`."""
        choices = (f"{name.replace('_', ' ')} ({', '.join(map(str, v))})" for name, v in self.training)
        return ", ".join(choices)

    @property
    def rank(self) -> int:
        """Spatial dimensions of an input: 0 features, 1 signals and texts, 2 images."""
        return self.networks.rank

    @property
    def of_texts(self) -> bool:
        """Whether its data are texts."""
        return self.networks.of_texts

    @property
    def digest(self) -> str:
        """See `digest_of`."""
        return digest_of(self.to_dict())


class TrainedSpace(SearchSpace):
    """One decision a setting of the training, then those of the network, by the rules of its own space.

    The training costs nothing and forbids nothing: every choice is legal whatever the network and the limits.
    Actions are the choices of all settings, then those of the network's space; a state is [decisions of the
    training so far, *the network's state].

    Args:
        definition: settings and their choices.
        networks: the space of `definition.networks` with data and limits.

    Raises:
        ValueError: for a choice that makes no sense on the data.
    """

    def __init__(self, definition: TrainedDefinition, networks: LayerSpace | CellSpace) -> None:
        where = f"space {definition.name!r}: {TRAINING}"
        # Examples of texts have one axis, their symbols.
        shape = networks.input_shape[1 if definition.of_texts else 0 :]
        check_choices_fit(definition.training, shape, networks.num_classes, where, texts=definition.of_texts)
        self.definition = definition
        self.networks = networks
        self.name = networks.name
        self.input_shape, self.num_classes = networks.input_shape, networks.num_classes
        self.limits = networks.limits
        self._layers = training_layers(definition.training)
        self.decisions = len(self._layers)
        self.max_steps = self.decisions + networks.max_steps
        ends = np.cumsum([len(layers) for layers in self._layers])
        self._first = [0, *ends.tolist()]  # action of each setting, and of the network
        self.num_actions = self._first[-1] + networks.num_actions
        self.action_features = self._features()

    def start(self, n: int) -> States:
        return np.pad(self.networks.start(n), ((0, 0), (1, 0)))

    def advance(self, states: States, actions: NDArray[np.int64]) -> States:
        after, network = states.copy(), states[:, 0] == self.decisions
        after[~network, 0] += 1
        after[network, 1:] = self.networks.advance(states[network, 1:], actions[network] - self._first[-1])
        return after

    def masks(self, states: States) -> NDArray[np.bool_]:
        masks = np.zeros((len(states), self.num_actions), dtype=np.bool_)
        for decision in range(self.decisions):
            here = states[:, 0] == decision
            masks[here, self._first[decision] : self._first[decision + 1]] = True
        network = states[:, 0] == self.decisions
        masks[network, self._first[-1] :] = self.networks.masks(states[network, 1:])
        return masks

    def layer(self, step: int, action: int) -> Layer | None:
        if step >= self.decisions and action >= self._first[-1]:
            return self.networks.layer(step - self.decisions, action - self._first[-1])
        if step >= self.decisions or not self._first[step] <= action < self._first[step + 1]:
            raise Error(f"action {action} of space {self.name!r} is never legal at step {step}")
        return self._layers[step][action - self._first[step]]

    def action_of(self, step: int, layer: Layer | None) -> int:
        if step >= self.decisions:
            return self.networks.action_of(step - self.decisions, layer) + self._first[-1]
        # Equality is not enough: Python's 1, 1.0 and True are equal, and would be three digests.
        for action, known in enumerate(self._layers[step], start=self._first[step]):
            if known == layer and str(known) == str(layer):
                return action
        raise Error(f"step {step} of space {self.name!r} has no layer {layer}")

    def canonical(self, actions: Actions) -> Actions:
        network = self.networks.canonical(self.network_actions(actions))
        network = np.where(network < 0, -1, network + self._first[-1])
        return np.concatenate([actions[:, : self.decisions], network], axis=1)

    def summaries(self, actions: Actions) -> NDArray[np.float32]:
        """Those of the network."""
        return self.networks.summaries(self.network_actions(actions))

    def structure(self, actions: Actions) -> dict[str, NDArray[np.float32]]:
        """The network's, and `training`: the settings as `action_features` describes them."""
        own = self.networks.action_features.shape[1]
        known = self.networks.structure(self.network_actions(actions))
        described = self._padded_features[actions[:, : self.decisions]]
        # What is made of the features of actions stays so: the network's come first.
        groups = {name: self._widened(numbers, own) for name, numbers in known.items()}
        return {**groups, TRAINING: described.sum(axis=1)}

    def costs(self, actions: Actions) -> dict[str, NDArray[np.float64]]:
        """Those of the network."""
        return self.networks.costs(self.network_actions(actions))

    def network_actions(self, actions: Actions) -> Actions:
        """The network's part of complete designs, as its own space spells it, int64 [n, its max_steps]."""
        network = actions[:, self.decisions :]
        return np.where(network < 0, -1, network - self._first[-1])

    def usually_trained(self, network: Architecture) -> Architecture:
        """A complete design of the network's space with the choices that are nearest to the usual settings:
        of numbers the nearest ratio, of equals the first.
        """
        training = []
        for (option, values), layers in zip(self.definition.training, self._layers, strict=True):
            usual = TRAINING_OPTIONS[option].default
            apart = [_apart(usual, _seen(value, values)) for value in values]
            training.append(layers[apart.index(min(apart))])
        return replace(network, layers=(*training, *network.layers))

    def _widened(self, numbers: NDArray[np.float32], own: int) -> NDArray[np.float32]:
        wider = self.action_features.shape[1] - own if numbers.shape[1] == own else 0
        return np.pad(numbers, ((0, 0), (0, wider)))

    def _features(self) -> NDArray[np.float32]:
        """The network's features, 0 for the training; then which setting it is, and its value."""
        kinds: list[tuple[str, Choices]] = []
        layers: list[Layer | None] = []
        for option, values in self.definition.training:
            seen = [_seen(value, values) for value in values]
            kinds.append((option, ((option, tuple(seen)),)))
            layers.extend(Layer.of(option, **{option: value}) for value in seen)
        own, known = features_of(layers, kinds), self.networks.action_features
        return np.block(
            [
                [np.zeros((len(own), known.shape[1]), np.float32), own],
                [known, np.zeros((len(known), own.shape[1]), np.float32)],
            ]
        )


def _apart(usual: Any, value: Any) -> float:
    return float(usual != value) if isinstance(value, str) else abs(log(value / usual))


def _seen(value: Any, values: tuple[Any, ...]) -> Any:
    """A choice as features show it: numbers by their logarithms, and 0 has none."""
    if isinstance(value, str) or value:
        return value
    return _SMALL * min((other for other in values if other), default=1.0)
