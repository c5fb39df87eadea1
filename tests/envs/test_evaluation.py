"""`Evaluation`: what is known of a design, and how much of it is luck."""

import numpy as np
import pytest

from rl_designer.envs.evaluation import Evaluation


def test_an_evaluation_comes_back_from_its_dictionary_and_unknown_names_are_passed_over() -> None:
    evaluation = Evaluation(0.5, 1.5, (0.1, 0.5), parameters=10, macs=20, epochs=2, seed=3, device="cpu")
    assert Evaluation.from_dict(evaluation.to_dict()) == evaluation
    assert Evaluation.from_dict({**evaluation.to_dict(), "from_a_later_version": 1}) == evaluation
    assert Evaluation.from_dict({"failure": "diverged"}) == Evaluation(failure="diverged")


def test_an_evaluation_is_made_by_what_it_is_of() -> None:
    curve = [0.25, 0.5]
    whole = Evaluation(0.5, 1.25, (0.25, 0.5), epochs=2, seed=3)
    assert Evaluation.trained(curve, 1.25, seed=3) == whole and whole.in_full
    stopped = Evaluation.trained(curve, 1.25, stopped=True)
    assert stopped == Evaluation(0.5, None, (0.25, 0.5), epochs=2, stopped_at=2) and not stopped.in_full
    by_another = Evaluation.trained(curve, 1.25, metric="auroc", val_accuracy=0.9)
    assert (by_another.score, by_another.val_score, by_another.val_accuracy) == (0.5, 0.5, 0.9)
    failed = Evaluation.failed("diverged", macs=7)
    assert failed == Evaluation(failure="diverged", macs=7) and not failed.in_full
    costs = {"parameters": 9.0, "macs": float("nan"), "latency": 1e-3}
    row = Evaluation.of_table(0.75, costs, epochs=2)
    assert row == Evaluation(0.75, parameters=9, latency_seconds=1e-3, epochs=2)
    missing = Evaluation.of_table(float("nan"), {})
    assert (missing.val_accuracy, missing.failure) == (None, "the table has no value")


def test_the_luck_of_a_validation_part_is_binomial_and_never_nothing_where_its_size_is_known() -> None:
    # By hand: (0.9 · 98 + 1) / 100 = 0.892, √(0.892 · 0.108 / 98) = 0.03135.
    assert Evaluation(0.9, val_examples=98).val_deviation == pytest.approx(0.03135, abs=1e-5)
    assert Evaluation(1.0, val_examples=98).val_deviation > 0.009
    assert Evaluation(0.9).val_deviation == 0 and Evaluation(failure="no").val_deviation == 0
    draws = np.random.default_rng(0).binomial(50, 0.7, 20_000) / 50
    expected = np.mean([Evaluation(d, val_examples=50).val_deviation for d in draws[:500]])
    assert expected == pytest.approx(draws.std(), rel=0.03)


def test_an_evaluation_has_no_test_figure() -> None:
    """A reward can't see the test split because it is not there."""
    assert not [name for name in Evaluation().to_dict() if "test" in name]
