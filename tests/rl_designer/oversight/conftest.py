"""A house with rules: a machine's `limits.toml`, data that are allowed and others, and a run of before."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sklearn.datasets import load_wine

import rl_designer as rl
from rl_designer.envs import limits
from rl_designer.envs.limits import FILE, VARIABLE
from rl_designer.envs.workers.local import InProcess, LocalEngine
from tests.helpers.command_line import Ended, runner

SMALL = {"agent": "random", "epochs": 1, "folds": 1, "control_share": 0, "tensorboard": False, "workers": 1}


@dataclass(frozen=True)
class House:
    """Its folder is the current one.

    Attributes:
        file: the machine's rules.
        command: runs a command line.
    """

    path: Path
    file: Path
    command: Callable[..., Ended]

    def rule(self, text: str) -> None:
        """Sets the machine's rules."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(text)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the run `runs/a`, whose winner was trained in full and exported."""
    folder, before = tmp_path_factory.mktemp("trained"), Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalEngine, "pool", lambda engine, workload: InProcess(workload))
        os.chdir(folder)
        try:
            small = {"max_parameters": 1_000, "progress": False, **SMALL}
            run = rl.search("wine", run="runs/a", evaluations=3, **small)
            rl.retrain(run, seeds=1, epochs=1, rivals=False, workers=0, progress=False)
            rl.export(run, formats=["python"])
            load_wine(as_frame=True).data.to_csv("new.csv", index=False)
            yield folder
        finally:
            os.chdir(before)


@pytest.fixture
def house(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> House:
    """With a copy of the run."""
    shutil.copytree(trained, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(LocalEngine, "pool", lambda engine, workload: InProcess(workload))
    monkeypatch.setattr(limits, "MACHINE", tmp_path / "etc")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv(VARIABLE, raising=False)
    return House(tmp_path / "work", tmp_path / "etc" / FILE, runner(capsys))
