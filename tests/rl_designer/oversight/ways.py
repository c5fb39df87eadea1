"""What ways around an organisation's limits are collected by, and the rules that they try to get around."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.command_line import Ended
from tests.rl_designer.oversight.conftest import House

RULES = """
trainings = 4
hours = 1
max_parameters = 1_500
data_folders = ["data"]
datasets = ["wine", "mnist"]
engines = ["local"]
approval = ["retrain", "export", "predict"]
"""

Way = Callable[[House, pytest.MonkeyPatch], "Ended | None"]
WAYS: dict[str, tuple[str, Way]] = {}


def way(key: str) -> Callable[[Way], Way]:
    """Of getting around the rule of that name."""

    def known(found: Way) -> Way:
        WAYS[found.__name__.strip("_")] = key, found
        return found

    return known


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
