"""In which shape a network gets examples: signals and images are flattened for one on features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.layers import KINDS

if TYPE_CHECKING:
    from rl_designer.envs.datasets import Dataset, Standardisation


def takes_features(architecture: Architecture) -> bool:
    """Whether a network begins with a vector, so that signals and images are flattened for it."""
    layers = architecture.layers
    return not layers or (layers[0].kind in KINDS and KINDS[layers[0].kind].role == "dense")


def shape_for(architecture: Architecture, input_shape: Sequence[int]) -> tuple[int, ...]:
    """The shape in which a network gets examples of data of a shape."""
    return (math.prod(input_shape),) if takes_features(architecture) else tuple(input_shape)


def standardisation_for(architecture: Architecture, dataset: Dataset) -> Standardisation | None:
    """What a network's inputs of these data were standardised with; None where the data don't know."""
    known = dataset.standardisation
    if known is None or shape_for(architecture, dataset.input_shape) == dataset.input_shape:
        return known
    return known.flattened(dataset.input_shape)
