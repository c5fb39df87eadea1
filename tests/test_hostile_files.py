"""Files that a stranger made to do harm, or a disk damaged: a clear line each, and no code run."""

import contextlib
import io
import json
import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.command_line import runner
from tests.helpers.hostile_files import LOADERS
from tests.helpers.hostile_outcomes import ESCAPE, MARKER, made, outcome, pickled, refusal

JSON_LOADERS = [
    name
    for name in LOADERS
    if name.split()[-1] in ("architecture", "description", "facts", "results", "training", "summary")
] + ["nas-bench-macro"]
NASTY: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    10**400,
    1e308,
    "",
    ESCAPE,
    "x" * 2_000,
    "../../../etc/passwd",
    [],
    {},
    [[]],
)
NASTY_TEXTS = ("NaN", "Infinity", "-Infinity", "1e999", "9" * 5_000, '"\\ud800"')


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "files").mkdir()


# -- every kind of file --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOADERS)
def test_a_sound_file_is_read(name: str) -> None:
    assert outcome(name, made(name)) is None


@pytest.mark.parametrize("name", LOADERS)
def test_a_file_cut_off_anywhere_is_refused_or_still_whole(name: str) -> None:
    path = made(name)
    content = path.read_bytes()
    for percent in range(100):
        path.write_bytes(content[: len(content) * percent // 100])
        outcome(name, path)


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("what", ["a pickle", "nothing", "zeros", "noise", "a bare zip", "text"])
def test_a_file_of_another_kind_is_refused(name: str, what: str) -> None:
    path = made(name)
    bare = io.BytesIO()
    with zipfile.ZipFile(bare, "w") as archive:
        archive.writestr("data.pkl", pickled())
    contents = {
        "a pickle": pickled(),
        "nothing": b"",
        "zeros": bytes(4_096),
        "noise": np.random.default_rng(0).bytes(4_096),
        "a bare zip": bare.getvalue(),
        "text": b"hello\nworld\n",
    }
    path.write_bytes(contents[what])
    if what == "nothing" and name in ("config", "benchmark log", "reward benchmark log", "store"):
        assert outcome(name, path) is None or name == "store"
    elif "log" not in name:
        refusal(name, path)
    else:
        outcome(name, path)  # an unfinished last line is what a crash leaves


@pytest.mark.parametrize("name", [name for name in LOADERS if name != "store"])
def test_a_folder_in_the_place_of_a_file_is_refused(name: str) -> None:
    path = made(name)
    path.unlink()
    path.mkdir()
    if name not in (
        "image",
        "reward model",
        "older reward model",
    ):  # a folder that is no image, and a model that isn't there
        refusal(name, path)


# -- JSON ----------------------------------------------------------------------------------------------


def with_each_leaf(data: Any, value: Any) -> Iterator[Any]:
    """The data with one part at a time replaced."""
    yield value
    if isinstance(data, dict):
        for key in data:
            for part in with_each_leaf(data[key], value):
                yield {**data, key: part}
    if isinstance(data, list):
        for index, item in enumerate(data[:2]):
            for part in with_each_leaf(item, value):
                yield [*data[:index], part, *data[index + 1 :]]


@pytest.mark.parametrize("name", JSON_LOADERS)
def test_json_with_any_part_of_another_type_is_refused_or_harmless(name: str) -> None:
    path = made(name)
    data = json.loads(path.read_bytes())
    for value in NASTY:
        for variant in with_each_leaf(data, value):
            path.write_text(json.dumps(variant))
            outcome(name, path)
    for text in NASTY_TEXTS:
        for variant in with_each_leaf(data, "@"):
            path.write_text(json.dumps(variant).replace('"@"', text))
            outcome(name, path)


@pytest.mark.parametrize("name", JSON_LOADERS)
def test_json_without_end_is_refused(name: str) -> None:
    path = made(name)
    for opening in ("[", '{"a":'):
        path.write_text(opening * 100_000)
        refusal(name, path)
    path.write_text("[" * 50_000 + "]" * 50_000)
    refusal(name, path)


@pytest.mark.parametrize("name", ["config", "search space", "mapping"])
def test_toml_without_end_or_of_great_length_is_refused(name: str) -> None:
    path = made(name)
    sound = path.read_text()
    for more in ("x = " + "[" * 10_000, "x = " + "{a = " * 10_000, "a." * 10_000 + "a = 1", "#" * 2**20):
        path.write_text(f"{more}\n{sound}")
        refusal(name, path)
    path.write_bytes(sound.encode() + b"\n# \xff\n")
    refusal(name, path)


# -- on the command line --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, loader in LOADERS.items() if loader.command])
def test_the_command_line_says_in_one_line_what_is_wrong_with_a_file(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, command = made(name), runner(capsys)
    arguments = [str(path) if part == "{}" else part for part in LOADERS[name].command or ()]
    content = path.read_bytes()
    for bad in (b"", pickled(), content[: len(content) // 2], content[:-1], b"[" * 100_000):
        path.write_bytes(bad)
        ended = command(*arguments)
        assert ended.status == 1, ended
        assert ended.err.startswith("Error: ") and ended.err.count("\n") == 1, ended.err
        assert path.name in ended.err and "shows where" not in ended.err
        assert not Path(MARKER).exists()


# -- the store ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("schema_version", "version", 0),
        ("schema_version", "version", -1),
        ("designs", "reward", "much"),
        ("designs", "reward", b"\xff"),
        ("designs", "seconds", b"\xff"),
        ("designs", "index", "first"),
        ("designs", "source", b"\xff"),
        ("designs", "architecture", "[" * 100_000),
        ("designs", "architecture", '{"space": 3}'),
        ("evaluations", "evaluation", '{"val_accuracy": "high"}'),
        ("evaluations", "evaluation", '{"learning_curve": 3}'),
        ("evaluations", "evaluation", '{"failure": []}'),
        ("evaluations", "evaluation", "[" * 100_000),
        ("evaluations", "evaluation", b"\xff"),
    ],
)
def test_a_store_with_a_value_of_another_type_is_refused(table: str, column: str, value: Any) -> None:
    path = made("store")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f'update {table} set "{column}" = ?', (value,))
        connection.commit()
    assert "damaged" in refusal("store", path)


def test_a_store_whose_schema_is_no_text_is_refused() -> None:
    path = made("store")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"NOT NULL", b"NOT NU\xe1L"))
    assert "damaged: it holds what is no text" in refusal("store", path)
