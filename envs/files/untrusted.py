"""Reading files that a stranger may have written: bounded in size and depth, and never run."""

import json
import math
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from pydantic_core import ValidationError

from rl_designer.envs.errors import Error

MEBIBYTE = 2**20
_MOST_POINTS = 100  # in a line; the time that a dotted key takes grows with their square


def bounded_bytes(path: Path, most: int, *, regular: bool = True) -> bytes:
    """The content of a file of at most `most` bytes; no more than those are ever read.

    Args:
        regular: whether pipes and devices, which may never end, are refused.

    Raises:
        ValueError: for a longer file, and for what is no regular file.
        OSError: where it can't be read.
    """
    if regular and path.exists() and not path.is_dir() and not path.is_file():
        raise Error("it is no regular file")
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        size = path.stat().st_size
        raise Error(f"it must have at most {most:,} bytes, it has {max(size, len(content)):,}")
    return content


def json_of(content: bytes | str) -> Any:
    """JSON as RFC 8259 has it: no NaN or infinity, in UTF-8. Raises ValueError, one line."""
    try:
        return json.loads(content, parse_constant=_refused, parse_float=_finite)
    except RecursionError:
        raise Error("it is nested too deeply") from None
    except ValueError as error:  # not UTF-8, no JSON, or an integer of thousands of digits
        raise Error(" ".join(str(error).split())) from None


def toml_of(content: bytes) -> dict[str, Any]:
    """TOML in UTF-8. Raises ValueError, one line."""
    if any(line.count(b".") > _MOST_POINTS for line in content.splitlines()):
        raise Error(f"a line must have at most {_MOST_POINTS} points")
    try:
        return tomllib.loads(content.decode("utf-8"))
    except RecursionError:
        raise Error("it is nested too deeply") from None
    except ValueError as error:
        raise Error(" ".join(str(error).split())) from None


def toml_file(path: Path, what: str, *, regular: bool = True) -> dict[str, Any]:
    """A person's TOML file, which is `what`, such as `the space file`; `regular` as for `bounded_bytes`.

    Raises:
        ValueError: where it can't be read, or is no TOML; one line.
    """
    try:
        return toml_of(bounded_bytes(path, MEBIBYTE, regular=regular))
    except OSError as error:
        raise Error(f"can't read {what} {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise Error(f"{what} {path} is no TOML: {error}") from error


@contextmanager
def damage_told(what: object) -> Iterator[None]:
    """Within it, whatever is wrong with a file's content is an `Error`: `what` is damaged, and how."""
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "all of it"
        raise Error(f"{what} is damaged: {where}: {first['msg']}") from error
    except (OSError, ValueError) as error:
        raise Error(f"{what} is damaged: {error}") from error


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Error(f"{text[:40]} is too large a number")
    return number


def _refused(constant: str) -> NoReturn:
    raise Error(f"{constant} is no number of JSON")
