"""A report's `Plot` as a figure of Plotly, in colours that are seen on light and on dark."""

from typing import Any

from rl_designer.reports.plots import Axis, Plot, Series
from rl_designer.text import printable

# At least three to one against both grounds, and told apart also without red and green.
COLOURS = {
    "agent": "#2f7fd1",
    "control": "#c56a1a",
    "front": "#1c9470",
    "failed": "#d9483d",
    "stopped": "#7d8794",
    "run-0": "#2f7fd1",
    "run-1": "#c56a1a",
    "run-2": "#1c9470",
    "run-3": "#bf4f9b",
    "run-4": "#97791a",
    "run-5": "#1e91aa",
    "run-6": "#7d6fd8",
    "run-7": "#7d8794",
}
_SHAPES = {
    "circle": "circle",
    "diamond": "diamond",
    "cross": "x",
    "triangle": "triangle-up",
    "ring": "circle-open",
}
_SIGNS = {"circle": "●", "diamond": "◆", "cross": "✕", "triangle": "▲", "ring": "○"}
_SIZES = {"ring": 16}
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_BAND_OPACITY = "26"  # of 255, as Plotly's colours have it behind the others


def figure_of(plot: Plot) -> dict[str, Any]:
    """`data`, `layout` and `config` as Plotly takes them."""
    layout = {
        "xaxis": _axis(plot.x),
        "yaxis": _axis(plot.y),
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 58, "r": 12, "t": 8, "b": 44},
        "showlegend": False,  # `legend_of` has its place under the plot, however long its names are
        "hovermode": "closest",
        "font": {"size": 12},
        "uirevision": plot.name,  # what a reader has zoomed stays so
        "autosize": True,
    }
    config = {"displayModeBar": False, "displaylogo": False, "responsive": True}
    return {"data": [_trace(series) for series in plot.series], "layout": layout, "config": config}


def legend_of(plot: Plot) -> list[tuple[str, str, str]]:
    """Of each series the sign, its colour and the name."""
    return [(_sign(s), COLOURS[s.colour], printable(s.name)) for s in plot.series if s.legend]


def shown_text(text: object) -> str:
    """A text that Plotly shows as it is: it reads a few tags and links in texts."""
    return printable(text).translate(_ENTITIES)


def _sign(series: Series) -> str:
    if series.kind == "points":
        return _SIGNS[series.shape]
    return "▒" if series.kind == "band" else "╌╌" if series.dashed else "──"


def _trace(series: Series) -> dict[str, Any]:
    colour = COLOURS[series.colour]
    trace: dict[str, Any] = {
        "type": "scatter",
        "name": shown_text(series.name),
        "x": [p.x for p in series.points],
        "y": [p.y for p in series.points],
        "hoverinfo": "skip",
    }
    if series.kind == "band":
        trace["x"] += trace["x"][::-1]
        trace["y"] += list(series.lows)[::-1]
        fill = {"fill": "toself", "fillcolor": f"{colour}{_BAND_OPACITY}"}
        return trace | fill | {"mode": "lines", "line": {"width": 0, "color": colour}}
    if series.kind == "points":
        size = _SIZES.get(series.shape, 8)
        marker = {"color": colour, "symbol": _SHAPES[series.shape], "size": size, "opacity": 0.7}
        texts = [_folded(p.text) for p in series.points]
        return trace | {"mode": "markers", "marker": marker, "hoverinfo": "text", "hovertext": texts}
    line = {"color": colour, "width": 2, "dash": "dash" if series.dashed else "solid"}
    return trace | {"mode": "lines", "line": line | ({"shape": "hv"} if series.kind == "steps" else {})}


def _axis(axis: Axis) -> dict[str, Any]:
    found: dict[str, Any] = {
        "title": {"text": shown_text(axis.label)},
        "type": "log" if axis.logarithmic else "linear",
        "zeroline": False,
        "automargin": True,
    }
    if axis.low == 0:
        found["rangemode"] = "tozero"
    if axis.whole:
        found |= {"tickformat": ",d"}
    if axis.logarithmic:
        found |= {"dtick": "D2", "tickformat": "~s"}
    return found


def _folded(text: str, width: int = 60) -> str:
    """In lines that fit on a phone."""
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + len(word) >= width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "<br>".join(shown_text(part) for part in [*lines, line])
