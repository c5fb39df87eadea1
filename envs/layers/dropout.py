"""`dropout`: drops values of a vector, whole channels of a map."""

from typing import Any

from rl_designer.envs.layers.kind import Effect, Kind, Module, OptionRule, Shape


def _is_rate(value: Any) -> bool:
    return isinstance(value, float) and 0.0 < value <= 0.9


def _effect(inputs: Shape, *, rate: Any) -> Effect:
    return Effect(inputs, held=inputs.values)  # at inference nothing is dropped


def _module(channels: int, rank: int, *, rate: float) -> Module:
    from torch import nn

    return (nn.Dropout, nn.Dropout1d, nn.Dropout2d)[rank](rate)


_OPTIONS = {"rate": OptionRule("a fraction above 0 and at most 0.9", _is_rate)}
DROPOUT = Kind("dropout", (0, 1, 2), _OPTIONS, _effect, _module)
