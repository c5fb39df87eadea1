"""The kinds of layers that designs are made of. A kind is one file, and one line here. No torch here."""

from rl_designer.envs.architecture import Layer, Option
from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.layers.attention import ATTENTION
from rl_designer.envs.layers.cell import CELL
from rl_designer.envs.layers.conv import CONV, SEPARABLE
from rl_designer.envs.layers.dense import DENSE, RESIDUAL_DENSE
from rl_designer.envs.layers.dilated import DILATED
from rl_designer.envs.layers.dropout import DROPOUT
from rl_designer.envs.layers.embedding import EMBEDDING
from rl_designer.envs.layers.ensemble import ENSEMBLE
from rl_designer.envs.layers.inception import INCEPTION
from rl_designer.envs.layers.inverted_residual import INVERTED_RESIDUAL
from rl_designer.envs.layers.kind import (
    MOST_MEMBERS,
    MOST_WIDTH,
    Effect,
    Kind,
    OptionRule,
    Shape,
    checked_options,
)
from rl_designer.envs.layers.numeric_embeddings import PERIODIC, PIECEWISE
from rl_designer.envs.layers.pooling import GLOBAL_POOL, POOL, SAME_POOL
from rl_designer.envs.layers.residual import RESIDUAL
from rl_designer.envs.layers.skip import SKIP

__all__ = [
    "KINDS",
    "MOST_MEMBERS",
    "MOST_WIDTH",
    "Effect",
    "Kind",
    "OptionRule",
    "Shape",
    "full_options",
]

KINDS: dict[str, Kind] = {
    "conv": CONV,
    "separable": SEPARABLE,
    "residual": RESIDUAL,
    "inverted-residual": INVERTED_RESIDUAL,
    "attention": ATTENTION,
    "dilated": DILATED,
    "inception": INCEPTION,
    "pool": POOL,
    "dropout": DROPOUT,
    "global-pool": GLOBAL_POOL,
    "dense": DENSE,
    "residual-dense": RESIDUAL_DENSE,
    "periodic": PERIODIC,
    "piecewise": PIECEWISE,
    "ensemble": ENSEMBLE,
    "skip": SKIP,
    "same-pool": SAME_POOL,
    "cell": CELL,
    "embedding": EMBEDDING,
}


def full_options(layer: Layer) -> dict[str, Option]:
    """A layer's options, defaults filled in.

    Raises:
        ValueError: for an unknown kind or option, a missing one, or a value out of range.
    """
    if layer.kind not in KINDS:
        raise Error(unknown_name("layer kind", layer.kind, KINDS))
    return checked_options(layer, KINDS[layer.kind].options)
