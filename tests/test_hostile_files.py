"""Files that a stranger made to do harm, or a disk damaged: a clear line each, no code run, little memory."""

import contextlib
import io
import json
import pickle
import shutil
import sqlite3
import struct
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rl_designer.envs.array_archives import FREE
from tests.command_line import runner
from tests.hostile_files import LOADERS

MARKER = "code-was-run"
ESCAPE = "\x1b[31m"
JSON_LOADERS = [
    name
    for name in LOADERS
    if name.split()[-1] in ("architecture", "facts", "results", "training", "summary")
] + ["nas-bench-macro"]
NPZ_LOADERS = ["architecture table", "data .npz"]
SAFETENSORS = ["policy", "reward model", "retrained weights", "checkpoint"]
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


class Harm:
    """What a pickle of it runs."""

    def __reduce__(self) -> Any:
        return Path(MARKER).touch, ()


def pickled() -> bytes:
    return pickle.dumps(Harm())


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "files").mkdir()


def made(name: str) -> Path:
    return LOADERS[name].make(Path("files"))


def outcome(name: str, path: Path) -> str | None:
    """None where the file is read, else why it isn't; fails for anything but one clear line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            LOADERS[name].read(path)
    except (ValueError, OSError) as error:
        text = str(error)
        assert text.strip() and "\n" not in text, text
        assert len(text) < 6_000, text
        assert not isinstance(error, UnicodeError), text
        return text
    finally:
        assert not Path(MARKER).exists()
    return None


def refusal(name: str, path: Path) -> str:
    text = outcome(name, path)
    assert text is not None, f"{name} was read"
    return text


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
    if name not in ("image", "reward model"):  # a folder that is no image, and a model that isn't there
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


# -- arrays --------------------------------------------------------------------------------------------


def repacked(path: Path, name: str, content: bytes, compression: int = zipfile.ZIP_DEFLATED) -> None:
    """An `.npz` with the content of one of its members replaced, or with one more."""
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for member, old in {**members, name: content}.items():
            archive.writestr(member, content if member == name else old)


def npy(descr: str, shape: str, content: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header + content


BAD_ARRAYS = {
    "a huge shape": npy("'|u1'", "(1000000000000,)"),
    "a huge shape of nothing": npy("'|u1'", "(0, 1000000000000)"),
    "a shape beyond 64 bits": npy("'|u1'", f"({10**30},)"),
    "a negative shape": npy("'|u1'", "(-1,)", b"x"),
    "texts of no length": npy("'<U0'", "(1000000000000,)"),
    "texts of great length": npy("'<U500000000'", "(1,)"),
    "objects": npy("'|O'", "(1,)", pickled()),
    "objects in a record": npy("[('a', '|O')]", "(1,)", pickled()),
    "a record": npy("[('a', '<f8')]", "(1,)", bytes(8)),
    "raw bytes": npy("'|V1000000'", "(1,)", bytes(10)),
    "dates": npy("'<M8[s]'", "(1,)", bytes(8)),
    "a shape that is code": npy("'|u1'", "__import__('pathlib').Path('code-was-run').touch()"),
    "a type that is code": npy("__import__('pathlib').Path('code-was-run').touch()", "(1,)"),
    "parentheses without end": npy("'|u1'", "(" * 9_000),
    "a version of the future": npy("'|u1'", "(1,)", b"x", b"\x09\x00"),
    "too little": npy("'<f8'", "(3,)", bytes(8)),
    "too much": npy("'<f8'", "(1,)", bytes(80)),
    "a pickle": pickled(),
    "nothing": b"",
}


@pytest.mark.parametrize("name", NPZ_LOADERS)
@pytest.mark.parametrize("what", BAD_ARRAYS)
def test_an_archive_with_a_bad_array_is_refused(name: str, what: str) -> None:
    for member in ("x.npy", "y.npy") if name == "data .npz" else ("architectures.npy", "meta.npy"):
        path = made(name)
        repacked(path, member, BAD_ARRAYS[what])
        refusal(name, path)


@pytest.mark.parametrize("name", NPZ_LOADERS)
@pytest.mark.parametrize(
    "member", ["../../escaped.npy", "/tmp/escaped.npy", "..\\escaped.npy", f"{ESCAPE}.npy"]
)
def test_a_member_of_a_name_that_leads_elsewhere_is_never_written(name: str, member: str) -> None:
    path = made(name)
    repacked(path, member, npy("'|u1'", "(1,)", b"x"))
    outcome(name, path)
    assert {found.name for found in Path().rglob("*")} == {"files", path.name}


@pytest.mark.parametrize("name", NPZ_LOADERS)
def test_an_archive_packed_otherwise_or_with_an_array_twice_is_refused(name: str) -> None:
    path = made(name)
    for compression in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        repacked(path, "more.npy", npy("'|u1'", "(1,)", b"x"), compression)
        assert "packed in a way" in refusal(name, path)
    path = made(name)
    member = "x.npy" if name == "data .npz" else "meta.npy"
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr(member, npy("'|u1'", "(1,)", b"x"))
    assert "an array twice" in refusal(name, path)


@pytest.mark.parametrize("name", NPZ_LOADERS)
def test_an_archive_of_very_many_members_is_refused(name: str) -> None:
    path = made(name)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(5_000):
            archive.writestr(f"{number}.npy", b"")
    assert "must have at most 4,096 arrays, it has 5,000" in refusal(name, path)


def safetensors(header: dict[str, Any] | bytes, content: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content


BAD_TENSORS = {
    "a huge header": struct.pack("<Q", 2**62) + b"{}",
    "a huge shape": safetensors({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 4]}}, bytes(4)),
    "offsets beyond the end": safetensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}),
    "offsets backwards": safetensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}, bytes(4)),
    "an overflow": safetensors(
        {"a": {"dtype": "F32", "shape": [2**32, 2**32, 2**32], "data_offsets": [0, 0]}}
    ),
    "an unknown type": safetensors({"a": {"dtype": "O", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
    "brackets without end": safetensors(b"[" * 10_000),
    "another name": safetensors({ESCAPE: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
    "a small type": safetensors(
        {"hidden.bias": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}, bytes(4)
    ),
}


@pytest.mark.parametrize("name", SAFETENSORS)
@pytest.mark.parametrize("what", BAD_TENSORS)
def test_a_file_of_bad_tensors_is_refused(name: str, what: str) -> None:
    path = made(name)
    path.write_bytes(BAD_TENSORS[what])
    refusal(name, path)


@pytest.mark.parametrize("name", ["policy", "reward model"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_parameters_that_are_no_usable_numbers_are_refused(name: str, value: float) -> None:
    from safetensors.numpy import load_file, save_file

    path = made(name)
    for array in load_file(path):
        arrays = load_file(path)
        if arrays[array].dtype.kind == "f" and arrays[array].size and array not in ("rewards", "scores"):
            arrays[array] = arrays[array].copy()
            arrays[array].flat[0] = value
            save_file(arrays, path)
            refusal(name, path)
            path = made(name)


# -- bombs: in a process of its own, whose memory is measured ---------------------------------------------

BOMBS = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.hostile_files import LOADERS
for line in sys.argv[2:]:
    name, path = line.split("=")
    try:
        LOADERS[name].read(Path(path))
    except (ValueError, OSError) as error:
        print(error)
    else:
        print("read")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def bombs() -> Iterator[tuple[str, Path, str]]:
    """Loader, a file that would fill the memory, and what is said of it."""
    rows, unpacked = 4 * FREE, zipfile.ZipFile
    for name, member in (("data .npz", "x.npy"), ("architecture table", "architectures.npy")):
        folder = Path(member)
        folder.mkdir()
        path = LOADERS[name].make(folder)
        with unpacked(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other = f"other-{member}" if name != "data .npz" else member
            repacked_out(archive, path, other, npy("'|u1'", f"({rows},)"), rows)
        yield name, path, "beyond belief"
    text = Path("labels")
    text.mkdir()
    (text / "data.csv").write_text("one,class\n" + f"1,{'x' * 100_000}\n" + "1,y\n" * 50_000)
    yield "data .csv", text / "data.csv", "classes of at most 1000 characters"
    (text / "wide.csv").write_text("class" + ",a" * 200_000 + "\n")
    yield "data .csv", text / "wide.csv", "two columns called 'a'"


def repacked_out(archive: zipfile.ZipFile, path: Path, member: str, header: bytes, zeros: int) -> None:
    """Writes an array of very many zeros in place of a member."""
    keep = {name: archive.read(name) for name in archive.namelist() if name != member}
    archive.close()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name, content in keep.items():
            new.writestr(name, content)
        with new.open(member, "w") as file:
            file.write(header)
            for _ in range(zeros // 2**20):
                file.write(bytes(2**20))


def test_bombs_are_refused_before_they_take_memory() -> None:
    found = list(bombs())
    arguments = [f"{name}={path}" for name, path, _ in found]
    root = str(Path(__file__).parents[1])
    ended = subprocess.run(
        [sys.executable, "-c", BOMBS, root, *arguments], capture_output=True, text=True, check=True
    )
    *said, kilobytes = ended.stdout.splitlines()
    for line, (_, path, reason) in zip(said, found, strict=True):
        assert reason in line, (path, line)
    assert int(kilobytes) < 1_000_000


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


# -- code that a file names ------------------------------------------------------------------------------


def stopped_run(command: Any) -> Path:
    """A run with a reward in a file, as a stop leaves it."""
    Path("mine.py").write_text(
        "import pathlib\n\n\ndef mine(evaluation):\n    pathlib.Path('code-was-run').touch()\n    return 1\n"
    )
    table = ("--table", "mnist1d-convnet1d", "--agent", "random", "--no-control", "--quiet")
    ended = command(
        "train", *table, "--evaluations", 3, "--reward", "mine.py:mine", "--run", "own", "--quiet"
    )
    assert ended.status == 0, ended
    summary = json.loads(Path("own/summary.json").read_text())
    Path("own/summary.json").write_text(json.dumps({**summary, "state": "interrupted"}))
    Path(MARKER).unlink()
    return Path("own")


def test_a_copied_run_runs_the_code_that_it_names_only_where_it_is_trusted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = runner(capsys)
    own = stopped_run(command)
    shutil.copytree(own, "copied")
    ended = command("resume", "copied")
    assert ended.status == 2 and "add --trust only if you trust" in ended.err and ended.err.count("\n") == 1
    assert not Path(MARKER).exists()
    assert command("resume", "copied", "--trust", "--quiet").status == 0
    assert Path(MARKER).exists()
    Path(MARKER).unlink()
    assert command("resume", own, "--quiet").status == 0  # a run of one's own needs no word
    assert Path(MARKER).exists()


def test_a_config_file_runs_no_code_that_its_reader_has_not_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.py").write_text("from pathlib import Path\n\nPath('code-was-run').touch()\n")
    Path("c.toml").write_text('reward = "mine.py:mine"\n')
    ended = runner(capsys)("train", "--config", "c.toml", "--run", "new")
    assert ended.status == 2 and "name it yourself with --reward" in ended.err
    assert not Path(MARKER).exists()


def test_a_copied_run_opens_no_server_that_it_names(capsys: pytest.CaptureFixture[str]) -> None:
    path = made("run summary")
    (path.parent / "config.toml").write_text('data = "wine"\nstore = "postgresql://192.0.2.1/x"\n')
    ended = runner(capsys)("report", path.parent)
    assert ended.status == 1 and "no such store" in ended.err and "192.0.2.1" not in ended.err


def test_names_from_outside_are_shown_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    from dataclasses import replace

    from tests.tables import synthetic_table

    evil = f"{ESCAPE}[bold]x[/bold]\u202e<script>\r\n"
    table = replace(synthetic_table((2, 3)), name=evil, title=evil, source=evil)
    table.save(Path("evil.npz"))
    ended = runner(capsys)("table", "info", "evil.npz")
    assert ended.status == 0 and all(line.isprintable() for line in ended.out.splitlines())
    assert "\\x1b[31m[bold]x[/bold]" in ended.out and "<script>" in ended.out


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
