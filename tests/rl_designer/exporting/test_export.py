"""`export`: files that compute what the network does, and nothing left where they don't."""

import ast
import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.datasets import Standardisation
from rl_designer.envs.networks.network import build_network
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.errors import WrongUsage
from rl_designer.exporting.card import card, markdown
from rl_designer.exporting.export import Exported, Mismatch, export, largest_difference, wanted_formats
from rl_designer.exporting.formats import FORMATS, Format
from rl_designer.exporting.python_source import docstring_text, literal, python_source
from rl_designer.exporting.subject import Origin, Subject, class_name
from tests.helpers.scripts import script

ROOT = Path(__file__).resolve().parents[3]
PARITY = ROOT / "benchmarks" / "export_parity.py"
SHAPES = {
    "cell": (3, 15, 18),
    "cell1d": (2, 41),
    "convnet": (3, 15, 18),
    "convnet1d": (2, 41),
    "convnet1d-wide": (2, 41),
    "mlp": (13,),
    "mlp-wide": (13,),
}
EVERY_KIND = (
    Layer.of("conv", kernel=3, width=8, stride=1),
    Layer.of("residual", kernel=3, width=8, stride=1),
    Layer.of("residual", kernel=3, width=12, stride=2),
    Layer.of("inception", kernel=5, width=11, stride=1),
    Layer.of("inception", kernel=3, width=8),
    Layer.of("dilated", kernel=3, dilation=2, width=8),
    Layer.of("dilated", kernel=3, dilation=3, width=12, separable=True),
    Layer.of("pool", operation="average"),
    Layer.of("separable", kernel=3, width=8, stride=1),
    Layer.of("inverted-residual", expansion=2, kernel=3, width=8, stride=1, squeeze_excitation=True),
    Layer.of("inverted-residual", expansion=1, kernel=3, width=6, stride=2),
    Layer.of("dropout", rate=0.1),
    Layer.of("global-pool", operation="max"),
    Layer.of("dense", width=8, activation="gelu", normalisation="batch"),
    Layer.of("residual-dense", width=9, activation="tanh", normalisation="layer"),
    Layer.of("residual-dense", width=9, activation="relu"),
    Layer.of("residual-dense", width=9, activation="gelu", normalisation="batch"),
    Layer.of("dropout", rate=0.5),
)
NASTY = 'x"""\n\\N{DIGIT ONE}\'\u202e\ud800 |<b>`](http://a) {}'


def of_every_kind(shape: tuple[int, ...] = (1, 20), **more: object) -> Subject:
    """A network with random weights, as if trained."""
    design = Architecture("convnet1d", EVERY_KIND, complete=True)
    network = build_network(design, shape, 5)
    script("export_parity").randomised(network, torch.Generator().manual_seed(3))
    facts = {"class_names": ("a", "b", "c", "d", "e"), "retrained_seed": 0, **more}
    return Subject(design, network, shape, 5, Origin("a.json"), **facts)  # type: ignore[arg-type]


def with_constants(mean: list[float], deviation: list[float], shape: tuple[int, ...] = (2, 20)) -> Subject:
    return of_every_kind(shape, standardisation=Standardisation.of_values(mean, deviation, shape))


# -- the same outputs -------------------------------------------------------------------------------


@pytest.mark.parametrize("space", SHAPES)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_the_python_file_computes_what_a_random_architecture_s_network_does(space: str, seed: int) -> None:
    [subject] = script("export_parity").subjects(
        make_space(space, SHAPES[space], 5, max_parameters=30_000), 1, seed
    )
    untrained = replace(subject, retrained_seed=None)
    namespace: dict[str, object] = {"__file__": "network.py"}
    exec(compile(python_source(untrained), "network.py", "exec"), namespace)
    copy = namespace[subject.class_name]()  # type: ignore[operator]
    copy.load_state_dict(
        dict(zip(copy.state_dict(), subject.network.state_dict().values(), strict=True)), strict=True
    )
    assert largest_difference(subject, copy.eval()) <= 1e-5


@pytest.mark.parametrize("shape", [(1, 20), (2, 13, 14)], ids=["signals", "images"])
def test_every_layer_kind_is_the_same_in_python(shape: tuple[int, ...], tmp_path: Path) -> None:
    source, *others = export(of_every_kind(shape), tmp_path, ["python"])
    assert source.path.name == "network.py"
    assert [file.path.name for file in others] == ["network.json", "network.safetensors"]
    assert source.difference is not None and source.difference <= 1e-5


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> list[Exported]:
    """What `of_every_kind` is in all formats."""
    formats = [name for name, found in FORMATS.items() if not found.missing]
    return export(of_every_kind(), tmp_path_factory.mktemp("exported"), formats)


@pytest.mark.parametrize("name", ["torch-export", "onnx"])
def test_programs_compute_the_same_on_batches_of_any_size(name: str, exported: list[Exported]) -> None:
    if FORMATS[name].missing:
        pytest.skip(f"needs {FORMATS[name].missing}")
    subject = of_every_kind()
    [file] = [file for file in exported if file.format == name]
    assert file.difference is not None and file.difference <= 1e-5
    computed = FORMATS[name].read(subject, file.path.parent)
    x = torch.randn(33, 1, 20, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        expected = subject.network(x)
        # A small logit is a sum of large terms, and rounded as they are.
        largest = float(expected.abs().max())
        torch.testing.assert_close(computed(x), expected, rtol=0, atol=1e-5 * max(1.0, largest))


AVAILABLE = [name for name, found in FORMATS.items() if not found.missing]
# Layers of signals are in all formats above.
CELLS: list[tuple[str, tuple[int, ...], list[str]]] = [
    ("cell1d", (1, 20), ["python", "onnx"]),
    ("cell", (2, 13, 14), AVAILABLE),
]


def every_operation(family: str, shape: tuple[int, ...]) -> Subject:
    """A cell with an operation of every kind on some edge, as if trained."""
    operations = [
        Layer.of("conv", edge="0->1", kernel=3),
        Layer.of("skip", edge="0->2"),
        Layer.of("separable", edge="1->2", kernel=3),
        Layer.of("inverted-residual", edge="0->3", kernel=3, expansion=2, squeeze_excitation=True),
        Layer.of("residual", edge="1->3", kernel=3),
        Layer.of("inception", edge="1->4", kernel=5),
        Layer.of("dilated", edge="2->4", kernel=3, dilation=2),
        Layer.of("same-pool", edge="2->3", operation="average"),
        Layer.of("same-pool", edge="0->4", operation="max"),
        Layer.of("inverted-residual", edge="3->4", kernel=3, expansion=1),
    ]
    macro = Layer.of("macro", cells=1, stages=1 if family == "cell1d" else 2, width=6)
    design = Architecture(family, (macro, *operations), complete=True)
    network = build_network(design, shape, 5)
    script("export_parity").randomised(network, torch.Generator().manual_seed(3))
    return Subject(design, network, shape, 5, Origin("a.json"), retrained_seed=0)


@pytest.mark.parametrize(("family", "shape", "formats"), CELLS, ids=["cell1d", "cell"])
def test_a_cell_with_every_operation_is_the_same_wherever_it_is_exported(
    family: str, shape: tuple[int, ...], formats: list[str], tmp_path: Path
) -> None:
    for file in export(every_operation(family, shape), tmp_path, formats):
        assert file.difference is not None and file.difference <= 1e-5
    assert "node 0 its input: 1 = conv 3 of 0; 2 = skip of 0" in card(every_operation(family, shape))


def test_files_do_not_name_folders_of_this_machine(exported: list[Exported]) -> None:
    for file in exported:
        assert str(ROOT).encode() not in file.path.read_bytes(), file.path


def test_exporting_neither_reads_nor_moves_torch_s_global_randomness(tmp_path: Path) -> None:
    before = torch.get_rng_state()
    first = export(of_every_kind(), tmp_path / "a", ["python"])
    assert torch.equal(before, torch.get_rng_state())
    second = export(of_every_kind(), tmp_path / "b", ["python"])
    assert [a.path.read_bytes() for a in first] == [b.path.read_bytes() for b in second]


@pytest.mark.parametrize(
    ("computed", "reason"),
    [
        (lambda x: torch.zeros(len(x), 5), "differs by"),
        (lambda x: torch.full((len(x), 5), torch.nan), "differs by nan"),
        (lambda x: torch.zeros(len(x), 4), "gives the shape"),
    ],
)
def test_what_computes_something_else_is_an_error_and_nothing_is_left(
    computed: Callable, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Format(("network.py",), FORMATS["python"].write, lambda subject, folder: computed)
    monkeypatch.setattr("rl_designer.exporting.export.FORMATS", {**FORMATS, "python": wrong})
    with pytest.raises(Mismatch, match=reason):
        export(of_every_kind(), tmp_path / "out", ["python", "card"])
    assert not (tmp_path / "out").exists()


def test_real_inputs_are_checked_too() -> None:
    subject = of_every_kind(examples=np.full((2, 1, 20), 3.0, np.float32))

    def wrong_on_real(x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = subject.network(x)
        return logits + (x == 3.0).all()

    with pytest.raises(Mismatch, match="on real inputs"):
        largest_difference(subject, wrong_on_real)


# -- names from outside -----------------------------------------------------------------------------


@given(st.text())
def test_a_text_comes_back_from_its_literal(text: str) -> None:
    assert literal(text).isprintable() and ast.literal_eval(literal(text)) == text


def shape_of_source(name: str, first: str) -> list[str]:
    """The kinds of its nodes where everything is called `name`, and the first class `first`."""
    design = Architecture("mlp", (Layer.of("dense", width=2),), complete=True)
    origin = Origin(name, agent=name, seed=0, found_at=1, evaluations=1, config={"data": name}, note=name)
    facts = {"class_names": (first, "b"), "name": name, "data": name, "retrained_seed": 0}
    subject = Subject(design, torch.nn.Identity(), (3,), 2, origin, **facts)  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of an escape that Python doesn't know
        tree = ast.parse(python_source(subject, "network.safetensors"))
    return [type(node).__name__ for node in ast.walk(tree)]


def test_names_can_add_nothing_to_the_source() -> None:
    plain = shape_of_source("plain", "a")

    @settings(deadline=None)
    @given(st.text(), st.text())
    def adds_nothing(data: str, class_: str) -> None:
        assert shape_of_source(data, class_) == plain

    adds_nothing()


def test_nasty_names_are_shown_and_not_obeyed() -> None:
    assert docstring_text(NASTY).isprintable() and '"' not in docstring_text(NASTY)
    assert markdown("a|[b](c)<d>") == "a\\|\\[b\\]\\(c\\)\\<d\\>"
    text = card(of_every_kind(data=NASTY, name=NASTY), licence=NASTY)
    head, title = text.splitlines()[:6], text.partition("\n# ")[2]
    assert (head[0], head[5]) == ("---", "---") and json.loads(head[1].partition(": ")[2]).startswith("x")
    assert "`](http" not in title and "\u202e" not in text and text.encode()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet-8", "Resnet8Network"),
        ("2d", "Design2dNetwork"),
        ("", "DesignNetwork"),
        ("my network", "MyNetwork"),
        ("\u00e9\u202e", "DesignNetwork"),
    ],
)
def test_a_class_has_a_proper_name(name: str, expected: str) -> None:
    assert class_name(name) == expected and expected.isidentifier()


def test_what_the_design_says_of_its_training_is_told_and_leaves_the_network_as_it_is() -> None:
    plain = of_every_kind()
    says = (Layer.of("training", optimizer="muon"), Layer.of("training", learning_rate=0.03))
    subject = replace(plain, architecture=Architecture("convnet1d", (*says, *EVERY_KIND), complete=True))
    assert "- The design says how it is trained: optimizer muon, learning rate 0.03" in card(subject)
    assert "says how it is trained" not in card(plain)
    texts = [python_source(one).replace(one.architecture.digest, "") for one in (subject, plain)]
    assert texts[0] == texts[1]


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = replace(FORMATS["onnx"], needs=("no_such_package",))
    monkeypatch.setattr("rl_designer.exporting.export.FORMATS", {**FORMATS, "onnx": lacking})
    with pytest.raises(ImportError, match=r"no_such_package, which isn't installed: pip install 'rl-des"):
        wanted_formats(["onnx"])
    assert wanted_formats(None) == ["python", "torch-export", "card"]
    with pytest.raises(WrongUsage, match="unknown format 'pickle'"):
        wanted_formats(["pickle"])


def test_the_parity_benchmark_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spaces = ["--space", "mlp", "--space", "cell1d"]
    monkeypatch.setattr(sys, "argv", [str(PARITY), "--count", "1", "--format", "torch-export", *spaces])
    script("export_parity").main()
    for figures in json.loads(capsys.readouterr().out).values():
        assert figures["failures"] == [] and figures["largest_difference"] <= 1e-5
