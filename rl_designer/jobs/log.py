"""The finished runs of a benchmark in an append-only file: one JSON object a line."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from rl_designer.envs.files.untrusted import bounded_bytes, json_of
from rl_designer.interruption import uninterrupted

Record = TypeVar("Record")

_MOST_BYTES = 2**28


class BenchmarkLog:
    """Keeps finished runs, so that a benchmark that was stopped goes on with the rest.

    A last line without its end is what a crash leaves behind: it is dropped. Other damage is an error.

    Args:
        path: of the file; it is made with the first line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Iterator[dict[str, Any]]:
        """The whole lines, in order. Raises ValueError where one of them is damaged."""
        if not self.path.exists():
            return
        try:
            *lines, _unfinished = bounded_bytes(self.path, _MOST_BYTES).split(b"\n")
        except ValueError as error:
            raise ValueError(f"{self.path} can't be read: {error}") from error
        for number, line in enumerate(lines, start=1):
            try:
                data = json_of(line)
            except ValueError:
                data = None
            if not isinstance(data, dict):
                raise ValueError(
                    f"{self.path} is damaged in line {number}; take that line out, or choose another folder"
                )
            yield data

    def append(self, data: dict[str, Any]) -> None:
        """Adds a line, on the disk when this returns."""
        line = json.dumps(data, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with uninterrupted(), self.path.open("ab+") as file:
            file.seek(0)
            content = file.read()
            if not content.endswith(b"\n"):
                file.truncate(content.rfind(b"\n") + 1)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


def finished_runs(
    log: BenchmarkLog | None, key: str, read: Callable[[dict[str, Any]], Record]
) -> Iterator[Record]:
    """The log's runs of one key. Raises ValueError for a line of that key that `read` can't read."""
    for data in () if log is None else log.read():
        if data.get("key") != key:
            continue
        try:
            yield read(data)
        except (KeyError, TypeError, ValueError) as error:
            assert log is not None
            reason = " ".join(repr(error).split())[:200]
            raise ValueError(f"{log.path} holds a run that isn't one: {reason}") from error


def how_to_go_on(done: int, total: int, log: BenchmarkLog | None) -> str:
    """What a person is told whose benchmark was interrupted."""
    if log is None:
        return f"{done:,} of {total:,} runs were finished; name a folder for the output to keep them"
    return f"{done:,} of {total:,} runs are finished and kept; the same command goes on with the rest"
