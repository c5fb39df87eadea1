"""What tests of many rooms take."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.command_line import Ended, runner


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ended]:
    """Runs a command line in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return runner(capsys)
