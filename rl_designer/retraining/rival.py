"""`Rival`: a model that people would use instead of a network, what it is made for, and what it takes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.dataset import Kind
from rl_designer.envs.metrics import Metric, Values
from rl_designer.quantities import show_seconds

QUICK_SECONDS, MOST_SECONDS = 30.0, 600.0  # for one rival, as `Rival.seconds` estimates them
_LEAST = 1e-12  # probability that any class has


@dataclass(frozen=True)
class Size:
    """Of what is trained on: `features` of one example, all its positions, `unit` of them; `outputs` of the
    model.
    """

    examples: int
    features: int
    outputs: int
    unit: str = "numbers"

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
        flat: whether it takes examples as vectors; those of texts take the texts.
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
            about = f"{size.examples:,} examples of {size.features:,} {size.unit} take it about"
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
