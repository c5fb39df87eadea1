"""A cell's design as layers, and the chain of layers that it is as a network. No torch here.

A design begins with `macro`, the skeleton around its cells, and goes on with one layer an edge, the kind and
options of its operation and `edge`, such as `conv(edge=0->1, kernel=3)`; `none` takes an edge out:

    macro(cells=1, stages=2, width=8) → conv(edge=0->1, kernel=3) → none(edge=0->2) → skip(edge=1->2)

Its network, after NAS-Bench-201 (Dong & Yang 2020, section 2.1, arXiv:2001.00326): a convolution; in each of
`stages` so many equal cells, with a residual block between two stages that halves the map and doubles the
channels; a global average pool.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rl_designer.envs.architecture import NONE, Architecture, Layer, Option
from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.layers import KINDS, full_options
from rl_designer.envs.layers.cell import Edge, Edges, free_options
from rl_designer.envs.layers.conv import MOST_KERNEL
from rl_designer.envs.layers.kind import WIDTH, OptionRule, checked_options, integer
from rl_designer.envs.search_spaces.training_options import check_training

SKIP = "skip"

MACRO_OPTIONS: Mapping[str, OptionRule] = {
    "cells": integer(1, 16),
    "stages": integer(1, 6),
    "width": WIDTH,
    "stem_kernel": integer(1, MOST_KERNEL, odd=True, default=3),
    "stem_stride": integer(1, 4, default=1),
}
OPERATIONS = (NONE, *(name for name, kind in KINDS.items() if kind.role in ("edge", "feature")))
MOST_NODES = 16

Placed = tuple[Layer, dict[str, Any]]  # a layer of a chain, and all of its options


def operation_rules(kind: str) -> dict[str, OptionRule]:
    """The options that an operation may choose, by name."""
    return {} if kind == NONE else free_options(KINDS[kind])


def edge_text(source: int, target: int) -> str:
    return f"{source}->{target}"


def chain_of(architecture: Architecture) -> Iterator[Placed]:
    """The layers of a network one after the other, each with all of its options; of a cell's design the chain
    that it stands for. Of a cell that isn't connected yet there is the stem alone. What a design says of its
    training is checked, and no part of the network.

    Raises:
        ValueError: for an unknown kind or option, a missing one, a value out of range, an edge twice.
    """
    check_training(architecture)
    layers = architecture.network
    if not architecture.is_cell:
        yield from ((layer, full_options(layer)) for layer in layers)
        return
    macro: dict[str, Any] = {**checked_options(layers[0], MACRO_OPTIONS)}
    edges = live_edges(architecture)
    width = macro["width"]
    yield _placed("conv", kernel=macro["stem_kernel"], width=width, stride=macro["stem_stride"])
    if not edges:
        return
    for stage in range(macro["stages"]):
        if stage > 0:
            width *= 2
            yield _placed("residual", kernel=3, width=width, stride=2)
        for _ in range(macro["cells"]):
            yield Layer.of("cell"), {"edges": edges}
    yield _placed("global-pool", operation="average")


def _placed(kind: str, **options: Option) -> Placed:
    layer = Layer.of(kind, **options)
    return layer, full_options(layer)


def live_edges(architecture: Architecture) -> Edges:
    """The edges of a cell's design on some path from node 0 to the last node, by target, then source.

    Raises:
        ValueError: as `chain_of`.
    """
    chosen: dict[tuple[int, int], Layer] = {}
    for layer in architecture.network[1:]:
        ends = edge_ends(layer)
        if ends in chosen:
            raise Error(f"a cell has one operation an edge, and {edge_text(*ends)} has two")
        chosen[ends] = operation_of(layer)
    if not chosen:
        return ()
    present = sorted((ends for ends, operation in chosen.items() if operation.kind != NONE), key=_by_target)
    last = max(target for _, target in chosen)
    reached, leading = {0}, {last}
    for source, target in present:
        if source in reached:
            reached.add(target)
    for source, target in sorted(present, reverse=True):
        if target in leading:
            leading.add(source)
    return tuple(
        Edge(source, target, chosen[source, target], KINDS[chosen[source, target].kind])
        for source, target in present
        if source in reached and target in leading
    )


def _by_target(ends: tuple[int, int]) -> tuple[int, int]:
    return ends[1], ends[0]


def operation_of(layer: Layer) -> Layer:
    """What stands on an edge. Raises ValueError for what can't."""
    operation = Layer(layer.kind, tuple(item for item in layer.options if item[0] != "edge"))
    if layer.kind not in OPERATIONS:
        raise Error(unknown_name("operation of a cell", layer.kind, OPERATIONS))
    checked_options(operation, operation_rules(layer.kind))
    return operation


def edge_ends(layer: Layer) -> tuple[int, int]:
    """Source and target of an edge's layer. Raises ValueError where it names none."""
    text = dict(layer.options).get("edge")
    found = re.fullmatch(r"(0|[1-9][0-9]?)->([1-9][0-9]?)", text) if isinstance(text, str) else None
    if found is None or not int(found[1]) < int(found[2]) < MOST_NODES:
        rule = f"from a node to a higher one below {MOST_NODES}, such as 0->1"
        raise Error(f"{layer.kind}.edge must lead {rule}, got {str(text)[:40]!r}")
    return int(found[1]), int(found[2])
