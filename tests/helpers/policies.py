"""Policies that have learned nothing."""

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.search_spaces.base import SearchSpace


def random_weights(
    space: SearchSpace, *, hidden: int = 8, seed: int = 0, scale: float = 1.0
) -> dict[str, NDArray[np.float32]]:
    """What a `Policy` for the space is made of."""
    generator = np.random.default_rng(seed)
    shapes = {
        "hidden.weight": (hidden, space.observation_size),
        "hidden.bias": (hidden,),
        "output.weight": (space.num_actions, hidden),
        "output.bias": (space.num_actions,),
    }
    return {name: (scale * generator.normal(size=s)).astype(np.float32) for name, s in shapes.items()}
