"""Which layers a family of spaces may offer, and which may follow which. What is left has one spelling a
network; no rule here depends on data.

A prefix is in one of a few contexts, and a layer leads to the next one:

- `start` (maps), `vector start` (features) or `text start`: only a feature block, one on vectors or an
  embedding of texts may come first.
- An embedding of features comes first only: what it gets must be the table's standardised columns.
- One ensemble a design, anywhere on vectors: from there on all is done for each of its members.
- No dropout after a dropout. On maps, dropout drops whole channels, so that it commutes with pooling: no pool
  after a dropout (the pool goes first), and no dropout right after a global-pool (it goes before).
- No global-pool by the operation of a pool right before it, be there a dropout between them or not: the pool
  would change nothing.
- `stop` needs a vector, at least one layer that learns, and completes the design.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rl_designer.envs.architecture import Layer
from rl_designer.envs.errors import Error
from rl_designer.envs.layers import KINDS, Kind, Shape
from rl_designer.envs.search_spaces.costs import DATA_OF_RANK, input_of


@dataclass(frozen=True)
class Family:
    """What a space's data look like, and the kinds it may offer.

    Attributes:
        rank: spatial dimensions of an input.
        start: the context in which nothing was added yet.
    """

    rank: int
    start: str = "start"

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(name for name, kind in KINDS.items() if self.rank in kind.ranks or self._embeds(kind))

    @property
    def features(self) -> tuple[str, ...]:
        """Those that learn from the data themselves, and so may come first."""
        return tuple(name for name in self.kinds if KINDS[name].role in RULES[self.start])

    @property
    def on_maps(self) -> tuple[str, ...]:
        """Those that learn on maps."""
        roles = ("embedding", "feature", "attention") if self.rank else ()
        return tuple(name for name in self.kinds if KINDS[name].role in roles)

    @property
    def of_texts(self) -> bool:
        return self.start == "text start"

    def _embeds(self, kind: Kind) -> bool:
        return self.of_texts and kind.role == "embedding"


FAMILIES = {
    "convnet": Family(2),
    "convnet1d": Family(1),
    "mlp": Family(0, "vector start"),
    "textnet": Family(1, "text start"),
}


def family_of(rank: int) -> str:
    """The family, and the built-in space, for data of a spatial rank (0, 1 or 2)."""
    return next(name for name, family in FAMILIES.items() if family.rank == rank)


def input_for(space: str, rank: int, input_shape: Sequence[int]) -> Shape:
    """The shape of one example for a space. Raises ValueError for data of another rank than the space's."""
    inputs = input_of(input_shape)
    if inputs.rank != rank:
        raise Error(
            f"space {space!r} takes {DATA_OF_RANK[rank]}; the shape {inputs.sizes} "
            f"is that of {DATA_OF_RANK[inputs.rank]}, for which there is {family_of(inputs.rank)!r}"
        )
    return inputs


STOP = "stop"
COMPLETE = "complete"

_LEARNS = {"feature": "features", "attention": "features"}
_POOLS = {"pool max": "pooled by max", "pool average": "pooled by average"}
_ENDS = {"global-pool max": "vector", "global-pool average": "vector"}

# context: {what is added: the context after it}; anything else is illegal
RULES: Mapping[str, Mapping[str, str]] = {
    "start": {"feature": "features"},
    "features": {**_LEARNS, "dropout": "dropped", **_POOLS, **_ENDS},
    "dropped": {**_LEARNS, **_ENDS},
    "pooled by max": {
        **_LEARNS,
        "dropout": "pooled by max, dropped",
        **_POOLS,
        "global-pool average": "vector",
    },
    "pooled by average": {
        **_LEARNS,
        "dropout": "pooled by average, dropped",
        **_POOLS,
        "global-pool max": "vector",
    },
    "pooled by max, dropped": {**_LEARNS, "global-pool average": "vector"},
    "pooled by average, dropped": {**_LEARNS, "global-pool max": "vector"},
    "vector": {"dense": "dense", "ensemble": "members", STOP: COMPLETE},
    "vector start": {"numeric-embedding": "embedded", "ensemble": "members", "dense": "dense"},
    "embedded": {"dense": "dense", "ensemble": "members", STOP: COMPLETE},
    "dense": {"dense": "dense", "ensemble": "members", "dropout": "dense, dropped", STOP: COMPLETE},
    "dense, dropped": {"dense": "dense", "ensemble": "members", STOP: COMPLETE},
    "members": {"dense": "members, dense", STOP: COMPLETE},
    "members, dense": {"dense": "members, dense", "dropout": "members, dropped", STOP: COMPLETE},
    "members, dropped": {"dense": "members, dense", STOP: COMPLETE},
    COMPLETE: {},
    "text start": {"embedding": "features"},
}

CONTEXTS = tuple(RULES)


def still_a_map(context: str) -> bool:
    """Whether a global-pool must still come."""
    return any(token in _ENDS for token in RULES[context]) or context in ("start", "text start")


def token(layer: Layer | None) -> str:
    """What the rules call a layer; None is the end of the design."""
    if layer is None:
        return STOP
    role = KINDS[layer.kind].role
    return f"{role} {layer['operation']}" if role in ("pool", "global-pool") else role
