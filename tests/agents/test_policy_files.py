"""`Policy`: it comes back from its files as it was, and no bad file does harm."""

import json
import random
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray
from safetensors.numpy import save_file

from rl_designer.agents.policy import FORMAT, Policy
from rl_designer.envs.files import archives
from rl_designer.envs.search_spaces.base import SearchSpace
from tests.agents.test_policy import SPACE, policy_of, sampled
from tests.helpers.policies import random_weights
from tests.helpers.strategies import few_examples, seeds

small_weights = npst.arrays(np.float32, (4, 3), elements=st.floats(-1_000, 1_000, width=32))


@few_examples
@given(seeds, small_weights)
def test_a_policy_comes_back_from_its_files_bit_by_bit(seed: int, output: NDArray[np.float32]) -> None:
    policy = policy_of(SPACE, seed)
    weights = {
        "hidden.weight": policy.weights["hidden.weight"][:3],
        "hidden.bias": policy.weights["hidden.bias"][:3],
        "output.weight": np.asfortranarray(output),
        "output.bias": policy.weights["output.bias"],
    }
    policy = replace(policy, weights=weights)
    with TemporaryDirectory() as folder:
        policy.save(Path(folder) / "deep" / "policy")
        back = Policy.load(Path(folder) / "deep" / "policy")
    assert (back.space, back.facts) == (policy.space, policy.facts)
    assert set(back.weights) == set(weights)
    for name, array in weights.items():
        assert back.weights[name].dtype == np.float32
        assert back.weights[name].tobytes() == array.tobytes()


def test_files_are_written_beside_and_renamed(tmp_path: Path) -> None:
    policy_of(SPACE, 1).save(tmp_path)
    policy_of(SPACE, 2).save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["policy.json", "policy.safetensors"]
    assert json.loads((tmp_path / "policy.json").read_text()) == {
        "format": FORMAT, "space": "table:synthetic", "agent": "ppo", "seed": 3,
    }  # fmt: skip
    np.testing.assert_array_equal(
        Policy.load(tmp_path).weights["hidden.bias"], policy_of(SPACE, 2).weights["hidden.bias"]
    )


def refusal(folder: Path) -> str:
    """Why a policy is refused: a ValueError of one line, and no other error."""
    with pytest.raises(ValueError, match="policy") as caught:
        Policy.load(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["policy.json", "policy.safetensors"])
def test_a_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    policy_of(SPACE).save(tmp_path)
    (tmp_path / name).unlink()
    assert refusal(tmp_path) == f"no trained policy: {tmp_path / name} is missing"


@pytest.mark.parametrize("name", ["policy.json", "policy.safetensors"])
def test_an_oversized_file_is_refused_before_it_is_read(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy_of(SPACE).save(tmp_path)
    with (tmp_path / name).open("ab") as file:
        file.truncate(2**20)
    monkeypatch.setattr(archives, "_MOST_BYTES", 2**19)
    assert "has 1,048,576 bytes; at most 524,288 are read" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "is damaged"),
        (b"{", "is damaged"),
        (b"\xff\xfe", "is damaged"),
        (b"[" * 100_000, "is damaged"),
        (b"9" * 5_000, "is damaged"),
        (b"[]", f"is no policy file of format '{FORMAT}'"),
        (b'{"format": "rl-designer-policy/3", "space": "mlp"}', "is no policy file of format"),
        (b'{"format": "rl-designer-policy/1"}', "is no policy file of format"),
        (b'{"format": "rl-designer-policy/1", "space": 3}', "is no policy file of format"),
    ],
)
def test_facts_that_are_none_are_refused(tmp_path: Path, text: bytes, reason: str) -> None:
    policy_of(SPACE).save(tmp_path)
    (tmp_path / "policy.json").write_bytes(text)
    assert reason in refusal(tmp_path)


SOUND = policy_of(SPACE).weights
HIDDEN, ACTIONS = len(SOUND["hidden.bias"]), len(SOUND["output.bias"])


def with_value(value: float) -> dict[str, NDArray[Any]]:
    changed = SOUND["hidden.weight"].copy()
    changed[1, 2] = value
    return {"hidden.weight": changed}


BAD_WEIGHTS: dict[str, tuple[dict[str, Any], str]] = {
    "one is left out": (
        {"output.bias": None},
        "must hold hidden.weight, hidden.bias, output.weight, output.bias",
    ),
    "one is too many": ({"extra": np.zeros(3, np.float32)}, "must hold"),
    "another rank": ({"hidden.weight": np.zeros(HIDDEN, np.float32)}, "must hold"),
    "another number of hidden units": ({"hidden.bias": np.zeros(3, np.float32)}, "don't fit together"),
    "inner sizes that differ": ({"output.weight": np.zeros((ACTIONS, 3), np.float32)}, "don't fit together"),
    "another number of actions": ({"output.bias": np.zeros(3, np.float32)}, "don't fit together"),
    "doubles": ({"hidden.bias": np.zeros(HIDDEN)}, "must hold float32 numbers"),
    "whole numbers": ({"hidden.bias": np.zeros(HIDDEN, np.int32)}, "must hold float32 numbers"),
    "not a number": (with_value(np.nan), "must hold float32 numbers from -1,000,000 to 1,000,000 only"),
    "infinity": (with_value(-np.inf), "must hold float32 numbers"),
    "a number whose sums overflow": (with_value(3e38), "must hold float32 numbers"),
}


@pytest.mark.parametrize("case", BAD_WEIGHTS)
def test_weights_that_are_none_are_refused(tmp_path: Path, case: str) -> None:
    changes, reason = BAD_WEIGHTS[case]
    policy_of(SPACE).save(tmp_path)
    weights = {name: array for name, array in {**SOUND, **changes}.items() if array is not None}
    save_file(weights, tmp_path / "policy.safetensors")
    assert reason in refusal(tmp_path)


def declared(dtype: str, shape: list[int], length: int) -> bytes:
    """A safetensors file of one array that says this of itself, with nothing behind."""
    entry = {"dtype": dtype, "shape": shape, "data_offsets": [0, length]}
    header = json.dumps({"hidden.weight": entry}).encode()
    return len(header).to_bytes(8, "little") + header


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not weights",
        (2**62).to_bytes(8, "little") + b"{}",
        declared("F32", [2**40], 2**42),
        declared("F32", [2**40, 2**40], 4),
        declared("F32", [0, 2**62], 0),
        declared("BF16", [0], 0),
        declared("PICKLE", [0], 0),
    ],
)
def test_a_hostile_file_of_weights_is_refused(tmp_path: Path, content: bytes) -> None:
    policy_of(SPACE).save(tmp_path)
    (tmp_path / "policy.safetensors").write_bytes(content)
    refusal(tmp_path)


@pytest.mark.parametrize("name", ["policy.json", "policy.safetensors"])
def test_a_truncated_or_changed_file_is_refused_or_a_policy_that_samples(tmp_path: Path, name: str) -> None:
    policy_of(SPACE).save(tmp_path)
    sound = (tmp_path / name).read_bytes()
    chance = random.Random(0)
    for case in range(400):
        damaged = bytearray(sound)
        if case % 3 == 0:
            del damaged[chance.randrange(len(damaged)) :]
        for _ in range(case % 3):
            damaged[chance.randrange(min(len(damaged), 500))] = chance.randrange(256)
        (tmp_path / name).write_bytes(damaged)
        try:
            actions, _ = sampled(Policy.load(tmp_path), SPACE, 3)
        except ValueError as error:
            assert "\n" not in str(error)
        else:
            assert all(design.complete for design in SPACE.architectures(actions))


# -- other hidden layers -------------------------------------------------------------------------------


def two_layers(space: SearchSpace, hidden: int = 8) -> dict[str, NDArray[np.float32]]:
    """Weights of a policy of two hidden layers."""
    generator = np.random.default_rng(5)
    second = {"second.weight": (hidden, hidden), "second.bias": (hidden,)}
    drawn = {name: generator.normal(size=size).astype(np.float32) for name, size in second.items()}
    return random_weights(space, hidden=hidden) | drawn


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("weights", [random_weights(SPACE), two_layers(SPACE)], ids=["one", "two"])
def test_any_policy_comes_back_from_its_files(
    tmp_path: Path, weights: dict[str, NDArray[np.float32]], activation: str
) -> None:
    policy = Policy(weights, SPACE.name, {"agent": "ppo"}, activation)
    policy.save(tmp_path)
    again = Policy.load(tmp_path)
    assert (again.activation, again.layers, again.facts) == (activation, policy.layers, policy.facts)
    assert sampled(again, SPACE)[1].tolist() == sampled(policy, SPACE)[1].tolist()
    usual = activation == "tanh" and policy.layers == 1
    assert (json.loads((tmp_path / "policy.json").read_text())["format"] == FORMAT) == usual


@pytest.mark.parametrize(
    "change, message",
    [
        ({"second.bias": np.zeros(3, np.float32)}, "don't fit together"),
        ({"second.weight": np.zeros((8, 3), np.float32)}, "don't fit together"),
        ({"second.bias": None}, "must hold hidden.weight, hidden.bias, output.weight, output.bias, second"),
    ],
)
def test_a_second_layer_that_does_not_fit_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    weights = {name: array for name, array in (two_layers(SPACE) | change).items() if array is not None}
    Policy(random_weights(SPACE), SPACE.name, {}).save(tmp_path)
    save_file(weights, tmp_path / "policy.safetensors")
    with pytest.raises(ValueError, match=message):
        Policy.load(tmp_path)


def test_an_unknown_activation_is_refused(tmp_path: Path) -> None:
    Policy(random_weights(SPACE), SPACE.name, {}, "relu").save(tmp_path)
    text = (tmp_path / "policy.json").read_text().replace("relu", "sine")
    (tmp_path / "policy.json").write_text(text)
    with pytest.raises(ValueError, match="unknown activation 'sine'"):
        Policy.load(tmp_path)
