"""`rl-designer export`: what it writes, brings along and refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.datasets import load_dataset
from rl_designer.retraining.job import Winner
from rl_designer.retraining.retrain import retrain
from rl_designer.retraining.settings import FullSettings, Plan
from rl_designer.runs.architecture_files import ArchitectureFile
from tests.helpers.command_line import Ended, runner


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable:
    monkeypatch.chdir(tmp_path)
    layers = [{"kind": "dense", "width": 6}]
    (tmp_path / "a.json").write_text(
        json.dumps({"format": "architecture/1", "space": "mlp", "layers": layers})
    )
    return runner(capsys)


@pytest.fixture(scope="module")
def retrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two full trainings on wine."""
    design = Architecture("mlp", (Layer.of("dense", width=6),), complete=True)
    winner = Winner(ArchitectureFile(design), tmp_path_factory.mktemp("retrained"), "test")
    [result] = retrain([winner], load_dataset("wine"), Plan(FullSettings(epochs=2), seeds=2, workers=0))
    return Path(result["folder"])


def test_json_is_alone_on_stdout_and_names_the_files(command: Callable[..., Ended], tmp_path: Path) -> None:
    ended = command(
        "export", "a.json", "--data", "wine", "--format", "card", "--format", "python", "--json", "--quiet"
    )
    assert (ended.status, ended.err) == (0, "")
    assert ended.json["files"] == [
        "exported/network.py",
        "exported/network.json",
        "exported/MODEL_CARD.md",
    ]
    assert ended.json["checked_on_real_inputs"] and not ended.json["trained"]
    assert not list((tmp_path / "exported").glob(".*"))


def test_a_retrained_network_brings_weights_classes_and_figures(
    command: Callable[..., Ended], retrained: Path, tmp_path: Path
) -> None:
    arguments = ["--format", "python", "--format", "card", "--output", "out", "--licence", "MIT"]
    ended = command("export", retrained, *arguments, "--weights-of", 1, "--json")
    assert (ended.status, ended.err) == (0, "") and ended.json["weights_of"] == 1
    text = (tmp_path / "out" / "MODEL_CARD.md").read_text()
    accuracy = json.loads((retrained / "results.json").read_text())["test_accuracy"]
    assert f"Test accuracy: **{accuracy['mean']:.4f}** ± {accuracy['standard_deviation']:.4f}" in text
    assert 'license: "MIT"' in text and "The weakest classes: class" in text and "36 examples of" in text
    source = (tmp_path / "out" / "network.py").read_text()
    assert '    "class_0",\n' in source and "rl_designer" not in source


def test_a_run_s_best_design_is_exported_with_who_found_it(
    command: Callable[..., Ended], tmp_path: Path
) -> None:
    search = ["--data", "wine", "--agent", "random", "--evaluations", 4, "--epochs", 1, "--workers", 1]
    assert command("train", *search, "--max-parameters", "1k", "--run", "r", "--quiet").status == 0
    assert command("export", "r", "--format", "python", "--format", "card", "--quiet").status == 0
    text = (tmp_path / "r" / "exported" / "MODEL_CARD.md").read_text()
    assert "by the agent random with the seed 0" in text and "4 evaluations" in text
    assert "There is no" not in text and "no test accuracy" in text
    ended = command("export", "r", "--data", "digits", "--overwrite")
    assert ended.status == 1 and "digits differs in its content from what the run r was" in ended.err
    ended = command("export", "r", "--target", "k", "--overwrite")
    assert ended.status == 2 and "brings its own data" in ended.err
    ended = command("export", "r", "--weights-of", 0, "--overwrite")
    assert ended.status == 1 and "has no weights of training 0" in ended.err


def test_what_is_there_is_replaced_only_where_that_was_said(command: Callable[..., Ended]) -> None:
    arguments = ["export", "a.json", "--data", "wine", "--format", "card", "--quiet"]
    assert command(*arguments).status == 0
    refused = command(*arguments)
    assert refused.status == 2 and "has MODEL_CARD.md already" in refused.err
    assert command(*arguments, "--overwrite").status == 0


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["a.json"], 2, "name the data with --data"),
        (["a.json", "--format", "onxx"], 2, "Did you mean 'onnx'?"),
        (["a.json", "--data", "wine", "--weights-of", "1"], 2, "has none"),
        (["a.json", "--weights-of", "x"], 2, "--weights-of"),
        (["gone.json"], 1, "can't read the architecture file"),
        (["."], 1, "holds no run"),
        (["a.json", "--data", "wine", "--format", "card", "--output", "a.json"], 2, "is a file"),
    ],
)
def test_errors_are_one_line(
    command: Callable[..., Ended], arguments: list[str], status: int, message: str
) -> None:
    ended = command("export", *arguments)
    assert (ended.status, ended.out) == (status, "") and message in ended.err
    assert ended.err.count("\n") == 1


def test_data_must_fit_what_a_file_says(command: Callable[..., Ended], tmp_path: Path) -> None:
    file = json.loads((tmp_path / "a.json").read_text()) | {"input_shape": [13], "num_classes": 4}
    (tmp_path / "a.json").write_text(json.dumps(file))
    ended = command("export", "a.json", "--data", "wine")
    assert ended.status == 1 and "is for classes: 4, the data have 3" in ended.err
    assert command("export", "a.json", "--format", "python", "--quiet").status == 0


def test_weights_that_are_not_there_and_other_data_are_refused(
    command: Callable[..., Ended], retrained: Path
) -> None:
    ended = command("export", retrained, "--weights-of", 7)
    assert ended.status == 1 and "there are: 0, 1" in ended.err
    ended = command("export", retrained, "--data", "digits", "--space", "mlp")
    assert ended.status == 1 and "trained on other data" in ended.err


def test_damaged_figures_are_an_error(command: Callable[..., Ended], retrained: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in retrained.glob("*.*"):
        (copy / file.name).write_bytes(file.read_bytes())
    results = json.loads((copy / "results.json").read_text())
    (copy / "results.json").write_text(json.dumps(results | {"classes": [1]}))
    ended = command("export", copy, "--format", "card", "--output", "out")
    assert ended.status == 1 and "are damaged" in ended.err
    assert not (tmp_path / "out").exists()
