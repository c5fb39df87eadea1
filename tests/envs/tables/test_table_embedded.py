"""The table that the package carries: what it holds, and that its name goes wherever a file's path does."""

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.datasets import load_dataset
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.evaluators.training import TrainingEvaluator, TrainingSettings
from rl_designer.envs.search_spaces.definition import SpaceDefinition
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables.catalogue import DEFAULT_TABLE, TABLES, UnknownTable, load_table
from rl_designer.envs.tables.table import ArchitectureTable
from rl_designer.table_making.designs import all_designs, layout
from tests.helpers.command_line import runner

FILE = Path(str(resources.files("rl_designer.envs"))) / "data" / f"{DEFAULT_TABLE}.npz"


@pytest.fixture(scope="module")
def table():
    return load_table(DEFAULT_TABLE)


@pytest.fixture
def command(capsys):
    return runner(capsys)


def test_it_is_small_enough_and_large_enough(table):
    assert FILE.stat().st_size <= 2_000_000
    assert len(table.architectures) == len(np.unique(table.canonical)) == 16 + 16**2 + 16**3 >= 4_096


def test_it_holds_every_design_of_its_space(table):
    made = table.made
    definition = SpaceDefinition.from_dict(made["space"])
    assert definition == SpaceDefinition.from_toml(FILE.with_suffix(".toml"))
    space = LayerSpace(definition, made["input_shape"], made["num_classes"])
    decisions, rows = layout(space.architectures(all_designs(space)), definition.enumerate())
    assert decisions == table.decisions and np.array_equal(rows, table.architectures)


def test_it_has_two_seeds_a_curve_and_every_cost(table):
    epochs = table.made["training"]["epochs"]
    for epoch in range(1, epochs + 1):
        assert table.metrics[f"valid_accuracy_epoch_{epoch}"].shape[1] >= 2
    assert {"parameters", "macs", "latency_seconds", "training_seconds", "valid_loss"} <= set(table.metrics)
    last = table.metrics[f"valid_accuracy_epoch_{epochs}"]
    assert np.array_equal(last[:, :1], table.metrics["valid_accuracy_first_seed"], equal_nan=True)
    assert np.array_equal(last[:, 1:], table.metrics["valid_accuracy_other_seeds"], equal_nan=True)
    assert table.made["failures"] == {} and not any(
        np.isnan(values).any() for values in table.metrics.values()
    )


def test_its_values_are_what_the_evaluator_gives(table):
    """To within what another processor's rounding can make of a short training."""
    dataset = load_dataset("mnist1d")
    made = table.made
    assert made["dataset"] == {"name": "mnist1d", "digest": dataset.digest}
    definition = SpaceDefinition.from_dict(made["space"])
    space = LayerSpace(definition, made["input_shape"], made["num_classes"])
    rows = np.random.default_rng(0).choice(len(table.architectures), 2, replace=False)
    architectures = space.architectures(all_designs(space)[rows])
    for seed in range(2):
        settings = TrainingSettings(**made["training"])
        evaluator = TrainingEvaluator(dataset, settings=settings, repeat=seed, device="cpu")
        for row, evaluation in zip(rows, evaluator.evaluate(architectures), strict=True):
            curve = [
                table.metrics[f"valid_accuracy_epoch_{e}"][row, seed] for e in range(1, settings.epochs + 1)
            ]
            assert evaluation.learning_curve == pytest.approx(curve, abs=0.06)
            assert evaluation.parameters == table.metrics["parameters"][row, 0]
            assert evaluation.macs == table.metrics["macs"][row, 0]


def test_seeds_agree_and_designs_differ(table):
    searched, reported = (
        table.values(name) for name in ("valid_accuracy_first_seed", "valid_accuracy_other_seeds")
    )
    assert spearmanr(searched, reported).statistic > 0.75
    low, high = np.quantile(searched, [0.1, 0.9])
    assert high - low > 0.25
    for cost in ("parameters", "macs"):
        assert 0.1 < spearmanr(table.values(cost), searched).statistic < 0.9


def test_a_search_and_its_report_are_on_validation_alone(table):
    evaluator = TableEvaluator(TableSpace(table))
    assert {table.metric_facts[name].get("split") for name in table.metrics} == {"valid", None}
    layers = ("conv k7 s2 w16", "conv k3 s1 w16", "global-pool average", "end")
    named = (Layer.of(name, option=option) for (name, _), option in zip(table.decisions, layers, strict=True))
    architecture = Architecture(f"table:{DEFAULT_TABLE}", tuple(named), True)
    (evaluation,) = evaluator.evaluate([architecture])
    assert 0.1 < evaluation.val_accuracy < 1 and 0.1 < evaluator.reported(architecture) < 1
    assert evaluation.latency_seconds > 0 and evaluation.epochs == 5


# -- names ---------------------------------------------------------------------------------------------


def test_a_name_and_a_path_give_the_same_table(table):
    assert np.array_equal(load_table(FILE).architectures, table.architectures)
    assert table.name == DEFAULT_TABLE in TABLES


def test_a_word_that_is_no_table_is_told_from_the_known_ones(command):
    with pytest.raises(UnknownTable, match=f"Did you mean '{DEFAULT_TABLE}'.* Or the path of a .npz file"):
        load_table("mnist1d-convnet")
    for words in (("table", "info"), ("train", "--table")):
        done = command(*words, "mnist1d-convnet")
        assert done.status == 2 and "unknown table 'mnist1d-convnet'" in done.err


def test_a_path_that_is_missing_is_one_line(command):
    done = command("table", "info", "mnist1d-convnet.npz")
    assert done.status == 1 and "no such architecture table: mnist1d-convnet.npz" in done.err


def test_train_takes_the_name_and_the_run_keeps_it(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--table", DEFAULT_TABLE, "--agent", "random", "--run", "r", "--quiet", "--json"]
    done = command("train", *words, "--evaluations", "5")
    assert done.status == 0 and done.json["evaluations"] == 5
    assert f'table = "{DEFAULT_TABLE}"' in Path("r/config.toml").read_text()
    assert json.loads(Path("r/summary.json").read_text())["setting"]["table"] == DEFAULT_TABLE
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = command("resume", "../r", "--quiet", "--json")
    assert again.status == 0 and again.json["best"] == done.json["best"]


def test_a_run_on_a_file_keeps_its_absolute_path(command, tmp_path, monkeypatch, table):
    monkeypatch.chdir(tmp_path)
    table.save(Path("mine.npz"))
    words = ["--table", "mine.npz", "--agent", "random", "--evaluations", "3", "--run", "r", "--quiet"]
    assert command("train", *words).status == 0
    assert f'table = "{tmp_path / "mine.npz"}"' in Path("r/config.toml").read_text()


def test_benchmark_agents_takes_the_embedded_table_where_nothing_is_named(command):
    words = ["benchmark", "agents", "random", "--seeds", "1", "--evaluations", "3", "--sample-after", "0"]
    done = command(*words, "--workers", "1", "--quiet", "--json")
    assert done.status == 0 and DEFAULT_TABLE in done.json["task"]
    done = command(*words, "--space", "convnet1d")
    assert done.status == 2 and "--space needs --data" in done.err


def test_list_names_tables_here_and_those_to_be_had(command):
    tables = command("list", "tables", "--json").json["tables"]
    assert DEFAULT_TABLE in tables and "table fetch nas-bench-macro" in tables["nas-bench-macro"]


def test_the_file_is_a_table_as_any_other():
    assert ArchitectureTable.load(FILE).name == DEFAULT_TABLE
