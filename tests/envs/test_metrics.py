"""What is good: the metrics, their scores, and what guessing gives."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from rl_designer.envs.metrics import ACCURACY, METRICS, Metric, Objective, metric_digest, metric_of
from rl_designer.testing import check_metric

Y_TRAIN = np.array([0] * 70 + [1] * 20 + [2] * 10)
Y = np.array([0] * 30 + [1] * 15 + [2] * 5)
NUMBERS_TRAIN = np.array([0.0, 0.0, 0.0, 10.0])
NUMBERS = np.array([0.0, 1.0, 5.0])


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.predicts == "class"])
def test_the_right_classes_score_1(name: str) -> None:
    metric, right = METRICS[name], np.eye(3)[Y] * 0.998 + 0.001
    score = metric.score(metric.value(right / right.sum(axis=1, keepdims=True), Y), guess=1.0)
    assert score == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("accuracy", 0.6), ("balanced-accuracy", 1 / 3), ("f1-macro", 0.25), ("auroc", 0.5)],
)
def test_guessing_says_the_largest_class(name: str, expected: float) -> None:
    assert METRICS[name].guess(Y_TRAIN, Y, 3) == pytest.approx(expected)


def test_guessing_by_log_loss_says_how_frequent_each_class_is() -> None:
    expected = -np.log(np.array([0.7, 0.2, 0.1]))[Y].mean()
    assert METRICS["log-loss"].guess(Y_TRAIN, Y, 3) == pytest.approx(expected)


def test_guessing_a_number_says_the_mean_and_of_absolute_errors_the_median() -> None:
    assert METRICS["rmse"].guess(NUMBERS_TRAIN, NUMBERS, 1) == pytest.approx(
        np.sqrt(((NUMBERS - 2.5) ** 2).mean())
    )
    assert METRICS["mae"].guess(NUMBERS_TRAIN, NUMBERS, 1) == pytest.approx(NUMBERS.mean())
    assert METRICS["r2"].guess(NUMBERS_TRAIN, NUMBERS, 1) < 0


@pytest.mark.parametrize("name", ["log-loss", "rmse", "mae"])
def test_the_score_of_an_error_is_the_share_of_the_guess_that_is_gone_and_comes_back(name: str) -> None:
    metric = METRICS[name]
    assert [metric.score(value, 2.0) for value in (0.0, 0.5, 2.0, 4.0)] == [1.0, 0.75, 0.0, -1.0]
    objective = Objective(name, 2.0, metric.is_error)
    assert objective.value_of(metric.score(0.5, 2.0)) == pytest.approx(0.5)


def test_the_area_under_the_curve_is_the_mean_over_the_classes_that_there_are() -> None:
    outputs = np.random.default_rng(0).dirichlet(np.ones(4), size=len(Y))
    each = [sklearn_metrics.roc_auc_score(number == Y, outputs[:, number]) for number in range(3)]
    assert METRICS["auroc"].value(outputs, Y) == pytest.approx(np.mean(each))


SAME_IN_SCIKIT_LEARN: dict[str, Callable[[Any, Any], float]] = {
    "accuracy": lambda outputs, y: sklearn_metrics.accuracy_score(y, outputs.argmax(axis=1)),
    "balanced-accuracy": lambda outputs, y: sklearn_metrics.recall_score(
        y, outputs.argmax(axis=1), labels=np.unique(y), average="macro"
    ),
    "f1-macro": lambda outputs, y: sklearn_metrics.f1_score(
        y, outputs.argmax(axis=1), average="macro", zero_division=0.0
    ),
    "auroc": lambda outputs, y: float(
        np.mean([sklearn_metrics.roc_auc_score(y == number, outputs[:, number]) for number in np.unique(y)])
    ),
    "log-loss": lambda outputs, y: sklearn_metrics.log_loss(y, outputs, labels=np.arange(outputs.shape[1])),
    "r2": lambda outputs, y: sklearn_metrics.r2_score(y, outputs),
    "rmse": lambda outputs, y: sklearn_metrics.root_mean_squared_error(y, outputs),
    "mae": lambda outputs, y: sklearn_metrics.mean_absolute_error(y, outputs),
}


def outputs_and_targets(predicts: str | None, seed: int) -> tuple[Any, Any]:
    """Of 2 to 8 classes, one of which may have no example, with many equal outputs and some of 0 and of 1; or
    numbers, now and then always the same.
    """
    generator = np.random.default_rng(seed)
    examples, classes = int(generator.integers(20, 300)), int(generator.integers(2, 9))
    if predicts == "number":
        y = generator.normal(300, 80, examples) if seed % 5 else np.full(examples, 3.0)
        return y + generator.normal(0, 40, examples) * (seed % 10 > 0), y
    y = np.r_[0, 1, generator.integers(0, max(2, classes - seed % 2), examples)]
    logits = np.round(generator.normal(size=(len(y), classes)), seed % 3) * (1 + 40 * (seed % 4 == 0))
    outputs = np.exp(logits - logits.max(axis=1, keepdims=True))
    return outputs / outputs.sum(axis=1, keepdims=True), y


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_metrics_are_those_of_scikit_learn(metric: Metric) -> None:
    for seed in range(20):
        outputs, y = outputs_and_targets(metric.predicts, seed)
        same = SAME_IN_SCIKIT_LEARN[metric.name](outputs, y)
        assert metric.value(outputs, y) == pytest.approx(same, rel=1e-12), seed


@pytest.mark.parametrize("name", ["auroc", "log-loss", "r2", "rmse", "mae"])
def test_outputs_that_are_no_numbers_are_not_scored(name: str) -> None:
    outputs, y = outputs_and_targets(METRICS[name].predicts, 1)
    outputs[:] = np.nan
    assert np.isnan(METRICS[name].value(outputs, y))


def test_a_metric_is_chosen_by_what_is_predicted() -> None:
    assert metric_of(None, "class") is ACCURACY and metric_of(None, "number").name == "r2"
    with pytest.raises(ValueError, match="rmse is not for data that predict classes; use one of accuracy, "):
        metric_of("rmse", "class")
    with pytest.raises(ValueError, match=r"unknown metric 'acuracy'\. Did you mean 'accuracy'"):
        metric_of("acuracy", "class")


def test_an_own_metric_is_a_function_of_a_file_and_its_digest_changes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def first(outputs, y):\n    return float((outputs[:, 0] > 0.5).mean())\n")
    name = f"{path}:first"
    metric, before = metric_of(name, "class"), metric_digest(name)
    assert metric.name == "first" and metric.value(np.array([[0.9, 0.1], [0.2, 0.8]]), Y[:2]) == 0.5
    path.write_text(path.read_text() + "\n")
    assert metric_digest(name) != before


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_every_metric_keeps_the_contract(metric: Metric) -> None:
    check_metric(metric)
