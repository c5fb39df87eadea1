"""`NetworkClassifier` and `NetworkRegressor` among scikit-learn's estimators."""

import pickle
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_wine
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from rl_designer import NetworkClassifier, NetworkRegressor

QUICK = {
    "evaluations": 1,
    "epochs": 1,
    "agent": "random",
    "control_share": 0.0,
    "max_parameters": 400,
    "folds": 1,
}
SMALL = NetworkClassifier(**QUICK, final_epochs=10, random_state=0)
NUMBER = NetworkRegressor(**QUICK, final_epochs=10, random_state=0)


@parametrize_with_checks([SMALL, NUMBER])
def test_scikit_learns_checks(estimator: Any, check: Any) -> None:
    scored = check.func.__name__.endswith("_train")
    check(estimator if scored else clone(estimator).set_params(final_epochs=1))


def test_the_best_finalist_is_trained_in_full() -> None:
    x, y = load_wine(return_X_y=True)
    settings = {**QUICK, "evaluations": 6, "finalists": 2, "finalist_epochs": 1}
    classifier = NetworkClassifier(**settings, final_epochs=2, random_state=0).fit(x, y)
    assert len(classifier.run_.designs) == 4 and len(classifier.run_.finalists) == 2
    assert classifier.architecture_.digest == classifier.run_.finalists[0].digest


def signals(channels: int = 2) -> tuple[Any, Any]:
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(60, channels, 16)), np.arange(60) % 2
    x[:, 0] += 2 * y[:, None] * np.sin(np.arange(16))
    return x, y


def test_it_learns_and_says_what_it_found() -> None:
    x, y = load_wine(return_X_y=True)
    settings = {"max_parameters": 1_000, "evaluations": 6, "agent": "local-search", "folds": 1}
    small = NetworkClassifier(**settings, random_state=3)
    classifier = small.fit(x, y)
    assert classifier.score(x, y) > 0.95 and classifier.n_features_in_ == 13
    assert sum(parameter.numel() for parameter in classifier.network_.parameters()) <= 1_000
    assert len(classifier.run_.designs) == 6 and "random search" in classifier.run_.verdict
    assert classifier.architecture_ == classifier.run_.best.architecture
    again = clone(classifier).fit(x, y)
    np.testing.assert_array_equal(again.predict_proba(x), classifier.predict_proba(x))
    copied = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(copied.predict_proba(x), classifier.predict_proba(x))


def test_it_works_where_estimators_do() -> None:
    x, y = load_wine(return_X_y=True)
    names = np.array(["red", "white", "rosé"])[y]
    scores = cross_val_score(make_pipeline(MinMaxScaler(), SMALL), x, names, cv=3)
    assert scores.shape == (3,) and scores.mean() > 0.8
    search = GridSearchCV(SMALL, {"max_parameters": [500, 1_000]}, cv=2).fit(x, names)
    assert set(search.predict(x)) <= set(names)


def test_signals_and_images_keep_their_shape() -> None:
    classifier = clone(SMALL).fit(*signals())
    assert classifier.architecture_.space == "convnet1d" and classifier.score(*signals()) > 0.8
    assert clone(SMALL).set_params(space="mlp").fit(*signals()).predict(signals()[0]).shape == (60,)
    digits = load_digits()
    images = clone(SMALL).set_params(final_epochs=2).fit(digits.images[:300, None], digits.target[:300])
    assert images.architecture_.space == "convnet"
    with pytest.raises(ValueError, match=r"of the shape \['n', 2, 16\] that fit had, got \[1, 2, 8\]"):
        classifier.predict(np.zeros((1, 2, 8)))


def test_a_function_is_the_reward_and_processes_change_nothing() -> None:
    x, y = load_wine(return_X_y=True)
    small = clone(SMALL).set_params(reward=lambda evaluation: -evaluation.parameters, final_epochs=1)
    found = small.fit(x, y)
    assert found.run_.best.reward == -found.run_.best.evaluation.parameters
    parallel = clone(small).set_params(n_jobs=2).fit(x, y)
    np.testing.assert_array_equal(parallel.predict_proba(x), found.predict_proba(x))


def test_nothing_is_left_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    clone(SMALL).fit(*signals())
    assert [path.name for path in tmp_path.rglob("*")] == ["temporary"]


def test_a_class_of_one_example_is_learned_and_not_held_out() -> None:
    x, y = load_wine(return_X_y=True)
    y = y.copy()
    y[0] = 7
    assert list(clone(SMALL).fit(x, y).classes_) == [0, 1, 2, 7]


@pytest.mark.parametrize(
    ("settings", "y", "reason"),
    [
        ({}, [0] * 8, "needs examples of at least 2 classes, got 1 class"),
        ({}, list(range(8)), "needs at least 2 examples of some class, .* got n_samples=8 of 8 classes"),
        ({"agent": "pppo"}, [0, 1] * 4, "unknown agent 'pppo'"),
        (
            {"evaluations": 0},
            [0, 1] * 4,
            "NetworkClassifier: `evaluations` must be a whole number",
        ),
        ({"max_parameters": 1}, [0, 1] * 4, "no network of space 'mlp' keeps max_parameters=1"),
    ],
)
def test_what_can_not_be_is_refused(settings: dict[str, Any], y: list[int], reason: str) -> None:
    x = np.arange(16.0).reshape(8, 2)
    with pytest.raises(ValueError, match=reason):
        clone(SMALL).set_params(**settings).fit(x, y)
    with pytest.raises(ValueError, match="X must have 2, 3 or 4 axes"):
        clone(SMALL).fit(x.reshape(8, 1, 1, 1, 2), [0, 1] * 4)


# -- a number ----------------------------------------------------------------------------------------


def lengths(n: int = 60) -> tuple[Any, Any]:
    x = np.random.default_rng(0).normal(size=(n, 3))
    return x, 5_000 + 300 * x[:, 0] - 100 * x[:, 1]


def test_a_number_is_predicted_in_its_own_unit() -> None:
    x, y = lengths()
    regressor = clone(NUMBER).set_params(metric="mae", final_epochs=60).fit(x, y)
    predicted = regressor.predict(x)
    assert predicted.shape == (60,) and abs(predicted.mean() - y.mean()) < 100
    assert regressor.score(x, y) > 0.8  # R², whatever the search's metric
    assert regressor.run_.best.evaluation.metric == "mae"
    assert regressor.network_(torch.zeros(2, 3)).shape == (2, 1)
    copied = pickle.loads(pickle.dumps(regressor))
    np.testing.assert_array_equal(copied.predict(x), predicted)
    np.testing.assert_array_equal(clone(regressor).fit(x, y).predict(x), predicted)
    assert clone(NUMBER).fit(x.astype(int), (y // 300).astype(int)).run_.best.evaluation.metric == "r2"


@pytest.mark.parametrize(
    ("settings", "y", "reason"),
    [
        ({}, [7.5] * 8, "y is 7.5 in all 8 examples: there is nothing to predict"),
        ({}, [1.0, 2.0], "needs at least 5 examples, got n_samples=2"),
        ({"metric": "auroc"}, range(8), "metric auroc is not for data that predict a number; use one of r2"),
        ({"metric": lambda outputs, y: 1.0}, range(8), "must be a function at the top level of a .py file"),
        ({"folds": 6}, range(8), "folds must be from 1 to 5"),
    ],
)
def test_numbers_that_can_not_be_are_refused(settings: dict[str, Any], y: Any, reason: str) -> None:
    x = np.arange(2.0 * len(y)).reshape(len(y), 2)
    with pytest.raises(ValueError, match=reason):
        clone(NUMBER).set_params(**settings).fit(x, np.array(y, dtype=float))


# -- columns of text, with gaps ----------------------------------------------------------------------


def test_a_data_frame_may_have_text_dates_and_gaps() -> None:
    generator = np.random.default_rng(0)
    colour = np.array(["red", "blue", "green"])[np.arange(120) % 3]
    frame = pandas.DataFrame(
        {
            "colour": colour,
            "size": np.where(np.arange(120) % 7 == 0, np.nan, generator.normal(size=120)),
            "sold": pandas.date_range("2024-01-01", periods=120, freq="D"),
            "used": np.arange(120) % 2 == 0,
            "code": pandas.Categorical(np.arange(120) % 4),
        }
    )
    classifier = clone(SMALL).fit(frame, colour == "red")
    assert classifier.score(frame, colour == "red") > 0.95
    assert list(classifier.feature_names_in_) == list(frame.columns) and classifier.n_features_in_ == 5
    about = " ".join(classifier.run_.summary["about"])
    assert "5 columns" in about and "categories" in about
    strange = frame.assign(colour="unheard of", size=None)
    assert classifier.predict_proba(strange).shape == (120, 2)
    copied = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(copied.predict(frame[::-1])[::-1], classifier.predict(frame))
    regressor = clone(NUMBER).fit(frame, np.arange(120.0))
    assert regressor.predict(frame[:3]).shape == (3,)
    with pytest.raises(ValueError, match="y contains NaN"):
        clone(NUMBER).fit(frame, np.where(np.arange(120) < 3, np.nan, 1.0))
    with pytest.raises(ValueError, match="The feature names should match"):
        classifier.predict(frame.drop(columns="size"))
    with pytest.raises(ValueError, match="X must be a DataFrame"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classifier.predict(frame.to_numpy())


# -- what is good ------------------------------------------------------------------------------------


def worst_recall(outputs: Any, y: Any) -> float:
    hits = outputs.argmax(axis=1) == y
    return min(float(hits[y == number].mean()) for number in np.unique(y))


def test_few_examples_are_judged_on_folds_and_a_metric_may_be_a_function() -> None:
    x, y = load_wine(return_X_y=True)
    settings = {"metric": worst_recall, "class_weights": "balanced", "folds": None, "final_epochs": 5}
    classifier = clone(SMALL).set_params(**settings).fit(x, y)
    evaluation = classifier.run_.best.evaluation
    assert (evaluation.metric, evaluation.folds, evaluation.val_examples) == ("worst_recall", 5, 178)
    assert classifier.run_.config.training.class_weights == "balanced"
    assert 0 <= classifier.score(x, y) <= 1  # accuracy
    few = clone(NUMBER).set_params(folds=None, final_epochs=1).fit(*lengths(5))
    assert few.run_.best.evaluation.folds == 5
