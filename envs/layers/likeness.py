"""How far apart two layers are."""

import math
from collections.abc import Mapping
from functools import lru_cache

from rl_designer.envs.architecture import Layer, Option
from rl_designer.envs.layers import KINDS, full_options

_ROUNDING = 9  # digits, so that equal ratios are equal distances


def apart(one: Layer, other: Layer) -> float:
    """Over the options: of numbers how many times the one is doubled to be the other, of others 1 where they
    differ. One that a layer's kind doesn't have is taken to have its default, and isn't counted without any.
    """
    mine, yours = _options(one), _options(other)
    rules = {**KINDS[one.kind].options, **KINDS[other.kind].options}
    pairs = ((mine.get(name, rule.default), yours.get(name, rule.default)) for name, rule in rules.items())
    return round(sum(_apart(a, b) for a, b in pairs if a is not None and b is not None), _ROUNDING)


@lru_cache(4_096)
def _options(layer: Layer) -> Mapping[str, Option]:
    return full_options(layer)


def _apart(one: Option, other: Option) -> float:
    if isinstance(one, bool | str) or isinstance(other, bool | str):
        return float(one != other)
    return abs(math.log2(one / other))
