"""`dense`: linear map, normalisation, activation. `residual-dense`: two linear maps beside a skip, which is
projected where the width changes. And the classifier that completes every network.
"""

from typing import Any

import numpy as np

from rl_designer.envs.layers import source
from rl_designer.envs.layers.kind import WIDTH, Count, Effect, Kind, Module, Shape, name_of

_OPTIONS = {
    "width": WIDTH,
    "activation": name_of("relu", "gelu", "tanh", default="relu"),
    "normalisation": name_of("none", "batch", "layer", default="none"),
}
_ACTIVATIONS = {"relu": "ReLU", "gelu": "GELU", "tanh": "Tanh"}


def classifier(inputs: Shape, num_classes: int) -> Effect:
    """The linear map with bias that completes every network; each member of an ensemble has its own."""
    weights = inputs.members * inputs.channels * num_classes
    biases = inputs.members * num_classes
    held = np.maximum(inputs.values, (inputs.members > 1) * num_classes) + biases
    return Effect(Shape(num_classes), weights + biases, weights, vectors=biases, held=held)


def classifier_module(inputs: Shape, num_classes: int) -> Module:
    """Its torch module, for inputs of Python integers."""
    from torch import nn

    from rl_designer.envs.layers.modules import MembersClassifier

    if inputs.members == 1:
        return nn.Linear(inputs.channels, num_classes)
    return MembersClassifier(inputs.members, inputs.channels, num_classes)


def _parameters(inputs: Count, width: Count, normalisation: Any) -> Count:
    return inputs * width + _vectors(width, normalisation)


def _vectors(width: Count, normalisation: Any) -> Count:
    # A batch norm right after a linear map makes its bias superfluous.
    return width * (normalisation != "batch") + 2 * width * (normalisation != "none")


def _linear_norm(features: int, width: int, normalisation: str) -> list[Module]:
    from torch import nn

    if normalisation == "batch":
        return [nn.Linear(features, width, bias=False), nn.BatchNorm1d(width)]
    linear = nn.Linear(features, width)
    return [linear, nn.LayerNorm(width)] if normalisation == "layer" else [linear]


def _activation(name: str) -> Module:
    from torch import nn

    return getattr(nn, _ACTIVATIONS[name])()


def _dense(inputs: Shape, *, width: Count, activation: Any, normalisation: Any) -> Effect:
    parameters = _parameters(inputs.channels, width, normalisation)
    macs = inputs.members * inputs.channels * width
    vectors = _vectors(width, normalisation)
    return Effect(Shape(width, members=inputs.members), parameters, macs, vectors=vectors)


def _dense_module(channels: int, rank: int, *, width: int, activation: str, normalisation: str) -> Module:
    from torch import nn

    return nn.Sequential(*_linear_norm(channels, width, normalisation), _activation(activation))


def _residual(inputs: Shape, *, width: Count, activation: Any, normalisation: Any) -> Effect:
    projection = (inputs.channels != width) * inputs.channels * width
    first = _parameters(inputs.channels, width, normalisation)
    second = _parameters(width, width, normalisation)
    macs = inputs.members * (inputs.channels * width + width * width + projection)
    outputs = Shape(width, members=inputs.members)
    held = inputs.values + 2 * outputs.values  # the input is kept for the sum
    vectors = 2 * _vectors(width, normalisation)
    return Effect(outputs, first + second + projection, macs, vectors=vectors, held=held)


def _residual_module(channels: int, rank: int, *, width: int, activation: str, normalisation: str) -> Module:
    from torch import nn

    from rl_designer.envs.layers.modules import Residual

    body = nn.Sequential(
        *_linear_norm(channels, width, normalisation),
        _activation(activation),
        *_linear_norm(width, width, normalisation),
    )
    skip = nn.Linear(channels, width, bias=False) if channels != width else nn.Identity()
    return Residual(body, skip, _activation(activation))


DENSE = Kind("dense", (0, 1, 2), _OPTIONS, _dense, _dense_module)
RESIDUAL_DENSE = Kind("dense", (0,), _OPTIONS, _residual, _residual_module, source=source.residual)
