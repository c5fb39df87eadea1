"""Jobs on Ray: the same results as on this machine, and what a lost slot was doing is done elsewhere."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from rl_designer.comparisons.agents import Benchmark, run_benchmark
from rl_designer.config import make_config
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.envs.workers.ray_engine import RayEngine
from rl_designer.jobs.jobs import Job, JobObserver, run_jobs, trials
from rl_designer.retraining.job import Winner
from rl_designer.retraining.retrain import retrain
from rl_designer.retraining.settings import FullSettings, Plan
from rl_designer.runs.architecture_files import ArchitectureFile
from tests.helpers import worker_tasks as tasks
from tests.helpers.jobs import Kept, Noted
from tests.helpers.ray_here import ray_here
from tests.helpers.tables import synthetic_table
from tests.helpers.training_candidates import blobs, dense

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders are shared by POSIX locks")


@pytest.fixture(scope="module", autouse=True)
def ray() -> Iterator[Any]:
    with ray_here() as found:
        yield found


def test_a_job_whose_slot_is_killed_goes_on_from_its_last_part_elsewhere(tmp_path: Path) -> None:
    jobs = [Job(n, f"job {n}", tasks.count_to_or_kill_the_slot, (4, tmp_path / f"{n}")) for n in range(3)]
    noted = Noted()
    with trials(RayEngine(workers=2)) as pool:
        results = run_jobs(jobs, pool, Kept(), noted)
    assert results == {0: 4, 1: 4, 2: 4}
    # No part was done twice, and each was told once.
    assert sorted(noted.events[1:-1]) == sorted(
        event for n in range(3) for event in (f"job {n}: 1", f"job {n}: 2", f"job {n}: 3", f"job {n}")
    )


def test_full_trainings_come_back_with_the_bits_of_this_machine(tmp_path: Path) -> None:
    plan = Plan(FullSettings(epochs=2, batch_size=8), seeds=2, on_validation=True, workers=0, device="cpu")
    winners = [Winner(ArchitectureFile(dense(8)), tmp_path / place, "") for place in ("here", "ray")]
    [here] = retrain(winners[:1], blobs(), plan)
    [by_ray] = retrain(winners[1:], blobs(), replace(plan, engine=RayEngine(workers=2)))
    assert by_ray["val_accuracy"] == here["val_accuracy"] and by_ray["failures"] == 0
    for seed in (0, 1):
        first, second = (load_file(Path(of["folder"]) / f"seed-{seed}.safetensors") for of in (here, by_ray))
        assert all((first[name] == second[name]).all() for name in first)


def test_a_benchmark_has_the_figures_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    synthetic_table().save(tmp_path / "table.npz")
    config = make_config({"table": "table.npz", "evaluations": 12})
    compared = Benchmark(config, ("local-search", "random"), seeds=2, samples=0)
    here, by_ray = (
        run_benchmark(compared, engine=engine, observer=JobObserver()).runs
        for engine in (LocalEngine(2), RayEngine(workers=2))
    )
    timeless = {"seconds": 0.0, "own_seconds": 0.0}
    assert {agent: [replace(run, **timeless) for run in runs] for agent, runs in by_ray.items()} == {
        agent: [replace(run, **timeless) for run in runs] for agent, runs in here.items()
    }
