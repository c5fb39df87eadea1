"""A fresh process, where strings hash differently, gives the same designs, weights and beliefs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.agents import (
    test_agents_contract,
    test_controller,
    test_ppo,
    test_ppo_model_free,
    test_reward_model,
)

# Each by its name, computed anew when it is asked for.
FOUND: dict[str, Callable[[], Any]] = {
    "designs of every agent": test_agents_contract.found_by_all,
    "weights of the controller": test_controller.fingerprints,
    "ppo": lambda: test_ppo.fingerprint(0),
    "ppo-model-free": lambda: test_ppo_model_free.fingerprint(0),
    "reward model": test_reward_model.fingerprints,
}

_ELSEWHERE = """
import json
from tests.agents.test_fresh_process import FOUND
print(json.dumps({name: find() for name, find in FOUND.items()}))
"""


@pytest.fixture(scope="module")
def elsewhere() -> dict[str, Any]:
    """What one fresh process finds."""
    done = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "7"},
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", FOUND)
def test_a_fresh_process_finds_the_same(name: str, elsewhere: dict[str, Any]) -> None:
    assert elsewhere[name] == FOUND[name]() and elsewhere[name]


def test_agents_are_among_what_is_compared(elsewhere: dict[str, Any]) -> None:
    assert "random" in elsewhere["designs of every agent"]


def test_another_seed_gives_others(elsewhere: dict[str, Any]) -> None:
    assert test_ppo.fingerprint(1) != elsewhere["ppo"]
    assert test_ppo_model_free.fingerprint(1) != elsewhere["ppo-model-free"]
