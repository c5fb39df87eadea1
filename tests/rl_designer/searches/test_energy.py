"""What a search used, estimated where it is asked for."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rl_designer.searches.energy import check_energy, measured_energy
from tests.helpers.command_line import Ended

TABLE = ("--table", "mnist1d-convnet1d")
SEARCH = ("train", *TABLE, "--agent", "random", "--evaluations", 8, "--no-tensorboard")


def summary() -> dict[str, object]:
    return json.loads(Path("a", "summary.json").read_text())  # type: ignore[no-any-return]


def test_the_energy_of_a_search_is_kept_and_that_of_its_starts_adds_up(command: Callable[..., Ended]) -> None:
    pytest.importorskip("codecarbon", reason="the extra `energy` is not installed")
    assert command(*SEARCH, "--energy", "DEU", "--run", "a", "--quiet").status == 0
    first = summary()
    assert isinstance(first["energy_kwh"], float) and first["energy_kwh"] > 0
    assert isinstance(first["co2_kg"], float) and 0 < first["co2_kg"] < first["energy_kwh"]
    page = Path("a", "report.html").read_text()
    assert "CO₂" in page and "not measured" not in page
    Path("a", "summary.json").write_text(json.dumps(first | {"state": "interrupted"}))
    assert command("resume", "a", "--quiet").status == 0
    again = summary()["energy_kwh"]
    assert isinstance(again, float) and again > first["energy_kwh"]


def test_without_being_asked_for_nothing_is_measured(command: Callable[..., Ended]) -> None:
    assert command(*SEARCH, "--run", "a", "--quiet").status == 0
    assert "energy_kwh" not in summary()


def test_an_unknown_country_and_a_missing_package_are_told_before_anything_is_made(
    command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("codecarbon", reason="the extra `energy` is not installed")
    ended = command(*SEARCH, "--energy", "Germany", "--run", "a")
    assert ended.status == 2 and "three letters of ISO 3166, such as DEU, got 'Germany'" in ended.err
    monkeypatch.setitem(sys.modules, "codecarbon", None)
    ended = command(*SEARCH, "--energy", "DEU", "--run", "a")
    assert ended.status == 2 and "pip install 'rl-designer[energy]'" in ended.err
    assert not Path("a").exists()


def test_energy_is_measured_where_codecarbon_is_installed() -> None:
    pytest.importorskip("codecarbon", reason="the extra `energy` is not installed")
    with measured_energy() as energy:
        sum(range(10**6))
    assert energy.kwh is not None and energy.kwh >= 0


def test_without_codecarbon_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "codecarbon", None)
    with pytest.raises(ValueError, match=r"--energy needs codecarbon.*pip install 'rl-designer\[energy\]'"):
        check_energy()
