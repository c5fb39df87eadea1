"""The figures of a trained network."""

import statistics
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from rl_designer.envs.datasets.targets import TargetScale
from rl_designer.retraining.scores import class_figures, outputs_of, score, spread, weakest


@settings(deadline=None)  # the first one imports what computes them
@given(st.integers(2, 6), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_accuracy_loss_and_confusion_are_those_of_the_logits(classes: int, n: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    logits, y = 50 * generator.normal(size=(n, classes)), generator.integers(classes, size=n)
    found = score(logits, y)
    predicted = logits.argmax(axis=1)
    assert found.accuracy == pytest.approx((predicted == y).mean())
    assert found.loss == pytest.approx(float(cross_entropy(torch.from_numpy(logits), torch.from_numpy(y))))
    assert found.confusion.sum() == n and np.trace(found.confusion) == (predicted == y).sum()
    for true, taken in zip(y, predicted, strict=True):
        assert found.confusion[true, taken] > 0


def test_an_own_metric_of_numbers_is_told_them_in_the_target_s_unit(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def share(outputs, y):\n    return -abs(outputs / y - 1).mean()\n")
    y, said = np.array([10.0, 20.0, 40.0]), np.array([[11.0], [18.0], [40.0]])
    standardised = ((y - 5) / 20).astype(np.float32)
    figures = score((said - 5) / 20, standardised, f"{path}:share", TargetScale(5.0, 20.0)).figures
    assert figures["share"] == pytest.approx(-0.2 / 3) and figures["mae"] == pytest.approx(1.0)


def test_logits_are_those_of_the_network_in_evaluation_mode_and_in_the_order_of_the_examples() -> None:
    network = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5))
    x = np.random.default_rng(0).normal(size=(1100, 4)).astype(np.float32)
    expected = network.eval()(torch.from_numpy(x)).detach().double().numpy()
    np.testing.assert_allclose(outputs_of(network.train(), x, "cpu"), expected, rtol=1e-5, atol=1e-6)


def test_a_spread_has_the_sample_deviation_and_leaves_failed_seeds_out() -> None:
    assert spread([0.5, 0.7, 0.9]) == {
        "mean": pytest.approx(0.7),
        "standard_deviation": pytest.approx(statistics.stdev([0.5, 0.7, 0.9])),
        "per_seed": [0.5, 0.7, 0.9],
    }
    assert spread([0.5, None]) == {"mean": 0.5, "standard_deviation": None, "per_seed": [0.5, None]}
    assert spread([None]) == {"mean": None, "standard_deviation": None, "per_seed": [None]}


def test_classes_say_what_they_are_taken_for_and_the_weakest_come_first() -> None:
    confusion = np.array([[8, 2, 0, 0], [0, 10, 0, 0], [3, 4, 3, 0], [0, 0, 0, 0]])
    figures = class_figures(confusion, ["shirt", "bag", "coat", "none"])
    assert [figure["class"] for figure in figures] == ["shirt", "bag", "coat"]  # none has no examples
    assert figures[0] == {
        "class": "shirt",
        "examples": 10,
        "accuracy": 0.8,
        "mistaken_for": "bag",
        "mistaken_share": 0.2,
    }
    assert (figures[1]["mistaken_for"], figures[1]["mistaken_share"]) == (None, 0.0)
    assert [figure["class"] for figure in weakest(figures)] == ["coat"]
    assert [figure["class"] for figure in weakest(figures * 4)] == ["coat"] * 3
