"""What tests of searches have in common: a folder of their own, and a search on what trains nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rl_designer.searches.run import SearchResult
from tests.helpers.searches import runner


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Callable[..., SearchResult]:
    return runner(monkeypatch)
