"""`retrain`: folders, results, the sealed test opened once and last, going on after a stop."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.datasets import load_dataset
from rl_designer.errors import Interrupted
from rl_designer.jobs.jobs import Job, JobObserver
from rl_designer.retraining import training
from rl_designer.retraining.folder import RetrainedFolder, load_retrained
from rl_designer.retraining.job import Winner
from rl_designer.retraining.retrain import retrain
from rl_designer.retraining.scores import outputs_of
from rl_designer.runs.architecture_files import ArchitectureFile, read_architecture
from tests.helpers.jobs import Noted
from tests.helpers.retraining import PLAN, SETTINGS, Watchful, data, folders, winner
from tests.helpers.training_candidates import blobs, dense

# -- what comes out ---------------------------------------------------------------------------------


def test_each_winner_gets_a_folder_with_its_weights_and_figures(tmp_path: Path) -> None:
    dataset, _ = data()
    first, second = retrain([winner(tmp_path, 8), winner(tmp_path, 4, 4)], dataset, PLAN)
    folder = tmp_path / dense(8).digest[:12]
    assert folders(tmp_path) == sorted([folder.name, dense(4, 4).digest[:12]])
    names = ["architecture.json", "results.json", "seed-0.safetensors", "seed-1.safetensors", "training.json"]
    assert folders(folder) == names
    assert first["digest"] == dense(8).digest and first["folder"] == str(folder)
    assert first["origin"] == "somewhere" and first["scored_on"] == "test"
    assert (first["parameters"], first["macs"]) == (4 * 8 + 8 + 8 * 2 + 2, 4 * 8 + 8 * 2)
    accuracies = first["test_accuracy"]["per_seed"]
    assert len(accuracies) == 2 and first["test_accuracy"]["mean"] == pytest.approx(np.mean(accuracies))
    assert np.sum(first["confusion_matrix"]) == 2 * 40
    assert np.trace(first["confusion_matrix"]) == round(40 * sum(accuracies))
    assert {figure["class"] for figure in first["classes"]} == {"a", "b"}
    about = {"name": "blobs", "digest": dataset.digest, "examples": 128, "content": None, "of": 128}
    assert first["data"] == about
    assert first["settings"]["epochs"] == 2 and first["failures"] == 0
    written = json.loads((folder / "results.json").read_text())
    assert {**written, "origin": "somewhere"} == first
    assert second["digest"] == dense(4, 4).digest
    kept = read_architecture(folder / "architecture.json")
    assert kept == ArchitectureFile(dense(8), (4,), 2, note="a note")


def test_what_is_loaded_back_is_the_network_that_was_scored(tmp_path: Path) -> None:
    dataset, sealed = data()
    [result] = retrain([winner(tmp_path, 8)], dataset, PLAN)
    x, y = sealed.open()
    for seed in (0, 1):
        loaded = load_retrained(result["folder"], seed)
        assert (loaded.architecture, loaded.input_shape, loaded.class_names) == (dense(8), (4,), ("a", "b"))
        assert not loaded.network.training
        accuracy = (outputs_of(loaded.network, x, "cpu").argmax(axis=1) == y).mean()
        assert accuracy == result["test_accuracy"]["per_seed"][seed]
        assert loaded.results is not None and loaded.results["seeds"][seed]["accuracy"] == accuracy


def test_training_and_validation_part_are_trained_on_together(tmp_path: Path) -> None:
    engine, (dataset, _) = Watchful(), data()
    plan = replace(PLAN, engine=engine)
    retrain([winner(tmp_path, 8)], dataset, plan)
    retrain([winner(tmp_path, 8)], dataset, replace(plan, on_validation=True))
    whole, part = (workload.arrays for workload in engine.seen)
    np.testing.assert_array_equal(whole["x"], np.concatenate([dataset.x_train, dataset.x_val]))
    np.testing.assert_array_equal(whole["y"], np.concatenate([dataset.y_train, dataset.y_val]))
    np.testing.assert_array_equal(part["x"], dataset.x_train)


@pytest.mark.parametrize(("on_validation", "trained", "there"), [(False, (25, 25), 128), (True, (50, 0), 64)])
def test_a_part_of_the_examples_is_trained_on_and_all_of_the_test_is_scored(
    tmp_path: Path, on_validation: bool, trained: tuple[int, int], there: int
) -> None:
    engine, (dataset, _) = Watchful(), data()
    plan = replace(PLAN, engine=engine, examples=50, on_validation=on_validation)
    [result] = retrain([winner(tmp_path, 8)], dataset, plan)
    x = engine.seen[0].arrays["x"]
    assert len(x) == 50
    np.testing.assert_array_equal(x[: trained[0]], dataset.with_examples(trained[0]).x_train)
    rest = {row.tobytes() for row in x[trained[0] :]}
    assert len(rest) == trained[1] and rest <= {row.tobytes() for row in dataset.x_val}
    assert (result["data"]["examples"], result["data"]["of"]) == (50, there)
    assert result["data"]["digest"] == dataset.digest
    assert np.sum(result["confusion_matrix"]) == 2 * (64 if on_validation else 40)
    assert RetrainedFolder(Path(result["folder"])).training().data.examples == 50


def test_all_of_the_examples_named_by_their_number_are_all(tmp_path: Path) -> None:
    dataset, sealed = data()
    first = retrain([winner(tmp_path, 8)], dataset, PLAN)
    assert retrain([winner(tmp_path, 8)], dataset, replace(PLAN, examples=128)) == first
    assert sealed.opened == 1


def test_signals_and_images_are_flattened_for_a_network_on_features(tmp_path: Path) -> None:
    digits = load_dataset("digits")
    parts = ("x_train", "y_train", "x_val", "y_val")
    few = replace(digits, **{part: getattr(digits, part)[:60] for part in parts})
    linear = Winner(ArchitectureFile(Architecture("mlp", (), True)), tmp_path, "linear")
    conv = Architecture(
        "convnet",
        (Layer.of("conv", kernel=3, width=4, stride=2), Layer.of("global-pool", operation="max")),
        True,
    )
    plan = replace(PLAN, seeds=1, settings=replace(SETTINGS, augment="flip-shift"))
    results = retrain([linear, Winner(ArchitectureFile(conv), tmp_path, "conv")], few, plan)
    assert [result["input_shape"] for result in results] == [[64], [1, 8, 8]]
    assert results[0]["parameters"] == 65 * 10
    assert load_retrained(results[0]["folder"]).network(torch.zeros(2, 64)).shape == (2, 10)


def test_two_winners_of_one_architecture_are_trained_once(tmp_path: Path) -> None:
    dataset, sealed = data()
    both = [winner(tmp_path, 8), replace(winner(tmp_path, 8), origin="elsewhere")]
    first, second = retrain(both, dataset, PLAN)
    assert (first["origin"], second["origin"]) == ("somewhere", "elsewhere")
    assert first["seeds"] == second["seeds"] and len(folders(tmp_path)) == 1 and sealed.opened == 1


# -- the sealed test --------------------------------------------------------------------------------


def test_the_test_is_opened_only_after_the_last_training_has_ended(tmp_path: Path) -> None:
    dataset, sealed = data()
    opened_at_the_end: list[int] = []

    class Look(JobObserver):
        def finished(self, job: Job, result: Any) -> None:
            opened_at_the_end.append(sealed.opened)

    retrain([winner(tmp_path, 8), winner(tmp_path, 4)], dataset, PLAN, Look())
    assert opened_at_the_end == [0] * 4
    assert sealed.opened == 2  # once a network's folder


def test_a_network_is_scored_once_and_more_seeds_leave_the_others_as_they_are(tmp_path: Path) -> None:
    dataset, sealed = data()
    [first] = retrain([winner(tmp_path, 8)], dataset, PLAN)
    assert retrain([winner(tmp_path, 8)], dataset, PLAN) == [first]
    assert sealed.opened == 1
    # A figure that is there is never made again, whatever became of the weights.
    path = tmp_path / dense(8).digest[:12] / "results.json"
    changed = json.loads(path.read_text())
    changed["seeds"][0]["accuracy"] = 0.123
    path.write_text(json.dumps(changed))
    [more] = retrain([winner(tmp_path, 8)], dataset, replace(PLAN, seeds=3))
    assert more["test_accuracy"]["per_seed"][:2] == [0.123, first["test_accuracy"]["per_seed"][1]]
    assert len(more["test_accuracy"]["per_seed"]) == 3 and sealed.opened == 2
    [fewer] = retrain([winner(tmp_path, 8)], dataset, replace(PLAN, seeds=1))
    assert fewer["test_accuracy"] == more["test_accuracy"]


def test_on_validation_the_test_stays_sealed(tmp_path: Path) -> None:
    dataset, sealed = data()
    [result] = retrain([winner(tmp_path, 8)], dataset, replace(PLAN, on_validation=True))
    assert sealed.opened == 0 and result["scored_on"] == "validation"
    assert "test_accuracy" not in result and len(result["val_accuracy"]["per_seed"]) == 2
    assert result["data"]["examples"] == 64 and np.sum(result["confusion_matrix"]) == 2 * 64
    assert folders(tmp_path) == [f"{dense(8).digest[:12]}-validation"]


def test_data_without_a_test_split_are_refused_unless_validation_is_asked_for(tmp_path: Path) -> None:
    sealed_off = blobs()
    with pytest.raises(ValueError, match="blobs has no test split to score on; --on-validation needs none"):
        retrain([winner(tmp_path, 8)], sealed_off, PLAN)
    assert folders(tmp_path) == []
    retrain([winner(tmp_path, 8)], sealed_off, replace(PLAN, on_validation=True))


# -- repeatable, and going on -----------------------------------------------------------------------


def weights(parent: Path) -> dict[str, Any]:
    return {
        f"{path.parent.name}/{path.name}/{name}": array.tolist()
        for path in sorted(parent.rglob("seed-*.safetensors"))
        for name, array in load_file(path).items()
    }


def test_workers_change_no_bit(tmp_path: Path) -> None:
    for workers in (0, 2):
        winners = [winner(tmp_path / str(workers), 8), winner(tmp_path / str(workers), 4)]
        retrain(winners, data()[0], replace(PLAN, workers=workers))
    assert weights(tmp_path / "0") == weights(tmp_path / "2") != {}


def test_seeds_differ_and_stay_the_same_whatever_else_is_trained(tmp_path: Path) -> None:
    retrain([winner(tmp_path / "a", 8)], data()[0], PLAN)
    retrain([winner(tmp_path / "b", 4), winner(tmp_path / "b", 8)], data()[0], replace(PLAN, seeds=3))
    alone, among = weights(tmp_path / "a"), weights(tmp_path / "b")
    assert alone == {name: among[name] for name in alone}
    first, second = (load_file(path) for path in sorted((tmp_path / "a").rglob("seed-*")))
    assert not any(np.array_equal(first[name], second[name]) for name in first if name.endswith("weight"))


def test_an_interruption_says_how_to_go_on_and_nothing_is_trained_twice(tmp_path: Path) -> None:
    dataset, sealed = data()
    plan = replace(PLAN, seeds=3)
    with pytest.raises(Interrupted, match=r"stopped; 2 of 3 trainings have ended, .* same command again"):
        retrain([winner(tmp_path, 8)], dataset, plan, Noted(stop=2))
    assert sealed.opened == 0
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("seed-*")}
    assert len(before) == 2
    noted = Noted()
    [result] = retrain([winner(tmp_path, 8)], dataset, plan, noted)
    assert noted.events[0] == "2 of 3" and len(noted.results) == 1
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(result["test_accuracy"]["per_seed"]) == 3


def test_a_training_goes_on_from_its_checkpoint_to_the_same_bits_whatever_the_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, _ = data()
    plan = replace(PLAN, seeds=1, settings=replace(SETTINGS, epochs=4))
    retrain([winner(tmp_path / "whole", 8)], dataset, plan)
    monkeypatch.setattr(training, "PART_SECONDS", 0.0)

    class Stops(Noted):
        def advanced(self, job: Job, progress: Any) -> None:
            super().advanced(job, progress)
            if progress[0] == 2:
                raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="0 of 1 trainings have ended, the others go on from their last"):
        retrain([winner(tmp_path / "parts", 8)], dataset, plan, Stops())
    [checkpoint] = (tmp_path / "parts").rglob("*.checkpoint.safetensors")
    noted = Noted()
    retrain([winner(tmp_path / "parts", 8)], dataset, plan, noted)
    assert [event.partition(": ")[2][:2] for event in noted.events[1:2]] == ["(3"]  # the third epoch
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert whole == parts != {} and not checkpoint.exists()


def test_a_damaged_checkpoint_is_a_failure_that_names_it(tmp_path: Path) -> None:
    dataset, _ = data()
    retrain([winner(tmp_path, 8)], dataset, PLAN)
    [path] = tmp_path.rglob("seed-1.safetensors")
    (path.parent / "results.json").unlink()
    (path.parent / "seed-1.checkpoint.safetensors").write_bytes(path.read_bytes())
    path.unlink()
    [result] = retrain([winner(tmp_path, 8)], dataset, PLAN)
    failure = result["seeds"][1]["failure"]
    assert "seed-1.checkpoint.safetensors can't be used: its format is 'retrained-weights/1'" in failure


@pytest.mark.parametrize("name", ["architecture.json", None])
def test_a_folder_that_was_only_begun_is_gone_on_with(tmp_path: Path, name: str | None) -> None:
    dataset, _ = data()
    [result] = retrain([winner(tmp_path, 8)], dataset, PLAN)
    for path in Path(result["folder"]).iterdir():
        if path.name != name:
            path.unlink()
    assert retrain([winner(tmp_path, 8)], dataset, PLAN)[0]["test_accuracy"] == result["test_accuracy"]
