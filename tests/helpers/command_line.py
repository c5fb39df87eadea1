"""Runs the command line in this process, for tests."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from rl_designer.cli import run


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


def runner(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """A function that runs a command: `command("train", "--quiet")`."""

    def command(*arguments: object) -> Ended:
        capsys.readouterr()
        status = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ended(status, captured.out, captured.err)

    return command
