"""A Ray of this machine alone, for the tests of a module."""

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rl_designer.envs.workers import ray_engine

ROOT = Path(__file__).resolve().parents[2]
# One for the process: Ray reads a token once, and a second Ray of the same process must know that one.
TOKEN = secrets.token_hex(32)


@contextmanager
def ray_here() -> Iterator[Any]:
    """Room for three slots; skips where Ray is missing."""
    found = pytest.importorskip("ray", reason="Ray (the extra `ray`) is missing")
    heard = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ray_engine._OF_OWN_RAY.items():
            patch.setenv(name, value)
        # Ray asks for a token and says so in the environment; one of its own would stay in the home folder.
        patch.setenv("RAY_AUTH_TOKEN", TOKEN)
        patch.setenv("RAY_AUTH_MODE", "")
        patch.delenv("RAY_AUTH_MODE")
        # The node must find the tests.
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        found.init(
            "local",
            num_cpus=3,
            include_dashboard=False,
            object_store_memory=80_000_000,
            log_to_driver=False,
            logging_level="ERROR",
        )
        signal.signal(signal.SIGTERM, heard)
        yield found
        found.shutdown()
