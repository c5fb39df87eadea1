"""`table build`: what it trains, what it writes, what it says; and that it goes on after a kill."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rl_designer import setting
from rl_designer.config import make_config
from rl_designer.envs.datasets import load_dataset
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.evaluators.training import TrainingEvaluator, TrainingSettings
from rl_designer.envs.search_spaces.costs import costs
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables.table import ArchitectureTable
from rl_designer.envs.training import recipe
from rl_designer.errors import WrongUsage
from rl_designer.jobs.progress import Display
from rl_designer.table_making import building as table_building
from rl_designer.table_making.building import TablePlan, build_table
from rl_designer.table_making.designs import all_designs
from rl_designer.table_making.metrics import measured
from tests.helpers.command_line import runner

ROOT = Path(__file__).resolve().parents[3]
TINY = """
name = "tiny"
family = "mlp"
max_layers = 2
[layers.dense]
width = [4, 8]
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the space; trainings happen in this process."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(TINY)
    monkeypatch.setattr(table_building, "engine_of", lambda config: None)
    monkeypatch.setattr(setting, "default_memory_limit", lambda: None)  # needs processes
    return tmp_path


@pytest.fixture
def command(capsys):
    return runner(capsys)


BUILD = ("table", "build", "--data", "wine", "--space", "tiny.toml", "--epochs", "2", "--output", "t.npz")


def test_the_table_holds_what_the_evaluator_gives_for_every_design(here, command):
    done = command(*BUILD, "--seeds", "3")
    assert done.status == 0, done.err
    table = ArchitectureTable.load("t.npz")
    dataset = load_dataset("wine")
    space = make_space("tiny.toml", dataset.input_shape, dataset.num_classes)
    architectures = space.architectures(all_designs(space))
    assert len(table.architectures) == len(architectures)
    for seed in range(3):
        evaluator = TrainingEvaluator(dataset, settings=TrainingSettings(epochs=2), repeat=seed, device="cpu")
        expected = evaluator.evaluate(architectures)
        curves = np.array([e.learning_curve for e in expected], dtype=np.float32)
        for epoch in (1, 2):
            assert np.array_equal(
                table.metrics[f"valid_accuracy_epoch_{epoch}"][:, seed], curves[:, epoch - 1]
            )
        last = np.float32([e.val_accuracy for e in expected])
        kept = "valid_accuracy_first_seed" if seed == 0 else "valid_accuracy_other_seeds"
        assert np.array_equal(table.metrics[kept][:, max(seed - 1, 0)], last)
        assert np.array_equal(
            table.metrics["valid_loss"][:, seed], np.float32([e.val_loss for e in expected])
        )
    exact = [costs(a, dataset.input_shape, dataset.num_classes) for a in architectures]
    assert table.metrics["parameters"][:, 0].tolist() == [c.parameters for c in exact]
    assert table.metrics["macs"][:, 0].tolist() == [c.macs for c in exact]
    assert (table.metrics["latency_seconds"] > 0).all() and table.metrics["latency_seconds"].shape[1] == 1
    assert (table.metrics["training_seconds"] > 0).all()


def test_a_search_sees_the_first_seed_and_the_others_are_reported(here, command):
    assert command(*BUILD, "--seeds", "3").status == 0
    table = ArchitectureTable.load("t.npz")
    space = TableSpace(table)
    evaluator = TableEvaluator(space)
    architecture = space.architectures(space.random_actions(1, np.random.default_rng(0)))[0]
    row = space.rows(np.array([space.actions(architecture)]))[0]
    (evaluation,) = evaluator.evaluate([architecture])
    curve = table.metrics["valid_accuracy_epoch_2"]
    assert evaluation.val_accuracy == pytest.approx(curve[row, 0])
    assert evaluator.reported(architecture) == pytest.approx(curve[row, 1:].mean())
    assert evaluation.epochs == 2
    facts = table.metric_facts["valid_accuracy_other_seeds"]
    assert (facts["split"], facts["dataset"], facts["repeats"]) == ("valid", "wine", 2)


def test_with_one_seed_what_is_searched_is_reported_and_the_table_says_so(here, command):
    assert command(*BUILD, "--seeds", "1").status == 0
    table = ArchitectureTable.load("t.npz")
    task = table.task("wine")
    assert task.search == task.report == "valid_accuracy_first_seed"
    assert "one seed" in table.metric_facts[task.search]["note"]
    assert "valid_accuracy_other_seeds" not in table.metrics


def test_json_is_one_object_with_the_promised_keys(here, command):
    done = command(*BUILD, "--json", "--quiet", "--name", "mine", "--title", "My table")
    assert done.status == 0 and done.err == ""
    assert done.json["name"] == "mine" and done.json["title"] == "My table" and done.json["output"] == "t.npz"
    assert (
        done.json["architectures"]
        == done.json["distinct"]
        == len(ArchitectureTable.load("t.npz").architectures)
    )
    assert done.json["metrics"]["valid_accuracy_first_seed"]["missing"] == 0
    assert done.json["tasks"]["wine"]["best"]["options"]
    assert done.json["made"]["training"]["epochs"] == 2 and done.json["made"]["failures"] == {}


def test_the_same_command_again_trains_nothing(here, command, monkeypatch):
    first = command(*BUILD)
    assert first.status == 0 and "from the store" not in first.err
    arrays = ArchitectureTable.load("t.npz")
    monkeypatch.setattr(recipe, "train_candidate", None)  # would fail if it were called
    again = command(*BUILD)
    total = 2 * len(arrays.architectures)
    assert again.status == 0 and f"{total}/{total} trainings, {total} from the store" in again.err
    for name, values in ArchitectureTable.load("t.npz").metrics.items():
        assert np.array_equal(values, arrays.metrics[name]), name


def test_a_share_takes_random_designs_and_says_which(here, command):
    everything = command(*BUILD, "--json").json["architectures"]
    half = command(*BUILD, "--share", "50%", "--json").json
    assert half["architectures"] == round(everything / 2)
    assert half["made"]["random_designs"] == {"designs": None, "share": 0.5, "seed": 0}
    three = [command(*BUILD, "--designs", "3", "--seed", seed, "--json").json for seed in (0, 0, 1)]
    assert [found["architectures"] for found in three] == [3, 3, 3]
    rows = []
    for seed in (0, 0, 1):
        assert command(*BUILD, "--designs", "3", "--seed", seed).status == 0
        rows.append(ArchitectureTable.load("t.npz").architectures.tolist())
    assert rows[0] == rows[1] != rows[2]


def test_limits_leave_designs_out(here, command):
    everything = command(*BUILD, "--json").json["metrics"]["parameters"]
    found = command(*BUILD, "--max-parameters", round(everything["median"]), "--json").json
    assert found["metrics"]["parameters"]["highest"] <= everything["median"] < everything["highest"]
    assert found["made"]["max_parameters"] == round(everything["median"])


def test_failures_are_missing_values_counted_by_reason(here, command, monkeypatch):
    train = recipe.train_candidate

    def sometimes(architecture, *arguments, **options):
        evaluation = train(architecture, *arguments, **options)
        if len(architecture.layers) == 2:
            text = "diverged: the loss is nan in epoch 2"
            return Evaluation(failure=text, learning_curve=(0.5,), parameters=evaluation.parameters, macs=1)
        return evaluation

    monkeypatch.setattr(recipe, "train_candidate", sometimes)
    done = command(*BUILD, "--json")
    table = ArchitectureTable.load("t.npz")
    assert done.status == 0 and "4 failed" not in done.out
    deep = table.architectures[:, 1] != table.architectures[:, 1].max()
    assert deep.any() and not deep.all()
    for name in ("valid_accuracy_first_seed", "valid_accuracy_epoch_2", "valid_loss"):
        assert np.array_equal(np.isnan(table.metrics[name]).any(axis=1), deep), name
    assert (table.metrics["valid_accuracy_epoch_1"][deep] == 0.5).all()
    assert not np.isnan(table.metrics["parameters"]).any()
    count = int(deep.sum())
    assert table.metric_facts["valid_accuracy_first_seed"]["failures"] == {"diverged": count}
    assert done.json["made"]["failures"] == {"diverged": 2 * count}
    assert done.json["metrics"]["valid_accuracy_first_seed"]["missing"] == count


def test_failures_of_the_moment_are_tried_again_by_the_same_command(here, command, monkeypatch):
    train = recipe.train_candidate
    monkeypatch.setattr(
        recipe, "train_candidate", lambda *a, **o: Evaluation(failure="time limit: not done after 1 s")
    )
    first = command(*BUILD)
    assert first.status == 1 and "no design could be trained: time limit: not done after 1 s" in first.err
    monkeypatch.setattr(recipe, "train_candidate", train)
    assert command(*BUILD).status == 0
    assert not np.isnan(ArchitectureTable.load("t.npz").metrics["valid_accuracy_first_seed"]).any()


@pytest.mark.parametrize(
    ("more", "status", "text"),
    [
        (["--output", "t.csv"], 2, "--output must be a .npz file"),
        (["--share", "0"], 2, "--share must be above 0 and at most 100%, got 0"),
        (["--share", "half"], 2, "--share must be a share such as 10%"),
        (["--share", "120%"], 2, "at most 100%, got 1.2"),
        (["--share", "nan"], 2, "--share must be above 0"),
        (["--share", "10%", "--designs", "3"], 2, "--designs and --share exclude each other"),
        (["--designs", "1000"], 2, "designs, 1,000 are wanted"),
        (["--space", "table"], 2, "a table's own space holds nothing to be trained"),
        (["--space", "convnet"], 1, "convnet"),
        (["--space", "tony.toml"], 2, "can't read the space file tony.toml"),
        (["--data", "wime"], 2, "Did you mean 'wine'?"),
        (["--space", "mlp"], 2, "take a random share with --share"),
        (["--batch-size", "1"], 2, "batch_size must be at least 2"),
        (["--augment", "flip"], 2, "unknown augmentation 'flip'"),
        (["--max-parameters", "3"], 2, "no network of space 'tiny' keeps max_parameters=3"),
        (["--candidate-time-limit", "0"], 2, "--candidate-time-limit must be a duration"),
    ],
)
def test_wrong_usage_is_one_line(here, command, more, status, text):
    done = command(*BUILD, *more)
    assert (done.status, done.out) == (status, "") and text in done.err
    assert len(done.err.splitlines()) == 1 and not Path("t.npz").exists()


def test_a_table_is_of_networks_alone(here, command):
    (here / "tiny.toml").write_text(TINY + '[training]\noptimizer = ["sgd", "muon"]\n')
    done = command(*BUILD)
    assert done.status == 2 and "leave its section [training] away" in done.err


def test_a_plan_needs_a_seed():
    with pytest.raises(WrongUsage, match="--seeds must be at least 1, got 0"):
        TablePlan(make_config({"data": "wine"}), seeds=0)


def test_a_plan_on_a_table_is_refused():
    with pytest.raises(WrongUsage, match="holds nothing to be trained"):
        TablePlan(make_config({"table": "t.npz"}))


def test_a_table_is_built_from_python_too(here):
    plan = TablePlan(
        make_config({"data": "wine", "space": "tiny.toml"}), TrainingSettings(epochs=1), designs=1
    )
    table = build_table(plan, "one", Display(quiet=True))
    assert table.name == "one" and table.title == "1 design of space tiny on wine: 1 epoch, 2 seeds"


def test_a_latency_that_cannot_be_measured_is_missing():
    results = [[Evaluation(val_accuracy=0.5, val_loss=1.0, learning_curve=(0.5,), parameters=3, macs=2)]]
    metrics, _ = measured(results, [Evaluation(failure="error: no")], 1, "wine")
    assert np.isnan(metrics["latency_seconds"]).all() and not np.isnan(metrics["valid_loss"]).any()


def test_an_interrupted_build_says_how_to_go_on(here, command, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("rl_designer.commands.table.build_table", interrupted)
    done = command(*BUILD)
    assert done.status == 130 and "the same command goes on" in done.err


# -- killed --------------------------------------------------------------------------------------------


def stored(path):
    if not path.exists():
        return 0
    try:
        with sqlite3.connect(path) as connection:
            return connection.execute("select count(*) from evaluations").fetchone()[0]
    except sqlite3.OperationalError:  # not made yet, or locked just now
        return 0


def test_a_build_that_was_killed_goes_on_and_ends_with_the_same_table(here, command):
    words = [*BUILD, "--epochs", "10", "--designs", "6"]
    killing = [*words, "--store", "killed.sqlite", "--workers", "1", "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    running = subprocess.Popen([sys.executable, "-m", "rl_designer", *killing], cwd=here, env=environment)
    deadline = time.monotonic() + 120
    while stored(here / "killed.sqlite") < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert stored(here / "killed.sqlite") >= 3 and not Path("t.npz").exists()
    again = command(*words, "--store", "killed.sqlite")
    assert again.status == 0 and "from the store" in again.err
    killed = ArchitectureTable.load("t.npz")
    assert command(*words, "--store", "whole.sqlite").status == 0
    whole = ArchitectureTable.load("t.npz")
    assert np.array_equal(killed.architectures, whole.architectures)
    for name, values in whole.metrics.items():
        if not name.endswith("_seconds"):
            assert np.array_equal(values, killed.metrics[name]), name
