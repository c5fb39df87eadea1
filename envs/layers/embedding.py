"""`embedding`: the first layer on texts. What comes in are numbers of symbols, 0 after a text's end; each
becomes a vector that is learned, and padding becomes zeros.

Its `Shape` is that of the same text with a channel for each symbol, one of which is 1: [vocabulary, length].
"""

from typing import Any

import numpy as np

from rl_designer.envs.layers.kind import PADDING, WIDTH, Count, Effect, Kind, Module, Shape
from rl_designer.envs.layers.source import LayerSource

FEWEST_SYMBOLS = 3  # padding, what isn't known, and one that is


def _effect(inputs: Shape, *, width: Count) -> Effect:
    # A table is looked up, nothing is multiplied.
    outputs = Shape(width, inputs.height, inputs.width, inputs.rank)
    # Symbols in, one a position; vectors are looked up position by position, and laid out channel by channel.
    held = np.maximum(inputs.positions + outputs.values, 2 * outputs.values)
    return Effect(outputs, inputs.channels * width, held=held)


def _fits(inputs: Shape, *, width: Count) -> Any:
    return (inputs.channels >= FEWEST_SYMBOLS) & (width > 0)


def _module(channels: int, rank: int, *, width: int) -> Module:
    from rl_designer.envs.layers.padding import Embedding

    return Embedding(channels, width)


def _source(name: str, module: Any) -> LayerSource:
    table = f"nn.Embedding({module.num_embeddings}, {module.embedding_dim}, padding_idx={PADDING})"
    return LayerSource(
        {name: (table,)},
        (
            f"padding = (x == {PADDING}) & (torch.arange(x.shape[1], device=x.device) > 0)",
            "padding = padding.unsqueeze(1)",
            f"x = self.{name}(x.long()).transpose(1, 2)",
        ),
    )


EMBEDDING = Kind("embedding", (), {"width": WIDTH}, _effect, _module, _fits, _source)
