"""A cell as a picture and in words: its nodes in a row, its edges as arcs with their operations."""

from dataclasses import dataclass

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.layers.cell import Edge, cell_words
from rl_designer.envs.search_spaces.cell_layers import live_edges

_RADIUS, _BETWEEN, _MARGIN = 13, 118, 24
_LETTER = 6.5  # about the width of one
_RISE, _LEAST = 40, 26  # of an arc, for each node that it leaps over; room above and below


@dataclass(frozen=True)
class DrawnEdge:
    """An arrow, as an SVG path, and where its operation is written."""

    path: str
    text: str
    x: float
    y: float


@dataclass(frozen=True)
class Graph:
    """A picture of `width` × `height` user units.

    Attributes:
        nodes: the middle of each, and what stands in it.
        words: the same for those who can't see it.
    """

    width: int
    height: int
    nodes: tuple[tuple[int, int, str], ...]
    edges: tuple[DrawnEdge, ...]
    words: str


def cell_graph(architecture: Architecture) -> Graph | None:
    """The edges of a design that are on a path; None where the design is no cell, or not connected.

    Raises:
        ValueError: for layers that are no cell's.
    """
    edges = live_edges(architecture) if architecture.is_cell else ()
    if not edges:
        return None
    nodes = sorted({node for edge in edges for node in (edge.source, edge.target)})
    longest = max(len(edge.words) for edge in edges)
    between = max(_BETWEEN, round(_LETTER * longest) + 4 * _RADIUS)
    places = {node: _MARGIN + between * place for place, node in enumerate(nodes)}
    leaps = [abs(nodes.index(edge.target) - nodes.index(edge.source)) - 1 for edge in edges]
    above = max((leap for edge, leap in zip(edges, leaps, strict=True) if _upwards(edge)), default=0)
    below = max((leap for edge, leap in zip(edges, leaps, strict=True) if not _upwards(edge)), default=0)
    middle = _LEAST + _RISE * above
    names = {nodes[0]: "in", nodes[-1]: "out"}
    return Graph(
        2 * _MARGIN + between * (len(nodes) - 1),
        middle + _LEAST + _RISE * below,
        tuple((places[node], middle, names.get(node, str(node))) for node in nodes),
        tuple(
            _drawn(edge, places[edge.source], places[edge.target], middle, leap)
            for edge, leap in zip(edges, leaps, strict=True)
        ),
        cell_words(edges),
    )


def _upwards(edge: Edge) -> bool:
    return edge.source % 2 == 0


def _drawn(edge: Edge, start: int, end: int, middle: int, leap: int) -> DrawnEdge:
    text = edge.words
    if leap == 0:
        path = f"M{start + _RADIUS} {middle}H{end - _RADIUS - 7}"
        return DrawnEdge(path, text, (start + end) / 2, middle - 6)
    side = -1 if _upwards(edge) else 1
    height = side * _RISE * leap
    # Of a cubic curve the middle is three quarters as far out as its two control points.
    control = middle + height * 4 / 3
    first, last = middle + side * _RADIUS * 0.8, middle + side * (_RADIUS * 0.8 + 6)
    path = f"M{start + 9} {first:g}C{start + 30} {control:g} {end - 30} {control:g} {end - 11} {last:g}"
    return DrawnEdge(path, text, (start + end) / 2, middle + height + (-5 if side < 0 else 15))
