"""Definitions of spaces of cells: a user's TOML, and what is wrong with one in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rl_designer.envs.search_spaces.cell_definition import CellDefinition
from rl_designer.envs.search_spaces.registry import definition_of, kind_of, make_space, space_definition

GOOD = """
name = "small-cells"
family = "cell1d"
nodes = 3

[macro]
width = [4, 8]
stages = [2]
cells = [1]

[operations.none]

[operations.conv]
kernel = [1, 3]

[operations.same-pool]
operation = ["average"]
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return written


def test_a_user_s_file_is_a_space(write: Write) -> None:
    path = write(GOOD)
    definition = space_definition(path)
    assert isinstance(definition, CellDefinition)
    assert definition.edges == ((0, 1), (0, 2), (1, 2)) and kind_of(path) == "signal"
    assert [str(layer) for layer in definition.enumerate()] == [
        "macro(cells=1, stages=2, width=4)",
        "macro(cells=1, stages=2, width=8)",
        "none",
        "conv(kernel=1)",
        "conv(kernel=3)",
        "same-pool(operation=average)",
    ]
    assert make_space(path, (1, 40), 10).max_steps == 4


def test_it_goes_to_plain_values_and_back(write: Write) -> None:
    free = GOOD.replace("nodes = 3", "nodes = 3\nedges = [[1, 2], [0, 1]]")
    for text in (GOOD, free):
        definition = space_definition(write(text))
        again = definition_of(definition.to_dict())
        assert again == definition and again.digest == definition.digest
    assert space_definition(write(free)).digest != space_definition(write(GOOD)).digest
    assert space_definition(write(free)).edges == ((0, 1), (1, 2))
    whole = GOOD.replace("nodes = 3", "nodes = 3\nedges = [[0, 1], [0, 2], [1, 2]]")
    assert space_definition(write(whole)) == space_definition(write(GOOD))


def test_built_in_definitions_are_their_names() -> None:
    for name, kind in (("cell", "image"), ("cell1d", "signal")):
        assert space_definition(name).name == space_definition(name).family == name
        assert kind_of(name) == kind


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"small-cells"', '"cell1d"', "the name 'cell1d' is a built-in space's; choose another"),
        ('"cell1d"', '"cells"', "space 'small-cells': unknown family 'cells'"),
        ("nodes = 3", "nodes = 1", "nodes must be an integer from 2 to 16, got 1"),
        ("nodes = 3", "nodes = true", "nodes must be an integer from 2 to 16, got True"),
        ("nodes = 3\n", "", "a space of cells needs the key 'nodes'"),
        ("nodes = 3", "nodes = 3\nmax_layers = 4", "unknown key 'max_layers'"),
        ("nodes = 3", "nodes = 3\nedges = 4", "`edges` must be a list of pairs of nodes"),
        ("nodes = 3", "nodes = 3\nedges = [[0, 1.5]]", "`edges` must be a list of pairs of nodes"),
        ("nodes = 3", "nodes = 3\nedges = [[0, 1], [1, 3]]", r"from 0 to 2; got \[1, 3\]"),
        ("nodes = 3", "nodes = 3\nedges = [[0, 1], [0, 1], [1, 2]]", r"names \[0, 1\] more than once"),
        ("nodes = 3", "nodes = 3\nedges = [[0, 1], [0, 2]]", "no edge leads out of node 1"),
        ("nodes = 3", "nodes = 3\nedges = [[0, 2], [1, 2]]", "no edge leads to node 1"),
        ("nodes = 3", "nodes = 8", r"at most 1,048,576 cells, .* 4 operations on 28 edges"),
        ("stages = [2]\n", "", "macro needs the option 'stages'"),
        ("stages = [2]", "stages = 2", r"macro.stages must be a list of choices such as \[2\], got 2"),
        ("stages = [2]", "stages = [2, 2]", "macro.stages names the choice 2 more than once"),
        ("stages = [2]", "depth = [2]", "macro: unknown option 'depth'"),
        ("operations.conv", "operations.dense", "unknown operation 'dense'"),
        ("kernel = [1, 3]", "kernel = [2]", "operations.conv.kernel must be an odd integer"),
        ("kernel = [1, 3]", "width = [8]", "operations.conv: unknown option 'width'"),
        ("[operations.none]", "[operations.none]\nkernel = [3]", "operations.none: unknown option 'kernel'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(write: Write, old: str, new: str, message: str) -> None:
    path = write(GOOD.replace(old, new))
    with pytest.raises(ValueError, match=message) as raised:
        space_definition(path)
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)


def test_operations_that_connect_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="needs at least one of the operations conv"):
        macro = {"width": [4], "stages": [1], "cells": [1]}
        CellDefinition.of("a", "cell", 3, macro, {"none": {}})
