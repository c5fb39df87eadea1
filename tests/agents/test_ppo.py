"""`PPO`: what it proposes, how it ends, what it leaves behind; and what `PolicyAgent` does with a policy."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr

from rl_designer.agents.base import PolicyAgent, Sample
from rl_designer.agents.belief import FILE
from rl_designer.agents.controller import Controller, PPOSettings
from rl_designer.agents.next_designs import promising, very_good
from rl_designer.agents.ppo import PPO
from rl_designer.agents.ppo_model_free import ModelFreePPO
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.problem import Budget, Design, Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables.table import ArchitectureTable
from rl_designer.testing.problems import LayerEvaluator, Watched
from tests.helpers.strategies import many_examples, seeds
from tests.helpers.tables import synthetic_table

SHARED = Path(os.environ.get("RL_DESIGNER_TABLES", Path(__file__).resolve().parents[3] / "shared" / "tables"))
TABLE = TableEvaluator(TableSpace(synthetic_table((4, 4, 4, 4, 4, 4))))
SMALL = TableEvaluator(TableSpace(synthetic_table((3, 4, 2, 3))))

_NO_POLICY: dict[str, Any] = {"final_updates": 1, "final_share": 0.0}  # hardly any training of the last one

Values = NDArray[np.float64]


class Asked(Problem):
    """A problem that notes what it is asked for.

    Attributes:
        batches: the digests of each call, and how many of them were known at that time.
    """

    def __init__(self, *given: object, **named: object) -> None:
        super().__init__(*given, **named)  # type: ignore[arg-type]
        self.batches: list[tuple[list[str], int]] = []

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Design]:
        known = sum(self.seen(architecture) for architecture in architectures)
        self.batches.append(([architecture.digest for architecture in architectures], known))
        return super().evaluate(architectures)


def searched(agent: PolicyAgent, evaluator: TableEvaluator, evaluations: int | None) -> Asked:
    problem = Asked(evaluator.space, evaluator, accuracy, Budget(evaluations))
    agent.search(problem)
    return problem


@pytest.fixture(scope="module")
def trained() -> PPO:
    """After 40 evaluations of 4,096 designs."""
    agent = PPO(seed=2)
    searched(agent, TABLE, 40)
    return agent


# -- choosing a batch -------------------------------------------------------------------------------


def test_the_highest_upper_bounds_come_first() -> None:
    mean, covariance = np.array([0.0, 3.0, 1.0, 2.0]), np.diag([9.0, 0.01, 0.01, 0.01])
    assert promising(mean, covariance, 0.1, bound=0, batch=4) == [1, 3, 2, 0]
    assert promising(mean, covariance, 0.1, bound=2, batch=4) == [0, 1, 3, 2]
    assert promising(mean, covariance, 0.1, bound=2, batch=1) == [0]


def test_the_same_idea_is_not_picked_twice() -> None:
    """Designs 0 and 1 are nearly one: once 0 is chosen, 1 has nothing more to tell, and 2 has."""
    mean = np.array([1.0, 0.99, 0.5])
    covariance = np.array([[1.0, 0.99, 0.0], [0.99, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert promising(mean, covariance, 0.01, bound=2, batch=3) == [0, 2, 1]
    assert promising(mean, covariance, 0.01, bound=0, batch=3) == [0, 1, 2]
    assert promising(mean, np.eye(3), 0.01, bound=2, batch=3) == [0, 1, 2]


@many_examples
@given(seeds, st.floats(0.01, 2.0), st.sampled_from([0.0, 1.0, 2.0]))
def test_each_is_chosen_as_if_those_before_it_had_come_out_as_expected(
    seed: int, noise: float, bound: float
) -> None:
    generator = np.random.default_rng(seed)
    mean, factor = generator.normal(size=12), generator.normal(size=(12, 4))
    covariance = factor @ factor.T
    before = covariance.copy()
    picked = promising(mean, covariance, noise, bound, batch=6)
    np.testing.assert_array_equal(covariance, before)
    assert len(set(picked)) == 6
    for number, choice in enumerate(picked):
        known = picked[:number]
        gain = np.linalg.solve(covariance[np.ix_(known, known)] + noise * np.eye(number), covariance[known])
        variance = (covariance - covariance[:, known] @ gain).diagonal()
        upper = mean + bound * np.sqrt(np.maximum(variance, 0))
        upper[known] = -np.inf
        assert upper[choice] >= upper.max() - 1e-6


# -- what it asks for -------------------------------------------------------------------------------


@pytest.mark.parametrize("duplicates", [False, True])
def test_after_the_warm_start_it_proposes_batches_of_designs_never_evaluated_before(duplicates: bool) -> None:
    evaluator = TableEvaluator(TableSpace(synthetic_table((4, 4, 3, 3), duplicates=duplicates)))
    problem = searched(PPO(warm=10, batch=6, updates=3, **_NO_POLICY), evaluator, 40)
    assert len(problem.designs) == 40
    (first, _), *rounds = problem.batches
    assert len(first) == 10
    for digests, known in rounds:
        assert len(set(digests)) == len(digests) == 6 and known == 0


def test_it_ends_when_every_design_of_the_space_is_evaluated() -> None:
    evaluator = TableEvaluator(TableSpace(synthetic_table((3, 4, 2), duplicates=True)))
    agent = PPO(updates=2, **_NO_POLICY)
    problem = searched(agent, evaluator, None)
    assert len(problem.designs) == len(evaluator.space.distinct_rows)
    assert all(known == 0 for _, known in problem.batches[1:])
    assert agent.policy is not None and agent.belief is not None


@pytest.mark.parametrize("agent", [PPO(), ModelFreePPO()], ids=lambda agent: agent.name)
def test_a_search_without_any_time_ends_at_once(agent: PolicyAgent) -> None:
    ticks = count(step=10)
    problem = Problem(SMALL.space, SMALL, accuracy, Budget(seconds=1), clock=lambda: next(ticks))
    agent.search(problem)
    assert problem.designs == []


def test_without_any_design_there_is_nothing_to_learn_from_and_no_policy(tmp_path: Path) -> None:
    agent = PPO()
    agent.search(Problem(SMALL.space, SMALL, accuracy, Budget(seconds=1), clock=count(step=10).__next__))
    assert agent.policy is None and agent.belief is None
    with pytest.raises(RuntimeError, match="there is no policy yet"):
        agent.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_one_evaluation_is_enough_for_a_policy() -> None:
    agent = PPO(updates=1, final_updates=1)
    assert len(searched(agent, SMALL, 1).designs) == 1
    assert len(agent.sample(5, SMALL.space)) == 5


def test_it_learns_from_all_designs_up_to_the_last_one() -> None:
    agent = PPO(updates=1, **_NO_POLICY)
    problem = searched(agent, SMALL, 21)  # the last batch is cut short
    assert agent.belief is not None
    np.testing.assert_array_equal(agent.belief.rewards, sorted(design.reward for design in problem.designs))


@pytest.mark.parametrize(
    "option, value, rule",
    [
        *((name, 0, "must be at least 1, got 0") for name in ("warm", "batch", "candidates")),
        ("final_updates", -1, "must be 0 or more, got -1"),
        ("hidden", 0, "must be at least 1, got 0"),
        ("layers", 3, "must be 1 or 2, got 3"),
        ("learning_rate", 0.0, "must be above 0 and at most 1, got 0.0"),
        ("updates", -1, "must be 0 or more, got -1"),
        ("final_quantile", 1.1, "must be from 0 to 1, got 1.1"),
        ("final_quantile", -0.1, "must be from 0 to 1, got -0.1"),
        ("final_quantile", float("nan"), "must be from 0 to 1, got nan"),
        ("final_share", 1.1, "must be from 0 to 1, got 1.1"),
    ],
)
def test_an_option_that_would_spoil_the_search_is_refused_before_it(
    option: str, value: float, rule: str
) -> None:
    with pytest.raises(ValueError, match=f"'{option}' {rule}"):
        PPO(**{option: value})  # type: ignore[arg-type]


# -- what it leaves behind --------------------------------------------------------------------------


@dataclass(frozen=True)
class Quality:
    """Of 200 samples: their mean rank in the table as a share, 0 is the best; and how many are distinct."""

    mean_rank: float
    distinct: int


def quality(samples: list[Sample], evaluator: TableEvaluator) -> Quality:
    found = [e.val_accuracy for e in evaluator.evaluate([sample.architecture for sample in samples])]
    values = evaluator.search_values()
    ranks = (values > np.array(found)[:, None]).mean(axis=1)
    return Quality(float(ranks.mean()), len({sample.architecture.digest for sample in samples}))


def untrained(evaluator: TableEvaluator) -> Quality:
    agent = PPO()
    controller = Controller(evaluator.space, lambda actions: np.zeros(len(actions)), PPOSettings(), 0)
    agent.policy = controller.policy()
    return quality(agent.sample(200, evaluator.space), evaluator)


def test_its_samples_are_far_better_than_those_of_an_untrained_policy_and_various(trained: PPO) -> None:
    """By chance the mean rank of 200 samples is 0.5 with a standard deviation of 0.02."""
    chance, learned = untrained(TABLE), quality(trained.sample(200, TABLE.space), TABLE)
    assert 0.35 < chance.mean_rank < 0.65
    assert learned.mean_rank < 0.05
    assert learned.distinct >= 8


def test_a_lower_final_quantile_makes_its_samples_more_various() -> None:
    found = []
    for quantile in (1.0, 0.9):
        agent = PPO(seed=2, updates=1, final_updates=15, final_quantile=quantile, final_share=0)
        searched(agent, TABLE, 32)
        found.append(quality(agent.sample(200, TABLE.space), TABLE))
    assert found[1].distinct > 1.5 * found[0].distinct
    assert found[0].mean_rank < found[1].mean_rank < 0.3  # by chance 0.5


def test_a_higher_final_share_makes_its_samples_more_various() -> None:
    found = []
    for share in (0.0, 1.0):
        agent = PPO(seed=2, updates=1, final_updates=15, final_quantile=1, final_share=share)
        searched(agent, TABLE, 32)
        found.append(quality(agent.sample(200, TABLE.space), TABLE))
    assert found[0].distinct < found[1].distinct
    assert found[1].mean_rank < 0.3  # by chance 0.5


def test_what_an_evaluated_design_scored_itself_counts_half() -> None:
    """The best of many evaluated designs is imitated even where the model takes its score for noise."""
    agent = PPO(final_share=0.2, updates=4, final_updates=1)
    problem = searched(agent, TABLE, 48)
    assert agent.policy is not None and agent.belief is not None and problem.best is not None
    best = very_good(agent.belief, problem, agent.policy, 10, 0.2, np.random.default_rng(0))
    assert len(best) == 16  # the fewest
    assert problem.best.architecture in TABLE.space.architectures(best)


@pytest.mark.parametrize("task, seed", [("cifar10", 0), ("cifar100", 1)])
def test_on_a_published_table_100_evaluations_teach_a_policy_that_is_good_and_various(
    task: str, seed: int
) -> None:
    """NAS-Bench-201, 15,625 designs; by chance the mean rank would be 0.5."""
    path = SHARED / "nas-bench-201.npz"
    if not path.is_file():
        pytest.skip(f"no {path}; RL_DESIGNER_TABLES names the folder of published tables")
    evaluator = TableEvaluator(TableSpace(ArchitectureTable.load(path)), task)
    assert 0.35 < untrained(evaluator).mean_rank < 0.65
    agent = PPO(seed=seed)
    searched(agent, evaluator, 100)
    learned = quality(agent.sample(200, evaluator.space), evaluator)
    assert learned.mean_rank < 0.03 and learned.distinct >= 30


def test_what_it_predicts_of_its_samples_has_the_order_of_what_is_measured(trained: PPO) -> None:
    """200 samples at a high temperature; by chance the rank correlation would be 0 ± 0.07."""
    samples = trained.sample(200, TABLE.space, temperature=50)
    measured = [e.val_accuracy for e in TABLE.evaluate([sample.architecture for sample in samples])]
    assert spearmanr([sample.predicted_reward for sample in samples], measured).statistic > 0.6


# -- a policy agent's samples and files -------------------------------------------------------------


def test_it_comes_back_from_its_files_with_the_same_samples_and_predictions(
    trained: PPO, tmp_path: Path
) -> None:
    trained.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"policy.json", "policy.safetensors", FILE}
    back = PPO.load(tmp_path, TABLE.space)
    samples = back.sample(20, TABLE.space, seed=4, temperature=1.5)
    assert samples == trained.sample(20, TABLE.space, seed=4, temperature=1.5)
    assert all(isinstance(sample.predicted_reward, float) for sample in samples)


def test_samples_are_the_policys_own(trained: PPO) -> None:
    assert trained.policy is not None
    samples = trained.sample(30, TABLE.space, seed=2)
    assert len(samples) == 30 and all(sample.architecture.complete for sample in samples)
    assert samples != trained.sample(30, TABLE.space, seed=3)
    assert len({s.architecture.digest for s in trained.sample(9, TABLE.space, deterministic=True)}) == 1
    actions = TABLE.space.pad(TABLE.space.actions(sample.architecture) for sample in samples)
    predicted = trained.predict(actions, TABLE.space)
    assert predicted is not None
    assert predicted.tolist() == pytest.approx([s.predicted_reward for s in samples], rel=1e-12)
    assert trained.sample(0, TABLE.space) == []


def test_a_saved_policy_samples_and_predicts_within_other_limits(trained: PPO, tmp_path: Path) -> None:
    trained.save(tmp_path)
    space = TableSpace(TABLE.space.table, max_parameters=180)
    for sample in PPO.load(tmp_path, space).sample(50, space):
        space.check(sample.architecture)
        assert sample.predicted_reward is not None


def test_without_the_reward_models_file_it_predicts_nothing(trained: PPO, tmp_path: Path) -> None:
    trained.save(tmp_path)
    (tmp_path / FILE).unlink()
    back = PPO.load(tmp_path, TABLE.space)
    samples = back.sample(5, TABLE.space)
    assert [sample.predicted_reward for sample in samples] == [None] * 5
    assert [s.architecture for s in samples] == [s.architecture for s in trained.sample(5, TABLE.space)]


@pytest.mark.parametrize("name", ["policy.json", "policy.safetensors", FILE])
def test_a_damaged_file_is_refused_by_name(trained: PPO, tmp_path: Path, name: str) -> None:
    trained.save(tmp_path)
    (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(ValueError, match=f"{name} is damaged"):
        PPO.load(tmp_path, TABLE.space)


def test_what_is_missing_or_of_another_space_is_refused(trained: PPO, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no trained policy: .*policy\.json is missing"):
        PPO.load(tmp_path, TABLE.space)
    trained.save(tmp_path)
    with pytest.raises(ValueError, match="the policy is for space"):
        PPO.load(tmp_path, SMALL.space)


@pytest.mark.parametrize("agent", [PPO, ModelFreePPO])
@pytest.mark.parametrize(
    "use",
    [lambda agent: agent.sample(1, SMALL.space), lambda agent: agent.save(Path("nowhere"))],
    ids=["sample", "save"],
)
def test_before_any_search_there_is_no_policy(
    agent: type[PolicyAgent], use: Callable[[PolicyAgent], object]
) -> None:
    with pytest.raises(RuntimeError, match=r"there is no policy yet: call search\(\) or load\(\) first"):
        use(agent())


# -- randomness -------------------------------------------------------------------------------------

_QUICK: dict[str, Any] = {"updates": 2, "final_updates": 2, "candidates": 64}


def fingerprint(seed: int) -> str:
    """Of the designs, the policy and the reward model of searches in two spaces, with failures."""
    signals = make_space("convnet1d", (1, 40), 10, max_parameters=3_000)
    parts = []
    for space, evaluator, more in (
        (SMALL.space, Watched(SMALL, failing=0.2), {}),
        (signals, LayerEvaluator(), {"final_share": 0.0}),
    ):
        agent = PPO(seed=seed, **_QUICK, **more)
        problem = Problem(space, evaluator, accuracy, Budget(24))
        agent.search(problem)
        assert agent.policy is not None and agent.belief is not None
        parts += [design.architecture.digest.encode() for design in problem.designs]
        parts += [agent.policy.weights[name].tobytes() for name in sorted(agent.policy.weights)]
        parts += [agent.belief.points.tobytes(), agent.belief.facts.tobytes()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def test_the_budget_does_not_change_what_comes_before_its_end() -> None:
    short, long = (searched(PPO(seed=2, **_QUICK, final_share=0.0), SMALL, n).designs for n in (20, 32))
    assert [d.architecture for d in short] == [d.architecture for d in long[:20]]


def test_without_final_updates_no_policy_is_handed_out_and_the_designs_are_the_same() -> None:
    designs = []
    for updates in (0, 1):
        agent = PPO(updates=1, final_updates=updates, final_share=0.0)
        problem = searched(agent, SMALL, 12)
        assert (agent.policy is None) == (updates == 0)
        designs.append([design.architecture for design in problem.designs])
    assert designs[0] == designs[1]


def test_the_network_and_its_training_are_options() -> None:
    agent = PPO(updates=1, final_updates=1, hidden=6, layers=2, activation="relu", episodes=16, epochs=1)
    searched(agent, SMALL, 12)
    assert agent.policy is not None and agent.policy.activation == "relu"
    assert agent.policy.weights["second.weight"].shape == (6, 6)
