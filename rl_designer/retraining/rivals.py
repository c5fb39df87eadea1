"""What people would use instead of a network, off the shelf, on the same arrays and scored alike: `RIVALS`.

A rival is a function that makes a scikit-learn estimator, and a line of the table at the end. They train in
this process, on the cores that it may use. scikit-learn is imported where one is made.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.dataset import Kind
from rl_designer.envs.metrics import Metric, Values
from rl_designer.quantities import show_seconds

QUICK_SECONDS, MOST_SECONDS = 30.0, 600.0  # for one rival, as `Rival.seconds` estimates them
FOLDS = 5
_LEAST = 1e-12  # probability that any class has
_STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
_PENALTIES = np.logspace(-3, 3, 7)
_KERNELS = 10_000
_SHORTEST = 9  # positions that MiniRocket's kernels take


@dataclass(frozen=True)
class Size:
    """Of what is trained on: `features` of one example, all its positions; `outputs` of the model."""

    examples: int
    features: int
    outputs: int

    @property
    def cells(self) -> int:
        return self.examples * self.features


@dataclass(frozen=True)
class Setup:
    """What an estimator is made for.

    Attributes:
        outputs: classes, or 1 where a number is predicted.
        metric: by which cross-validation on the training examples chooses.
        searched: whether there is time for that.
        splits: of the training examples for it, as scikit-learn's `cv`.
        threads: that an estimator which makes its own may make.
    """

    outputs: int
    metric: Metric
    balanced: bool
    searched: bool
    splits: Any
    seed: int
    threads: int

    @property
    def class_weight(self) -> str | None:
        return "balanced" if self.balanced else None

    def chosen(self, estimator: Any, values: Sequence[float]) -> Any:
        """The same with the strength `C` that cross-validation chooses; with scikit-learn's where there is no
        time for that.
        """
        from sklearn.model_selection import GridSearchCV

        if not self.searched:
            return estimator
        return GridSearchCV(estimator, {"C": list(values)}, scoring=self._score, cv=self.splits)

    @property
    def splits_of_groups(self) -> Any:
        """None where each example stands for itself, which ridge regression can leave out for free."""
        from sklearn.model_selection import PredefinedSplit

        return self.splits if isinstance(self.splits, PredefinedSplit) else None

    def _score(self, model: Any, x: NDArray[Any], y: NDArray[Any]) -> float:
        outputs = outputs_of(model, x, self.outputs)
        if self.outputs == 1:
            return self.metric.score(self.metric.value(outputs[:, 0], y.astype(np.float64)), 1.0)
        return self.metric.score(self.metric.value(_probabilities(outputs), y), 1.0)


@dataclass(frozen=True)
class Rival:
    """A model that people would use.

    Attributes:
        kinds: of data that it is for.
        build: the estimator, by scikit-learn's rules.
        size: of a trained one, in `size_of`.
        choice: what cross-validation chooses; where there is no time for it, it is as scikit-learn has it.
        seconds: one fit on one core, roughly, with scikit-learn's settings.
        fits: how many the choice takes.
        seeded_above: with at most so many examples it is the same with every seed.
        needs: the package that it takes, of the extra `rivals`.
        shortest: features that an example must have.
        flat: whether it takes examples as vectors.
    """

    name: str
    what: str
    kinds: tuple[Kind, ...]
    build: Callable[[Setup], Any]
    size: Callable[[Any], int]
    seconds: Callable[[Size], float]
    size_of: str = "parameters"
    choice: str | None = None
    fits: int = 1
    seeded_above: float = math.inf
    needs: str | None = None
    shortest: int = 1
    flat: bool = True

    def seeds(self, examples: int, seeds: int) -> int:
        """How many of so many trainings differ."""
        return seeds if examples > self.seeded_above else 1

    def searches(self, size: Size, limit: float) -> bool:
        """Whether there is time for the choice."""
        return self.choice is not None and self.seconds(size) * self.fits <= limit

    def told(self, searched: bool) -> str:
        """What it is, for people."""
        if self.choice is None:
            return self.what
        return f"{self.what}, the {self.choice} " + ("by cross-validation" if searched else "that is usual")

    def lack(self, size: Size, limit: float) -> str | None:
        """Why it is left out; None where it isn't."""
        if self.needs is not None and find_spec(self.needs) is None:
            return f"it needs {self.needs}, which isn't installed: pip install 'rl-designer[rivals]'"
        if size.features < self.shortest:
            return f"it takes examples of at least {self.shortest} numbers, these have {size.features}"
        if (seconds := self.seconds(size)) > limit:
            about = f"{size.examples:,} examples of {size.features:,} numbers take it about"
            more = "" if limit >= MOST_SECONDS else "; --rivals allows more"
            return f"{about} {show_seconds(seconds)}, and it gets {show_seconds(limit)}{more}"
        return None


def outputs_of(model: Any, x: NDArray[Any], outputs: int) -> Values:
    """As a network's, float64 [n, outputs]: numbers, or logits by class number; classes that it was not
    shown are the least likely.
    """
    if outputs == 1:
        return np.asarray(model.predict(x), dtype=np.float64).reshape(-1, 1)
    if hasattr(model, "predict_proba"):
        known = np.log(np.maximum(model.predict_proba(x), _LEAST))
    else:
        known = np.asarray(model.decision_function(x), dtype=np.float64)
        known = np.stack([np.zeros_like(known), known], axis=1) if known.ndim == 1 else known
    logits = np.full((len(x), outputs), float(known.min()) + math.log(_LEAST))
    logits[:, np.asarray(model.classes_)] = known
    return logits


def _probabilities(logits: Values) -> Values:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Values = exponentials / exponentials.sum(axis=1, keepdims=True)
    return shares


# -- the models -----------------------------------------------------------------------------------------


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
    )
}  # fmt: skip
