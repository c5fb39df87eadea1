"""docs/commands.md says what the commands say of themselves."""

import re
from pathlib import Path

import click
import pytest
import yaml

from rl_designer import __version__
from rl_designer.cli import COMMANDS, cli
from rl_designer.command_reference import reference

ROOT = Path(__file__).resolve().parents[3]


def test_the_page_is_what_the_commands_print_now() -> None:
    """Otherwise `make reference`, and look at the difference."""
    assert (ROOT / "docs" / "commands.md").read_text() == reference()


def test_every_command_has_its_place_in_it() -> None:
    titles = re.findall("^## `(.*)`$", reference(), re.MULTILINE)
    assert {f"rl-designer {name}" for name in COMMANDS} <= set(titles)
    assert "rl-designer benchmark rewards" in titles and len(titles) == len(set(titles))


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_said_of_a_command_before_it_is_loaded_is_what_it_says_itself(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None and command.name == name
    assert (command.help or "").partition("\n\n")[0].replace("\n", " ") == COMMANDS[name][1]


def test_who_cites_it_cites_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__ and citation["license"] == "MIT"
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
