"""Code, servers and terminal codes that a file names: nothing is run, opened or shown as it is."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.command_line import runner
from tests.helpers.hostile_outcomes import ESCAPE, MARKER, made


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "files").mkdir()


def stopped_run(command: Any) -> Path:
    """A run with a reward in a file, as a stop leaves it."""
    Path("mine.py").write_text(
        "import pathlib\n\n\ndef mine(evaluation):\n    pathlib.Path('code-was-run').touch()\n    return 1\n"
    )
    table = ("--table", "mnist1d-convnet1d", "--agent", "random", "--no-control", "--quiet")
    ended = command(
        "train", *table, "--evaluations", 3, "--reward", "mine.py:mine", "--run", "own", "--quiet"
    )
    assert ended.status == 0, ended
    summary = json.loads(Path("own/summary.json").read_text())
    Path("own/summary.json").write_text(json.dumps({**summary, "state": "interrupted"}))
    Path(MARKER).unlink()
    return Path("own")


def test_a_copied_run_runs_the_code_that_it_names_only_where_it_is_trusted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = runner(capsys)
    own = stopped_run(command)
    shutil.copytree(own, "copied")
    ended = command("resume", "copied")
    assert ended.status == 2 and "add --trust only if you trust" in ended.err and ended.err.count("\n") == 1
    assert not Path(MARKER).exists()
    assert command("resume", "copied", "--trust", "--quiet").status == 0
    assert Path(MARKER).exists()
    Path(MARKER).unlink()
    assert command("resume", own, "--quiet").status == 0  # a run of one's own needs no word
    assert Path(MARKER).exists()


def test_a_config_file_runs_no_code_that_its_reader_has_not_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.py").write_text("from pathlib import Path\n\nPath('code-was-run').touch()\n")
    Path("c.toml").write_text('reward = "mine.py:mine"\n')
    ended = runner(capsys)("train", "--config", "c.toml", "--run", "new")
    assert ended.status == 2 and "name it yourself with --reward" in ended.err
    assert not Path(MARKER).exists()


CODE = """\
import pathlib
from rl_designer.agents.ppo import PPO
pathlib.Path('code-was-run').touch()
class Mine(PPO):
    name = "mine"
def arrays():
    from sklearn.datasets import load_wine
    return load_wine(return_X_y=True)
def space():
    return {"name": "tiny", "family": "mlp", "max_layers": 2, "layers": {"dense": {"width": [8, 16]}}}
"""
NAMED = ("--data", "mine.py:arrays", "--space", "mine.py:space", "--agent", "mine.py:Mine:warm=2,batch=2")


def test_agents_spaces_and_data_of_a_copied_run_are_code_too(capsys: pytest.CaptureFixture[str]) -> None:
    command = runner(capsys)
    Path("mine.py").write_text(CODE)
    quick = ("--evaluations", 4, "--epochs", 1, "--no-control", "--quiet", "--workers", 1)
    ended = command("train", *NAMED, *quick, "--run", "own")
    assert ended.status == 0, ended
    shutil.copytree("own", "copied")
    Path(MARKER).unlink()
    for words in (("sample", "copied"), ("retrain", "copied", "--epochs", 1, "--seeds", 1)):
        ended = command(*words)
        assert ended.status == 2 and "add --trust only if you trust" in ended.err, ended
    for words in (("report", "copied"), ("export", "copied", "--format", "python")):
        assert command(*words).status == 0
    assert not Path(MARKER).exists()
    assert "was not run" in Path("copied/report.html").read_text()
    for words in (("sample", "copied"), ("retrain", "copied", "--epochs", 1, "--seeds", 1, "--workers", 1)):
        assert command(*words, "--trust").status == 0
        assert Path(MARKER).exists()
        Path(MARKER).unlink()
    assert command("sample", "own").status == 0  # a run of one's own needs no word


@pytest.mark.parametrize("setting", ["agent", "space", "data"])
def test_a_config_file_names_no_code_of_any_kind(setting: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.py").write_text(CODE)
    Path("c.toml").write_text(f'{setting} = "mine.py:Mine"\n')
    ended = runner(capsys)("train", "--config", "c.toml", "--run", "new")
    assert ended.status == 2 and f"name it yourself with --{setting}" in ended.err
    assert not Path(MARKER).exists()


def test_a_copied_run_opens_no_server_that_it_names(capsys: pytest.CaptureFixture[str]) -> None:
    path = made("run summary")
    (path.parent / "config.toml").write_text('data = "wine"\nstore = "postgresql://192.0.2.1/x"\n')
    ended = runner(capsys)("report", path.parent)
    assert ended.status == 1 and "no such store" in ended.err and "192.0.2.1" not in ended.err


def test_names_from_outside_are_shown_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    from dataclasses import replace

    from tests.helpers.tables import synthetic_table

    evil = f"{ESCAPE}[bold]x[/bold]\u202e<script>\r\n"
    table = replace(synthetic_table((2, 3)), name=evil, title=evil, source=evil)
    table.save(Path("evil.npz"))
    ended = runner(capsys)("table", "info", "evil.npz")
    assert ended.status == 0 and all(line.isprintable() for line in ended.out.splitlines())
    assert "\\x1b[31m[bold]x[/bold]" in ended.out and "<script>" in ended.out
