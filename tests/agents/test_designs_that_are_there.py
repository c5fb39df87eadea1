"""What agents make of designs that a problem has as their search begins."""

import numpy as np

from rl_designer.agents.local_search import LocalSearch
from rl_designer.agents.memory import Memory
from rl_designer.agents.mutation import neighbours
from rl_designer.agents.regularized_evolution import RegularizedEvolution
from rl_designer.envs.problem import Budget, Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.seeding import stream
from rl_designer.testing.problems import LayerEvaluator

SPACE = make_space("convnet1d", (1, 40), 10, max_parameters=5_000)
KNOWN = SPACE.random_actions(4, np.random.default_rng(0))


def begun(evaluations: int) -> Problem:
    problem = Problem(SPACE, LayerEvaluator(), accuracy, Budget(evaluations))
    problem.evaluate(SPACE.architectures(KNOWN))
    return problem


def test_local_search_climbs_from_the_best_of_them() -> None:
    problem = begun(8)
    best = KNOWN[problem.designs.rewards.argmax()]
    LocalSearch(seed=0).search(problem)
    around = {architecture.digest for architecture in SPACE.architectures(neighbours(SPACE, best))}
    assert problem.designs[4].architecture.digest in around


def test_evolution_has_them_in_its_first_population() -> None:
    problem = begun(8)
    RegularizedEvolution(seed=0, population=8).search(problem)
    rest = SPACE.random_actions(4, stream(0, "regularized evolution"))
    assert np.array_equal(problem.actions, np.concatenate([KNOWN, rest]))


def test_they_stand_in_the_place_of_random_ones() -> None:
    draws = np.random.default_rng(0)
    assert [len(Memory(()).first(SPACE, 8, draws, known)) for known in (0, 3, 20)] == [8, 5, 1]
