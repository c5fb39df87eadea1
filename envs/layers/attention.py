"""`attention`: a block of a transformer on signals and texts, which keeps the shape. Self-attention of some
heads, then two linear maps with GELU between them, each beside a skip and after a layer norm (pre-norm,
Xiong et al. 2020, arXiv:2002.04745). Attention sees where each position stands by sines (Vaswani et al. 2017,
section 3.5, arXiv:1706.03762), added to what it reads.
"""

from typing import Any

import numpy as np

from rl_designer.envs.layers.kind import Count, Effect, Kind, Module, Reach, Shape, integer
from rl_designer.envs.layers.source import LayerSource, expressions

_OPTIONS = {"heads": integer(1, 16), "expansion": integer(1, 4, default=2)}
_FEWEST_OF_A_HEAD = 4  # channels
_EVERYWHERE = 1_023  # positions beyond its own that an output depends on: all, of a map of usual length


def _effect(inputs: Shape, *, heads: Count, expansion: Count) -> Effect:
    width, length = inputs.channels, inputs.positions
    maps = (4 + 2 * expansion) * width * width
    biases = (5 + expansion) * width
    norms = 4 * width
    return Effect(
        inputs,
        maps + biases + norms,
        maps * length + 2 * width * length * length,
        inside=heads * length * length,
        vectors=biases + norms,
        held=_held(inputs.values, heads * length * length, expansion),
    )


def _held(values: Count, scores: Count, expansion: Count) -> Count:
    # Queries, keys and values twice, since they are laid out anew; the scores; what feeds forward: each
    # beside the input, which is kept for the sum.
    attending = np.maximum(7 * values, 4 * values + scores)
    return np.maximum(attending, (2 + expansion) * values)


def _fits(inputs: Shape, *, heads: Count, expansion: Count) -> Any:
    whole = (inputs.channels % heads == 0) & (inputs.channels >= _FEWEST_OF_A_HEAD * heads)
    return whole & (inputs.positions > 1) & (expansion > 0)


def _reach(**options: Any) -> Reach:
    return _EVERYWHERE, 1


def _module(channels: int, rank: int, *, heads: int, expansion: int) -> Module:
    from rl_designer.envs.layers.modules import Attention

    return Attention(channels, heads, expansion)


def _source(name: str, module: Any) -> LayerSource:
    parts = {
        part: expressions(getattr(module, part))
        for part in ("norm", "inputs", "outputs", "last_norm", "feed")
    }
    width = module.norm.normalized_shape[0]
    padded = ("scores = scores.masked_fill(padding.unsqueeze(1), -torch.inf)",) if module.padded else ()
    return LayerSource(
        {f"{name}_{part}": made for part, made in parts.items()},
        (
            "rows = x.transpose(1, 2)",
            "place = torch.arange(rows.shape[1], device=x.device).unsqueeze(1)",
            f"channel = torch.arange({width}, device=x.device)",
            f"angle = place / 10_000 ** (channel // 2 * 2 / {width}) + channel % 2 * (torch.pi / 2)",
            f"given = self.{name}_inputs(self.{name}_norm(rows) + angle.sin())",
            f"query, key, value = given.unflatten(2, (3, {module.heads}, -1)).permute(2, 0, 3, 1, 4)",
            f"scores = query @ key.transpose(2, 3) * {module.scale!r}",
            *padded,
            "seen = (scores.softmax(dim=3) @ value).transpose(1, 2).flatten(2)",
            f"rows = rows + self.{name}_outputs(seen)",
            f"rows = rows + self.{name}_feed(self.{name}_last_norm(rows))",
            "x = rows.transpose(1, 2)",
        ),
    )


ATTENTION = Kind("attention", (1,), _OPTIONS, _effect, _module, _fits, _source, _reach)
