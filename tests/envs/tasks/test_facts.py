"""Facts of a task: what they say of data whose answer is known, and that they are always the same."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_info, threadpool_limits

from rl_designer.envs.datasets import load_dataset
from rl_designer.envs.tasks import facts
from rl_designer.envs.tasks.facts import FACTS, facts_of


@dataclass
class Parts:
    x_train: NDArray[np.float32]
    y_train: NDArray[np.int64]
    x_val: NDArray[np.float32]
    y_val: NDArray[np.int64]
    num_classes: int = 2


def parts(x: NDArray[np.float64], y: NDArray[np.int64], num_classes: int = 2) -> Parts:
    half = len(y) // 2
    x = x.astype(np.float32)
    return Parts(x[:half], y[:half], x[half:], y[half:], num_classes)


def test_a_linear_rule_is_told_by_the_linear_model_and_a_ring_is_not() -> None:
    x = np.random.default_rng(0).normal(size=(800, 2))
    linear = facts_of(parts(x, (x[:, 0] + x[:, 1] > 0).astype(np.int64)))
    ring = facts_of(parts(x, (np.hypot(*x.T) > 1.2).astype(np.int64)))
    assert linear["linear_skill"] > 0.9
    assert ring["linear_skill"] < 0.3 < 0.7 < ring["curved_skill"]
    assert ring["additive_skill"] > 0.7  # it is a sum of functions of one value each


def test_a_frequency_is_told_by_the_spectrum_alone() -> None:
    draws = np.random.default_rng(0)
    y, phase = draws.integers(2, size=600), draws.uniform(0, 2 * np.pi, 600)
    x = np.sin(np.outer(3 + 2 * y, np.arange(32)) * 2 * np.pi / 32 + phase[:, None])[:, None]
    facts = facts_of(parts(x, y))
    assert facts["spectrum_skill"] > 0.95
    assert facts["linear_skill"] < 0.5


def test_where_nothing_can_be_told_every_skill_is_about_that_of_guessing() -> None:
    draws = np.random.default_rng(0)
    facts = facts_of(parts(draws.normal(size=(1_000, 5)), draws.integers(2, size=1_000)))
    assert all(-0.5 <= facts[name] < 0.25 for name in FACTS if name.endswith("_skill"))


def test_a_number_to_predict_has_the_same_facts() -> None:
    x = np.random.default_rng(0).normal(size=(600, 3)).astype(np.float32)
    y = (x @ [1.0, 2.0, 0.0]).astype(np.float32)
    facts = facts_of(Parts(x[:300], y[:300], x[300:], y[300:], num_classes=1))  # type: ignore[arg-type]
    assert facts["linear_skill"] > 0.95
    assert facts["classes"] == facts["largest_class"] == 0


@pytest.mark.parametrize("name", ["mnist1d", "digits", "wine", "task:many:classes=1"])
def test_the_facts_of_any_data_are_finite_named_alike_and_the_same_again_in_a_second(name: str) -> None:
    data = load_dataset(name)
    started = time.process_time()
    facts = facts_of(data)
    assert time.process_time() - started < 3
    assert tuple(facts) == FACTS
    assert np.isfinite(list(facts.values())).all()
    assert facts == facts_of(data)


def test_blas_has_one_thread_since_more_wait_for_each_other_on_a_busy_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: set[int] = set()
    some = facts._some

    def watched(data: facts.Parts, part: str) -> Any:
        threads.update(
            library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
        )
        return some(data, part)

    monkeypatch.setattr(facts, "_some", watched)
    with threadpool_limits(2, user_api="blas"):
        facts_of(load_dataset("mnist1d"))
    assert threads == {1}
