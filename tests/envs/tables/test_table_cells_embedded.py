"""The table of cells that the package carries: every design of its space, each network trained once."""

from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from rl_designer.envs.datasets import load_dataset
from rl_designer.envs.evaluators.training import TrainingEvaluator, TrainingSettings
from rl_designer.envs.search_spaces.cell_definition import CellDefinition
from rl_designer.envs.search_spaces.cell_space import CellSpace
from rl_designer.envs.search_spaces.registry import definition_of, space_definition
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables.catalogue import load_table
from rl_designer.envs.tables.table import ArchitectureTable
from rl_designer.table_making.cells import all_cells, cell_layout

NAME = "mnist1d-cell1d"
FILE = Path(str(resources.files("rl_designer.envs"))) / "data" / f"{NAME}.npz"


@pytest.fixture(scope="module")
def table() -> ArchitectureTable:
    return load_table(NAME)


@pytest.fixture(scope="module")
def space(table: ArchitectureTable) -> CellSpace:
    definition = definition_of(table.made["space"])
    assert definition == space_definition(FILE.with_suffix(".toml"))
    assert isinstance(definition, CellDefinition)
    return CellSpace(definition, table.made["input_shape"], table.made["num_classes"])


def test_it_holds_every_spelling_of_every_network_of_its_space(
    table: ArchitectureTable, space: CellSpace
) -> None:
    assert FILE.stat().st_size <= 2_000_000
    designs = all_cells(space)
    decisions, rows, wiring = cell_layout(space, designs)
    assert (table.decisions, table.wiring) == (decisions, wiring)
    np.testing.assert_array_equal(table.architectures, rows)
    assert len(rows) == 5_962 >= 4_096 and len(np.unique(table.canonical)) == space.distinct == 698
    networks = space.canonical(designs)
    np.testing.assert_array_equal(networks[table.canonical], networks)


def test_equal_networks_have_equal_figures_and_none_is_missing(table: ArchitectureTable) -> None:
    assert table.made["failures"] == {}
    for name, values in table.metrics.items():
        assert np.isfinite(values).all(), name
        np.testing.assert_array_equal(values, values[table.canonical])


def test_its_structure_and_costs_are_those_of_the_space(table: ArchitectureTable, space: CellSpace) -> None:
    rows = table.architectures[::97].astype(np.int64)
    designs = np.column_stack([np.zeros(len(rows), dtype=np.int64), rows + 1])
    tabled = TableSpace(table)
    np.testing.assert_array_equal(tabled.structure(rows)["cell"], space.structure(designs)["cell"])
    for cost in ("parameters", "macs"):
        np.testing.assert_array_equal(tabled.costs(rows)[cost], space.costs(designs)[cost])


def test_designs_differ(table: ArchitectureTable) -> None:
    values = table.values("valid_accuracy_first_seed")[np.unique(table.canonical)]
    low, high = np.quantile(values, [0.1, 0.9])
    assert high - low > 0.05 and values.min() < 0.5 < 0.95 < values.max()


def test_seeds_agree_beyond_chance(table: ArchitectureTable) -> None:
    networks = np.unique(table.canonical)
    both = [table.values(f"valid_accuracy_{seed}")[networks] for seed in ("first_seed", "other_seeds")]
    assert spearmanr(*both).statistic > 0.6


def test_its_values_are_what_the_evaluator_gives(table: ArchitectureTable, space: CellSpace) -> None:
    """To within what another processor's rounding can make of a short training."""
    dataset = load_dataset("mnist1d")
    assert table.made["dataset"] == {"name": "mnist1d", "digest": dataset.digest}
    row = int(np.random.default_rng(0).integers(len(table.architectures)))
    settings = TrainingSettings(**table.made["training"])
    [evaluation] = TrainingEvaluator(dataset, settings=settings, device="cpu").evaluate(
        space.architectures(all_cells(space)[[row]])
    )
    curve = [table.metrics[f"valid_accuracy_epoch_{e}"][row, 0] for e in range(1, settings.epochs + 1)]
    assert evaluation.learning_curve == pytest.approx(curve, abs=0.06)
    assert evaluation.parameters == table.metrics["parameters"][row, 0]
