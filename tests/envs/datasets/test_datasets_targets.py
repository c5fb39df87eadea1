"""Targets: classes or a number, and how a split takes its shares of them."""

from pathlib import Path

import numpy as np
import pytest

from rl_designer.envs.datasets import Dataset, DatasetError, load_dataset
from rl_designer.envs.datasets.preparation import RawData, prepare
from rl_designer.envs.datasets.targets import encode_targets, strata
from rl_designer.envs.metrics import METRICS

FEW = np.arange(60) % 3
FRACTIONS = np.linspace(-2.0, 7.0, 60)


@pytest.mark.parametrize(
    ("labels", "predicts"),
    [
        (FEW, "class"),
        (FEW.astype(float), "class"),
        (FEW.astype(str), "class"),
        (np.arange(100) % 50, "class"),  # codes that count 0, 1, 2 …
        (1 + np.arange(100) % 50, "class"),
        (np.arange(100) % 15 * 10, "class"),  # few different ones
        (FRACTIONS, "number"),
        (np.arange(100) * 7 % 640, "number"),  # many different whole numbers
        (17 + np.arange(100) % 60, "number"),  # ages
        (FRACTIONS[:, None], "number"),
    ],
)
def test_what_is_predicted_is_told_by_the_targets(labels: np.ndarray, predicts: str) -> None:
    found = encode_targets({"train": labels}, None, "own")
    assert ("class" if found.class_names else "number") == predicts


def test_whole_numbers_that_are_taken_for_a_number_are_said_and_can_be_classes() -> None:
    ages = 17 + np.arange(100) % 60
    [note] = encode_targets({"train": ages}, None, "own").notes
    assert "60 different whole numbers" in note and "--predicts class" in note
    assert len(encode_targets({"train": ages}, "class", "own").class_names) == 60
    assert encode_targets({"train": ages}, "number", "own").notes == ()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array(["red", "blue"] * 30), "must be numbers to be predicted as such, got 'red'"),
        (np.where(FEW == 1, np.nan, FRACTIONS), "got 20 that aren't, first nan at example 1"),
        (np.full(60, 2.5), "is 2.5 in every row"),
        (np.ones((60, 2)), "one number an example"),
    ],
)
def test_what_is_no_number_is_refused(labels: np.ndarray, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        encode_targets({"train": labels}, "number", "own")


def test_numbers_are_standardised_by_the_training_part_and_the_guess_is_in_their_own_unit() -> None:
    x = np.random.default_rng(0).normal(size=(60, 3))
    dataset = prepare(RawData("own", {"train": x}, {"train": FRACTIONS}, "own"), None, 0)
    scale = dataset.target_scale
    assert scale is not None and dataset.predicts == "number" and dataset.num_classes == 1
    assert dataset.y_train.dtype == np.float32 and abs(dataset.y_train.mean()) < 1e-6
    back = np.concatenate([dataset.y_train, dataset.y_val]) * scale.deviation + scale.mean
    assert all(np.isclose(number, FRACTIONS, atol=1e-5).any() for number in back)
    guess = dataset.objective(METRICS["mae"]).guess
    assert 1.0 < guess < 4.0  # of numbers from -2 to 7


def test_a_split_takes_low_and_high_numbers_alike() -> None:
    layers = strata(np.random.default_rng(0).normal(size=100))
    assert np.bincount(layers).tolist() == [10] * 10
    assert strata(FRACTIONS[:5]).tolist() == [0] * 5
    assert strata(FEW) is FEW


def test_each_fold_has_its_share_of_each_class_and_own_validation_parts_have_none() -> None:
    x, y = np.random.default_rng(0).normal(size=(100, 3)), np.arange(100) % 2
    dataset = prepare(RawData("own", {"train": x}, {"train": y}, "own"), None, 0)
    assert sorted(set(dataset.folds)) == [1, 2, 3, 4]
    for fold in range(1, 5):
        assert np.bincount(dataset.y_train[dataset.folds == fold]).tolist() == [8, 8]
    own = prepare(RawData("own", {"train": x, "val": x}, {"train": y, "val": y}, "own"), None, 0)
    assert len(own.folds) == 0


def test_many_decimals_of_a_table_are_a_number_and_few_are_classes(
    tmp_path: Path,
) -> None:
    def read(targets: list[str]) -> Dataset:
        lines = "".join(f"{i * i % 97},{target}\n" for i, target in enumerate(targets))
        (tmp_path / "own.csv").write_text(f"u,y\n{lines}")
        return load_dataset(tmp_path / "own.csv", target="y")

    assert read([f"{7 * i}.0" for i in range(90)]).predicts == "number"
    assert read([f"{i % 3}.0" for i in range(90)]).class_names == ("0.0", "1.0", "2.0")
    assert read([f"{i % 30}_{i % 2}" for i in range(180)]).predicts == "class"
