"""`ensemble`: from here on the network is one for each of its members, who share all weights but a scale of
each value that they get here, and but the classifier (TabM-mini: Gorishniy et al. 2024, arXiv:2410.24210,
section 3; after BatchEnsemble, Wen et al. 2020, arXiv:2002.06715).
"""

from typing import Any

from rl_designer.envs.layers import source
from rl_designer.envs.layers.kind import MOST_MEMBERS, Count, Effect, Kind, Module, Shape, integer


def _effect(inputs: Shape, *, members: Count) -> Effect:
    scales = inputs.channels * members
    return Effect(Shape(inputs.channels, members=members), scales, vectors=scales)


def _module(channels: int, rank: int, *, members: int) -> Module:
    from rl_designer.envs.layers.modules import Members

    return Members(members, channels)


def _fits(inputs: Shape, *, members: Count) -> Any:
    return (inputs.members == 1) & (members > 1)


ENSEMBLE = Kind(
    "ensemble", (0, 1, 2), {"members": integer(2, MOST_MEMBERS)}, _effect, _module, _fits, source.members
)
