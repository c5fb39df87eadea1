"""The door: quick to open, and the same by every name."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_help_comes_quickly() -> None:
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        assert run("run.py", "--help").returncode == 0
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 1.5  # 0.1 on an idle core


@pytest.mark.parametrize("door", [("run.py",), ("-m", "rl_designer")])
def test_all_doors_lead_to_the_same_commands(door: tuple[str, ...]) -> None:
    done = run(*door, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("train", "resume", "sample", "report", "list"):
        assert f"\n  {name}  " in done.stdout


@pytest.mark.parametrize("name", ["train", "resume", "sample", "report", "list"])
def test_every_command_has_help_and_json_and_quiet(name: str) -> None:
    done = run("run.py", name, "--help")
    assert done.returncode == 0
    assert all(option in done.stdout for option in ("--help", "--json", "--quiet"))


def test_the_version_is_told() -> None:
    from rl_designer import __version__

    assert run("run.py", "--version").stdout == f"rl-designer, version {__version__}\n"


def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = f"{sys.executable} run.py list | head -1"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("spaces\n", "")


def test_a_terminal_without_unicode_still_gets_its_text() -> None:
    done = run("run.py", "list", "rewards", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "") and "accuracy" in done.stdout


def test_without_a_command_the_help_is_shown() -> None:
    done = run("run.py")
    assert done.returncode == 2 and "Usage: rl-designer" in done.stderr
