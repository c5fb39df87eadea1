"""`retrain` where a training fails, and where folders, data or settings are not what they must be."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.datasets import Dataset
from rl_designer.errors import WrongUsage
from rl_designer.retraining.folder import RetrainedFolder, load_retrained
from rl_designer.retraining.job import Winner
from rl_designer.retraining.retrain import retrain
from rl_designer.retraining.settings import Plan
from rl_designer.runs.architecture_files import ArchitectureFile, read_architecture
from tests.helpers.jobs import Noted
from tests.helpers.retraining import PLAN, SETTINGS, Watchful, data, folders, winner
from tests.helpers.training_candidates import blobs, dense


def failing() -> Dataset:
    """Data whose training can't but diverge."""
    dataset, _ = data()
    return replace(dataset, x_train=dataset.x_train * np.float32("nan"))


def test_a_training_that_fails_is_a_line_of_the_results_and_tried_again(tmp_path: Path) -> None:
    dataset, _ = data()
    noted = Noted()
    [result] = retrain([winner(tmp_path, 8)], dataset, replace(PLAN, engine=Watchful(lost=1)), noted)
    assert noted.results == ["out of memory: too little", None]
    assert result["test_accuracy"]["per_seed"][0] is None and result["failures"] == 1
    assert result["test_accuracy"]["mean"] == result["test_accuracy"]["per_seed"][1]
    assert result["seeds"][0]["failure"] == "out of memory: too little"
    [again] = retrain([winner(tmp_path, 8)], dataset, PLAN)
    assert again["failures"] == 0 and None not in again["test_accuracy"]["per_seed"]


@pytest.mark.parametrize("workers", [0, 1])
def test_where_every_training_fails_that_is_said(tmp_path: Path, workers: int) -> None:
    with pytest.raises(ValueError, match="every training failed; the first: diverged: the training loss is"):
        retrain([winner(tmp_path, 8)], failing(), replace(PLAN, workers=workers))


def test_a_network_that_does_not_fit_the_data_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    conv = Architecture("convnet", (Layer.of("conv", kernel=3, width=2),), True)
    with pytest.raises(ValueError, match="needs a map, not a vector"):
        retrain([Winner(ArchitectureFile(conv), tmp_path, "")], data()[0], PLAN)
    assert folders(tmp_path) == []


def test_an_unknown_device_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="unknown device 'cpuu'"):
        retrain([winner(tmp_path, 8)], data()[0], replace(PLAN, device="cpuu"))


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (replace(PLAN, settings=replace(SETTINGS, epochs=3)), "holds a training with epochs 2, not 3"),
        (replace(PLAN, settings=replace(SETTINGS, learning_rate=1e-3)), "learning_rate 0.02, not 0.001"),
        (replace(PLAN, settings=replace(SETTINGS, optimizer="muon")), "optimizer adamw, not muon"),
        (replace(PLAN, examples=100), "holds a training with examples 128, not 100"),
    ],
)
def test_a_folder_of_other_settings_is_not_gone_on_with(tmp_path: Path, plan: Plan, message: str) -> None:
    dataset, sealed = data()
    retrain([winner(tmp_path, 8)], dataset, PLAN)
    with pytest.raises(WrongUsage, match=f"{message}; name another folder with --output"):
        retrain([winner(tmp_path, 8)], dataset, plan)
    assert sealed.opened == 1


def test_a_folder_from_before_there_was_a_choice_of_optimizers_is_gone_on_with(tmp_path: Path) -> None:
    dataset, sealed = data()
    [result] = retrain([winner(tmp_path, 8)], dataset, PLAN)
    path = Path(result["folder"]) / "training.json"
    older = json.loads(path.read_text())
    assert older["settings"].pop("optimizer") == "adamw"
    path.write_text(json.dumps(older))
    [again] = retrain([winner(tmp_path, 8)], dataset, PLAN)
    assert again["seeds"] == result["seeds"] and sealed.opened == 1
    with pytest.raises(WrongUsage, match="optimizer adamw, not muon"):
        retrain([winner(tmp_path, 8)], dataset, replace(PLAN, settings=replace(SETTINGS, optimizer="muon")))


def test_a_folder_from_before_a_part_could_be_trained_on_is_gone_on_with(tmp_path: Path) -> None:
    dataset, sealed = data()
    [result] = retrain([winner(tmp_path, 8)], dataset, PLAN)
    path = Path(result["folder"]) / "training.json"
    older = json.loads(path.read_text())
    assert older["data"].pop("of") == 128
    path.write_text(json.dumps(older))
    [again] = retrain([winner(tmp_path, 8)], dataset, PLAN)
    assert again["seeds"] == result["seeds"] and sealed.opened == 1


@pytest.mark.parametrize(("on_validation", "legal"), [(False, "3 to 128"), (True, "2 to 64")])
def test_more_examples_than_there_are_or_too_few_for_the_classes_are_refused(
    tmp_path: Path, on_validation: bool, legal: str
) -> None:
    for count in (1, 129):
        plan = replace(PLAN, examples=count, on_validation=on_validation)
        with pytest.raises(ValueError, match=f"blobs has .* take {legal} of them, got {count}"):
            retrain([winner(tmp_path, 8)], data()[0], plan)
    assert folders(tmp_path) == []


def test_a_folder_of_other_data_is_not_gone_on_with(tmp_path: Path) -> None:
    retrain([winner(tmp_path, 8)], data()[0], PLAN)
    other = replace(blobs(seed=5), sealed_test=data()[1])
    with pytest.raises(WrongUsage, match="holds a training with other data"):
        retrain([winner(tmp_path, 8)], other, PLAN)


def test_a_folder_is_not_gone_on_with_where_the_test_part_alone_changed(tmp_path: Path) -> None:
    dataset, sealed = data()
    first, changed = (replace(dataset, content=content) for content in ("1:before", "1:after"))
    [result] = retrain([winner(tmp_path, 8)], first, PLAN)
    with pytest.raises(WrongUsage, match="holds a training with other data"):
        retrain([winner(tmp_path, 8)], changed, replace(PLAN, seeds=PLAN.seeds + 1))
    assert sealed.opened == 1
    path = Path(result["folder"]) / "training.json"
    older = json.loads(path.read_text())
    assert older["data"].pop("content") == "1:before"
    path.write_text(json.dumps(older))
    [again] = retrain([winner(tmp_path, 8)], changed, PLAN)
    assert again["seeds"] == result["seeds"] and sealed.opened == 1


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / dense(8).digest[:12]
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(WrongUsage, match="exists and is no training"):
        retrain([winner(tmp_path, 8)], data()[0], PLAN)
    assert folders(folder) == ["mine.txt"]


def test_two_processes_do_not_train_in_one_folder(tmp_path: Path) -> None:
    dataset, _ = data()
    [result] = retrain([winner(tmp_path, 8)], dataset, PLAN)
    with (
        RetrainedFolder(Path(result["folder"])).locked(),
        pytest.raises(ValueError, match="another process is training in"),
    ):
        retrain([winner(tmp_path, 8)], dataset, PLAN)


@contextmanager
def damaged(folder: Path, name: str, content: bytes) -> Iterator[None]:
    kept = (folder / name).read_bytes()
    (folder / name).write_bytes(content)
    yield
    (folder / name).write_bytes(kept)


def test_damaged_folders_are_refused_in_one_line(tmp_path: Path) -> None:
    dataset, _ = data()
    folder = Path(retrain([winner(tmp_path, 8)], dataset, PLAN)[0]["folder"])
    other = Path(retrain([winner(tmp_path, 4)], dataset, PLAN)[0]["folder"])
    training = json.loads((folder / "training.json").read_text())
    many = json.dumps({**training, "class_names": ["c"] * 5}).encode()
    huge = read_architecture(folder / "architecture.json").to_dict()
    huge["layers"] = [{"kind": "dense", "width": 4096}] * 512
    for name, content, message in (
        ("training.json", b"{", "training.json is damaged"),
        ("training.json", b'{"format": "retrained/1"}', "training.json is damaged: "),
        ("training.json", json.dumps({**training, "format": "x"}).encode(), "has the format 'x'"),
        ("training.json", many, "too few weights"),
        ("results.json", b"[", "results.json is damaged"),
        ("results.json", b"[]", "results.json is damaged: it has no list `seeds`"),
        ("results.json", b'{"seeds": [3]}', "results.json is damaged: '3' is no seed's result"),
        ("architecture.json", b"{}", "must be an object such as"),
        ("architecture.json", json.dumps(huge).encode(), "at most 250,000,000 are built"),
        ("seed-0.safetensors", b"no tensors", "seed-0.safetensors can't be used"),
        ("seed-0.safetensors", (other / "seed-0.safetensors").read_bytes(), "weights|doesn't fit"),
    ):
        with damaged(folder, name, content), pytest.raises(ValueError, match=message) as error:
            load_retrained(folder)
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="holds no retrained network"):
        load_retrained(tmp_path)
    with pytest.raises(ValueError, match=r"seed-7\.safetensors can't be used"):
        load_retrained(folder, 7)
    shutil.copy(other / "architecture.json", folder)
    with pytest.raises(ValueError, match="its architecture is another one"):
        retrain([winner(tmp_path, 8)], dataset, PLAN)
