"""A trained network is used on raw examples: of a run, a retrained folder, an export, with PyTorch alone."""

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch

import rl_designer as rl
from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.datasets import load_dataset
from rl_designer.exporting.card import card
from rl_designer.exporting.description import load_exported
from rl_designer.exporting.export import export
from rl_designer.exporting.find import find_subject
from rl_designer.exporting.formats import FORMATS, metadata
from rl_designer.exporting.subject import Origin
from rl_designer.retraining.folder import load_retrained
from rl_designer.retraining.job import Winner
from rl_designer.retraining.retrain import retrain
from rl_designer.retraining.settings import FullSettings, Plan
from rl_designer.runs.architecture_files import ArchitectureFile
from tests.helpers.command_line import Ended, runner

N = 60
DENSE = Architecture("mlp", (Layer.of("dense", width=4, normalisation="batch"),), complete=True)
PLAN = Plan(FullSettings(epochs=2), seeds=1, workers=0, device="cpu", rivals=False)
ALONE = """
import sys
sys.modules |= dict.fromkeys(["rl_designer", "safetensors", "numpy", "pandas", "pydantic", "sklearn"])
import csv, importlib.util, json
spec = importlib.util.spec_from_file_location("network", sys.argv[1])
network = importlib.util.module_from_spec(spec)
spec.loader.exec_module(network)
rows = list(csv.DictReader(open(sys.argv[2], newline="")))
found = network.predict(rows)
columns = {name: [row[name] for row in rows] for name in rows[0]}
assert (network.encoded(rows) == network.encoded(columns)).all()
print(json.dumps([found[0], found[1].tolist()] if isinstance(found, tuple) else found.tolist()))
"""


def table(path: Path, **more: list[Any]) -> Path:
    """Raw rows with gaps, text, dates, money and truth values."""
    drawn = np.random.default_rng(0)
    columns = {
        "age": ["" if i % 7 == 0 else f"{drawn.normal(40, 9):.2f}" for i in range(N)],
        "income": [f"${drawn.lognormal(9, 1):,.2f}" for _ in range(N)],
        "colour": ["NA" if i % 9 == 0 else ("red", "blue", "green")[i % 3] for i in range(N)],
        "joined": [f"2024-{1 + i % 12:02d}-{1 + i % 28:02d} {i % 24:02d}:30" for i in range(N)],
        "said": [("good and fast", "slow", "fine, but late", f"word{i} slow")[i % 4] for i in range(N)],
        "member": [str(i % 2 == 0) for i in range(N)],
        **more,
    }
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def trained(folder: Path, data: Any, design: Architecture = DENSE, **options: Any) -> Path:
    winner = Winner(ArchitectureFile(design), folder, "test")
    return Path(retrain([winner], load_dataset(data, **options), PLAN)[0]["folder"])


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return table(
        tmp_path_factory.mktemp("rows") / "rows.csv", bought=[("no", "yes")[i % 2] for i in range(N)]
    )


@pytest.fixture(scope="module")
def retrained(rows: Path) -> Path:
    return trained(rows.parent, rows, target="bought")


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prices")
    path = table(folder / "rows.csv", price=[f"{20_000 + 310.5 * (i % 17)}" for i in range(N)])
    return trained(folder, path, target="price")


def exported(folder: Path, output: Path, *formats: str) -> Path:
    export(find_subject(folder, {}), output, formats or ["python"])
    return output


def alone(folder: Path, path: Path) -> Any:
    """What `network.py` says of rows where neither this package nor NumPy can be imported."""
    command = [sys.executable, "-I", "-c", ALONE, str(folder / "network.py"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def read_dicts(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# -- the same everywhere --------------------------------------------------------------------------------


def test_the_python_file_encodes_raw_rows_with_pytorch_alone(
    retrained: Path, rows: Path, tmp_path: Path
) -> None:
    names, probabilities = alone(exported(retrained, tmp_path), rows)
    assert names == rl.predict(retrained, rows).tolist()
    expected = rl.predict(retrained, rows, probabilities=True)
    assert np.abs(np.array(probabilities) - expected).max() < 1e-5


def test_numbers_are_in_the_target_s_unit_in_all_formats(prices: Path, tmp_path: Path) -> None:
    path = prices.parent / "rows.csv"
    expected = rl.predict(prices, path)
    assert 15_000 < expected.mean() < 30_000
    formats = [name for name, found in FORMATS.items() if not found.missing]
    exported(prices, tmp_path, *formats)
    assert np.allclose(alone(tmp_path, path), expected, rtol=1e-5, atol=0)
    subject, network = find_subject(prices, {}), load_retrained(prices)
    assert network.inputs is not None and network.standardisation is not None
    x, _ = network.inputs.ready(read_dicts(path), network.standardisation, network.input_shape)
    for name in formats:
        found = FORMATS[name].read(subject, tmp_path)(torch.from_numpy(x)).detach().numpy()
        assert np.allclose(found[:, 0], expected, rtol=1e-5, atol=0), name


def test_onnx_says_the_same_behind_the_encoding_of_its_metadata(
    retrained: Path, rows: Path, tmp_path: Path
) -> None:
    if FORMATS["onnx"].missing:
        pytest.skip(f"needs {FORMATS['onnx'].missing}")
    import onnx

    from rl_designer.envs.datasets.rows.cells import encoded_rows

    exported(retrained, tmp_path, "onnx")
    facts = {entry.key: entry.value for entry in onnx.load(tmp_path / "network.onnx").metadata_props}
    features = np.array(encoded_rows(json.loads(facts["columns"]), read_dicts(rows)))
    mean, deviation = (np.array(json.loads(facts[name])) for name in ("mean", "deviation"))
    x = torch.from_numpy(((features - mean) / deviation).astype(np.float32))
    logits = FORMATS["onnx"].read(find_subject(retrained, {}), tmp_path)(x)
    expected = rl.predict(retrained, rows, probabilities=True)
    assert np.abs(logits.double().softmax(dim=1).numpy() - expected).max() < 1e-5
    assert json.loads(facts["class_names"]) == ["no", "yes"]


def test_rows_in_memory_and_exported_networks_say_the_same(
    retrained: Path, rows: Path, tmp_path: Path
) -> None:
    expected = rl.predict(retrained, rows, probabilities=True)
    dicts = read_dicts(rows)
    columns = {name: [row[name] for row in dicts] for name in dicts[0]}
    frame = pandas.read_csv(rows)
    for given in (dicts, columns, frame, frame.assign(more=[[]] * N), frame.set_index("age")):
        assert np.array_equal(rl.predict(retrained, given, probabilities=True), expected)
    assert np.array_equal(rl.predict(exported(retrained, tmp_path), rows, probabilities=True), expected)
    assert load_exported(tmp_path).class_names == ("no", "yes")


# -- signals and images ---------------------------------------------------------------------------------


def test_signals_may_end_early_where_they_did_in_training(tmp_path: Path) -> None:
    drawn = np.random.default_rng(0)
    x = drawn.normal(5, 2, (N, 2, 12))
    x[::3, :, 8:] = np.nan
    np.savez(tmp_path / "own.npz", x=x, y=np.arange(N) % 2)
    layers = (Layer.of("conv", kernel=3, width=4, stride=1), Layer.of("global-pool", operation="average"))
    folder = trained(tmp_path, tmp_path / "own.npz", Architecture("convnet1d", layers, complete=True))
    with pytest.warns(UserWarning, match=r"that end early, padded with the mean to 12: 20"):
        expected = rl.predict(folder, x, probabilities=True)
    unequal = [signal[:, ~np.isnan(signal[0])] for signal in x]
    np.savez(tmp_path / "new.npz", x=np.moveaxis(x, 1, 2), layout="channels-last")
    with pytest.warns(UserWarning, match="end early"):
        for given in (unequal, torch.from_numpy(x), tmp_path / "new.npz"):
            assert np.array_equal(rl.predict(folder, given, probabilities=True), expected)
    exported(folder, tmp_path / "out")
    namespace: dict[str, Any] = {"__file__": str(tmp_path / "out" / "network.py")}
    exec((tmp_path / "out" / "network.py").read_text(), namespace)
    found = namespace["predict"](torch.from_numpy(x))[1].numpy()
    assert np.abs(found - expected).max() < 1e-5
    assert "signals may end early, with NaN from there on" in namespace["__doc__"].replace("\n    ", " ")
    with pytest.raises(ValueError, match=r"takes signals of shape \[n, 2, 12\], got \[5, 3, 12\]"):
        rl.predict(folder, np.zeros((5, 3, 12)))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    from PIL import Image

    drawn = np.random.default_rng(0)
    for number in range(24):
        folder = tmp_path / "pictures" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = drawn.integers(0, 256, (6, 5), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "pictures"


def test_images_are_read_without_classes_and_resized_and_said_to_be(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    folder, command = trained(tmp_path, pictures, kind="features"), runner(capsys)
    whole = rl.predict(folder, pictures)
    assert len(whole) == 24 and set(whole) <= {"a", "b"}
    assert rl.predict(folder, pictures / "a" / "0.png") == whole[0]
    (tmp_path / "new").mkdir()
    shutil.copy(pictures / "a" / "0.png", tmp_path / "new" / "same.png")
    Image.new("RGB", (9, 9), "red").save(tmp_path / "new" / "large.png")
    ended = command("predict", folder, tmp_path / "new")
    assert ended.out.splitlines() == ["file,prediction", ended.out.splitlines()[1], f"same.png,{whole[0]}"]
    assert "images of another size, resized to 6 x 5: 1" in ended.err and "made grey" in ended.err
    text = metadata(find_subject(folder, {}))
    assert json.loads(text["raw_shape"]) == [1, 6, 5] and json.loads(text["pixels"]) == [0, 255]
    assert "images of [channels, height, width] = [1, 6, 5], flattened in this order" in text["input"]
    with pytest.warns(UserWarning, match="pixels are from 0 to 1; in training they were from 0 to 255"):
        rl.predict(folder, np.eye(5)[[0, 1, 2, 3, 4, 0]][None])


# -- what is told and refused ---------------------------------------------------------------------------


def test_the_command_writes_a_table(command: Callable[..., Ended], retrained: Path, rows: Path) -> None:
    ended = command("predict", retrained, rows)
    lines = ended.out.splitlines()
    assert (ended.status, ended.err, lines[0], len(lines)) == (0, "", "prediction", N + 1)
    assert command("predict", retrained, rows, "--output", "new.csv", "--probabilities", "--quiet").out == ""
    found = pandas.read_csv("new.csv")
    assert list(found) == ["prediction", "probability no", "probability yes"]
    assert found["prediction"].tolist() == lines[1:]
    assert np.allclose(found["probability no"] + found["probability yes"], 1)
    as_json = command("predict", retrained, rows, "--json").json
    assert as_json["predictions"] == lines[1:] and as_json["classes"] == ["no", "yes"]


def test_cells_unlike_those_of_training_are_told_with_their_number(
    command: Callable[..., Ended], retrained: Path, tmp_path: Path
) -> None:
    path = table(tmp_path / "new.csv", colour=["mauve"] * 4 + ["red"] * (N - 4), member=[""] * N)
    ended = command("predict", retrained, path)
    assert ended.status == 0
    assert "column 'colour' holds unknown categories in 4 rows: 'mauve'\n" in ended.err
    assert "column 'member' is empty in 60 rows, as hardly ever in training: filled with " in ended.err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age": ["x"] * N}, "column 'age' must hold what it did in training (number), got 'x' in line 2"),
        ({"joined": ["soon"] * N}, "(date), got 'soon' in line 2"),
    ],
)
def test_columns_of_another_type_are_refused(
    change: dict[str, Any], message: str, command: Callable[..., Ended], retrained: Path, tmp_path: Path
) -> None:
    ended = command("predict", retrained, table(tmp_path / "new.csv", **change))
    assert (ended.status, ended.out) == (1, "") and message in ended.err and ended.err.count("\n") == 1


def test_missing_columns_other_kinds_and_what_is_no_network_are_refused(
    command: Callable[..., Ended], retrained: Path, rows: Path, prices: Path, tmp_path: Path
) -> None:
    pandas.read_csv(rows).drop(columns="income").to_csv("less.csv", index=False)
    ended = command("predict", retrained, "less.csv")
    assert ended.status == 1 and "'less.csv': column 'income' is missing; there are: age, colour" in ended.err
    np.savez("x.npz", x=np.zeros((3, 5)))
    ended = command("predict", retrained, "x.npz")
    assert ended.status == 1 and "takes rows with names of columns" in ended.err
    assert "no such file" in command("predict", retrained, "gone.csv").err
    assert "holds no run, no retrained network" in command("predict", tmp_path, rows).err
    assert command("predict", prices, rows, "--probabilities").status == 2
    assert "no weights of training 3" in command("predict", retrained, rows, "--weights-of", 3).err
    with pytest.raises(ValueError, match="a number has no probabilities"):
        rl.predict(prices, rows, probabilities=True)


def test_a_run_s_best_retrained_network_is_used_and_one_without_says_retrain(
    command: Callable[..., Ended], rows: Path
) -> None:
    search = ["--agent", "random", "--evaluations", 2, "--epochs", 1, "--workers", 1, "--quiet"]
    limits = ["--max-parameters", "1k", "--run", "r"]
    assert command("train", "--data", rows, "--target", "bought", *search, *limits).status == 0
    ended = command("predict", "r", rows)
    assert ended.status == 1 and "train the best with: rl-designer retrain r" in ended.err
    options = ["--seeds", 1, "--epochs", 1, "--workers", 1, "--no-rivals", "--quiet"]
    assert command("retrain", "r", *options).status == 0
    assert command("predict", "r", rows).out.count("\n") == N + 1
    assert command("export", "r", "--format", "card", "--quiet").status == 0
    text = Path("r/exported/MODEL_CARD.md").read_text()
    assert "6 columns" in text and "| colour | a category, and whether it is empty | 4 |" in text
    assert "A classifier of 2 classes: bought." in text


def test_a_folder_of_an_earlier_version_still_loads(retrained: Path, rows: Path, tmp_path: Path) -> None:
    shutil.copytree(retrained, tmp_path / "older")
    path = tmp_path / "older" / "training.json"
    training = json.loads(path.read_text())
    del training["inputs"]
    path.write_text(json.dumps(training))
    network = load_retrained(tmp_path / "older")
    assert network.inputs is None
    with pytest.raises(ValueError, match="knows no columns by name, the table has 7 columns"):
        rl.predict(tmp_path / "older", rows)
    x = np.zeros((2, *network.input_shape))
    assert rl.predict(tmp_path / "older", x, probabilities=True).shape == (2, 2)


def test_a_card_of_a_number_says_so(prices: Path) -> None:
    subject = find_subject(prices, {})
    text = card(subject)
    assert "It predicts a number." in text and "classes" not in text.partition("## Who")[0]
    assert '"regression"' in text and "- Output: a number in the target's unit" in text
    assert "Test r2: **" in text and "; guessing gives " in text and "| rmse |" in text
    assert isinstance(subject.origin, Origin) and subject.class_names is None
