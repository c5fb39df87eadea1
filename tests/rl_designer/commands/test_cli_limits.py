"""Limits of a device on the command line: from `train` to the report, in `sample`, for references."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rl_designer.envs.search_spaces.costs import costs_within
from rl_designer.envs.search_spaces.limits import Limits
from rl_designer.results import Run
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.reading import read_run
from tests.helpers.command_line import Ended, runner

Command = Callable[..., Ended]
LIMITS = ("--max-ram", "0.6kB", "--max-flash", "2KiB", "--device-numbers", "float32")
WITHIN = Limits(max_ram=600, max_flash=2048, device_numbers="float32")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from rl_designer.api import search

    folder = tmp_path_factory.mktemp("limits") / "run"
    limits = {"max_ram": "0.6kB", "max_flash": 2048, "device_numbers": "float32"}
    where = {"agent": "random", "experience": "none", "workers": 1, "tensorboard": False}
    search("wine", run=folder, evaluations=3, epochs=1, **limits, **where, progress=False)
    return folder


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    return runner(capsys)


def test_a_search_keeps_them_and_its_report_tells_them(trained: Path, command: Command) -> None:
    run = RunFolder.open(trained)
    assert run.summary["setting"].items() >= WITHIN.facts.items()
    designs = read_run(trained).designs
    assert len(designs) == 3
    for found in designs:
        spent = costs_within(found.design.architecture, (13,), 3, WITHIN)
        assert spent["ram"] <= 600 and spent["flash"] <= 2048
    told = command("report", trained).out
    assert " bytes of RAM, of at most 600\n" in told and " bytes of flash, of at most 2,048\n" in told
    about = "each design has at most 2,048 bytes of flash and 600 bytes of RAM (float32)"
    assert about in Run(read_run(trained))._report.about


def test_samples_keep_them_and_tell_what_they_take(command: Command) -> None:
    ended = command("sample", "--data", "wine", "-n", 3, "--json", *LIMITS)
    assert ended.status == 0, ended.err
    for design in ended.json["architectures"]:
        assert 0 < design["ram"] <= 600 and 0 < design["flash"] <= 2048
    assert "ram" not in command("sample", "--data", "wine", "-n", 1, "--json").json["architectures"][0]


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (("--max-ram", "much"), "must be an amount of memory, such as 500M"),
        (("--device-numbers", "int8"), "give one of them"),
        (("--max-ram", "3"), "bytes of RAM"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(command: Command, typed: tuple[str, ...], why: str) -> None:
    ended = command("train", "--data", "wine", *typed)
    assert ended.status == 2 and why in ended.err
    assert not Path("runs").exists()


def test_references_are_as_wide_as_the_limits_allow(trained: Path, command: Command) -> None:
    given = ("--data", "wine", "--only", "mlp", "--seeds", 1, "--epochs", 1, "--json", *LIMITS)
    ended = command("benchmark", "references", *given)
    assert ended.status == 0, ended.err
    assert (ended.json["max_ram"], ended.json["max_parameters"]) == (600, None)
    [mlp] = ended.json["references"]
    assert mlp["parameters"] <= 2048 / 4
    none = command("benchmark", "references", *given[:4], "--max-ram", "4")
    assert none.status == 1 and "mlp has at least " in none.err and "bytes of RAM, more than 4" in none.err
