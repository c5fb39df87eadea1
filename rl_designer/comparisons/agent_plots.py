"""A benchmark's curves as one HTML file that needs no network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rl_designer.files import write_text
from rl_designer.text import in_html

# Okabe & Ito's colours, told apart by colour-blind readers too; then again, dashed.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES = ("solid", "dash", "dot")
_TITLES = {
    "simple_regret": "Simple regret of the search metric",
    "best_reward": "Best reward so far",
    "best_reported": "Reported metric of the chosen design",
}


def check_plots() -> None:
    """Raises ValueError where Plotly isn't installed."""
    try:
        import plotly  # noqa: F401
    except ImportError as error:
        raise ValueError(
            "--plots needs Plotly, which isn't installed: pip install 'rl-designer[plots]'"
        ) from error


def write_plots(data: Mapping[str, Any], curves: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Means over seeds against evaluations, with 95 % bootstrap bands; one figure below the other.

    Args:
        data: of the benchmark, for the heading.
        curves: rows as `Summary.curves` makes them.
    """
    check_plots()
    from plotly.graph_objects import Figure
    from plotly.subplots import make_subplots

    drawn = [name for name in _TITLES if any(row["figure"] == name for row in curves)]
    figure: Figure = make_subplots(
        rows=len(drawn), cols=1, subplot_titles=[_TITLES[name] for name in drawn], vertical_spacing=0.09
    )
    for row, name in enumerate(drawn, start=1):
        for number, agent in enumerate(data["agents"]):
            points = [p for p in curves if p["agent"] == agent and p["figure"] == name]
            _draw(figure, in_html(agent), number, _drawable(points, name == "simple_regret"), row)
        figure.update_xaxes(title_text="distinct evaluations", type="log", row=row, col=1)
    if "simple_regret" in drawn:
        figure.update_yaxes(type="log", row=1, col=1)
    seeds = f"{data['seeds']} seeds, means with 95 % bootstrap bands"
    figure.update_layout(
        title=f"{in_html(data['task'])}: {seeds}",
        height=420 * len(drawn),
        template="plotly_white",
        hovermode="x",
    )
    write_text(path, figure.to_html(include_plotlyjs=True, full_html=True))


def _drawable(points: Sequence[Mapping[str, Any]], logarithmic: bool) -> list[dict[str, Any]]:
    """Points that have a mean. A logarithm has no zero: there a curve ends where every seed has found the
    optimum, and a band that reaches zero is cut off at a tenth of its mean.
    """
    known = [dict(p) for p in points if p["mean"] is not None and not (logarithmic and p["mean"] <= 0)]
    for point in known:
        for end in ("low", "high"):
            point[end] = point["mean"] if point[end] is None else point[end]
        if logarithmic:
            point["low"] = max(point["low"], point["mean"] / 10)
    return known


def _draw(figure: Any, agent: str, number: int, points: Sequence[Mapping[str, Any]], row: int) -> None:
    colour = _COLOURS[number % len(_COLOURS)]
    dash = _DASHES[number // len(_COLOURS) % len(_DASHES)]
    steps = [point["evaluations"] for point in points]
    low, high = [point["low"] for point in points], [point["high"] for point in points]
    shared = {"legendgroup": agent, "row": row, "col": 1}
    figure.add_scatter(
        x=[*steps, *reversed(steps)],
        y=[*high, *reversed(low)],
        fill="toself",
        fillcolor=colour,
        opacity=0.15,
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
        **shared,
    )
    figure.add_scatter(
        x=steps,
        y=[point["mean"] for point in points],
        name=agent,
        mode="lines+markers",
        line={"color": colour, "dash": dash},
        showlegend=row == 1,
        **shared,
    )
