"""What several objectives promise, as checks of them on a problem's space and evaluator; each raises
AssertionError where it is broken.
"""

import numpy as np

from rl_designer.envs.evaluation import Evaluation, Evaluator
from rl_designer.envs.objectives import Objectives
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.seeding import stream

_DESIGNS = 32
_ROUNDING = 1e-6


def check_values(objectives: Objectives, evaluations: list[Evaluation]) -> None:
    """A finite row each, NaN in all of one that failed, and the same when asked again in another order."""
    asked = [*evaluations, Evaluation.failed("made to fail")]
    values = objectives.values(asked)
    assert values.dtype == np.float64 and values.shape == (len(asked), len(objectives)), "not a row each"
    failed = np.array([evaluation.failure is not None for evaluation in asked])
    assert np.isnan(values[failed]).all(), "a failed design must have no value of any objective"
    assert np.isfinite(values[~failed]).all(), "a value must be finite"
    again = objectives.values(asked[::-1])[::-1]
    assert np.array_equal(values, again, equal_nan=True), "asked again it gives something else"


def check_figures(objectives: Objectives, evaluations: list[Evaluation]) -> None:
    """What people read gives the values back, and rises or falls with them as it says."""
    values = objectives.values([e for e in evaluations if e.failure is None])
    figures = objectives.figures(values)
    for column, objective in enumerate(objectives.each):
        back = [objective.value(figure) for figure in figures[:, column].tolist()]
        assert np.allclose(back, values[:, column]), f"{objective.name}: the figure gives another value back"
        order = np.argsort(values[:, column])
        steps = np.diff(figures[order, column])
        better = steps if objective.higher_is_better else -steps
        assert (better >= -_ROUNDING * np.abs(figures).max()).all(), f"{objective.name}: the wrong direction"


def check_beforehand(
    objectives: Objectives, space: SearchSpace, actions: np.ndarray, evaluations: list[Evaluation]
) -> None:
    """What is known without an evaluation is what an evaluation gives, and the rest is left open."""
    beforehand, known = objectives.beforehand(space, actions), objectives.known(space)
    trained = [e.failure is None for e in evaluations]
    values = objectives.values(evaluations)
    assert np.isnan(beforehand[:, ~known]).all(), "what isn't known beforehand must be NaN"
    found, told = values[trained][:, known], beforehand[trained][:, known]
    assert np.allclose(found, told, atol=_ROUNDING), "what is known beforehand isn't what is measured"


def check_objectives(objectives: Objectives, space: SearchSpace, evaluator: Evaluator) -> None:
    """All of it, on 32 random designs.

    Args:
        evaluator: that measures what the objectives need.
    """
    actions = space.canonical(space.random_actions(_DESIGNS, stream(0, "objectives")))
    evaluations = evaluator.evaluate(space.architectures(actions))
    check_values(objectives, evaluations)
    check_figures(objectives, evaluations)
    check_beforehand(objectives, space, actions, evaluations)
