"""A full training: it goes on from a checkpoint to the same bits, averages, and says when it diverges."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from itertools import product, repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load, load_file, save

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.networks.network import build_network
from rl_designer.envs.training.settings import OPTIMIZERS, PRECISIONS
from rl_designer.retraining.checkpoint import checkpoint_of, read_weights
from rl_designer.retraining.settings import FullSettings, default_precision, full_settings
from rl_designer.retraining.training import Diverged, Task, train_part

ROOT = Path(__file__).resolve().parents[3]

# Every source of randomness, both memory formats, and tensors of every rank are in them.
SIGNAL = Architecture(
    "convnet1d",
    (
        Layer.of("conv", kernel=5, width=4, stride=1),
        Layer.of("separable", kernel=3, width=6, stride=2),
        Layer.of("dropout", rate=0.2),
        Layer.of("global-pool", operation="average"),
        Layer.of("dense", width=5, activation="relu", normalisation="batch"),
    ),
    True,
)
IMAGE = Architecture(
    "convnet",
    (
        Layer.of("conv", kernel=3, width=4, stride=1),
        Layer.of("inverted-residual", expansion=2, kernel=3, width=6, stride=2, squeeze_excitation=True),
        Layer.of("dropout", rate=0.2),
        Layer.of("global-pool", operation="max"),
    ),
    True,
)
FEATURES = Architecture("mlp", (Layer.of("dense", width=5), Layer.of("dropout", rate=0.2)), True)
MEMBERS = Architecture(
    "mlp-wide",
    (
        Layer.of("periodic", frequencies=2, sigma=0.1, width=2),
        Layer.of("ensemble", members=3),
        Layer.of("dense", width=5),
    ),
    True,
)
SHAPES: dict[str, tuple[Architecture, tuple[int, ...]]] = {
    "signals": (SIGNAL, (2, 16)),
    "images": (IMAGE, (2, 8, 8)),
    "features": (FEATURES, (7,)),
    "members": (MEMBERS, (7,)),
}
QUICK = FullSettings(epochs=5, batch_size=8, averaging=0.1)


def data(shape: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(36, *shape, generator=generator), torch.arange(36) % 3


def trained(
    folder: Path, kind: str, settings: FullSettings = QUICK, seconds: float = math.inf, seed: int = 3
) -> dict[str, Any]:
    """A part, from the checkpoint that the last one has left in the folder; {} before the last one."""
    architecture, shape = SHAPES[kind]
    if settings.augment is False and len(shape) > 1:
        settings = replace(settings, augment="shift")
    checkpoint, weights = folder / "c.safetensors", folder / "w.safetensors"
    state = checkpoint.read_bytes() if checkpoint.exists() else None
    part = train_part(Task(architecture, 3, settings, seed, str(checkpoint)), *data(shape), state, seconds)
    (weights if part.finished else checkpoint).write_bytes(part.content)
    return load_file(weights) if part.finished else {}


def equal(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return first.keys() == second.keys() and all(np.array_equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize(
    ("kind", "precision", "optimizer"),
    [
        *product(SHAPES, PRECISIONS[:1], OPTIMIZERS),
        *zip(SHAPES, repeat(PRECISIONS[1]), OPTIMIZERS, strict=False),
    ],
)
def test_a_training_in_parts_comes_to_the_same_bits(
    tmp_path: Path, kind: str, precision: str, optimizer: str
) -> None:
    settings = replace(QUICK, precision=precision, optimizer=optimizer)

    for _ in range(3):
        assert trained(tmp_path, kind, settings, seconds=0) == {}
    found = trained(tmp_path, kind, settings)
    (tmp_path / "whole").mkdir()
    assert equal(found, trained(tmp_path / "whole", kind, settings))
    records = [read_weights(folder / "w.safetensors", 10_000)[1] for folder in (tmp_path, tmp_path / "whole")]
    assert records[0].losses == records[1].losses and len(records[0].losses) == 5


def test_another_process_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from tests.rl_designer.retraining.test_retrain_training import trained\n"
        "trained(Path(sys.argv[1]), 'signals', seconds=0)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.safetensors"]
    (tmp_path / "whole").mkdir()
    assert equal(trained(tmp_path, "signals"), trained(tmp_path / "whole", "signals"))


@pytest.mark.parametrize("kind", SHAPES)
def test_the_weights_are_those_of_the_networks_own_modules(tmp_path: Path, kind: str) -> None:
    found = trained(tmp_path, kind)
    architecture, shape = SHAPES[kind]
    network = build_network(architecture, shape, 3)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in found.items()})
    logits = network.eval()(data(shape)[0])
    assert logits.shape == (36, 3) and logits.isfinite().all()


def test_it_learns(tmp_path: Path) -> None:
    x = torch.randn(200, 7, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0] > 0).long() + (x[:, 1] > 1).long()
    settings = FullSettings(epochs=30, batch_size=20)
    part = train_part(Task(FEATURES, 3, settings, 0, "c"), x, y)
    (tmp_path / "w").write_bytes(part.content)
    network = build_network(FEATURES, (7,), 3)
    network.load_state_dict(read_weights(tmp_path / "w", 10_000)[0])
    assert (network.eval()(x).argmax(dim=1) == y).float().mean() > 0.85
    assert part.finished and part.record.losses[-1] < part.record.losses[0]


@pytest.mark.parametrize("design", [FEATURES, MEMBERS], ids=["dense", "embedding"])
def test_a_network_on_features_flattens_what_was_augmented(design: Architecture) -> None:
    x = torch.randn(36, 1, 1, 7, generator=torch.Generator().manual_seed(0))
    y = torch.arange(36) % 3
    found = []
    for inputs, augment in ((x.flatten(1), False), (x, False), (x, "flip-shift")):
        task = Task(design, 3, replace(QUICK, augment=augment), 0, "c")
        found.append(load(train_part(task, inputs, y).content))
    assert equal(found[0], found[1]) and not equal(found[0], found[2])


def test_another_seed_gives_other_weights_and_global_randomness_is_left_alone(tmp_path: Path) -> None:
    before = torch.get_rng_state()
    assert not equal(trained(tmp_path, "signals"), trained(tmp_path, "signals", seed=4))
    assert torch.equal(before, torch.get_rng_state())


def test_without_an_average_the_last_weights_are_kept_and_with_one_others(tmp_path: Path) -> None:
    def last(averaging: float) -> Any:
        return trained(tmp_path, "features", replace(QUICK, averaging=averaging, label_smoothing=0.0))

    none, short, long = (last(averaging) for averaging in (0.0, 1e-9, 0.5))
    assert all(np.allclose(none[name], short[name], atol=1e-5) for name in none)
    assert not all(np.allclose(none[name], long[name], atol=1e-3) for name in none)


def test_the_average_forgets_the_first_weights_soon() -> None:
    settings = FullSettings(averaging=0.1)
    keeps = [settings.keep_of_average(step, 1000) for step in range(1000)]
    assert keeps[0] == pytest.approx(0.1) and keeps == sorted(keeps)
    assert keeps[-1] == pytest.approx(100 / 101)


def test_a_loss_that_is_no_number_ends_the_training() -> None:
    architecture, shape = SHAPES["features"]
    x, y = data(shape)
    with pytest.raises(Diverged, match=r"diverged: the training loss is nan in epoch 1"):
        train_part(Task(architecture, 3, QUICK, 0, "c"), x * float("nan"), y)


# -- files ------------------------------------------------------------------------------------------


def a_checkpoint(folder: Path) -> Path:
    assert trained(folder, "features", seconds=0) == {}
    return folder / "c.safetensors"


def test_a_damaged_checkpoint_is_refused_in_one_line(tmp_path: Path) -> None:
    path = a_checkpoint(tmp_path)
    content = path.read_bytes()
    for damaged in (b"", content[:100], b"x" * 50, content[:-10], content + bytes(2**25)):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"c\.safetensors can't be used") as error:
            trained(tmp_path, "features")
        assert "\n" not in str(error.value)


def test_a_checkpoint_of_another_training_or_format_is_refused(tmp_path: Path) -> None:
    path = a_checkpoint(tmp_path)
    content = path.read_bytes()
    assert checkpoint_of(content, "c", 3, 10_000).record.seed == 3
    with pytest.raises(ValueError, match="is of another training; delete it"):
        checkpoint_of(content, "c", 4, 10_000)
    with pytest.raises(ValueError, match="its format is 'training-checkpoint/1', not 'retrained-weights/1'"):
        read_weights(path, 10_000)
    record = {"seed": 3, "losses": [], "seconds": 0, "device": "cpu"}
    metadata = {"training-checkpoint/1": json.dumps(record)}
    strange = save({"strange.0": np.zeros(1)}, metadata)
    with pytest.raises(ValueError, match=r"can't be used: 'strange'"):
        checkpoint_of(strange, "c", 3, 10_000)


# -- settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"averaging": 1.5}, "averaging is a share of the training, 0 to 1, got 1.5"),
        ({"averaging": float("nan")}, "averaging is a share"),
        ({"precision": "float16"}, "unknown precision 'float16'"),
        ({"epochs": 0}, "at least 1 epoch"),
    ],
)
def test_settings_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FullSettings(**options)


def test_a_gpu_that_computes_in_bfloat16_is_used_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_precision("cpu") == "float32"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for capability, precision in (((9, 0), "bfloat16"), ((8, 0), "bfloat16"), ((7, 5), "float32")):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device, found=capability: found)
        assert full_settings("mine", 100, (4,), {}, "cuda:0").precision == precision


def test_defaults_suit_the_data() -> None:
    def settings(name: str, examples: int, *shape: int, **given: Any) -> FullSettings:
        return full_settings(name, examples, shape, given)

    assert settings("mine", 100, 1, 40).epochs > settings("mine", 60_000, 1, 28, 28).epochs
    assert settings("wine", 100, 13).augment is False
    assert settings("mnist1d", 100, 1, 40).augment == "shift"
    assert settings("mnist", 100, 1, 28, 28).augment == "shift"  # a mirrored digit is none
    assert settings("fashion-mnist", 100, 1, 28, 28).augment == "flip-shift"
    chosen = settings("mnist", 100, 1, 28, 28, augment=False, epochs=3, learning_rate=None)
    assert (chosen.augment, chosen.epochs, chosen.learning_rate) == (False, 3, FullSettings().learning_rate)
    with pytest.raises(ValueError, match="augmentation 'flip-shift' needs images"):
        settings("mnist1d", 100, 1, 40, augment="flip-shift")
