"""The training evaluator at a deadline: what ended is returned, what was running is given up."""

import time

import pytest

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.training import TrainingEvaluator, TrainingSettings
from tests.helpers.training_candidates import blobs, dense, without_times

QUICK = TrainingSettings(epochs=2, batch_size=8)


@pytest.mark.parametrize("workers", [0, 2])
def test_at_the_deadline_trainings_are_given_up_and_the_first_ones_that_ended_are_returned(
    workers: int,
) -> None:
    endless = TrainingSettings(epochs=10**6, batch_size=8)
    heard: list[int] = []

    def hear(index: int, evaluation: Evaluation) -> None:
        heard.append(index)

    stops_at_once = {1: 2.0}
    bars = [stops_at_once, stops_at_once, {}, stops_at_once]
    with TrainingEvaluator(blobs(), settings=endless, workers=workers, device="cpu") as evaluator:
        evaluator.evaluate([dense(9)], [stops_at_once])  # workers are there
        batch = [dense(2), dense(3), dense(4), dense(5)]
        deadline = time.monotonic() + 5
        evaluations = evaluator.evaluate(batch, bars, hear, deadline)
        assert 0 <= time.monotonic() - deadline < 10
        assert len(evaluations) == 2 and {0, 1} <= set(heard) <= {0, 1, 3}
        assert all(evaluation.stopped_at == 1 for evaluation in evaluations)
        again = evaluator.evaluate(batch[:2], bars[:2])
        assert without_times(again) == without_times(evaluations)


def test_a_training_that_is_given_up_is_no_failure_also_after_its_own_limit() -> None:
    evaluator = TrainingEvaluator(blobs(), settings=QUICK, device="cpu", time_limit=60)
    assert evaluator.evaluate([dense(4)], deadline=time.monotonic()) == []
