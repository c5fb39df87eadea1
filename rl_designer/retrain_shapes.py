"""In which shape a network gets examples: signals and images are flattened for one on features."""

import math
from collections.abc import Sequence

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.search_spaces.layer_kinds import KINDS


def takes_features(architecture: Architecture) -> bool:
    """Whether a network begins with a vector, so that signals and images are flattened for it."""
    layers = architecture.layers
    return not layers or (layers[0].kind in KINDS and KINDS[layers[0].kind].role == "dense")


def shape_for(architecture: Architecture, input_shape: Sequence[int]) -> tuple[int, ...]:
    """The shape in which a network gets examples of data of a shape."""
    return (math.prod(input_shape),) if takes_features(architecture) else tuple(input_shape)
