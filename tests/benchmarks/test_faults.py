"""Faults in candidates cost these candidates only; the memory of the machine, and the limit by default."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rl_designer.config import make_config
from rl_designer.envs.workers import memory_limit
from rl_designer.setting import make_setting

ROOT = Path(__file__).resolve().parents[2]


def test_a_search_with_faults_ends_as_if_the_chosen_candidates_had_merely_failed() -> None:
    small = ("--agent", "random", "--evaluations", 12, "--share", 0.6, "--time-limit", 4, "--seed", 10)
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "faults_in_candidates.py", *map(str, small)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    result = json.loads(done.stdout)
    assert set(result["faults"]) == {"hang", "exit", "segmentation fault", "NaN loss", "out of memory"}
    assert result["exactly_the_chosen_failed_each_for_its_reason"]
    assert result["same_designs_and_figures"] and result["same_winner"]


def test_a_container_may_take_less_than_the_machine_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_group = tmp_path / "memory.max"
    monkeypatch.setattr(memory_limit, "_CONTROL_GROUP", (str(of_group), str(tmp_path / "none")))
    machine = memory_limit.machine_memory()
    assert machine is not None
    of_group.write_text("max\n")
    assert memory_limit.machine_memory() == machine
    of_group.write_text(f"{10**9}\n")
    assert memory_limit.machine_memory() == 10**9


@pytest.mark.parametrize(("machine", "limit"), [(16 * 10**9, 8 * 10**9), (10**9, 10**9), (None, None)])
def test_the_limit_by_default_is_half_of_the_machines_memory(
    machine: int | None, limit: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_limit, "machine_memory", lambda: machine)
    assert memory_limit.default_memory_limit() == limit


def test_there_is_no_limit_by_default_where_memory_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_limit, "peak_memory", lambda: None)
    assert memory_limit.default_memory_limit() is None


@pytest.mark.parametrize("given", [None, "2G"])
def test_a_search_keeps_the_limit_that_was_given_or_that_by_default(given: str | None) -> None:
    setting = make_setting(make_config({"data": "wine", "candidate_memory_limit": given}))
    with setting.open_evaluator() as evaluator:
        found = vars(evaluator)["memory_limit"]
    assert found == (memory_limit.default_memory_limit() if given is None else 2 * 10**9)


def test_bytes_are_shown_as_people_read_them() -> None:
    assert [memory_limit.show_bytes(number) for number in (2 * 10**9, 15 * 10**8, 5 * 10**7)] == [
        "2 GB",
        "1.5 GB",
        "0.05 GB",
    ]
