"""`retrain` and `benchmark references`, as people and scripts use them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rl_designer.cli import run
from rl_designer.retraining.folder import load_retrained
from tests.helpers.command_line import Ended, runner
from tests.helpers.tables import synthetic_table

ROOT = Path(__file__).resolve().parents[3]
QUICK = ("--epochs", 1, "--seeds", 2, "--quiet", "--no-rivals")

Command = Callable[..., Ended]

LAYERS = [{"kind": "conv", "kernel": 3, "width": 4}, {"kind": "global-pool", "operation": "max"}]


def write_architecture(folder: Path, space: str = "convnet1d", **more: Any) -> None:
    file = {"format": "architecture/1", "space": space, "layers": LAYERS, **more}
    (folder / "a.json").write_text(json.dumps(file))


def write_data(folder: Path) -> None:
    """Signals of one channel that a mean tells apart, few enough to be quick."""
    generator = np.random.default_rng(0)
    y = np.arange(60) % 3
    x = generator.normal(size=(60, 1, 12)) + 2 * y[:, None, None]
    names = np.array(["low", "middle", "high"])
    np.savez(folder / "data.npz", x=x.astype(np.float32), y=names[y])
    np.savez(folder / "two.npz", x=np.repeat(x, 12, axis=1).astype(np.float32), y=y)


def search(folder: Path, name: str, *more: object) -> None:
    options = ["--evaluations", 6, "--epochs", 1, "--agent", "random", "--workers", 1, "--quiet", *more]
    store = ["--run", folder / name, "--store", folder / "store.sqlite"]
    assert run(["train", *map(str, [*options, *store])]) == 0


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, a search on them, one on features, one on other data, and one on a table."""
    folder = tmp_path_factory.mktemp("searched")
    write_data(folder)
    data = ("--data", folder / "data.npz", "--max-parameters", "2k")
    search(folder, "signals", *data)
    search(folder, "features", *data, "--space", "mlp")
    search(folder, "wine", "--data", "wine", "--max-parameters", "1k")
    synthetic_table().save(folder / "t.npz")
    table = ["--table", folder / "t.npz", "--agent", "random", "--evaluations", 5, "--quiet"]
    table += ["--run", folder / "table", "--store", folder / "t.sqlite"]
    assert run(["train", *map(str, table)]) == 0
    return folder


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path)
    write_architecture(tmp_path)
    return runner(capsys)


# -- retrain ----------------------------------------------------------------------------------------


def test_json_is_alone_on_stdout_and_keeps_its_promise(command: Command, tmp_path: Path) -> None:
    ended = command("retrain", "a.json", "--data", "data.npz", *QUICK, "--json")
    assert (ended.status, ended.err) == (0, "")
    assert set(ended.json) >= {"designs", "data", "settings"}
    [design] = ended.json["designs"]
    assert set(design) >= {
        "digest", "parameters", "macs", "test_accuracy", "test_loss", "weakest_classes", "classes",
        "confusion_matrix", "seeds", "folder", "origin", "failures", "layers",
    }  # fmt: skip
    assert set(design["test_accuracy"]) == {"mean", "standard_deviation", "per_seed"}
    assert design["folder"] == f"retrained/{design['digest'][:12]}" and design["origin"] == "a.json"
    assert {figure["class"] for figure in design["classes"]} == {"low", "middle", "high"}
    assert ended.json["settings"]["epochs"] == 1
    assert load_retrained(design["folder"], 1).class_names == ("high", "low", "middle")


def test_people_get_figures_the_weakest_classes_and_where_the_weights_are(command: Command) -> None:
    ended = command("retrain", "a.json", "--data", "data.npz", "--epochs", 2, "--seeds", 2, "--no-rivals")
    assert ended.status == 0
    for shown in ("test accuracy", "± s.d.", "multiply-adds", "weakest: ", "true \\ predicted", "retrained/"):
        assert shown in ended.out
    assert "2 epochs on 48 examples (training and validation part), shift" in ended.out
    assert "2 trainings of 2 epochs" in ended.err and "seed 1: trained" in ended.err


def test_settings_are_taken_and_recorded(command: Command) -> None:
    options = ["--batch-size", 4, "--learning-rate", 0.005, "--weight-decay", 0.01, "--label-smoothing", 0]
    more = ["--averaging", 0.1, "--no-augment", "--precision", "bfloat16", "--device", "cpu", "--workers", 1]
    more += ["--optimizer", "muon"]
    given = {
        "epochs": 1, "batch_size": 4, "learning_rate": 0.005, "weight_decay": 0.01, "label_smoothing": 0.0,
        "averaging": 0.1, "augment": False, "precision": "bfloat16",
        "optimizer": "muon",
    }  # fmt: skip
    ended = command("retrain", "a.json", "--data", "data.npz", *QUICK, "--json", *options, *more)
    assert ended.json["settings"].items() >= given.items()
    assert ended.json["designs"][0]["settings"] == ended.json["settings"]


def test_the_best_designs_of_a_run_are_trained_on_its_own_data(command: Command, searched: Path) -> None:
    best = command("report", searched / "signals", "--json").json["designs"]
    best = sorted(best, key=lambda design: -design["reward"])
    ended = command("retrain", searched / "signals", "--top", 2, *QUICK, "--json", "--output", "out")
    assert [d["digest"] for d in ended.json["designs"]] == [d["digest"] for d in best[:2]]
    assert ended.json["data"] == "data"
    assert sorted(path.name for path in Path("out").iterdir()) == sorted(d["digest"][:12] for d in best[:2])


def test_without_an_output_a_runs_winner_goes_into_its_folder(command: Command, searched: Path) -> None:
    [design] = command("retrain", searched / "wine", *QUICK, "--json").json["designs"]
    assert design["folder"] == str(searched / "wine" / "retrained" / design["digest"][:12])
    assert command("report", searched / "wine").status == 0


def test_runs_on_signals_and_on_features_of_the_same_data_go_together(
    command: Command, searched: Path
) -> None:
    names = [searched / "features", searched / "signals", "a.json"]
    designs = command("retrain", *names, *QUICK, "--json", "--output", "out").json["designs"]
    assert [design["input_shape"] for design in designs] == [[12], [1, 12], [1, 12]]


def test_a_files_space_or_shape_decides_between_two_readings(command: Command, tmp_path: Path) -> None:
    for space, more in (("convnet1d", {}), ("mine", {"input_shape": [1, 40]})):
        write_architecture(tmp_path, space, **more)
        ended = command("retrain", "a.json", "--data", "two.npz", *QUICK, "--json", "--output", space)
        assert ended.json["designs"][0]["input_shape"] == [12, 12]
    write_architecture(tmp_path, "mine")
    ended = command("retrain", "a.json", "--data", "two.npz", *QUICK, "--output", "out")
    assert ended.status == 1 and "--space convnet1d reads signals, --space convnet images" in ended.err
    ended = command(
        "retrain", "a.json", "--data", "two.npz", *QUICK, "--json", "--output", "out", "--space", "convnet"
    )
    assert ended.json["designs"][0]["input_shape"] == [1, 12, 12]


def test_a_file_s_network_is_judged_by_a_metric_and_no_test_is_opened_again_for_another(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text("def least(outputs, y):\n    return outputs[:, 0].min()\n")
    given = ("retrain", "a.json", "--data", "data.npz", *QUICK, "--class-weights", "balanced")
    [design] = command(*given, "--metric", "auroc", "--json").json["designs"]
    assert design["metric"] == "auroc" and design["settings"]["class_weights"] == "balanced"
    ended = command(*given, "--metric", "mine.py:least")
    assert ended.status == 1 and "was scored without the metric least" in ended.err
    [design] = command(*given, "--metric", "mine.py:least", "--output", "other", "--json").json["designs"]
    assert design["metric"] == "least" and "least" in design["test_figures"]


def test_a_part_of_the_examples_is_said_kept_and_needs_another_folder(command: Command) -> None:
    given = ("a.json", "--data", "data.npz", "--epochs", 1, "--seeds", 1)
    ended = command("retrain", *given, "--examples", 24)
    assert "1 epochs on 24 of 48 examples (training and validation part)" in ended.out, ended
    assert command("predict", next(Path("retrained").iterdir()), "data.npz").status == 0
    more = command("retrain", *given, "--examples", "0.03k")
    assert more.status == 2 and "with examples 24, not 30; name another folder with --output" in more.err
    ended = command("benchmark", "references", *given, "--only", "linear", "--examples", 24, "--quiet")
    assert "data: 1 epochs each on 24 of 48 examples" in ended.out
    for wrong, message in ((49, "take 4 to 48 of them, got 49"), ("x", "--examples must be a whole number")):
        refused = command("retrain", *given, "--examples", wrong)
        assert (refused.status, refused.out) == (2, "") and message in refused.err, refused


def test_on_validation_leaves_the_test_sealed(command: Command) -> None:
    ended = command("retrain", "a.json", "--data", "data.npz", *QUICK, "--on-validation")
    assert "val accuracy" in ended.out and "test accuracy" not in ended.out
    assert "38 examples (training part alone)" in ended.out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ((), 2, "Missing argument"),
        (("none.json", "--data", "data.npz"), 1, "can't read the architecture file none.json"),
        (("a.json",), 2, "an architecture file needs --data"),
        (("a.json", "--data", "mnst1d"), 2, "unknown data set 'mnst1d'. Did you mean 'mnist1d'"),
        (("a.json", "--data", "none.npz"), 1, "no such file or folder: 'none.npz'"),
        (("a.json", "--data", "digits"), 1, "can't be read as signals; use --space convnet"),
        (("a.json", "--data", "data.npz", "--epochs", "0"), 2, "--epochs must be a whole number"),
        (("a.json", "--data", "data.npz", "--learning-rate", "-1"), 2, "'--learning-rate': -1.0 is not in"),
        (("a.json", "--data", "data.npz", "--augment", "shft"), 2, "Did you mean 'shift'"),
        (("a.json", "--data", "data.npz", "--augment", "flip-shift"), 2, "needs images"),
        (("a.json", "--data", "data.npz", "--augment", "shift", "--no-augment"), 2, "exclude each other"),
        (("a.json", "--data", "data.npz", "--precision", "half"), 2, "is not one of 'float32', 'bfloat16'"),
        (("a.json", "--data", "data.npz", "--metric", "rmse"), 2, "is not for data that predict classes"),
        (("a.json", "--data", "data.npz", "--optimizer", "moun"), 2, "is not one of 'adamw', 'muon', 'sgd'"),
        (("a.json", "--data", "data.npz", "--device", "cuda:9"), 2, "unknown device 'cuda:9'"),
        (("data.npz", "--data", "data.npz"), 1, "the architecture file data.npz is not JSON"),
    ],
)
def test_mistakes_are_one_line(
    command: Command, arguments: tuple[str, ...], status: int, message: str
) -> None:
    ended = command("retrain", *arguments)
    assert (ended.status, ended.out) == (status, "")
    assert message in ended.err and ended.err.count("\n") == 1


def test_runs_that_can_not_be_retrained_are_refused(command: Command, searched: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, status, message in (
        ([searched / "table"], 1, "searched on an architecture table; there is nothing to train on"),
        (["empty"], 1, "empty holds no run"),
        ([searched / "signals", searched / "wine"], 2, "the runs are on different data"),
        ([searched / "signals", "--data", "wine"], 1, "wine differs in its content from what the run"),
        ([searched / "signals", "--space", "mlp"], 2, "the run brings its own data"),
        ([searched / "signals", "--store", "gone.sqlite"], 1, "no such store: gone.sqlite"),
    ):
        ended = command("retrain", *arguments, *QUICK)
        assert (ended.status, ended.out) == (status, "") and message in ended.err, ended


def test_a_run_without_a_design_is_refused(command: Command, searched: Path) -> None:
    from rl_designer.store.store import Store

    search(Path(), "new", "--data", "wine")
    with Store("store.sqlite") as store:
        summary = json.loads(Path("new/summary.json").read_text())
        store.cut_designs(summary["id"], {"agent": 0, "control": 0})
    ended = command("retrain", "new", *QUICK)
    assert ended.status == 1 and "new has no design that was trained yet; go on with" in ended.err


# -- going on ---------------------------------------------------------------------------------------


STOPPED = (
    "retrain",
    "a.json",
    "--data",
    "data.npz",
    "--seeds",
    3,
    "--epochs",
    20,
    "--workers",
    1,
    "--no-rivals",
)


@pytest.fixture(scope="module")
def never_stopped(tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    """The test loss of each seed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder := tmp_path_factory.mktemp("whole"))
        write_data(folder)
        write_architecture(folder)
        assert run([*map(str, STOPPED), "--quiet"]) == 0
        [results] = folder.rglob("results.json")
        return list(json.loads(results.read_text())["test_loss"]["per_seed"])


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_retraining_that_is_stopped_by_a_signal_goes_on(
    command: Command, tmp_path: Path, number: int, never_stopped: list[float]
) -> None:
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), *map(str, STOPPED)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    folder = tmp_path / "retrained"
    deadline = time.monotonic() + 120
    while not list(folder.rglob("seed-0.safetensors")):
        assert time.monotonic() < deadline, "no training ended in time"
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert out == "" and "Traceback" not in err
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert "of 3 trainings have ended" in err and "give the same command again" in err
    assert not list(folder.rglob("results.json"))
    again = command(*STOPPED, "--json")
    assert again.status == 0 and "already done" in again.err
    per_seed = again.json["designs"][0]["test_loss"]["per_seed"]
    assert per_seed == never_stopped and len(per_seed) == 3


def test_given_again_nothing_is_left_to_do(command: Command) -> None:
    options = ["retrain", "a.json", "--data", "data.npz", "--epochs", 1, "--seeds", 1, "--json"]
    first, second = command(*options), command(*options)
    assert first.json == second.json and second.err == ""


# -- benchmark references ---------------------------------------------------------------------------


def test_references_and_winners_stand_side_by_side(command: Command, searched: Path) -> None:
    names = ["--only", "linear", "--only", "cnn", "--only", "resnet-8"]
    ended = command(
        "benchmark", "references", searched / "signals", *names, *QUICK, "--json", "--output", "out"
    )
    assert (ended.status, ended.err) == (0, "")
    assert set(ended.json) >= {
        "data", "references", "designs", "left_out", "better_than_references", "verdict", "max_parameters",
    }  # fmt: skip
    assert [line["name"] for line in ended.json["references"]] == ["linear", "cnn", "resnet-8"]
    assert ended.json["max_parameters"] == 2000  # the run's own limit
    for line in [*ended.json["references"], *ended.json["designs"]]:
        assert line["parameters"] <= 2000 and line["settings"] == ended.json["designs"][0]["settings"]
        assert len(line["test_accuracy"]["per_seed"]) == 2
    assert all(line["source"] and line["note"] for line in ended.json["references"])
    kept = json.loads((Path(ended.json["references"][1]["folder"]) / "architecture.json").read_text())
    assert kept["name"] == "cnn" and "arXiv" in kept["source"]


def test_people_get_one_table_and_a_verdict(command: Command) -> None:
    names = ["--only", "linear", "--only", "cnn", "--max-parameters", "1k"]
    ended = command("benchmark", "references", "a.json", "--data", "data.npz", *names, *QUICK)
    assert ended.status == 0
    for shown in ("linear", "cnn", "a.json", "test accuracy", "The best design", "the best reference"):
        assert shown in ended.out
    alone = command("benchmark", "references", "--data", "data.npz", *names, *QUICK)
    assert "The best" not in alone.out and "linear" in alone.out


def test_rivals_stand_beside_designs_and_references(command: Command) -> None:
    names = ["a.json", "--data", "data.npz", "--only", "linear", "--epochs", 1, "--seeds", 1]
    ended = command("benchmark", "references", *names, "--rivals")
    assert ended.status == 0 and "linear model: trained, after" in ended.err
    for shown in ("linear model ", "rival, linear model", "The best design"):
        assert shown in ended.out
    again = command("benchmark", "references", *names, "--json")
    assert again.err == "" and [line["name"] for line in again.json["rivals"]] == ["linear model"]
    assert again.json["rivals"] == again.json["designs"][0]["rivals"]


def test_retrain_has_rivals_unless_told_otherwise(command: Command) -> None:
    options = ["a.json", "--data", "data.npz", "--epochs", 1, "--seeds", 1]
    assert command("retrain", *options, "--no-rivals", "--json").json["designs"][0]["rivals"] == []
    ended = command("retrain", *options)
    assert "linear model" in ended.out and "its best rival, linear model" in ended.out


def test_what_does_not_fit_the_budget_is_left_out_and_said(command: Command) -> None:
    options = ["--data", "data.npz", "--max-parameters", 50, "--epochs", 1, "--seeds", 1]
    ended = command("benchmark", "references", *options, "--only", "linear", "--only", "resnet-20", "--json")
    assert [line["name"] for line in ended.json["left_out"]] == ["resnet-20"]
    assert "left out: resnet-20 has at least" in ended.err
    none = command("benchmark", "references", *options, "--only", "resnet-20")
    assert none.status == 1 and "no reference fits: resnet-20 has at least" in none.err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ((), 2, "name what to train on: --data NAME, or a RUN"),
        (("--data", "data.npz", "--only", "lnet-5"), 2, "Did you mean 'lenet-5'"),
        (("--data", "wine", "--only", "cnn"), 2, "unknown reference for such data 'cnn'"),
    ],
)
def test_mistakes_of_references_are_one_line(
    command: Command, arguments: tuple[str, ...], status: int, message: str
) -> None:
    ended = command("benchmark", "references", *arguments)
    assert (ended.status, ended.out) == (status, "")
    assert message in ended.err and ended.err.count("\n") == 1


def test_a_winner_over_the_limit_is_passed_over(command: Command, searched: Path) -> None:
    sizes = [d["parameters"] for d in command("report", searched / "signals", "--json").json["designs"]]
    limit = sorted(sizes)[0]
    options = ["--max-parameters", limit, "--only", "linear", *QUICK, "--json", "--output", "out"]
    ended = command("benchmark", "references", searched / "signals", *options)
    assert ended.json["designs"][0]["parameters"] == limit
    ended = command("benchmark", "references", searched / "signals", *options[2:], "--max-parameters", 1)
    assert ended.status == 1 and "has no design of at most 1 parameters" in ended.err
