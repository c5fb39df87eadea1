"""What people would use instead of a network, off the shelf, on the same arrays and scored alike: `RIVALS`.

A rival is a function that makes a scikit-learn estimator, and a line of the table at the end. They train in
this process, on the cores that it may use. scikit-learn is imported where one is made.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from rl_designer.envs.datasets.dataset import Kind
from rl_designer.retraining.rival import Rival, Setup, Size

FOLDS = 5
_STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
_OF_TEXTS = (1.0, 10.0, 100.0)
_PENALTIES = np.logspace(-3, 3, 7)
_KERNELS = 10_000
_SHORTEST = 9  # positions that MiniRocket's kernels take


def _linear(setup: Setup) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV

    if setup.outputs == 1:
        return RidgeCV(_PENALTIES, cv=setup.splits_of_groups) if setup.searched else Ridge()
    model = LogisticRegression(max_iter=1000, class_weight=setup.class_weight)
    return setup.chosen(model, _STRENGTHS)


def _boosting(setup: Setup) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    if setup.outputs == 1:
        return HistGradientBoostingRegressor(random_state=setup.seed)
    return HistGradientBoostingClassifier(random_state=setup.seed, class_weight=setup.class_weight)


def _forest(setup: Setup) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    if setup.outputs == 1:
        return RandomForestRegressor(random_state=setup.seed, n_jobs=setup.threads)
    return RandomForestClassifier(
        random_state=setup.seed, n_jobs=setup.threads, class_weight=setup.class_weight
    )


def _rbf_machine(setup: Setup) -> Any:
    from sklearn.svm import SVC, SVR

    return setup.chosen(SVR() if setup.outputs == 1 else SVC(class_weight=setup.class_weight), _STRENGTHS[1:])


def _random_kernels(setup: Setup) -> Any:
    from aeon.transformations.collection.convolution_based import MiniRocket
    from sklearn.linear_model import RidgeClassifierCV, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # As aeon's own classifier has it.
    alphas = np.logspace(-3, 3, 10)
    number = setup.outputs == 1
    cv, weight = setup.splits_of_groups, setup.class_weight
    last = RidgeCV(alphas, cv=cv) if number else RidgeClassifierCV(alphas, cv=cv, class_weight=weight)
    kernels = MiniRocket(n_kernels=_KERNELS, random_state=setup.seed, n_jobs=setup.threads)
    return make_pipeline(kernels, StandardScaler(with_mean=False), last)


def _text_parts(setup: Setup, **options: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
    from sklearn.pipeline import make_pipeline

    parts = TfidfVectorizer(sublinear_tf=True, **options)
    if setup.outputs == 1:
        return make_pipeline(parts, RidgeCV(_PENALTIES, cv=setup.splits) if setup.searched else Ridge())
    model = LogisticRegression(max_iter=1000, class_weight=setup.class_weight)
    return make_pipeline(parts, setup.chosen(model, _OF_TEXTS))


def _characters(setup: Setup) -> Any:
    return _text_parts(setup, analyzer="char_wb", ngram_range=(1, 4))


def _words(setup: Setup) -> Any:
    return _text_parts(setup, ngram_range=(1, 2))


def _last_weights(model: Any) -> int:
    return _weights(getattr(model[-1], "best_estimator_", model[-1]))


def _weights(model: Any) -> int:
    return int(np.size(model.coef_) + np.size(model.intercept_))


def _support(model: Any) -> int:
    return int(sum(np.size(part) for part in (model.support_vectors_, model.dual_coef_, model.intercept_)))


def _boosted_nodes(model: Any) -> int:
    return sum(len(tree.nodes) for trees in model._predictors for tree in trees)


def _forest_nodes(model: Any) -> int:
    return sum(int(tree.tree_.node_count) for tree in model.estimators_)


# How long each takes was measured with one thread, on up to 2,000 examples of up to 100 features.
def _boosting_seconds(size: Size) -> float:
    trees = 100 * (size.outputs if size.outputs > 2 else 1)
    return trees * size.features * (1.2e-4 + 1e-8 * size.examples)


def _forest_seconds(size: Size) -> float:
    steps = size.examples * math.log2(size.examples + 1)
    return 5e-6 * steps * size.features if size.outputs == 1 else 9e-6 * steps * math.sqrt(size.features)


def _kernels_seconds(size: Size) -> float:
    products = size.examples * _KERNELS * min(size.examples, _KERNELS)
    return 1e-5 * size.cells + 1e-10 * products


_ALL: tuple[Kind, ...] = ("features", "signal", "image")
_ROWS: tuple[Kind, ...] = ("features",)

RIVALS: Mapping[str, Rival] = {
    rival.name: rival
    for rival in (
        Rival(
            "linear model",
            "logistic or ridge regression",
            _ALL,
            _linear,
            _weights,
            lambda size: 6e-8 * size.cells * size.outputs,
            choice="penalty",
            fits=FOLDS * len(_STRENGTHS) + 1,
        ),
        Rival(
            "gradient boosting",
            "scikit-learn's HistGradientBoosting",
            _ROWS,
            _boosting,
            _boosted_nodes,
            _boosting_seconds,
            size_of="nodes",
            seeded_above=10_000,  # it stops early there, by a part that is drawn
        ),
        Rival(
            "random forest",
            "100 trees",
            _ROWS,
            _forest,
            _forest_nodes,
            _forest_seconds,
            size_of="nodes",
            seeded_above=0,
        ),
        Rival(
            "RBF machine",
            "a support vector machine with RBF kernels",
            ("features", "image"),
            _rbf_machine,
            _support,
            lambda size: 2e-9 * size.examples * size.cells,
            choice="C",
            fits=FOLDS * (len(_STRENGTHS) - 1) + 1,
        ),
        Rival(
            "random kernels",
            "ridge regression on 10,000 random convolution kernels, MiniRocket (arXiv:2012.08791)",
            ("signal",),
            _random_kernels,
            lambda model: _weights(model[-1]),
            _kernels_seconds,
            seeded_above=0,
            needs="aeon",
            shortest=_SHORTEST,
            flat=False,
        ),
        Rival(
            "TF-IDF of characters",
            "logistic or ridge regression on runs of 1 to 4 characters within words",
            ("text",),
            _characters,
            _last_weights,
            lambda size: 1e-5 * size.cells * size.outputs,
            choice="penalty",
            fits=FOLDS * len(_OF_TEXTS) + 1,
        ),
        Rival(
            "TF-IDF of words",
            "logistic or ridge regression on words and pairs of words",
            ("text",),
            _words,
            _last_weights,
            lambda size: 2e-6 * size.cells * size.outputs,
            choice="penalty",
            fits=FOLDS * len(_OF_TEXTS) + 1,
        ),
    )
}  # fmt: skip
