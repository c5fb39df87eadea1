"""`export --int8`: what is quantised, what it costs, and when nothing is written."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.datasets import Dataset
from rl_designer.envs.datasets.targets import TargetScale
from rl_designer.envs.networks.network import build_network, drawn_inputs
from rl_designer.errors import Error, WrongUsage
from rl_designer.exporting import int8_reference
from rl_designer.exporting.card import card
from rl_designer.exporting.export import export, wanted_formats
from rl_designer.exporting.formats import FORMATS, Mismatch, read_onnx, write_onnx
from rl_designer.exporting.int8 import quantise
from rl_designer.exporting.quantisation import INT8_FILE, Lossy, Quantisation, asked
from rl_designer.exporting.subject import Origin, Subject
from tests.helpers.command_line import Ended
from tests.helpers.retraining import Watched
from tests.helpers.scripts import script
from tests.rl_designer.predicting.test_predict import N, table, trained

if FORMATS["onnx"].missing:
    pytest.skip(f"needs {FORMATS['onnx'].missing}", allow_module_level=True)

ANY_LOSS = Quantisation(int8_loss=1.0)


# -- every family ------------------------------------------------------------------------------------


def of(space: str, shape: tuple[int, ...], classes: int, *layers: Layer, n: int = 60) -> Subject:
    """A network with random weights, as if trained, and data on which it is always right."""
    design, generator = Architecture(space, layers, complete=True), torch.Generator().manual_seed(1)
    network = script("export_parity").randomised(
        build_network(design, shape, classes, generator=generator), generator
    )
    x = drawn_inputs(design, shape, 3 * n, generator)
    with torch.no_grad():
        outputs = network(x)
    y: Any = outputs.argmax(dim=1).numpy() if classes > 1 else outputs[:, 0].numpy()
    parts = [
        part for pair in zip(np.split(x.float().numpy(), 3), np.split(y, 3), strict=True) for part in pair
    ]
    names = tuple(map(str, range(classes))) if classes > 1 else ()
    sealed = Watched(*parts[4:])
    scale = TargetScale(100.0, 7.0) if classes == 1 else None
    dataset = Dataset("made", *parts[:4], names, sealed, target_scale=scale)
    known: dict[str, Any] = {"retrained_seed": 0, "dataset": dataset, "target_scale": scale}
    return Subject(design, network, shape, classes, Origin("made"), **known)


def rows(*, n: int = 60) -> Subject:
    return of("mlp", (6,), 3, Layer.of("dense", width=24, activation="gelu"), n=n)


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The float file of a network is made once, which takes longest."""

    def write_once(subject: Subject, path: Path) -> None:
        known = _WRITTEN.get(subject.architecture.digest)
        if known is None:
            write_onnx(subject, path)
            _WRITTEN[subject.architecture.digest] = path.read_bytes()
        else:
            path.write_bytes(known)

    monkeypatch.setattr("rl_designer.exporting.int8.write_onnx", write_once)


_WRITTEN: dict[str, bytes] = {}
POOLED = Layer.of("global-pool", operation="average")
FAMILIES: dict[str, tuple[Callable[[], Subject], set[str]]] = {
    "a number of rows": (
        lambda: of("mlp", (6,), 1, Layer.of("residual-dense", width=24, normalisation="layer")),
        {"LayerNormalization", "Mul"},
    ),
    "an ensemble on waves": (
        lambda: of(
            "mlp-wide",
            (6,),
            3,
            Layer.of("periodic", frequencies=2, sigma=0.1, width=4),
            Layer.of("ensemble", members=4),
            Layer.of("dense", width=24, normalisation="batch"),
        ),
        {"Cos", "Einsum", "Sin"},
    ),
    "signals": (
        lambda: of(
            "convnet1d",
            (1, 20),
            4,
            Layer.of("conv", kernel=5, width=16, stride=1),
            Layer.of("inception", kernel=5, width=12),
            POOLED,
        ),
        {"BatchNormalization", "ReduceMean"},
    ),
    "images": (
        lambda: of(
            "convnet",
            (3, 8, 8),
            4,
            Layer.of(
                "inverted-residual", expansion=2, kernel=3, width=8, stride=2, squeeze_excitation=True
            ),
            POOLED,
        ),
        {"ReduceMean", "Sigmoid"},
    ),
    "a cell": (
        lambda: of(
            "cell",
            (1, 8, 8),
            4,
            Layer.of("macro", cells=1, stages=1, width=8),
            Layer.of("conv", edge="0->1", kernel=3),
            Layer.of("skip", edge="0->2"),
            Layer.of("same-pool", edge="1->2", operation="average"),
        ),
        {"AveragePool", "ReduceMean"},
    ),
    "texts": (
        lambda: of(
            "textnet",
            (30, 12),
            3,
            Layer.of("embedding", width=8),
            Layer.of("attention", heads=2, expansion=2),
            Layer.of("conv", kernel=3, width=16, stride=1),
            Layer.of("global-pool", operation="max"),
        ),
        {"Gelu", "LayerNormalization", "Softmax"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.usefixtures("once")
def test_every_family_is_quantised_and_computes_what_its_file_says(family: str, tmp_path: Path) -> None:
    make, in_float = FAMILIES[family]
    subject = make()
    made = quantise(subject, tmp_path, ANY_LOSS)
    assert made.loss < 0.1 and made.bytes_after < made.bytes_before
    assert made.equal >= 0.9 and in_float <= set(made.in_float)
    assert not {"Conv", "Gemm"} & set(made.in_float)
    assert [path.name for path in tmp_path.iterdir()] == [INT8_FILE]
    # It takes what the float file takes, in batches of any size, and is told by the same metadata.
    x = drawn_inputs(subject.architecture, subject.input_shape, 5, torch.Generator().manual_seed(2))
    assert read_onnx(subject, tmp_path / INT8_FILE)(x).shape == (5, subject.num_classes)
    model = onnx.load(tmp_path / INT8_FILE)
    facts = {prop.key: prop.value for prop in model.metadata_props}
    assert facts["design"] == subject.architecture.digest and "60 training examples" in facts["quantised"]
    weights = [tensor for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.INT8]
    assert any(len(tensor.dims) > 1 for tensor in weights)


@pytest.mark.usefixtures("once")
def test_the_same_network_gives_the_same_file_and_figures_in_the_target_s_unit(tmp_path: Path) -> None:
    subject = replace(FAMILIES["a number of rows"][0](), metric="rmse")
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.mkdir()
    made, _ = [quantise(subject, path, ANY_LOSS) for path in paths]
    first, second = ((path / INT8_FILE).read_bytes() for path in paths)
    assert first == second
    dataset = subject.dataset
    assert dataset is not None and dataset.target_scale is not None
    x = torch.from_numpy(dataset.x_val)
    numbers = (read_onnx(subject, paths[0] / INT8_FILE)(x)[:, 0].numpy() - 100) / 7
    error = 7 * float(np.sqrt(((numbers - dataset.y_val) ** 2).mean()))
    assert made.metric == "rmse" and made.after == pytest.approx(error, rel=1e-4) and made.before < 1e-4
    # Of an error the share of guessing's.
    assert made.loss == pytest.approx((made.after - made.before) / (7 * dataset.y_val.std()), rel=0.05)


# -- what it is compared with ------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("counted", [False, True])
def test_the_reference_s_pooling_is_torch_s(rank: int, counted: bool) -> None:
    x = torch.randn(2, 3, *[9] * rank, generator=torch.Generator().manual_seed(0))
    given: dict[str, Any] = {"kernel_shape": [3] * rank, "strides": [2] * rank, "pads": [1] * 2 * rank}
    largest = int8_reference._largest(x.numpy(), **given)
    np.testing.assert_array_equal(largest, getattr(nn, f"MaxPool{rank}d")(3, stride=2, padding=1)(x).numpy())
    mean = int8_reference._mean(x.numpy(), count_include_pad=int(counted), **given)
    pool = getattr(nn, f"AvgPool{rank}d")(3, stride=2, padding=1, count_include_pad=counted)
    np.testing.assert_allclose(mean, pool(x).numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("once")
def test_a_file_that_onnx_runtime_takes_otherwise_than_the_reference_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = lambda path: lambda x: [np.ones((len(x), 3))]  # noqa: E731
    monkeypatch.setattr("rl_designer.exporting.int8.reference_of", wrong)
    with pytest.raises(Mismatch, match=r"other outputs in ONNX Runtime .* more than rounding explains"):
        export(rows(), tmp_path / "out", ["int8"], quantisation=ANY_LOSS)
    assert not (tmp_path / "out").exists()


# -- what may be looked at, and what is refused ------------------------------------------------------


def with_an_outlier() -> Subject:
    """A network that is right by the sign of small numbers, and a training example so large that these are
    nothing beside it.
    """
    subject = rows()
    assert subject.dataset is not None
    x_train = subject.dataset.x_train.copy()
    x_train[0] = 1e6
    return replace(subject, dataset=replace(subject.dataset, x_train=x_train))


@pytest.mark.usefixtures("once")
def test_what_loses_more_than_it_may_is_not_written(
    command: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a real loss, of a network that wasn't searched for."""
    subject = with_an_outlier()
    monkeypatch.setattr("rl_designer.commands.export.find_subject", lambda *given, **more: subject)
    ended = command("export", "a.json", "--format", "card", "--int8", "--int8-loss", 0.02, "--output", "out")
    assert (ended.status, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert re.search(r"loses 0\.\d{4} of its score, more than 0\.02 \(accuracy 1\.0000 -> 0\.", ended.err)
    assert "bytes), so nothing was written; allow more with --int8-loss" in ended.err
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Lossy):
        export(subject, tmp_path / "out", ["int8"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("once")
def test_the_test_part_is_looked_at_only_where_retrain_has_opened_it(tmp_path: Path) -> None:
    subject = rows()
    assert subject.dataset is not None and isinstance(subject.dataset.sealed_test, Watched)
    made = quantise(subject, tmp_path, ANY_LOSS)
    assert (made.part, made.examples) == ("validation", 60) and subject.dataset.sealed_test.opened == 0
    assert "on 60 validation examples, since no test is open" in made.words
    told = card(replace(subject, quantised=made))
    assert "No test is open, so these are validation examples, which it may have been trained on." in told
    scored = replace(subject, results={"test_accuracy": {"mean": 1.0}, "metric": "accuracy"})
    assert quantise(scored, tmp_path, ANY_LOSS).part == "test" and subject.dataset.sealed_test.opened == 1


@pytest.mark.parametrize(
    ("subject", "how", "kind", "message"),
    [
        (replace(rows(), retrained_seed=None), ANY_LOSS, Error, "`rl-designer retrain` trains them"),
        (
            replace(rows(), dataset=None, data="mine.csv"),
            ANY_LOSS,
            Error,
            r"the data \(mine.csv\) of made aren't at hand; name them with --data",
        ),
        (rows(), Quantisation(int8_examples=2), WrongUsage, "take 3 to 60 of them, got 2"),
        (
            of("mlp-wide", (6,), 3, Layer.of("ensemble", members=2)),
            ANY_LOSS,
            Error,
            "has nothing that can be quantised",
        ),
    ],
    ids=["untrained", "no data", "too few examples", "nothing to quantise"],
)  # fmt: skip
@pytest.mark.usefixtures("once")
def test_what_can_t_be_quantised_is_told(
    subject: Subject, how: Quantisation, kind: type[Error], message: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=message):
        quantise(subject, tmp_path, how)
    assert list(tmp_path.iterdir()) == []


def test_settings_are_declared_and_named_formats_ask_for_it() -> None:
    assert asked({}, ["int8"]).int8 and not asked({}, None).int8
    with pytest.raises(WrongUsage, match="--int8-loss needs --int8"):
        asked({"int8_loss": 0.1}, ["onnx"])
    with pytest.raises(WrongUsage, match="--int8-loss must be less than or equal to 1, got '2'"):
        asked({"int8_loss": 2, "int8": True}, None)


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = replace(FORMATS["onnx"], needs=("no_such_package",))
    monkeypatch.setattr("rl_designer.exporting.export.FORMATS", {**FORMATS, "onnx": lacking})
    with pytest.raises(ImportError, match=r"no_such_package, which isn't installed: pip install 'rl-des"):
        wanted_formats(None, int8=True)
    assert "int8" not in wanted_formats(None)


# -- from the command line ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def retrained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Rows with categories, texts and dates, and a folder of a training on them, far from them."""
    folder = tmp_path_factory.mktemp("rows")
    data = table(folder / "rows.csv", bought=[("no", "yes")[i % 2] for i in range(N)])
    return trained(folder, data, target="bought"), data


def test_a_retrained_folder_is_quantised_told_and_still_used(
    retrained: tuple[Path, Path], command: Callable[..., Ended], tmp_path: Path
) -> None:
    folder, data = retrained
    arguments = ["export", folder, "--output", "out", "--format", "python", "--format", "card", "--int8"]
    refused = command(*arguments)
    assert refused.status == 1 and "aren't at hand; name them with --data" in refused.err
    assert not (tmp_path / "out").exists()
    named = ["--data", data, "--target", "bought"]
    ended = command(*arguments, *named, "--int8-examples", 20, "--int8-loss", 1, "--json")
    assert (ended.status, ended.err) == (0, "") and f"out/{INT8_FILE}" in ended.json["files"]
    figures = ended.json["int8"]
    kept = json.loads((folder / "results.json").read_text())["seeds"][0]["accuracy"]
    assert figures["before"] == kept and figures["metric"] == "accuracy"
    assert figures["part"] == "test" and figures["calibrated_on"] == 20
    text = (tmp_path / "out" / "MODEL_CARD.md").read_text()
    assert f"| accuracy on {figures['examples']} test examples | {figures['before']:.4f} |" in text
    assert f'"calibrated_on": {figures["calibrated_on"]}' in (tmp_path / "out" / "network.json").read_text()
    used = [command("predict", where, data, "--quiet").out for where in (folder, "out")]
    assert used[0] == used[1] and used[0].startswith("prediction\n")
