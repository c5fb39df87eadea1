"""`pool`: max or average over windows of 2. `global-pool`: over all positions, so a map becomes a vector."""

from typing import Any

from rl_designer.envs.layers.kind import Effect, Kind, Module, Reach, Shape, name_of

_OPTIONS = {"operation": name_of("average", "max")}
_TORCH = {"average": "Avg", "max": "Max"}


def _pool(inputs: Shape, *, operation: Any) -> Effect:
    height, width = inputs.height // 2, inputs.width // 2 if inputs.rank == 2 else inputs.width
    return Effect(Shape(inputs.channels, height, width, inputs.rank))


def _fits_pool(inputs: Shape, *, operation: Any) -> Any:
    # Down to a single position it would be a global pooling by another name.
    return (inputs.side >= 2) & (_pool(inputs, operation=operation).outputs.positions > 1)


def _reach(*, operation: str) -> Reach:
    return 1, 2


def _pool_module(channels: int, rank: int, *, operation: str) -> Module:
    from torch import nn

    return getattr(nn, f"{_TORCH[operation]}Pool{rank}d")(2)


def _global_pool(inputs: Shape, *, operation: Any) -> Effect:
    return Effect(Shape(inputs.channels))


def _global_pool_module(channels: int, rank: int, *, operation: str) -> Module:
    from torch import nn

    return nn.Sequential(getattr(nn, f"Adaptive{_TORCH[operation]}Pool{rank}d")(1), nn.Flatten())


POOL = Kind("pool", (1, 2), _OPTIONS, _pool, _pool_module, _fits_pool, reach=_reach)
GLOBAL_POOL = Kind("global-pool", (1, 2), _OPTIONS, _global_pool, _global_pool_module)
