"""What was learned in one space, for a space that has all of its layers and others.

A new layer is taken for the mean of those that it is most like: the nearest of its kind, or where there are
none of its role, by the options that they share. The policy gives a layer's probability to it and to those
like it together. The prior sees the costs and the reach of a design as they are, and of a new layer what it
knows of such options: a kernel that is longer than all that it saw is more of what it learned of long ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.policy import Policy
from rl_designer.agents.prior import Prior
from rl_designer.envs.architecture import Layer
from rl_designer.envs.layers import KINDS
from rl_designer.envs.layers.likeness import apart
from rl_designer.envs.search_spaces.definition import SpaceDefinition
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.search_spaces.layer_tables import action_features

_KNOWN = 1e3  # times as heavy a layer that both spaces have as another, so that it is seen as it was
_SPREAD = 100.0  # beyond four times that no sum of features gets, so that none is cut off

Floats = NDArray[np.float64]


def is_broader(wide: SpaceDefinition, narrow: SpaceDefinition) -> bool:
    """Whether a space has all the layers of another one, by the same rules."""
    one, other = (
        (space.family, space.max_layers, space.widths, space.largest_map, space.stem)
        for space in (wide, narrow)
    )
    return one == other and set(narrow.enumerate()) <= set(wide.enumerate())


@dataclass(frozen=True, eq=False)
class Broadening:
    """From a space to a broader one.

    Attributes:
        likeness: float64 [actions of the broad one, actions of the narrow one]; rows add up to 1.
        features: float64 [features of an action of the broad one, of the narrow one], a linear map.
    """

    likeness: Floats
    features: Floats

    @classmethod
    def of(cls, narrow: SpaceDefinition, wide: SpaceDefinition) -> Self:
        """Of a space, and one that is broader."""
        known, layers = narrow.enumerate(), wide.enumerate()
        likeness = _likeness(known, layers)
        weights = np.array([*(_KNOWN if layer in known else 1.0 for layer in layers), _KNOWN])[:, None]
        seen = likeness @ action_features(narrow)
        features = np.linalg.lstsq(weights * action_features(wide), weights * seen)[0]
        return cls(likeness, features.astype(np.float64))

    def policy(self, policy: Policy, space: LayerSpace) -> Policy:
        """A policy of the narrow space, for the broad one."""
        hidden, output = policy.weights["hidden.weight"], policy.weights["output.weight"]
        own = self.features.shape[1]
        of_actions, of_steps = np.split(hidden, [space.max_steps * own], axis=1)
        actions = of_actions.reshape(len(hidden), space.max_steps, own) @ self.features.T
        shared = policy.weights["output.bias"] - np.log(self.likeness.sum(axis=0))
        wider = {
            "hidden.weight": np.concatenate([actions.reshape(len(hidden), -1), of_steps], axis=1),
            "output.weight": self.likeness @ output,
            "output.bias": self.likeness @ shared,
        }
        return replace(policy, weights={**policy.weights, **_single(wider)}, space=space.name)

    def prior(self, prior: Prior, space: LayerSpace) -> Prior:
        """A prior on designs of the narrow space, for the broad one."""
        a = {name: array.astype(np.float64) for name, array in prior.arrays.items()}
        broad, own = self.features.shape
        centre, spread, bias = list[Floats](), list[Floats](), a["first.bias"]
        first, start = list[Floats](), 0
        for group in space.structure(space.pad([])).values():
            of_layers = group.shape[1] == broad
            place = slice(start, start := start + (own if of_layers else group.shape[1]))
            weight = a["first.weight"][:, place]
            if of_layers:
                weight = weight / a["spread"][place, None]
                bias = bias - a["centre"][place] @ weight
                first.append(_SPREAD * self.features @ weight)
                centre.append(np.zeros(broad))
                spread.append(np.full(broad, _SPREAD))
            else:
                first.append(weight)
                centre.append(a["centre"][place])
                spread.append(a["spread"][place])
        wider = {"first.weight": np.concatenate(first, axis=1), "first.bias": bias}
        wider |= {"centre": np.concatenate(centre), "spread": np.concatenate(spread)}
        return replace(prior, arrays={**prior.arrays, **_single(wider)})


def _likeness(known: list[Layer], wide: list[Layer]) -> Floats:
    """As `Broadening` has it; the end of a design, the last action, is like itself alone."""
    likeness = np.zeros((len(wide) + 1, len(known) + 1))
    likeness[-1, -1] = 1
    places = {layer: place for place, layer in enumerate(known)}
    for row, layer in enumerate(wide):
        alike = [places[layer]] if layer in places else _nearest(layer, known)
        likeness[row, alike] = 1 / len(alike)
    return likeness


def _nearest(layer: Layer, known: list[Layer]) -> list[int]:
    of_kind = [place for place, other in enumerate(known) if other.kind == layer.kind]
    role = KINDS[layer.kind].role
    of_role = [place for place, other in enumerate(known) if KINDS[other.kind].role == role]
    among = of_kind or of_role or range(len(known))
    distances = {place: apart(layer, known[place]) for place in among}
    least = min(distances.values())
    return [place for place, distance in distances.items() if distance == least]


def _single(arrays: Mapping[str, Floats]) -> dict[str, NDArray[np.float32]]:
    return {name: array.astype(np.float32) for name, array in arrays.items()}
