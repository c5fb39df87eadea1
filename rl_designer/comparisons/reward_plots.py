"""A benchmark of rewards as one HTML page that needs no network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rl_designer.comparisons.agent_plots import check_plots
from rl_designer.comparisons.curves import cost_drawn, courses, fronts, profiles
from rl_designer.comparisons.reward_figures import RewardSummary
from rl_designer.files import write_text
from rl_designer.text import in_html

# Okabe & Ito's colours, told apart by colour-blind readers too; then again, dashed.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES = ("solid", "dash", "dot")
_CHOSEN_BY, _REPORTED = "#0072B2", "#D55E00"
_COLUMNS = 2  # courses side by side
_STYLE = "body{font-family:sans-serif;max-width:1100px;margin:2em auto;padding:0 1em}li{margin:.3em 0}"

Rows = Sequence[Mapping[str, Any]]


def write_page(data: Mapping[str, Any], summary: RewardSummary, path: Path) -> None:
    """Intervals, performance profiles, fronts, and the course of reward and reported metric, with the
    conclusions above. Raises ValueError where Plotly isn't installed.
    """
    check_plots()
    figures = {
        f"Interquartile mean of the {data['yardstick_title']}, with 95 % intervals": _intervals(data),
        "Performance profiles: share of seeds that do at least as well, with 95 % bands": _profiles(summary),
        "Reported accuracy within a cost: median over seeds, and quartiles": _fronts(summary),
        "Reward and reported accuracy of the design chosen so far, means over seeds": _courses(summary),
    }
    drawn = {heading: figure for heading, figure in figures.items() if figure is not None}
    parts = [_heading(data)]
    for number, (heading, figure) in enumerate(drawn.items()):
        plot = figure.to_html(include_plotlyjs=number == 0, full_html=False)
        parts.append(f"<h2>{in_html(heading)}</h2>\n{plot}")
    title = in_html(f"Rewards on {data['task']}")
    page = f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    write_text(
        path, f"{page}<style>{_STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _heading(data: Mapping[str, Any]) -> str:
    facts = f"{data['agent']}, {data['seeds']:,} paired seeds, {data['evaluations']:,} evaluations a run"
    lines = "".join(f"<li>{in_html(line)}</li>" for line in data["conclusions"])
    yardstick = f"yardstick: {data['yardstick']}"
    heading = f"<h1>Rewards on {in_html(data['task'])}</h1>"
    return f"{heading}<p>{in_html(facts)}; {in_html(yardstick)}</p><ul>{lines}</ul>"


def _intervals(data: Mapping[str, Any]) -> Any:
    figure = _figure(height=120 + 45 * len(data["rewards"]))
    for number, (name, figures) in enumerate(data["rewards"].items()):
        low, high = figures["interval"] or (figures["iqm"], figures["iqm"])
        figure.add_scatter(
            x=[figures["iqm"]],
            y=[in_html(name)],
            error_x={"array": [high - figures["iqm"]], "arrayminus": [figures["iqm"] - low]},
            mode="markers",
            marker={"size": 10, "color": _COLOURS[number % len(_COLOURS)]},
            showlegend=False,
        )
    figure.update_yaxes(autorange="reversed")
    return figure


def _profiles(summary: RewardSummary) -> Any:
    figure = _figure()
    rows = profiles(summary)
    for number, reward in enumerate(summary.runs):
        own = [row for row in rows if row["reward"] == reward]
        _band(figure, own, "level", "share", number, in_html(reward))
    figure.update_xaxes(title_text="yardstick")
    figure.update_yaxes(title_text="share of seeds", range=[0, 1.02])
    if not summary.yardstick.higher_is_better:
        figure.update_xaxes(autorange="reversed")
    return figure


def _fronts(summary: RewardSummary) -> Any:
    rows = fronts(summary)
    if not rows:
        return None
    figure = _figure()
    for number, reward in enumerate(summary.runs):
        own = [row for row in rows if row["reward"] == reward]
        _band(figure, own, "cost", "reported", number, in_html(reward), shape="hv")
    known = [row for row in rows if row["reward"] is None]
    name = "known front" if summary.landscape.complete else "front of all runs"
    line = {"color": "#000000", "width": 1, "shape": "hv"}
    figure.add_scatter(
        x=[row["cost"] for row in known], y=[row["reported"] for row in known], name=name, line=line
    )
    figure.update_xaxes(title_text=f"{cost_drawn(summary)}, at most", type="log")
    figure.update_yaxes(title_text="reported accuracy")
    return figure


def _courses(summary: RewardSummary) -> Any:
    """A panel a reward: what the runs choose by on the left, the reported metric on the right."""
    from plotly.subplots import make_subplots

    rewards = list(summary.runs)
    lines = -(-len(rewards) // _COLUMNS)
    figure = make_subplots(
        rows=lines,
        cols=_COLUMNS,
        specs=[[{"secondary_y": True}] * _COLUMNS for _ in range(lines)],
        subplot_titles=[in_html(reward) for reward in rewards],
        horizontal_spacing=0.14,
    )
    rows = courses(summary)
    for number, reward in enumerate(rewards):
        own = [row for row in rows if row["reward"] == reward]
        steps = [row["evaluations"] for row in own]
        place = {"row": number // _COLUMNS + 1, "col": number % _COLUMNS + 1}
        for key, name, colour in (
            ("chosen_by", "reward", _CHOSEN_BY),
            ("reported", "reported accuracy", _REPORTED),
        ):
            figure.add_scatter(
                x=steps,
                y=[row[key] for row in own],
                name=name,
                legendgroup=name,
                showlegend=number == 0,
                line={"color": colour},
                secondary_y=key == "reported",
                **place,
            )
        figure.update_xaxes(title_text="evaluations", **place)
    figure.update_yaxes(tickfont={"color": _REPORTED}, secondary_y=True)
    figure.update_yaxes(tickfont={"color": _CHOSEN_BY}, secondary_y=False)
    figure.update_layout(height=120 + 300 * lines, template="plotly_white")
    return figure


def _figure(height: int = 450) -> Any:
    from plotly.graph_objects import Figure

    return Figure(layout={"height": height, "template": "plotly_white", "margin": {"t": 30}})


def _band(figure: Any, rows: Rows, x: str, y: str, number: int, name: str, shape: str = "linear") -> None:
    """A line, and its band where it has one."""
    colour, dash = _COLOURS[number % len(_COLOURS)], _DASHES[number // len(_COLOURS) % len(_DASHES)]
    at = [row[x] for row in rows]
    if rows and rows[0]["low"] is not None:
        for end, fill in (("low", None), ("high", "tonexty")):
            figure.add_scatter(
                x=at,
                y=[row[end] for row in rows],
                fill=fill,
                fillcolor=_faint(colour),
                line={"width": 0, "shape": shape},
                mode="lines",
                hoverinfo="skip",
                legendgroup=name,
                showlegend=False,
            )
    line = {"color": colour, "dash": dash, "shape": shape}
    figure.add_scatter(x=at, y=[row[y] for row in rows], name=name, line=line, mode="lines", legendgroup=name)


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.15)"
