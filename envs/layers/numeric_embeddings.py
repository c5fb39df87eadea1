"""Embeddings of a table's features, each by itself, which come before all other layers and keep the features
as they are beside what they make of them. `periodic`: linear maps of waves of learned frequencies (Gorishniy
et al. 2022, arXiv:2203.05556, section 3.3; without ReLU and beside the feature as in Holzmüller et al. 2024,
arXiv:2407.04491). `piecewise`: how far a value has come through each of some bins (Gorishniy, section 3.2).
"""

from statistics import NormalDist
from typing import Any

import numpy as np

from rl_designer.envs.layers import source
from rl_designer.envs.layers.kind import (
    MOST_CHANNELS,
    MOST_WIDTH,
    Count,
    Effect,
    Kind,
    Module,
    OptionRule,
    Shape,
    integer,
)

_MOST_SIGMA = 100.0


def _is_sigma(value: Any) -> bool:
    return isinstance(value, float) and 0.0 < value <= _MOST_SIGMA


def _periodic(inputs: Shape, *, frequencies: Count, sigma: Any, width: Count) -> Effect:
    waves = 2 * frequencies  # of a feature
    weights = inputs.channels * waves * (width - 1)
    parameters = inputs.channels * frequencies + weights + inputs.channels * (width - 1)
    mixed, seen = inputs.channels * (width - 1), inputs.channels * waves
    # Beside the features, which are kept: sines and cosines and these together; what is made of them.
    held = inputs.values + np.maximum(2 * seen, np.maximum(seen, inputs.channels * width) + mixed)
    return Effect(
        Shape(inputs.channels * width),
        parameters,
        weights,
        inside=seen,
        vectors=parameters - weights,
        held=held,
    )


def _fits_periodic(inputs: Shape, *, frequencies: Count, sigma: Any, width: Count) -> Any:
    return inputs.channels * width <= MOST_CHANNELS


def _periodic_module(channels: int, rank: int, *, frequencies: int, sigma: float, width: int) -> Module:
    from rl_designer.envs.layers.modules import Periodic

    return Periodic(channels, frequencies, sigma, width)


def _piecewise(inputs: Shape, *, bins: Count) -> Effect:
    outputs = Shape(inputs.channels * (1 + bins))
    return Effect(outputs, held=2 * outputs.values)


def _fits_piecewise(inputs: Shape, *, bins: Count) -> Any:
    return inputs.channels * (1 + bins) <= MOST_CHANNELS


def _piecewise_module(channels: int, rank: int, *, bins: int) -> Module:
    from rl_designer.envs.layers.modules import Piecewise

    return Piecewise(edges_of(bins))


def edges_of(bins: int) -> tuple[float, ...]:
    """Where bins of standardised values begin and end, `bins` + 1 numbers: in the middle of as many equal
    shares of a standard normal distribution.
    """
    return tuple(NormalDist().inv_cdf((edge + 0.5) / (bins + 1)) for edge in range(bins + 1))


PERIODIC = Kind(
    "numeric-embedding",
    (0,),
    {
        "frequencies": integer(1, 256),
        "sigma": OptionRule(f"a number above 0 and at most {_MOST_SIGMA:g}", _is_sigma),
        "width": integer(2, MOST_WIDTH),
    },
    _periodic,
    _periodic_module,
    _fits_periodic,
    source.periodic,
)
PIECEWISE = Kind(
    "numeric-embedding",
    (0,),
    {"bins": integer(2, 256)},
    _piecewise,
    _piecewise_module,
    _fits_piecewise,
    source.piecewise,
)
