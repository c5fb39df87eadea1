"""`ModelFreePPO`: standardised rewards, imitation of the best, a fresh start when nothing new comes up."""

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rl_designer.agents import ppo_model_free
from rl_designer.agents.controller import Controller
from rl_designer.agents.ppo_model_free import ModelFreePPO, standardised
from rl_designer.envs import problem as problem_module
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.design_vec_env import Score
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.problem import Budget, BudgetSpent, Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.search_spaces.base import Actions
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.testing.problems import Watched
from tests.helpers.tables import synthetic_table

TABLE = TableEvaluator(TableSpace(synthetic_table((4, 4, 4, 4, 4, 4))))
SMALL = TableEvaluator(TableSpace(synthetic_table((3, 4, 2, 3))))
COLLAPSING = {"entropy": 0.0, "learning_rate": 0.05, "imitation_steps": 10}
ROWS = SMALL.space.table.architectures.astype(np.int64)


class Told:
    """Gives the accuracies that it is told, in order of the questions; None is a failure."""

    digest = "told"

    def __init__(self, *accuracies: float | None) -> None:
        self.accuracies = list(accuracies)

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        values = [self.accuracies.pop(0) for _ in architectures]
        return [Evaluation(val_accuracy=v, failure="told so" if v is None else None) for v in values]


def scores_of(*accuracies: float | None) -> NDArray[np.float64]:
    """The scores of that many designs, evaluated in one batch."""
    problem = Problem(SMALL.space, Told(*accuracies), accuracy)
    return standardised(problem)(ROWS[: len(accuracies)])


# -- scores -----------------------------------------------------------------------------------------


def test_scores_are_rewards_in_standard_deviations_from_their_mean() -> None:
    np.testing.assert_allclose(scores_of(0.5, 0.7, 0.9), [-(1.5**0.5), 0, 1.5**0.5], atol=1e-12)


@pytest.mark.parametrize("scale, shift", [(1e-9, 0), (1e6, 0), (1, -50)])
def test_the_scale_of_a_reward_does_not_matter(scale: float, shift: float) -> None:
    values = [0.5, 0.7, 0.9, 0.65]
    problem = Problem(SMALL.space, Told(*values), lambda evaluation: scale * accuracy(evaluation) + shift)
    np.testing.assert_allclose(standardised(problem)(ROWS[:4]), scores_of(*values), rtol=1e-6)


def test_scores_are_relative_to_all_designs_so_far_and_the_new_ones_are_among_them() -> None:
    problem = Problem(SMALL.space, Told(0.0, 1.0, 0.8, 0.2), accuracy)
    score = standardised(problem)
    np.testing.assert_allclose(score(ROWS[:2]), [-1, 1])
    spread = np.std([0, 1, 0.8, 0.2])
    np.testing.assert_allclose(score(ROWS[2:4]), [0.3 / spread, -0.3 / spread])
    np.testing.assert_allclose(score(ROWS[[1, 1]]), [0.5 / spread] * 2)  # a known design again


@pytest.mark.parametrize("value", [0.0, 0.1, 0.7, 70.123])
def test_equal_rewards_score_0(value: float) -> None:
    np.testing.assert_allclose(scores_of(*[value] * 7), 0, atol=1e-3)


def test_a_failure_scores_the_lowest_and_does_not_move_the_others() -> None:
    assert scores_of(0.5, None, 0.9, None).tolist() == [pytest.approx(-1), -3, pytest.approx(1), -3]


def test_where_all_failed_all_score_the_lowest() -> None:
    assert scores_of(None, None).tolist() == [-3, -3]


def test_no_score_is_below_that_of_a_failure() -> None:
    scores = scores_of(*[0.9, 0.91] * 15, 0.0)
    assert scores[-1] == -3 and scores[:-1].min() > 0


# -- it learns --------------------------------------------------------------------------------------


def searched(agent: ModelFreePPO, evaluations: int | None, evaluator: Any = TABLE) -> Problem:
    inner = evaluator.evaluator if isinstance(evaluator, Watched) else evaluator
    assert isinstance(inner, TableEvaluator)
    problem = Problem(inner.space, evaluator, accuracy, Budget(evaluations))
    agent.search(problem)
    return problem


def shares_of_the_best_tenth(failing: float = 0.0) -> list[float]:
    """Of 200 samples after 100 evaluations, one share a seed."""
    best_tenth = np.quantile(TABLE.search_values(), 0.9)
    shares = []
    for seed in range(2):
        agent = ModelFreePPO(seed=seed)
        searched(agent, 100, Watched(TABLE, failing))
        designs = [sample.architecture for sample in agent.sample(200, TABLE.space)]
        found = [evaluation.val_accuracy or 0 for evaluation in TABLE.evaluate(designs)]
        shares.append(float(np.mean(np.array(found) >= best_tenth)))
    return shares


def test_after_100_evaluations_most_samples_are_in_the_best_tenth() -> None:
    """4,096 designs; by chance a tenth of the samples would be, give or take 2 percent."""
    assert min(shares_of_the_best_tenth()) > 0.5


def test_it_learns_although_a_fifth_of_the_designs_fails() -> None:
    assert min(shares_of_the_best_tenth(failing=0.2)) > 0.4


def test_the_best_designs_without_failures_are_imitated(monkeypatch: pytest.MonkeyPatch) -> None:
    imitated: list[Actions] = []
    monkeypatch.setattr(Controller, "imitate", lambda self, actions, steps: imitated.append(actions))
    problem = searched(ModelFreePPO(imitated_share=0.2), 48, Watched(SMALL, failing=0.3))
    known = [design for design in problem.designs[:40] if design.evaluation.failure is None]
    best = sorted((design.reward for design in known), reverse=True)[:8]
    last = next(actions for actions in reversed(imitated) if len(actions) == 8)
    assert min(SMALL.evaluation(row).val_accuracy or 0 for row in SMALL.space.rows(last)) >= best[-1]


def test_the_policy_knows_where_it_comes_from_and_samples_have_no_predicted_reward(tmp_path: Path) -> None:
    agent = ModelFreePPO(seed=5)
    searched(agent, 20)
    assert agent.policy is not None
    assert agent.policy.facts == {"agent": "ppo-model-free", "seed": 5, "evaluations": 20}
    agent.save(tmp_path)
    back = ModelFreePPO.load(tmp_path, TABLE.space)
    samples = agent.sample(5, TABLE.space)
    assert back.sample(5, TABLE.space) == samples
    assert {sample.predicted_reward for sample in samples} == {None}


# -- nothing new ------------------------------------------------------------------------------------


class Trace:
    """What a search did with its controllers: `new`, `update` (and how many were new), `imitate`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[str] = []
        make, update, imitate = Controller.__init__, Controller.update, Controller.imitate

        def traced_make(controller: Controller, *given: Any, **named: Any) -> None:
            self.events.append("new")
            make(controller, *given, **named)

        def traced_update(controller: Controller, score: Score, updates: int, seed: int) -> None:
            self.events.append("update")
            update(controller, score, updates, seed)

        def traced_imitate(controller: Controller, actions: Actions, steps: int) -> None:
            self.events.append(f"imitate {steps}")
            imitate(controller, actions, steps)

        monkeypatch.setattr(Controller, "__init__", traced_make)
        monkeypatch.setattr(Controller, "update", traced_update)
        monkeypatch.setattr(Controller, "imitate", traced_imitate)

    @property
    def lives(self) -> list[list[str]]:
        """The events of each controller in turn."""
        starts = [i for i, event in enumerate(self.events) if event == "new"] + [len(self.events)]
        return [self.events[a + 1 : b] for a, b in pairwise(starts)]


def test_after_20_updates_without_anything_new_it_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A space of one design: the first update finds it, all others find nothing."""
    trace = Trace(monkeypatch)
    monkeypatch.setattr(problem_module, "_MOST_REPEATS", 8 * 65)
    problem = searched(ModelFreePPO(), None, TableEvaluator(TableSpace(synthetic_table((1, 1)))))
    assert len(problem.designs) == 1
    lives = [life.count("update") for life in trace.lives]
    assert lives == [21, 20, 20, 6]


def test_the_first_update_of_a_fresh_start_is_without_imitation(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = Trace(monkeypatch)
    monkeypatch.setattr(problem_module, "_MOST_REPEATS", 8 * 30)
    searched(ModelFreePPO(), None, TableEvaluator(TableSpace(synthetic_table((1, 1)))))
    first, second = trace.lives
    assert first[:4] == ["update", "imitate 4", "update", "imitate 4"] and first[-1] == "update"
    assert second[:5] == ["update", "update", "imitate 4", "update", "imitate 4"]


def test_while_something_new_comes_up_it_carries_on(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = Trace(monkeypatch)
    searched(ModelFreePPO(), 64)
    assert len(trace.lives) == 1


def test_a_collapsed_policy_does_not_end_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an entropy bonus and with much imitation it collapses long before the budget is spent."""
    monkeypatch.setattr(ppo_model_free, "_PATIENCE", 5)
    assert len(searched(ModelFreePPO(**COLLAPSING), 50, SMALL).designs) == 50


def test_without_a_fresh_start_it_would_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ppo_model_free, "_PATIENCE", 10**9)
    monkeypatch.setattr(problem_module, "_MOST_REPEATS", 8 * 20)
    assert len(searched(ModelFreePPO(**COLLAPSING), 50, SMALL).designs) < 50


def test_a_search_that_ends_just_after_a_fresh_start_hands_out_a_policy_that_has_learned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By chance a tenth of the samples would be in the best tenth of the 72 designs."""
    monkeypatch.setattr(ppo_model_free, "_PATIENCE", 5)

    class EndsAtTheFreshStart(Problem):
        idle = 0

        def evaluate(self, architectures):  # type: ignore[no-untyped-def]
            known = len(self.designs)
            designs = super().evaluate(architectures)
            self.idle = self.idle + 1 if len(self.designs) == known else 0
            if self.idle == 6:  # one more than it takes to give a policy up
                raise BudgetSpent
            return designs

    agent = ModelFreePPO(**COLLAPSING)
    problem = EndsAtTheFreshStart(SMALL.space, SMALL, accuracy, Budget(70))
    agent.search(problem)
    assert problem.idle == 6
    designs = [sample.architecture for sample in agent.sample(200, SMALL.space)]
    found = np.array([evaluation.val_accuracy for evaluation in SMALL.evaluate(designs)])
    assert (found >= np.quantile(SMALL.search_values(), 0.9)).mean() > 0.5


# -- randomness -------------------------------------------------------------------------------------


def fingerprint(seed: int) -> str:
    """Of the designs and of the policy."""
    agent = ModelFreePPO(seed=seed)
    digests = [design.architecture.digest for design in searched(agent, 60).designs]
    assert agent.policy is not None
    weights = [agent.policy.weights[name].tobytes() for name in sorted(agent.policy.weights)]
    return hashlib.sha256("".join(digests).encode() + b"".join(weights)).hexdigest()
