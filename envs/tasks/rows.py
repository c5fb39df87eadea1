"""Families of rows, float64 [n, features]: classes are equal parts of a function's range, or clusters."""

import numpy as np

from rl_designer.envs.tasks.plan import Made, Plan

_FEW = 3  # features that matter
_HIDDEN = 12
_TREES, _DEPTH = 3, 4
_PRODUCTS = 3
_CLUSTERS = 3  # of each class


def few(plan: Plan) -> Made:
    """A smooth function of three of the features."""
    x = plan.uniform(-1, 1, plan.size)
    seen = x[:, plan.concepts.permutation(plan.size)[:_FEW]]
    speed, begin = plan.concepts.uniform(2, 5, (2, _FEW, _FEW))
    return x, plan.by_rank(np.sin(seen @ speed + begin[0]).sum(axis=1))


def many(plan: Plan) -> Made:
    """What a random network of one hidden layer makes of all the features."""
    x = plan.draws.normal(size=(plan.examples, plan.size))
    into = plan.concepts.normal(size=(plan.size, _HIDDEN)) * 2 / np.sqrt(plan.size)
    hidden = np.tanh(x @ into + plan.concepts.normal(size=_HIDDEN))
    return x, plan.by_rank(hidden @ plan.concepts.normal(size=_HIDDEN))


def trees(plan: Plan) -> Made:
    """The sum of a few random decision trees."""
    x, examples = plan.uniform(-1, 1, plan.size), np.arange(plan.examples)
    score = np.zeros(plan.examples)
    for _ in range(_TREES):
        leaf = np.zeros(plan.examples, dtype=np.int64)
        for depth in range(_DEPTH):
            feature = plan.concepts.integers(plan.size, size=2**depth)
            threshold = plan.concepts.uniform(-0.5, 0.5, 2**depth)
            leaf = 2 * leaf + (x[examples, feature[leaf]] > threshold[leaf])
        score += plan.concepts.normal(size=2**_DEPTH)[leaf]
    return x, plan.by_rank(score)


def products(plan: Plan) -> Made:
    """The sum of the products of a few pairs of features."""
    x = plan.draws.normal(size=(plan.examples, plan.size))
    pairs = plan.concepts.permutation(plan.size)[: 2 * min(_PRODUCTS, plan.size // 2)]
    first, second = pairs.reshape(2, -1)
    return x, plan.by_rank((x[:, first] * x[:, second]).sum(axis=1))


def clusters(plan: Plan) -> Made:
    """A few clusters a class, as wide as the noise is."""
    y = plan.labels()
    centres = plan.concepts.normal(size=(plan.classes, _CLUSTERS, plan.size))
    return plan.noisy(centres[y, plan.draws.integers(_CLUSTERS, size=plan.examples)]), y
