"""Tables of cells: each network is trained once, and what is known of a cell goes with it."""

from pathlib import Path

import numpy as np
import pytest

from rl_designer import setting
from rl_designer.config import make_config
from rl_designer.envs.search_spaces.cell_definition import CellDefinition
from rl_designer.envs.search_spaces.cell_space import CellSpace
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables.table import ArchitectureTable
from rl_designer.envs.tables.wiring import Wiring
from rl_designer.envs.training.settings import TrainingSettings
from rl_designer.errors import WrongUsage
from rl_designer.jobs.progress import Display
from rl_designer.table_making import building
from rl_designer.table_making.building import TablePlan, build_table
from rl_designer.table_making.cells import all_cells, cell_layout, random_cells

SPACE = """
name = "tiny-cells"
family = "cell1d"
nodes = 3
[macro]
width = [2]
stages = [1]
cells = [1]
[operations.none]
[operations.skip]
[operations.conv]
kernel = [3]
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Signals in two classes and the space, in a folder; trainings happen in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(building, "engine_of", lambda config: None)
    monkeypatch.setattr(setting, "default_memory_limit", lambda: None)  # needs processes
    (tmp_path / "tiny.toml").write_text(SPACE)
    draws = np.random.default_rng(0)
    y = np.arange(60) % 2
    np.savez("signals.npz", x=draws.normal(y[:, None, None], 1.0, (60, 1, 12)).astype(np.float32), y=y)
    return {"data": "signals.npz", "space": "tiny.toml"}


def test_each_network_is_trained_once_and_all_its_spellings_have_its_figures(config: dict) -> None:
    plan = TablePlan(make_config(config), TrainingSettings(epochs=1), seeds=1)
    build_table(plan, "tiny", Display(quiet=True)).save(Path("t.npz"))
    table = ArchitectureTable.load("t.npz")
    space = make_space("tiny.toml", (1, 12), 2)
    assert isinstance(space, CellSpace)
    assert len(table.architectures) == len(space.every_design()) == 22
    assert len(np.unique(table.canonical)) == space.distinct == 8
    assert "22 designs (8 networks)" in table.title
    for values in table.metrics.values():
        np.testing.assert_array_equal(values, values[table.canonical])
    assert table.wiring == Wiring(((0, 1), (0, 2), (1, 2)))
    assert [name for name, _ in table.decisions] == ["edge 0->1", "edge 0->2", "edge 1->2"]
    assert table.decisions[0][1] == ("none", "skip", "conv k3")
    # The table's space and the one that it was made of say the same of a design.
    tabled, designs = TableSpace(table), all_cells(space)
    np.testing.assert_array_equal(tabled.canonical(designs[:, 1:] - 1), space.canonical(designs)[:, 1:] - 1)
    np.testing.assert_array_equal(
        tabled.structure(designs[:, 1:] - 1)["cell"], space.structure(designs)["cell"]
    )
    for cost in ("parameters", "macs"):
        np.testing.assert_array_equal(tabled.costs(designs[:, 1:] - 1)[cost], space.costs(designs)[cost])


def test_a_random_share_is_of_distinct_networks(config: dict) -> None:
    plan = TablePlan(make_config(config), TrainingSettings(epochs=1), seeds=1, designs=3)
    table = build_table(plan, "tiny", Display(quiet=True))
    assert len(table.architectures) == len(np.unique(table.canonical)) == 3
    space = make_space("tiny.toml", (1, 12), 2)
    with pytest.raises(WrongUsage, match="has 8 networks, 9 are wanted"):
        random_cells(space, 9, np.random.default_rng(0))


def test_several_skeletons_are_a_decision_of_their_own() -> None:
    macro = {"width": [2, 4], "stages": [1], "cells": [1]}
    space = CellSpace(
        CellDefinition.of("a", "cell", 2, macro, {"skip": {}, "conv": {"kernel": [1]}}), (1, 8, 8), 3
    )
    decisions, rows, wiring = cell_layout(space, all_cells(space))
    assert [(name, len(options)) for name, options in decisions] == [("skeleton", 2), ("edge 0->1", 2)]
    assert wiring is None and rows.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_a_space_with_too_many_spellings_says_what_to_do() -> None:
    with pytest.raises(WrongUsage, match=r"networks in [\d,]+ spellings, .* --share 1%"):
        all_cells(make_space("cell1d", (1, 40), 10))
