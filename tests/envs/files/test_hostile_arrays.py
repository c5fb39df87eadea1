"""Archives and tensors that a stranger made to do harm: refused, and before they take memory."""

import json
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

from rl_designer.envs.files.archives import FREE
from tests.helpers.hostile_files import LOADERS
from tests.helpers.hostile_outcomes import ESCAPE, made, outcome, pickled, refusal

NPZ_LOADERS = ["architecture table", "data .npz"]
SAFETENSORS = ["policy", "reward model", "older reward model", "retrained weights", "checkpoint"]


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "files").mkdir()


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


@pytest.mark.parametrize("name", ["policy", "reward model", "older reward model"])
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
from tests.helpers.hostile_files import LOADERS
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
    root = str(Path(__file__).resolve().parents[3])
    ended = subprocess.run(
        [sys.executable, "-c", BOMBS, root, *arguments], capture_output=True, text=True, check=True
    )
    *said, kilobytes = ended.stdout.splitlines()
    for line, (_, path, reason) in zip(said, found, strict=True):
        assert reason in line, (path, line)
    assert int(kilobytes) < 1_000_000
