"""The engine `ray`: the local engine's results and failures, and what a lost slot was doing is done again."""

import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rl_designer.envs.evaluators.training import TrainingEvaluator, TrainingSettings
from rl_designer.envs.workers import ray_engine, ray_pool
from rl_designer.envs.workers.engines import Pool, Workload, make_engine, write_arrays
from rl_designer.envs.workers.pool import Lost
from rl_designer.envs.workers.ray_engine import RayEngine
from rl_designer.envs.workers.ray_pool import RayPool
from rl_designer.envs.workers.ray_slot import SharedFolder, Slot, Unfit, remove_if_unused, software
from tests.helpers import training_candidates as tasks
from tests.helpers import worker_tasks
from tests.helpers.ray_here import ray_here
from tests.helpers.training_candidates import blobs, build_or, dense

needs_ray = pytest.mark.skipif(ray_engine.find_spec("ray") is None, reason="Ray (the extra `ray`) is missing")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders are shared by POSIX locks")

ROOT = Path(__file__).resolve().parents[3]
WORK = Workload(tasks.prepare, {"x": np.arange(3)}, ("a", 1))


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    with ray_here() as found:
        yield found


@pytest.fixture(scope="module")
def pool(ray: Any) -> Iterator[RayPool]:
    made = RayEngine(workers=2).pool(WORK)
    yield made
    made.close()


def results_of(pool: Pool, function: Callable[..., Any], *given: Any, **options: Any) -> list[Any]:
    results: dict[int, Any] = {}
    pool.run(function, [(task,) for task in given], results.__setitem__, **options)
    return [results[index] for index in range(len(given))]


def wait_until(happened: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it didn't happen in time"
        time.sleep(0.05)


# -- a pool like the local one ---------------------------------------------------------------------


def test_every_task_ends_with_its_result_under_its_index(pool: RayPool) -> None:
    assert results_of(pool, tasks.double, *range(10)) == [2 * number for number in range(10)]


def test_no_tasks_need_no_cluster() -> None:
    assert results_of(RayPool(object(), WORK), tasks.double) == []  # type: ignore[arg-type]


def test_workers_are_prepared_with_the_folder_of_the_arrays_and_the_arguments(pool: RayPool) -> None:
    results: list[Any] = []
    pool.run(tasks.what_was_prepared, [()], lambda index, result: results.append(result))
    [(folder, *arguments)] = results
    assert arguments == ["a", 1]
    assert np.load(Path(folder) / "x.npy").tolist() == [0, 1, 2]


def test_slots_of_one_node_share_one_copy_of_the_arrays(pool: RayPool) -> None:
    found: list[Any] = []
    pool.run(tasks.what_was_prepared, [()] * 8, lambda index, result: found.append(result[0]))
    assert len(set(found)) == 1


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("leave_at_once", "worker process died: exit status 3"),
        ("die_of_a_signal", "worker process died: SIGKILL, perhaps for lack of memory"),
        ("raise_two_lines", "error: ValueError: the first line the second line"),
    ],
)
def test_a_task_that_fails_is_lost_as_by_the_local_pool(pool: RayPool, name: str, failure: str) -> None:
    outcomes = results_of(pool, tasks.misbehave, "own_process", name, "own_process")
    assert outcomes[1] == Lost(failure)
    assert isinstance(outcomes[0], int) and isinstance(outcomes[2], int)


def test_a_task_that_hangs_is_killed_after_the_time_limit(pool: RayPool) -> None:
    outcomes = results_of(pool, tasks.misbehave, "hang", "own_process", time_limit=0.2)
    assert outcomes[0] == Lost("time limit: not done after 0.2 s")
    assert isinstance(outcomes[1], int)


def test_a_training_is_the_local_one_bit_for_bit_bars_and_failures_included(ray: Any) -> None:
    build = build_or({5: tasks.raise_two_lines})
    options: dict[str, Any] = {"settings": TrainingSettings(epochs=2, batch_size=8), "device": "cpu"}
    designs, bars = [dense(width) for width in (3, 4, 5)], [{}, {1: 1.01}, {}]
    heard: list[int] = []
    with TrainingEvaluator(
        blobs(), engine=make_engine("ray", workers=1), _build=build, **options
    ) as evaluator:
        by_ray = evaluator.evaluate(designs, bars, lambda index, evaluation: heard.append(index))
    here = TrainingEvaluator(blobs(), _build=build, **options).evaluate(designs, bars)
    untimed = {"training_seconds": None, "latency_seconds": None}
    assert [replace(e, **untimed) for e in by_ray] == [replace(e, **untimed) for e in here]
    assert by_ray[1].stopped_at == 1 and by_ray[2].failure is not None
    assert sorted(heard) == [0, 1, 2]


# -- what the cluster loses ------------------------------------------------------------------------


def test_a_task_whose_slot_was_killed_is_done_again_elsewhere(pool: RayPool, tmp_path: Path) -> None:
    outcomes = results_of(pool, worker_tasks.kill_the_slot_at_first, tmp_path / "killed", None, None)
    assert (tmp_path / "killed").exists()
    assert outcomes == ["done"] * 3


def test_a_task_that_is_lost_with_every_slot_fails_in_the_end(
    pool: RayPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_pool, "_MOST_LOSSES", 1)
    outcomes = results_of(pool, worker_tasks.kill_the_slot, True, False)
    assert outcomes == [
        Lost("worker process died: the cluster lost it 1 times, with its node or alone"),
        "done",
    ]


def test_an_exception_of_the_caller_ends_all_slots_and_their_folder(ray: Any, pool: RayPool) -> None:
    found: list[Any] = []
    pool.run(tasks.what_was_prepared, [()], lambda index, result: found.append(result[0]))

    def stop(index: int, result: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pool.run(tasks.misbehave, [("own_process",), ("hang",)], stop)
    wait_until(lambda: ray.available_resources().get("CPU") == 3)
    wait_until(lambda: not Path(found[0]).exists())
    pool.close()


@needs_ray
def test_nodes_with_other_software_are_refused_and_named() -> None:
    slot = Slot("x", WORK, lambda array: array)
    answer = slot.begin({**software(), "torch": "0.1"})
    assert isinstance(answer, Unfit)
    assert re.match(
        r"the node \S+ has other software .*\(torch \S+, not 0.1\).* install the same", answer.reason
    )


def test_a_slot_that_is_unfit_ends_the_run_with_its_reason() -> None:
    with pytest.raises(RuntimeError, match="no space"):
        RayPool(object(), WORK)._check_fit(Unfit("no space"))  # type: ignore[arg-type]


def test_a_folder_that_cannot_be_filled_makes_a_slot_unfit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def fail(array: Any) -> Any:
        raise OSError("no space left")

    answer = Slot("x", WORK, fail).begin(software())
    assert isinstance(answer, Unfit)
    assert "can't keep the data: error: OSError: no space left" in answer.reason


def test_slots_that_never_begin_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_pool, "_answer", lambda reference: ImportError("No module named 'rl_designer'"))
    monkeypatch.setattr("ray.kill", lambda actor: None)
    pool = RayPool(object(), WORK)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="the cluster's nodes can't start workers: No module named"):
        for number in range(9):
            pool._starting[number] = object()
            pool._started(number)


# -- the folder of a node --------------------------------------------------------------------------


def test_a_slot_removes_what_a_killed_search_has_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)  # comes back
    in_use = SharedFolder(tmp_path / "rl-designer-ray-used", lambda folder: None)
    left = SharedFolder(tmp_path / "rl-designer-ray-left", lambda folder: None)
    left._use.close()
    slot = Slot("new", WORK, lambda array: array)
    assert slot.begin(software()) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rl-designer-ray-new", "rl-designer-ray-used"]
    slot.end()
    in_use.leave()
    assert list(tmp_path.iterdir()) == []


def test_the_first_fills_a_shared_folder_and_the_last_removes_it(tmp_path: Path) -> None:
    filled: list[Path] = []

    def fill(folder: Path) -> None:
        filled.append(folder)
        write_arrays(folder, {"x": np.arange(2)})

    path = tmp_path / "data"
    first, second = SharedFolder(path, fill), SharedFolder(path, fill)
    assert filled == [path]
    first.leave()
    remove_if_unused(path)
    assert np.load(path / "x.npy").tolist() == [0, 1]
    second.leave()
    assert not path.exists()
    remove_if_unused(path)  # is gone already
    SharedFolder(path, fill).leave()
    assert filled == [path, path]
