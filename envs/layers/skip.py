"""`skip`: what flows in flows out; for the edges of cells."""

from typing import Any

from rl_designer.envs.layers.kind import Effect, Kind, Module, Shape


def _effect(inputs: Shape) -> Effect:
    return Effect(inputs, held=inputs.values)


def _module(channels: int, rank: int, **options: Any) -> Module:
    from torch import nn

    return nn.Identity()


SKIP = Kind("edge", (), {}, _effect, _module)
