"""Starting with what earlier searches learned: what is tried first, who is believed, and who no longer is."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rl_designer.agents import memory
from rl_designer.agents.belief import DEEPEST
from rl_designer.agents.controller import Controller, PPOSettings
from rl_designer.agents.memory import Memory, Remembers, Review, Source
from rl_designer.agents.policy import Policy
from rl_designer.agents.ppo import PPO
from rl_designer.agents.ppo_model_free import ModelFreePPO
from rl_designer.agents.registry import AGENTS, agent_class, agents_that_remember
from rl_designer.agents.reward_model import RewardModel
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.designs import Designs
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.problem import Budget, Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.testing.problems import LayerEvaluator
from tests.helpers.strategies import walks
from tests.helpers.tables import synthetic_table

SPACE = TableSpace(synthetic_table((4, 4, 4, 4, 4)))  # 1,024 designs
TABLE = TableEvaluator(SPACE)
SIGNALS = make_space("convnet1d", (1, 40), 10, max_parameters=3_000)
QUICK = {"updates": 3, "final_updates": 3}
QUICKER = {**QUICK, "final_share": 0.0}  # where the policy that is handed out doesn't matter


class Other:
    """Other data on the same space: the table's accuracies by another measure, or backwards."""

    def __init__(self, sign: float) -> None:
        self.digest = f"other {sign}"
        self.sign = sign

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        return [
            replace(e, val_accuracy=self.sign * float(e.val_accuracy or 0) ** 3)
            for e in TABLE.evaluate(architectures)
        ]


def untrained(space: SearchSpace = SPACE, seed: int = 0) -> Policy:
    return Controller(space, lambda actions: np.zeros(len(actions)), PPOSettings(), seed).policy()


def learned(sign: float = 1.0, evaluations: int = 40, seed: int = 5) -> Source:
    """What `ppo` learns on other data; with a negative sign it has looked for the worst designs."""
    agent = PPO(seed=seed, **QUICK)
    agent.search(Problem(SPACE, Other(sign), accuracy, Budget(evaluations)))
    assert agent.policy is not None
    return Source(f"sign {sign}", agent.policy, agent.belief)


@pytest.fixture(scope="module")
def good() -> Source:
    return learned()


@pytest.fixture(scope="module")
def misleading() -> Source:
    return learned(-1.0)


def searched(sources: Sequence[Source], evaluations: int = 24, seed: int = 0) -> tuple[PPO, Problem]:
    agent, problem = PPO(seed=seed, **QUICKER), Problem(SPACE, TABLE, accuracy, Budget(evaluations))
    agent.search_from(problem, Memory(sources))
    return agent, problem


@pytest.fixture(scope="module")
def from_good(good: Source) -> tuple[PPO, Problem]:
    """A search that started with the good source; not to be changed."""
    return searched([good])


def ranks(problem: Problem) -> NDArray[np.float64]:
    """Of a search's designs in order, as shares of the table; 0 is the best."""
    values = TABLE.search_values()
    return np.array([(values > design.reward).mean() for design in problem.designs])


# -- what is tried first ----------------------------------------------------------------------------


def test_half_of_the_first_designs_are_the_best_that_the_source_knows_and_the_rest_random(
    good: Source,
) -> None:
    first = Memory([good]).first(SPACE, 8, np.random.default_rng(1))
    assert first.shape == (8, SPACE.max_steps)
    expected = good.expects(SPACE, SPACE.table.architectures.astype(np.int64))
    told = good.expects(SPACE, first)
    assert (np.diff(told[:4]) <= 0).all()
    assert [(expected > e).mean() < 0.02 for e in told[:4]] == [True] * 4
    assert (told[4:] < told[3]).all()


def test_several_sources_take_turns_and_each_has_at_least_two_designs(
    good: Source, misleading: Source
) -> None:
    draws = np.random.default_rng(0)
    first = Memory([good, misleading]).first(SPACE, 4, draws)
    assert len(first) == 4 + 2
    for source, own in ((good, first[[0, 2]]), (misleading, first[[1, 3]])):
        best = source.expects(SPACE, source.proposals(SPACE, draws))[0]
        assert source.expects(SPACE, own)[0] == pytest.approx(best)
    alike = Memory([good, Source("again", good.policy, good.belief)]).first(SPACE, 8, draws)
    assert len(np.unique(alike[:4], axis=0)) == 4


def test_what_a_source_has_evaluated_is_tried_even_where_its_policy_would_not_sample_it(good: Source) -> None:
    assert good.belief is not None
    rare = replace(good.belief, actions=walks(SPACE, 40, seed=77))
    best = rare.actions[rare.mean(SPACE, rare.actions).argmax()].tolist()
    certain = Policy(
        {**good.policy.weights, "output.bias": 50 * np.eye(1, 4, 3, dtype=np.float32)[0]}, SPACE.name, {}
    )
    proposed = Source("rare", certain, rare).proposals(SPACE, np.random.default_rng(0)).tolist()
    assert best in proposed
    without = Source("rare", certain, replace(rare, actions=rare.actions[:0]))
    assert best not in without.proposals(SPACE, np.random.default_rng(0)).tolist()


def test_designs_that_other_limits_forbid_are_not_proposed(good: Source) -> None:
    narrow = TableSpace(SPACE.table, max_parameters=160)
    for design in narrow.architectures(good.proposals(narrow, np.random.default_rng(0))):
        narrow.check(design)


def test_a_source_without_a_reward_model_proposes_what_its_policy_likes_best(good: Source) -> None:
    source = Source("policy only", good.policy)
    proposed = source.proposals(SPACE, np.random.default_rng(0))
    likely = good.policy.log_probability_of(SPACE, proposed)
    assert (np.diff(likely) <= 0).all() and len(np.unique(proposed, axis=0)) == len(proposed)


# -- what it is good for ----------------------------------------------------------------------------


def test_from_a_good_source_the_first_designs_are_among_the_best(
    good: Source, from_good: tuple[PPO, Problem]
) -> None:
    """By chance the mean rank of four designs would be 0.5 ± 0.14."""
    agent, problem = from_good
    assert ranks(problem)[:4].mean() < 0.05
    assert [review.kept for review in agent.memory.reviews] == [True]
    assert agent.belief is not None and agent.belief.sources == (good.belief,)
    assert agent.belief.slopes[0] > 0


def test_it_goes_on_better_than_from_nothing(from_good: tuple[PPO, Problem]) -> None:
    of_source, of_nothing = (ranks(problem)[8:] for problem in (from_good[1], searched([])[1]))
    assert of_source.mean() < 0.6 * of_nothing.mean()


def test_a_source_without_a_reward_model_helps_too(good: Source) -> None:
    agent, problem = searched([Source("policy only", good.policy)])
    assert ranks(problem)[:4].mean() < 0.1
    assert agent.memory.reviews[0].kept and agent.belief is not None and agent.belief.sources == ()


def test_without_sources_it_is_the_search_from_nothing() -> None:
    agent, problem = PPO(**QUICKER), Problem(SPACE, TABLE, accuracy, Budget(12))
    agent.search(problem)
    again = searched([], 12)[1]
    assert [d.architecture for d in problem.designs] == [d.architecture for d in again.designs]
    assert agent.memory.reviews == []


def test_a_search_can_build_upon_one_that_built_upon_another(
    from_good: tuple[PPO, Problem], tmp_path: Path
) -> None:
    from_good[0].save(tmp_path)
    second = Source.load(tmp_path, SPACE, "second")
    assert second.belief is not None and second.belief.depth == 2
    third, problem = searched([second], 12, seed=3)
    assert ranks(problem)[:4].mean() < 0.05
    assert third.belief is not None and third.belief.depth == 3
    third.save(tmp_path / "third")
    back = PPO.load(tmp_path / "third", SPACE)
    assert back.sample(5, SPACE) == third.sample(5, SPACE)


def test_it_works_in_a_space_of_variable_length_with_other_data_and_limits() -> None:
    first = PPO(seed=1, **QUICK)
    first.search(Problem(SIGNALS, LayerEvaluator(), accuracy, Budget(16)))
    assert first.policy is not None
    other = make_space("convnet1d", (3, 64), 4, max_parameters=20_000)
    problem = Problem(other, LayerEvaluator(), accuracy, Budget(12))
    agent = PPO(**QUICKER)
    agent.search_from(problem, Memory([Source("signals", first.policy, first.belief)]))
    assert len(problem.designs) == 12 and agent.memory.reviews[0].kept
    rewards = [design.reward for design in problem.designs]
    assert np.mean(rewards[:4]) > np.mean(rewards[4:8])


# -- who is believed --------------------------------------------------------------------------------


def test_a_source_that_misleads_is_dropped_for_good_and_the_missing_random_designs_are_made_up_for(
    misleading: Source,
) -> None:
    agent, problem = searched([misleading])
    review = agent.memory.reviews[0]
    assert review.kept is False and review.evaluations == 8
    assert review.correlation is not None and review.correlation < 0
    assert agent.belief is not None and agent.belief.sources == ()
    assert ranks(problem)[:4].mean() > 0.9 and ranks(problem)[-8:].mean() < 0.3


def test_each_source_is_judged_by_itself(good: Source, misleading: Source) -> None:
    agent, _ = searched([misleading, good])
    assert [review.kept for review in agent.memory.reviews] == [False, True]
    assert agent.belief is not None and agent.belief.sources == (good.belief,)


def test_who_listens_is_told_of_the_first_verdict_and_of_a_drop_but_not_of_every_review(
    good: Source,
) -> None:
    told: list[Review] = []
    kept = Memory([good], told.append)
    problem = Problem(SPACE, TABLE, accuracy)
    problem.evaluate(SPACE.architectures(kept.first(SPACE, 8, np.random.default_rng(0))))
    assert [kept.review(problem) for _ in range(3)] == [False] * 3
    assert [review.kept for review in told] == [True]
    turned = [replace(design, reward=-design.reward) for design in problem.designs]
    problem.designs = Designs(turned)  # all that is known now speaks against it
    assert kept.review(problem)
    assert [review.kept for review in told] == [True, False] and kept.kept == []
    assert not kept.review(problem)  # nothing is left to judge


def test_with_too_few_evaluations_nobody_is_judged(good: Source) -> None:
    agent, _ = searched([good], evaluations=memory.FEWEST - 1)
    assert agent.memory.reviews == [Review(good.name)]
    assert str(agent.memory.reviews[0]) == "sign 1.0: too few evaluations to judge it by"


def test_equal_rewards_say_nothing_of_a_source(good: Source) -> None:
    class Equal:
        digest = "equal"

        def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
            return [Evaluation(0.5)] * len(architectures)

    agent = PPO(**QUICKER)
    agent.search_from(Problem(SPACE, Equal(), accuracy, Budget(16)), Memory([good]))
    assert [review.kept for review in agent.memory.reviews] == [None]


def test_verdicts_are_sentences() -> None:
    assert str(Review("a", True, 8, 0.9)) == (
        "a: kept, since what it expects agrees with what is found "
        "(a rank correlation of 0.90 over 8 evaluations)"
    )
    assert "a: dropped, since what it expects doesn't agree" in str(Review("a", False, 12, -0.5))


# -- the reward model -------------------------------------------------------------------------------


def test_a_reward_model_with_a_source_knows_the_space_after_eight_designs(good: Source) -> None:
    """Rank correlation with all 1,024 designs, against a model that starts from nothing."""
    from scipy.stats import spearmanr

    assert good.belief is not None
    designs, everything = walks(SPACE, 8), SPACE.table.architectures.astype(np.int64)
    rewards = np.array([e.val_accuracy for e in TABLE.evaluate(SPACE.architectures(designs))], dtype=float)
    known, unknown = (
        spearmanr(model.fit(designs, rewards).mean(SPACE, everything), TABLE._values).statistic
        for model in (RewardModel(SPACE, sources=[good.belief]), RewardModel(SPACE))
    )
    assert known > 0.6 and known > unknown + 0.2


def test_learning_leaves_a_source_as_it_was(good: Source) -> None:
    assert good.belief is not None
    before = {name: array.tobytes() for name, array in vars(good.belief).items() if hasattr(array, "tobytes")}
    RewardModel(SPACE, sources=[good.belief]).fit(walks(SPACE, 12), np.arange(12.0))
    after = vars(good.belief)
    assert all(after[name].tobytes() == content for name, content in before.items())


# -- the probability of a design --------------------------------------------------------------------


@pytest.mark.parametrize("space", [SPACE, SIGNALS], ids=["table", "convnet1d"])
def test_the_probability_of_a_design_is_that_with_which_it_was_sampled(space: SearchSpace) -> None:
    policy = untrained(space)
    actions, logs = policy.sample(space, 60, np.random.default_rng(0))
    np.testing.assert_allclose(policy.log_probability_of(space, actions), logs, rtol=1e-6)
    assert policy.log_probability_of(space, actions[:0]).shape == (0,)


def test_what_is_no_complete_design_has_no_probability() -> None:
    policy, designs = untrained(SIGNALS), walks(SIGNALS, 60)
    design = designs[(designs < 0).sum(axis=1) > 1][:1]  # not of the greatest length
    end = int((design >= 0).sum())
    short, long = design.copy(), design.copy()
    short[0, end - 1], long[0, end] = -1, 0
    assert np.isfinite(policy.log_probability_of(SIGNALS, design)).all()
    for wrong in (short, long, SIGNALS.pad([[]])):
        assert policy.log_probability_of(SIGNALS, wrong).tolist() == [-np.inf]
    narrow = TableSpace(SPACE.table, max_parameters=120)
    wide = SPACE.table.architectures.astype(np.int64)
    legal = np.isfinite(untrained().log_probability_of(narrow, wide))
    assert legal.sum() == len(narrow.distinct_rows)


# -- files and agents -------------------------------------------------------------------------------


def test_a_source_comes_back_from_a_policys_folder(good: Source, tmp_path: Path) -> None:
    agent = PPO()
    agent.policy, agent.belief = good.policy, good.belief
    agent.save(tmp_path)
    back = Source.load(tmp_path, SPACE)
    designs = walks(SPACE, 20)
    assert back.name == str(tmp_path)
    assert back.expects(SPACE, designs).tolist() == good.expects(SPACE, designs).tolist()
    assert back.belief is not None and good.belief is not None
    assert back.belief.actions.tolist() == good.belief.actions.tolist()


def test_a_source_of_ppo_model_free_is_its_policy(tmp_path: Path) -> None:
    agent = ModelFreePPO()
    agent.search(Problem(SPACE, TABLE, accuracy, Budget(16)))
    agent.save(tmp_path)
    source = Source.load(tmp_path, SPACE)
    assert source.belief is None
    assert len(searched([source], 12)[1].designs) == 12


def test_the_last_of_too_many_searches_in_a_row_is_refused(good: Source, tmp_path: Path) -> None:
    belief = good.belief
    for _ in range(DEEPEST - 1):
        assert belief is not None
        belief = RewardModel(SPACE, sources=[belief]).fit(walks(SPACE, 6), np.arange(6.0))
    assert belief is not None and belief.depth == DEEPEST
    good.policy.save(tmp_path)
    belief.save(tmp_path)
    with pytest.raises(ValueError, match="the last of 8 searches that each started from the one before"):
        Source.load(tmp_path, SPACE)


def test_sources_of_another_space_and_damaged_ones_are_refused(good: Source, tmp_path: Path) -> None:
    good.policy.save(tmp_path)
    with pytest.raises(ValueError, match="the policy is for space"):
        Source.load(tmp_path, SIGNALS)
    (tmp_path / "policy.json").write_text("{")
    with pytest.raises(ValueError, match="is damaged"):
        Source.load(tmp_path, SPACE)


def test_which_agents_remember_is_a_property_of_their_class() -> None:
    assert agents_that_remember() == ["ppo"]
    for name in AGENTS:
        if name != "optuna":
            assert isinstance(agent_class(name)(), Remembers) == (name == "ppo")


def test_the_same_sources_give_the_same_search(good: Source, tmp_path: Path) -> None:
    (first, one), (second, two) = searched([good], 12), searched([good], 12)
    assert [d.architecture for d in one.designs] == [d.architecture for d in two.designs]
    first.save(tmp_path / "first")
    second.save(tmp_path / "second")
    for file in ("policy.safetensors", "reward_model.safetensors"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()
