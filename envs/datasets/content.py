"""What data are, in a digest: the same wherever they lie, another one after any change."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Raise it where a reader gives other names or arrays for a file that is the same.
CONTENT_VERSION = 2

_CHUNK = 4096  # examples that are copied at a time


def content_of(named: Iterable[tuple[str, Any]]) -> str:
    """Version and 20 hexadecimal characters of SHA-256, as `2:0f3a…`, over all examples of all parts.

    Args:
        named: what belongs to the data, in a fixed order, each with its name: arrays of any type, and texts
            such as the names of columns and classes, or None.
    """
    digest = hashlib.sha256()
    for name, value in named:
        digest.update(json.dumps(name).encode())
        if isinstance(value, np.ndarray):
            _add(digest, value)
        else:
            digest.update(json.dumps(value).encode())
    return f"{CONTENT_VERSION}:{digest.hexdigest()[:20]}"


def same_content(one: str | None, other: str | None) -> bool | None:
    """Whether two are equal; None where one isn't known, or they are of two versions."""
    if one is None or other is None or one.partition(":")[0] != other.partition(":")[0]:
        return None
    return one == other


def _add(digest: Any, array: NDArray[Any]) -> None:
    digest.update(f"{array.dtype.str}{array.shape}".encode())
    for start in range(0, len(array) if array.ndim else 0, _CHUNK):
        chunk = array[start : start + _CHUNK]
        if array.dtype.kind != "O":
            digest.update(chunk.tobytes())
            continue
        for value in chunk.flat:
            if isinstance(value, np.ndarray):
                _add(digest, value)
            else:
                digest.update(json.dumps([type(value).__name__, str(value)]).encode())
