"""Files of arrays that a stranger may have written, `.npz` and safetensors: no pickle, bounded in size.

A header of an `.npz` may declare any shape, and a few kilobytes may unpack to gigabytes. So before memory is
taken every array's declared size is compared with what the archive holds, and all sizes with the file's.
"""

import json
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from rl_designer.envs.errors import Error
from rl_designer.envs.files import beside

FREE = 2**26  # bytes that any file may unpack to
MOST_EXPANSION = 50  # times its own size that a file may unpack to beyond that
# What damaged archives raise: of zipfile, of zlib, and of NumPy as it reads a header.
DAMAGE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OverflowError,
    RecursionError,
    RuntimeError,
    SyntaxError,
    TypeError,
    zipfile.BadZipFile,
    zlib.error,
)
_MOST_MEMBERS = 4_096
_DESCRIPTION = "meta"  # array that says in JSON what the others are
_Made = TypeVar("_Made")
_MOST_BYTES = 2**28  # of a safetensors file
_CHUNK = 2**20  # bytes
_SUFFIX = ".npy"
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_KINDS = "biufcUS"
_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class HoldsObjects(Error):
    """An array, called `name`, that only pickle could read."""

    def __init__(self, name: str) -> None:
        super().__init__(f"array {name!r} holds Python objects, which only pickle could read")
        self.name = name


@dataclass(frozen=True)
class Header:
    """What an array declares to be."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]

    @property
    def bytes(self) -> int:
        return prod(self.shape) * self.dtype.itemsize


class ArrayArchive:
    """An opened `.npz`. Its methods raise ValueError, or another of `DAMAGE` for a damaged file."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        self._archive = archive
        self._size = size
        entries = archive.infolist()
        if len(entries) > _MOST_MEMBERS:
            raise Error(f"it must have at most {_MOST_MEMBERS:,} arrays, it has {len(entries):,}")
        self._entries = {entry.filename.removesuffix(_SUFFIX): entry for entry in entries}
        if len(self._entries) < len(entries):
            raise Error("it holds an array twice")

    @property
    def names(self) -> list[str]:
        return list(self._entries)

    def read(self, names: Iterable[str], most: int | None = None) -> dict[str, NDArray[Any]]:
        """Arrays by name.

        Args:
            most: bytes that they may have together; None for any that the file's own size accounts for.

        Raises:
            KeyError: for a name that isn't there.
            HoldsObjects: for an array that only pickle could read.
        """
        names = list(names)
        declared = sum(self._header(name).bytes for name in names)
        if declared > FREE and declared > MOST_EXPANSION * self._size:
            raise Error(
                f"its {self._size:,} bytes unpack to {declared:,}, which is beyond belief; "
                "if it is meant to be so, save it with np.savez, unpacked"
            )
        if most is not None and declared > most:
            raise Error(f"it unpacks to {declared:,} bytes; at most {most:,} are read")
        return {name: self._array(name) for name in names}

    def _header(self, name: str) -> Header:
        with self._opened(name) as file:
            return self._read_header(file, name)

    def _array(self, name: str) -> NDArray[Any]:
        with self._opened(name) as file:
            header = self._read_header(file, name)
            flat = np.empty(prod(header.shape), header.dtype)
            content = memoryview(flat.view(np.uint8))  # type: ignore[arg-type]
            filled = 0
            while chunk := file.read(_CHUNK):  # to the end, where zipfile looks at the checksum
                content[filled : filled + len(chunk)] = chunk
                filled += len(chunk)
        if filled != header.bytes:
            raise Error(f"array {name!r} ends after {filled:,} bytes")
        array = flat.reshape(header.shape, order="F" if header.fortran else "C")
        return array.astype(header.dtype.newbyteorder("="), order="C", copy=False)

    @contextmanager
    def _opened(self, name: str) -> Iterator[IO[bytes]]:
        entry = self._entries[name]
        if entry.compress_type not in _COMPRESSIONS:
            raise Error(f"array {name!r} is packed in a way that np.savez doesn't use")
        with self._archive.open(entry) as file:
            yield file

    def _read_header(self, file: IO[bytes], name: str) -> Header:
        try:
            version = npy.read_magic(file)
        except ValueError:
            raise Error(f"array {name!r} is no array, or cut off") from None
        if version not in _READERS:
            raise Error(f"array {name!r} is written in .npy's version {version}, not 1.0 or 2.0")
        try:
            header = Header(*_READERS[version](file))
        except Exception:  # it is parsed as Python's literals are, which may raise SyntaxError and more
            raise Error(f"the header of array {name!r} is damaged") from None
        if header.dtype.hasobject:
            raise HoldsObjects(name)
        if header.dtype.kind not in _KINDS or header.dtype.itemsize == 0 or min(header.shape, default=0) < 0:
            raise Error(f"array {name!r} must hold numbers or texts, got type {str(header.dtype)[:60]}")
        held = self._entries[name].file_size - file.tell()
        if header.bytes != held:
            raise Error(
                f"array {name!r} declares the shape {str(header.shape)[:60]}, which has {header.bytes:,} "
                f"bytes, and holds {held:,}"
            )
        return header


@contextmanager
def open_archive(path: Path) -> Iterator[ArrayArchive]:
    """Raises one of `DAMAGE` for what is no `.npz`, or a damaged one."""
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        yield ArrayArchive(archive, path.stat().st_size)


def readable(path: Path, what: str) -> Path:
    """Raises ValueError where the file is missing or too large to be one of ours."""
    if not path.is_file():
        raise Error(f"no {what}: {path} is missing")
    if path.stat().st_size > _MOST_BYTES:
        raise Error(f"{path} has {path.stat().st_size:,} bytes; at most {_MOST_BYTES:,} are read")
    return path


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    from safetensors.numpy import save_file

    # safetensors writes an array as it lies in memory and reads it row by row.
    rows = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with beside(path) as free:
        save_file(rows, free)


def read_arrays(path: Path, what: str) -> dict[str, NDArray[Any]]:
    """What `write_arrays` wrote. Raises ValueError where it is missing or damaged."""
    from safetensors.numpy import load_file

    path = readable(path, what)
    try:
        return load_file(path)
    except Exception as error:  # SafetensorError, but NumPy's errors too, on odd dtypes and shapes
        raise Error(f"{path} is damaged: {error}") from error


def write_described(path: Path, description: Any, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Writes one packed `.npz`, beside and renamed: arrays, and as JSON what they are."""
    packed: dict[str, Any] = {_DESCRIPTION: np.array(json.dumps(description)), **arrays}
    with beside(path) as free, free.open("wb") as file:
        np.savez_compressed(file, **packed)


def read_described(
    path: Path, what: str, made_of: Callable[[Any, dict[str, NDArray[Any]]], _Made], most: int
) -> _Made:
    """What is made of the description and the arrays that `write_described` wrote.

    Args:
        most: bytes that the arrays may have together.

    Raises:
        ValueError: for a file that is missing or damaged, and with its name what `made_of` refuses.
    """
    path = readable(path, what)
    try:
        with open_archive(path) as archive:
            arrays = archive.read(archive.names, most)
        return made_of(json.loads(str(arrays.pop(_DESCRIPTION))), arrays)
    except Error as error:
        raise Error(f"{path}: {error}") from error
    except DAMAGE as error:
        raise Error(f"{path} is no {what}, or damaged: {error}") from error
