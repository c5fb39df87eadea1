"""The finished runs of a benchmark in an append-only file: one JSON object a line."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rl_designer.interruption import uninterrupted


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
        *lines, _unfinished = self.path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, start=1):
            try:
                data = json.loads(line)
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
