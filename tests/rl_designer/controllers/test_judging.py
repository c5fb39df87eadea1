"""What is said of generations on tables that their loop never saw."""

from typing import Any

import numpy as np
import pytest

from rl_designer.controllers.judging import _of_task, _over_all, conclusions

SEEDS = 12
DRAWN = np.random.default_rng(0)
FIRST = DRAWN.integers(20, 60, SEEDS).astype(float)


def judged(*tasks: list[np.ndarray[Any, Any]]) -> dict[str, Any]:
    return {"seeds": len(tasks[0][0]), "tasks": tasks, "over_all": _over_all(tasks)}


def test_half_the_evaluations_in_every_seed_is_better() -> None:
    said = conclusions(judged([FIRST, FIRST / 2], [FIRST + 1, (FIRST + 1) / 2]))
    assert said == [
        "generation 1 is better: it needs 0.50 [0.50, 0.50] times the evaluations of today's ppo "
        "(p = 0.00049), on 2 tasks that the loop never saw, over 12 seeds"
    ]


def test_twice_as_many_is_worse_and_the_generation_before_counts_too() -> None:
    (_, second) = conclusions(judged([FIRST, FIRST, 2 * FIRST]))
    assert second.startswith(
        "generation 2 is worse: it needs 2.00 [2.00, 2.00] times the evaluations of today's"
    )
    assert second.endswith(
        "; is worse: it needs 2.00 [2.00, 2.00] times the evaluations of generation 1 (p = 0.00049)"
    )


def test_noise_gains_nothing_and_an_equal_controller_is_said_to_be_one() -> None:
    noise = FIRST * np.exp(np.resize([0.3, -0.3], SEEDS))
    (first, second) = conclusions(judged([FIRST, noise, FIRST]))
    assert "gains nothing that could be told: it needs 1.00 [" in first
    assert second.startswith("generation 2 is today's ppo again")


def test_a_generation_that_is_an_earlier_one_again_is_no_further_comparison() -> None:
    fewer = FIRST * np.exp(np.resize([-0.4, -0.3, 0.1], SEEDS))
    once, twice = _over_all([[FIRST, fewer]]), _over_all([[FIRST, fewer, fewer, FIRST]])
    p_value = once[1]["against_first"]["p_value"]
    assert twice[1]["against_first"]["p_value"] == twice[2]["against_first"]["p_value"] == p_value


def test_a_task_has_the_figures_of_each_generation() -> None:
    first, second = _of_task([FIRST, FIRST / 2], [1.0, 0.5])
    assert first["mean"] == FIRST.mean() and first["against_first"] is None
    assert second["found"] == 0.5 and second["against_first"]["ratio"] == pytest.approx(0.5)
    assert first["standard_error"] == FIRST.std(ddof=1) / np.sqrt(SEEDS)


def test_one_seed_tells_nothing() -> None:
    (said,) = conclusions(judged([FIRST[:1], FIRST[:1] / 2]))
    assert said.startswith(
        "generation 1 needs 0.50 times the evaluations of today's ppo, of which one seed tells"
    )
