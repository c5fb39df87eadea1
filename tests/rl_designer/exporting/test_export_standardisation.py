"""What inputs were standardised with: kept with data and weights, and written into every export."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.datasets import Dataset, DatasetError, Standardisation, load_dataset
from rl_designer.envs.datasets.encoding import check_values, distinct
from rl_designer.envs.datasets.preparation import RawData, prepare
from rl_designer.envs.networks.network import build_network
from rl_designer.exporting.card import card
from rl_designer.exporting.export import export
from rl_designer.exporting.find import find_subject
from rl_designer.exporting.formats import FORMATS, metadata
from rl_designer.exporting.python_source import python_source
from rl_designer.exporting.subject import Origin, Subject
from rl_designer.retraining.folder import RetrainedFolder, load_retrained, plain_standardisation
from rl_designer.retraining.job import Winner
from rl_designer.retraining.retrain import retrain
from rl_designer.retraining.settings import FullSettings, Plan
from rl_designer.runs.architecture_files import ArchitectureFile, write_architecture
from tests.rl_designer.exporting.test_export import of_every_kind, with_constants

DENSE = Architecture("mlp", (Layer.of("dense", width=4),), complete=True)
PLAN = Plan(FullSettings(epochs=1), seeds=1, workers=0, device="cpu")


def signals(channels: int = 2) -> NDArray[np.float64]:
    """Raw ones, float64 [60, channels, 20], each channel of a size of its own."""
    generator = np.random.default_rng(0)
    scale = 10.0 ** np.arange(channels)[:, None]
    return (generator.normal(size=(60, channels, 20)) + 3) * scale


def prepared(x: NDArray[Any], kind: str | None = "signal") -> Dataset:
    y = np.arange(len(x)) % 2
    raw = RawData("own", {"train": x, "val": x, "test": x}, {"train": y, "val": y, "test": y}, "own")
    return prepare(raw, kind, 0)  # type: ignore[arg-type]


def known(dataset: Dataset) -> Standardisation:
    assert dataset.standardisation is not None
    return dataset.standardisation


def module_of(source: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__file__": "network.py"}
    exec(compile(source, "network.py", "exec"), namespace)
    return namespace


# -- in a data set ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["signal", "features"])
def test_a_data_set_knows_what_makes_its_inputs_of_raw_ones(kind: str) -> None:
    dataset = prepared(signals(), kind)
    raw = signals().reshape(60, *dataset.input_shape)
    assert np.array_equal(known(dataset).apply(raw), dataset.x_train)
    assert known(dataset).mean.shape == ((2, 1) if kind == "signal" else (40,))
    assert known(dataset.without_test()) is known(dataset) is known(dataset.with_examples(10))


def test_a_digest_tells_nothing_of_it() -> None:
    dataset = load_dataset("wine")
    assert replace(dataset, standardisation=None).digest == dataset.digest == "f60cc93ba98810f7a2b0"


def test_inputs_whose_deviation_is_too_large_for_a_number_are_refused() -> None:
    x = np.full((20, 1), 1e200)
    x[::2] = -1e200
    with pytest.raises(DatasetError, match="too large or too far apart to be standardised"):
        prepared(x, None)


@pytest.mark.parametrize(
    ("values", "numbers"),
    [([3.0, 3, 3], [3.0]), ([1.0, 1, 2, 2], [1.0, 2.0]), ([1.0, 2, 2], [1.0, 2.0, 2.0]), ([4.0], [4.0])],
)
def test_the_fewest_numbers_that_tell_all_come_back_as_all(values: list[float], numbers: list[float]) -> None:
    assert distinct(np.array(values)) == numbers
    again = Standardisation.of_values(numbers, numbers, (len(values),))
    assert again.mean.tolist() == values


@pytest.mark.parametrize(
    ("mean", "deviation", "shape", "message"),
    [
        ([1.0, 2.0], [1.0], [3], "2 numbers can't be shared out evenly"),
        ([], [1.0], [3], "0 numbers can't"),
        ([1.0], [1.0], [], "can't be shared out"),
        ([float("inf")], [1.0], [3], "must be finite"),
        ([1.0], [0.0], [3], "deviations must be above 0, got 0.0"),
    ],
)
def test_values_that_can_not_be_are_refused(
    mean: list[float], deviation: list[float], shape: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        check_values(mean, deviation, shape)


# -- in a retrained folder --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def retrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a network on features, trained on signals of two channels."""
    winner = Winner(ArchitectureFile(DENSE), tmp_path_factory.mktemp("retrained"), "test")
    return Path(retrain([winner], prepared(signals()), PLAN)[0]["folder"])


def test_a_retrained_folder_knows_it_without_the_data(retrained: Path) -> None:
    found = load_retrained(retrained).standardisation
    assert found is not None
    dataset = prepared(signals())
    assert np.array_equal(found.apply(signals().reshape(60, -1)), dataset.x_train.reshape(60, -1))
    kept = json.loads((retrained / "training.json").read_text())["standardisation"]
    assert kept["mean"] == known(dataset).mean.ravel().tolist()
    subject = find_subject(retrained, {})
    assert subject.standardisation is not None and subject.examples is None
    assert subject.standardisation.mean.shape == (40,)


def test_a_folder_that_does_not_say_it_is_loaded_and_gone_on_with(tmp_path: Path) -> None:
    winner, dataset = Winner(ArchitectureFile(DENSE), tmp_path, "test"), prepared(signals())
    folder = Path(retrain([winner], dataset, PLAN)[0]["folder"])
    training = json.loads((folder / "training.json").read_text())
    del training["standardisation"]
    (folder / "training.json").write_text(json.dumps(training))
    assert load_retrained(folder).standardisation is None
    assert find_subject(folder, {}).standardisation is None
    assert len(retrain([winner], dataset, replace(PLAN, seeds=2))[0]["seeds"]) == 2


@pytest.mark.parametrize(
    "damage", [{"mean": [1.0] * 7}, {"deviation": [-1.0]}, {"mean": ["a"]}, {"deviation": []}]
)
def test_a_damaged_one_is_refused(damage: dict[str, Any], retrained: Path, tmp_path: Path) -> None:
    training = json.loads((retrained / "training.json").read_text())
    training["standardisation"].update(damage)
    (tmp_path / "training.json").write_text(json.dumps(training))
    with pytest.raises(ValueError, match=r"training\.json is damaged: "):
        RetrainedFolder(tmp_path).training()


def test_more_numbers_than_a_file_can_hold_are_not_kept() -> None:
    many = np.arange(1.0, 60_001)
    assert plain_standardisation(Standardisation(many, many)) is None
    assert plain_standardisation(Standardisation(many * 0, many / many)) == {
        "mean": [0.0],
        "deviation": [1.0],
    }


# -- in exported files ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["signal", "features"])
def test_the_python_file_makes_the_network_s_inputs_of_raw_ones(kind: str) -> None:
    dataset = prepared(signals(), kind)
    design = of_every_kind((2, 20)).architecture if kind == "signal" else DENSE
    subject = Subject(
        design,
        torch.nn.Identity(),
        dataset.input_shape,
        2,
        of_every_kind().origin,
        standardisation=dataset.standardisation,
    )
    module = module_of(python_source(subject))
    raw = signals().reshape(60, *dataset.input_shape)
    assert np.array_equal(module["standardised"](torch.from_numpy(raw)).numpy(), dataset.x_train)
    assert len(module["MEAN"]) == len(module["DEVIATION"]) == 2  # one a channel


@pytest.mark.parametrize(
    ("mean", "written"), [([0.5], "MEAN = 0.5\n"), ([0.5, -1e-7], "MEAN = (0.5, -1e-07)\n")]
)
def test_equal_values_are_written_once(mean: list[float], written: str) -> None:
    assert written in python_source(with_constants(mean, [2.0]))


def test_onnx_and_torch_export_hold_the_constants_and_the_classes(tmp_path: Path) -> None:
    subject = Subject(
        DENSE,
        build_network(DENSE, (2,), 3).eval(),
        (2,),
        3,
        Origin("a.json"),
        class_names=("a", "b", "c"),
        retrained_seed=0,
        standardisation=Standardisation.of_values([0.1, 2.0], [4.0], (2,)),
    )
    names = {"mean": [0.1, 2.0], "deviation": [4.0], "class_names": ["a", "b", "c"]}
    export(subject, tmp_path, ["torch-export"])
    extra = dict.fromkeys(metadata(subject), "")
    torch.export.load(tmp_path / "network.pt2", extra_files=extra)
    assert {name: json.loads(extra[name]) for name in names} == names
    if FORMATS["onnx"].missing:
        pytest.skip(f"needs {FORMATS['onnx'].missing}")
    import onnx

    export(subject, tmp_path, ["onnx"])
    properties = {entry.key: entry.value for entry in onnx.load(tmp_path / "network.onnx").metadata_props}
    assert {name: json.loads(properties[name]) for name in names} == names


def test_the_card_shows_few_numbers_and_says_where_many_are() -> None:
    assert "- Mean: 0.1, 2\n- Deviation: 4\n" in card(with_constants([0.1, 2.0], [4.0]))
    many = with_constants(list(map(float, range(20))), [1.0], (20, 20))
    assert "- Mean and deviation: see `network.py`\n" in card(many, ["network.safetensors", "network.py"])
    assert "- Mean and deviation: too many to be shown\n" in card(many, ["network.safetensors"])


def test_nothing_is_invented_where_it_is_not_known(tmp_path: Path) -> None:
    file = ArchitectureFile(DENSE, input_shape=(13,), num_classes=3)
    write_architecture(tmp_path / "a.json", file)
    subject = find_subject(tmp_path / "a.json", {})
    source = python_source(subject)
    assert "MEAN" not in source and "standardised(" not in source
    assert "Mean" not in card(subject) and metadata(subject).keys() == {"design", "space", "input", "output"}
    told = find_subject(tmp_path / "a.json", {"data": "wine"})
    assert told.standardisation is not None and "MEAN = (\n    13.0" in python_source(told)


# -- weights that are out of date -------------------------------------------------------------------


def test_overwriting_by_a_network_without_weights_removes_the_weights_of_the_one_before(
    tmp_path: Path,
) -> None:
    untrained = of_every_kind(retrained_seed=None)
    export(of_every_kind(), tmp_path, ["python"])
    export(untrained, tmp_path, ["card"], overwrite=True)
    assert (tmp_path / "network.safetensors").exists()  # the Python file is still the one it belongs to
    export(untrained, tmp_path, ["python"], overwrite=True)
    assert {path.name for path in tmp_path.iterdir()} == {"network.py", "network.json", "MODEL_CARD.md"}


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, "no weights"])
def test_weights_that_no_export_wrote_stay(metadata: Any, tmp_path: Path) -> None:
    path = tmp_path / "network.safetensors"
    if isinstance(metadata, str):
        path.write_text(metadata)
    else:
        save_file({"a": torch.zeros(1)}, path, metadata)
    export(of_every_kind(retrained_seed=None), tmp_path, ["python"], overwrite=True)
    assert path.exists()


def test_without_overwrite_nothing_is_removed(tmp_path: Path) -> None:
    export(of_every_kind(), tmp_path, ["python"])
    (tmp_path / "network.py").unlink()
    (tmp_path / "network.json").unlink()
    export(of_every_kind(retrained_seed=None), tmp_path, ["python"])
    assert (tmp_path / "network.safetensors").exists()
