"""What metrics promise, as checks of one; each raises AssertionError where it is broken."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.metrics import Metric, MetricFunction, Predicts, Values

_EXAMPLES, _CLASSES = 60, 3
_STEPS = np.linspace(0, 1, 9)  # from a guess to the truth
_ROUNDING = 1e-9

Asked = tuple[Values, NDArray[Any]]


def of_classes(examples: int = _EXAMPLES, *, missing: bool = False) -> list[Asked]:
    """Probabilities, float64 [n, 3], that come ever nearer to the truth, and the classes, int64 [n].

    Args:
        missing: whether the last class has no example, as a small part of the data may have it.
    """
    generator = np.random.default_rng(examples)
    y = np.arange(examples) % (_CLASSES - missing)
    guess, truth = generator.dirichlet(np.ones(_CLASSES), examples), np.eye(_CLASSES)[y]
    return [((1 - step) * guess + step * truth, y) for step in _STEPS]


def of_numbers(examples: int = _EXAMPLES) -> list[Asked]:
    """Numbers, float64 [n], that come ever nearer to the truth, and the truth, as prices are: in a unit of
    their own, above 0.
    """
    generator = np.random.default_rng(examples)
    guess, truth = generator.uniform(50, 350, size=(2, examples))
    return [((1 - step) * guess + step * truth, truth) for step in _STEPS]


def check_it_is_pure_and_finite(metric: Metric, asked: list[Asked]) -> None:
    """The same arguments, which it leaves as they are, give the same finite number."""
    first = []
    for outputs, y in asked:
        given = outputs.copy(), y.copy()
        first.append(metric.value(*given))
        assert np.array_equal(given[0], outputs) and np.array_equal(given[1], y), (
            "it changes what it is given"
        )
    assert np.isfinite(first).all(), f"it must give finite numbers, got {first}"
    again = [metric.value(outputs, y) for outputs, y in reversed(asked)]
    assert first == again[::-1], "asked again it gives something else"


def check_better_is_more(metric: Metric, asked: list[Asked]) -> None:
    """Outputs that come nearer to the truth never score less, and the truth scores more than a guess."""
    guess = max(metric.value(*asked[0]), 1.0)
    scores = [metric.score(metric.value(*each), guess) for each in asked]
    better = all(low <= high + _ROUNDING for low, high in pairwise(scores))
    assert better and scores[0] < scores[-1], f"better outputs must score more, got {scores}"


def check_metric(metric: Metric | MetricFunction, predicts: Predicts = "class") -> None:
    """What a search relies on: it is pure, finite on small parts of the data, too, and more is better.

    Args:
        metric: a function of (outputs, y), of which more is better; or a `Metric`.
        predicts: what it is for, `class` or `number`; a `Metric` says so itself.
    """
    known = metric if isinstance(metric, Metric) else Metric("mine", metric, predicts=predicts)
    if known.predicts == "number":
        asked, small = of_numbers(), [of_numbers(4)]
    else:
        asked, small = of_classes(), [of_classes(examples, missing=True) for examples in (4, 9)]
    for part in (asked, *small):
        check_it_is_pure_and_finite(known, part)
    check_better_is_more(known, asked)
