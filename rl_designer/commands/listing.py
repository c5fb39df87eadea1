"""`list`."""

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

import click

from rl_designer.agents.registry import AGENTS
from rl_designer.commands.options import output_options, print_json
from rl_designer.envs.datasets import DATASETS
from rl_designer.envs.extensions import AGENT, DATA_SET, METRIC, REWARD, SPACE, Extensions
from rl_designer.envs.metrics import METRICS, Metric
from rl_designer.envs.rewards import REWARDS, keyword_parameters
from rl_designer.envs.rewards.costs import COST_FACTS
from rl_designer.envs.search_spaces.registry import SPACES
from rl_designer.envs.tables.catalogue import TABLES
from rl_designer.envs.tasks.made import FAMILIES, PREFIX
from rl_designer.runs.fronts import SCORE
from rl_designer.table_making.published import PUBLISHED

KINDS = ("spaces", "agents", "rewards", "objectives", "metrics", "datasets", "tables")

_ABOUT_REWARDS = """
T is a cost: cost=parameters, cost=macs (multiply-adds) or cost=latency (seconds). Set parameters with
NAME:PARAMETER=VALUE,… Where `target` is not given it is the limit on T (--max-parameters, --max-macs), or
where there is none the median of the table's designs, or of random designs of the space; a latency is known
beforehand only from a table. `reference` is a tenth beyond the limit, or beyond the largest of them. A run's
config.toml says what was taken. What is called accuracy is the score by --metric (see `list metrics`).
rank, hypervolume: what they pay depends on what the run had found before.
Your own: file.py:function; `list rewards --template` prints a file to begin with."""


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS), required=False)
@click.option("--template", is_flag=True, help="With `rewards`: print a Python file to begin your own with.")
@output_options
def listing(kind: str | None, template: bool, as_json: bool, quiet: bool) -> None:
    """List spaces, agents, rewards, objectives, metrics, data sets and tables, with a line each."""
    if template:
        if kind != "rewards" or as_json:
            raise click.UsageError("--template goes with `list rewards`, and without --json")
        click.echo(_skeleton(), nl=False)
        return
    catalogue = {name: lines for name, lines in _catalogue().items() if kind in (None, name)}
    if as_json:
        print_json(catalogue)
        return
    width = max(len(name) for lines in catalogue.values() for name in lines)
    for number, (heading, lines) in enumerate(catalogue.items()):
        if len(catalogue) > 1:
            click.echo(("\n" if number else "") + heading)
        for name, line in lines.items():
            click.echo(f"  {name.ljust(width)}  {line}")
    if kind == "rewards":
        click.echo(_ABOUT_REWARDS)


def _catalogue() -> dict[str, dict[str, str]]:
    return {
        "spaces": _with_installed(SPACE, SPACES),
        "agents": _with_installed(AGENT, {name: line for name, (_, line) in AGENTS.items()}),
        "rewards": _with_installed(REWARD, {name: _line(function) for name, function in REWARDS.items()}),
        "objectives": _objectives(),
        "metrics": _with_installed(METRIC, {name: _about(metric) for name, metric in METRICS.items()}),
        "datasets": _with_installed(DATA_SET, DATASETS)
        | {f"{PREFIX}{name}": family.line for name, family in FAMILIES.items()},
        "tables": _tables(),
    }


def _about(metric: Metric) -> str:
    unit = ", in the target's unit" if metric.in_target_units else ""
    aim = "; less is better, scored by the share of guessing's that is gone" if metric.is_error else ""
    of = {"class": "classes", "number": "a number", None: "any target"}[metric.predicts]
    return f"of {of}: {metric.what}{unit}{aim}"


def _objectives() -> dict[str, str]:
    """What a whole front may be searched for, besides the rewards of an evaluation alone."""
    less: dict[str, str] = {cost: f"in {facts.unit}; less is better" for cost, facts in COST_FACTS.items()}
    return {SCORE: "the score by --metric; more is better", **less}


def _tables() -> dict[str, str]:
    return dict(TABLES) | {name: f"`table fetch {name}`: {table.line}" for name, table in PUBLISHED.items()}


def _with_installed(extensions: Extensions, built_in: Mapping[str, str]) -> dict[str, str]:
    # An installed one is only named: to know more its package would have to be run.
    others = {name: f"installed: {point.value}" for name, point in extensions.installed(built_in).items()}
    return {**built_in, **others}


def _line(function: Callable[..., Any]) -> str:
    """The first line of its docstring, and its parameters with their defaults."""
    parameters = ", ".join(
        name if parameter.default is parameter.empty else f"{name}={parameter.default}"
        for name, parameter in keyword_parameters(function).items()
    )
    first = (function.__doc__ or "").strip().partition("\n")[0]
    return f"{first} [{parameters}]" if parameters else first


def _skeleton() -> str:
    return files("rl_designer.envs.rewards").joinpath("skeleton.py").read_text(encoding="utf-8")
