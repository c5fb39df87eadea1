"""`pool`: max or average over windows of 2. `global-pool`: over all positions, so a map becomes a vector.
`same-pool`: over the window around each position, so the size stays; for the edges of cells.
"""

from typing import Any

from rl_designer.envs.layers.kind import Count, Effect, Kind, Module, Reach, Shape, integer, name_of

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
    # Of a single position it is that.
    held = inputs.values + (inputs.positions > 1) * inputs.channels
    return Effect(Shape(inputs.channels), held=held)


def _global_pool_module(channels: int, rank: int, *, operation: str) -> Module:
    from torch import nn

    return nn.Sequential(getattr(nn, f"Adaptive{_TORCH[operation]}Pool{rank}d")(1), nn.Flatten())


def _same_pool(inputs: Shape, *, operation: Any, kernel: Count) -> Effect:
    return Effect(inputs)


def _fits_same_pool(inputs: Shape, *, operation: Any, kernel: Count) -> Any:
    return kernel <= inputs.side


def _same_pool_reach(*, operation: str, kernel: int) -> Reach:
    return kernel - 1, 1


def _same_pool_module(channels: int, rank: int, *, operation: str, kernel: int) -> Module:
    from torch import nn

    pool = getattr(nn, f"{_TORCH[operation]}Pool{rank}d")
    # What lies outside the map is no part of an average.
    options = {"count_include_pad": False} if operation == "average" else {}
    return pool(kernel, stride=1, padding=kernel // 2, **options)


POOL = Kind("pool", (1, 2), _OPTIONS, _pool, _pool_module, _fits_pool, reach=_reach)
GLOBAL_POOL = Kind("global-pool", (1, 2), _OPTIONS, _global_pool, _global_pool_module)
SAME_POOL = Kind(
    "edge",
    (),
    {**_OPTIONS, "kernel": integer(3, 31, odd=True, default=3)},
    _same_pool,
    _same_pool_module,
    _fits_same_pool,
    reach=_same_pool_reach,
)
