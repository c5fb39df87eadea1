"""`architecture.json`: what is written is read again, and nothing else is read."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.runs.architecture_files import ArchitectureFile, read_architecture, write_architecture

LAYERS = [
    {"kind": "conv", "kernel": 5, "width": 16, "stride": 1},
    {"kind": "global-pool", "operation": "average"},
]
GOOD = {"format": "architecture/1", "space": "convnet1d", "layers": LAYERS}
SPACES = {shape: make_space(name, shape, 10) for name, shape in (("convnet", (1, 8, 8)), ("mlp", (9,)))}


def read(tmp_path: Path, content: Any) -> ArchitectureFile:
    path = tmp_path / "a.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return read_architecture(path)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(SPACES)), st.integers(0, 2**32 - 1), st.booleans())
def test_every_design_of_a_space_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, shape: tuple[int, ...], seed: int, more: bool
) -> None:
    space = SPACES[shape]
    [architecture] = space.architectures(space.random_actions(1, np.random.default_rng(seed)))
    file = ArchitectureFile(architecture)
    if more:
        file = ArchitectureFile(architecture, shape, 10, "a name", "a source", "a note → with an arrow")
    path = tmp_path_factory.mktemp("files") / "a.json"
    write_architecture(path, file)
    assert read_architecture(path) == file
    assert read_architecture(path).architecture.digest == architecture.digest


def test_layers_as_sample_and_report_give_them_and_a_space_are_a_file(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)
    assert found.architecture == Architecture("convnet1d", tuple(map(Layer.from_dict, LAYERS)), True)
    assert (found.input_shape, found.num_classes, found.name) == (None, None, None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "architecture/2"}, r'must be an object such as \{"format": "architecture/1"'),
        ({"layers": None}, "`layers`: input should be a valid list"),
        ({"layers": [{"kind": "conv", "kernel": [5]}]}, "`layers.0.kernel`: "),
        ({"layers": [{"kind": "cnov"}]}, "unknown layer kind 'cnov'. Did you mean 'conv'"),
        ({"layers": [{"kernel": 5}]}, "a layer must be an object with a text `kind`"),
        ({"layers": [{"kind": "conv", "kernel": 4, "width": 1}]}, "conv.kernel must be an odd integer"),
        ({"layers": [{"kind": "conv", "kernel": 5.0, "width": 1}]}, "conv.kernel must be an odd integer"),
        ({"layers": [{"kind": "conv", "kernel": True, "width": 1}]}, "conv.kernel must be an odd integer"),
        ({"layers": [{"kind": "conv", "kernel": 5}]}, "needs the option 'width'"),
        ({"layers": [{"kind": "conv", "kernel": 5, "width": 10**9}]}, "from 1 to 4096, got 1000000000"),
        ({"layers": LAYERS * 257}, "should have at most 512 items"),
        ({"space": "Not A Name"}, "`space`: string should match"),
        ({"space": 3}, "`space`: input should be a valid string"),
        ({"extra": 1}, "`extra`: extra inputs are not permitted"),
        ({"input_shape": [1, 40, 1, 1]}, "`input_shape`: list should have at most 3 items"),
        ({"input_shape": [40]}, "needs a map, not a vector"),
        ({"input_shape": [1, 0]}, "integers from 1"),
        ({"num_classes": 0}, "needs 2 to 1,000,000 classes, or 1 output for a number, got 0"),
        ({"name": "n" * 3000}, "`name`: string should have at most 2000 characters"),
    ],
)
def test_anything_else_is_refused_in_one_line(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        read(tmp_path, {**GOOD, **change})
    assert "a.json" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[" * 200_000, b'{"format": NaN', b"1" * 5000, b'"text"', b"[]", b"null"],
    ids=lambda content: repr(content[:12]),
)
def test_what_is_not_json_or_no_object_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError, match=r"a\.json"):
        read(tmp_path, content)


def test_a_large_file_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at most 1,000,000 bytes"):
        read(tmp_path, b" " * 1_000_001)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"can't read the architecture file .*none\.json: No such file"):
        read_architecture(tmp_path / "none.json")
    with pytest.raises(ValueError, match="Is a directory"):
        read_architecture(tmp_path)


def test_what_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(ValueError, match="only a complete architecture has a file"):
        write_architecture(path, ArchitectureFile(Architecture("mlp")))
    with pytest.raises(ValueError, match="unknown layer kind 'op'"):
        table = Architecture("table", (Layer.of("op", option="skip"),), True)
        write_architecture(path, ArchitectureFile(table))
    assert not path.exists()
