"""What tests of many rooms take."""

import gc
import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rl_designer.envs.workers.pool import PRELOADED
from tests.helpers.command_line import Ended, runner

# Also what workers of benchmarks and of full trainings would each import: tests start a great many.
PRELOADED += [
    "rl_designer.comparisons.trial",
    "rl_designer.agents.controller",
    "rl_designer.agents.reward_model",
    "rl_designer.retraining.contest",
    "sklearn.ensemble",
]
# Whoever starts the server that processes are forked from: SB3's `SubprocVecEnv` asks for no modules, and all
# workers of later tests would load PyTorch themselves.
multiprocessing.set_forkserver_preload(PRELOADED)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is imported by then stays: looking through it for garbage, again and again, takes seconds."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ended]:
    """Runs a command line in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return runner(capsys)
