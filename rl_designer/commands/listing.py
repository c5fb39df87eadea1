"""`list`."""

from collections.abc import Mapping
from typing import Any

import click

from rl_designer.commands.common import output_options, print_json

KINDS = ("spaces", "agents", "rewards", "datasets")


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS), required=False)
@output_options
def listing(kind: str | None, as_json: bool, quiet: bool) -> None:
    """List spaces, agents, rewards and data sets, with a line each."""
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


def _catalogue() -> dict[str, dict[str, str]]:
    from rl_designer.agents.registry import AGENTS
    from rl_designer.envs.datasets import DATASETS
    from rl_designer.envs.rewards import REWARDS
    from rl_designer.envs.search_spaces.registry import SPACES

    return {
        "spaces": dict(SPACES),
        "agents": {name: line for name, (_, line) in AGENTS.items()},
        "rewards": _first_lines(REWARDS),
        "datasets": dict(DATASETS),
    }


def _first_lines(functions: Mapping[str, Any]) -> dict[str, str]:
    return {name: (function.__doc__ or "").strip().partition("\n")[0] for name, function in functions.items()}
