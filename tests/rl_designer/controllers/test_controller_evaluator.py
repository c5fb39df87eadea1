"""Controllers are worth how soon their searches find good designs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rl_designer.agents.controller_space import controller_of
from rl_designer.controllers import evaluator as module
from rl_designer.controllers.evaluator import ControllerEvaluator, course_of, progress_of
from rl_designer.controllers.named_task import NamedTask
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.jobs import jobs
from tests.helpers.tables import synthetic_table

QUICK: dict[str, Any] = {"updates": 1, "episodes": 32, "epochs": 2, "candidates": 64, "warm": 4}
DESIGNS = [controller_of({**QUICK, "hidden": hidden}) for hidden in (8, 16)]


@pytest.fixture(autouse=True)
def this_process_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_prepare_trial", lambda *given: None)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> list[NamedTask]:
    folder: Path = tmp_path_factory.mktemp("tables")
    for name, options in {"small": (3, 3, 3), "other": (4, 2, 3)}.items():
        synthetic_table(options).save(folder / f"{name}.npz")
    return [NamedTask(str(folder / f"{name}.npz")) for name in ("small", "other")]


def evaluator_on(tasks: list[NamedTask], **changes: Any) -> ControllerEvaluator:
    return ControllerEvaluator(
        **{"tasks": tasks, "seeds": 2, "evaluations": 8, "engine": LocalEngine(0), **changes}
    )


def timeless(evaluations: list[Evaluation]) -> list[float | None]:
    return [evaluation.score for evaluation in evaluations]


# -- the score -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "found, progress",
    [
        ([1.0], 1.0),  # the best at once, and so to the end
        ([0.0, 0.0, 0.0, 0.0], 0.0),
        ([0.0, 1.0, 0.0, 0.0], 0.75),  # the best so far counts
        ([0.9, 0.9, 0.9, 0.9], 1 - np.log(2) / np.log(11)),  # the second of eleven
    ],
)
def test_progress_is_the_mean_height_of_the_best_so_far(found: list[float], progress: float) -> None:
    values = np.linspace(0, 1, 11)
    assert progress_of(np.array(found), values, 4) == pytest.approx(progress)


def test_a_design_that_failed_counts_as_the_worst() -> None:
    assert progress_of(np.array([-1.0, -1.0]), np.linspace(0, 1, 11), 2) == 0.0


def test_a_search_ends_where_the_best_is_found(tasks: list[NamedTask]) -> None:
    course = course_of(QUICK, tasks[0], 3, 27)
    assert course.evaluations is not None and course.evaluations < 27
    assert course.progress > 0.5


# -- the evaluator -------------------------------------------------------------------------------------


def test_a_controller_is_worth_the_mean_of_its_searches_whoever_is_tried_beside_it(
    tasks: list[NamedTask],
) -> None:
    with evaluator_on(tasks) as evaluator:
        together = timeless(evaluator.evaluate(DESIGNS))
        alone = timeless(evaluator.evaluate(DESIGNS[1:]))
        assert alone == together[1:]
        courses = [
            course_of({**QUICK, "hidden": 8}, task, seed, 8) for task in tasks for seed in evaluator.seeds
        ]
    assert together[0] == pytest.approx(np.mean([course.progress for course in courses]))


def test_it_tells_of_each_controller_once_it_is_known(tasks: list[NamedTask]) -> None:
    told: list[tuple[int, Evaluation]] = []
    with evaluator_on(tasks, seeds=1) as evaluator:
        evaluations = evaluator.evaluate(DESIGNS, observer=lambda index, found: told.append((index, found)))
    assert told == list(enumerate(evaluations))
    assert all(found.metric == "progress" and found.in_full for found in evaluations)


def test_what_takes_too_long_has_no_result(tasks: list[NamedTask]) -> None:
    assert evaluator_on(tasks).evaluate(DESIGNS, deadline=0.0) == []


def test_a_controller_that_can_not_search_is_a_failure(
    tasks: list[NamedTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**options: Any) -> Any:
        raise ValueError("no ppo")

    monkeypatch.setattr(module, "PPO", broken)
    (failed,) = evaluator_on(tasks, seeds=1).evaluate(DESIGNS[:1])
    assert failed.failure == "error: ValueError: no ppo" and failed.score is None


def test_guessing_is_what_random_search_reaches(tasks: list[NamedTask]) -> None:
    few, many = (evaluator_on(tasks, evaluations=n).objective.guess for n in (2, 16))
    assert 0 < few < many < 1


@pytest.mark.parametrize("change", [{"seeds": 3}, {"evaluations": 9}, {"repeat": 1}])
def test_its_digest_changes_with_what_a_score_depends_on(
    tasks: list[NamedTask], change: dict[str, Any]
) -> None:
    first = evaluator_on(tasks)
    assert first.digest == evaluator_on(tasks).digest != evaluator_on(tasks, **change).digest
    assert evaluator_on(tasks[:1]).digest != first.digest
    assert set(first.seeds).isdisjoint(evaluator_on(tasks, repeat=1).seeds)


@pytest.mark.parametrize("seeds, evaluations, most", [(0, 8, 2), (2, 0, 2), (2, 8, 0)])
def test_nothing_to_try_on_is_refused(
    tasks: list[NamedTask], seeds: int, evaluations: int, most: int
) -> None:
    with pytest.raises(ValueError, match="at least 1 task, with 1 seed and 1 evaluation"):
        ControllerEvaluator(tasks[:most], seeds, evaluations, LocalEngine(0))
