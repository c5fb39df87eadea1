"""Experience: it sees the task and the limits, is kept in one file, and a search can overrule it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rl_designer.agents.belief import Belief
from rl_designer.agents.experience import Experience
from rl_designer.agents.memory import Memory, Source, various
from rl_designer.agents.ppo import PPO
from rl_designer.agents.prior import Prior
from rl_designer.agents.reward_model import RewardModel, normal_scores, scores_of
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.trained_space import TrainedDefinition, TrainedSpace
from rl_designer.envs.tasks.facts import FACTS
from tests.helpers.experiences import largeness, made_experience, made_trainings

TASK = made_trainings().tasks[0]
KNOWN = dict(zip(FACTS, TASK.facts, strict=True))


def space(limit: int | None = None) -> LayerSpace:
    made = TASK.space(max_parameters=limit)
    assert isinstance(made, LayerSpace)
    return made


def source(limit: int | None = None) -> Source:
    return made_experience().source(space(limit), KNOWN, "experience")


def test_what_was_better_on_the_tasks_is_expected_to_be_better() -> None:
    actions = space().random_actions(300, np.random.default_rng(5))
    expected = source().expects(space(), actions)
    assert np.corrcoef(expected, largeness(space(), actions))[0, 1] > 0.8


def test_the_policy_proposes_what_the_prior_expects_to_be_good_within_any_limit() -> None:
    for limit in (5_000, 50_000, None):
        known, draws = source(limit), np.random.default_rng(0)
        sampled, _ = known.policy.sample(space(limit), 200, draws)
        random = space(limit).random_actions(200, draws)
        ordinary = known.expects(space(limit), random)
        better = known.expects(space(limit), sampled).mean() - ordinary.mean()
        assert better > 0.4 * ordinary.std()  # an untrained policy is at 0


def test_the_task_and_the_limits_change_the_policy_and_the_task_alone_the_prior() -> None:
    other = {name: value + 1 for name, value in KNOWN.items()}
    actions = space().random_actions(20, np.random.default_rng(0))
    elsewhere = made_experience().source(space(), other, "experience")
    assert not np.allclose(elsewhere.expects(space(), actions), source().expects(space(), actions))
    tight, wide = source(5_000), source()
    assert np.array_equal(tight.expects(space(), actions), wide.expects(space(), actions))
    assert not np.array_equal(tight.policy.weights["hidden.bias"], wide.policy.weights["hidden.bias"])


def test_where_designs_say_how_they_are_trained_it_knows_the_networks_and_has_no_preference() -> None:
    choices = {"optimizer": ["muon", "sgd"], "batch_size": [8, 16, 32]}
    narrow = space(5_000)
    wide = TrainedSpace(TrainedDefinition.of(narrow.definition, choices), narrow)
    assert made_experience().fits(wide)
    widened, own = (made_experience().source(each, KNOWN, "experience") for each in (wide, narrow))
    actions = wide.random_actions(50, np.random.default_rng(0))
    networks = wide.network_actions(actions)
    assert np.allclose(widened.expects(wide, actions), own.expects(narrow, networks))
    logs = own.policy.log_probability_of(narrow, networks) - np.log(2 * 3)
    assert np.allclose(widened.policy.log_probability_of(wide, actions), logs, rtol=1e-4)


def test_what_was_saved_is_read_again_and_what_is_damaged_is_refused(tmp_path: Path) -> None:
    path, actions = tmp_path / "experience.npz", space().random_actions(20, np.random.default_rng(0))
    made_experience().save(path)
    read = Experience.load(path)
    assert read.about == made_experience().about
    assert read.fits(space())
    again = read.source(space(), KNOWN, "again")
    assert np.array_equal(again.expects(space(), actions), source().expects(space(), actions))
    assert not read.fits(make_space("mlp", (5,), 3))
    wrong = {**made_experience().policy, "facts.weight": np.zeros((3, 3), np.float32)}
    replace(made_experience(), policy=wrong).save(path)
    with pytest.raises(ValueError, match=r"experience\.npz: 'facts\.weight' of its policy must have"):
        Experience.load(path)
    lost = {name: array for name, array in made_experience().policy.items() if name != "output.bias"}
    replace(made_experience(), policy=lost).save(path)
    with pytest.raises(ValueError, match=r"experience\.npz: policy must hold hidden\.weight"):
        Experience.load(path)
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match="no experience, or damaged"):
        Experience.load(path)


def test_a_source_of_experience_is_kept_for_a_run_and_read_again(tmp_path: Path) -> None:
    source().save(tmp_path)
    read = Source.load(tmp_path, space(), "experience")
    assert read.is_experience
    actions = space().random_actions(20, np.random.default_rng(0))
    assert np.array_equal(read.expects(space(), actions), source().expects(space(), actions))
    with pytest.raises(ValueError, match="for space"):
        Source.load(tmp_path, make_space("mlp", (5,), 3), "experience")


def test_a_belief_that_is_built_upon_a_prior_is_saved_with_it(tmp_path: Path) -> None:
    prior = source().belief
    assert isinstance(prior, Prior)
    actions = space().random_actions(30, np.random.default_rng(0))
    belief = RewardModel(space(), sources=[prior]).fit(actions, largeness(space(), actions))
    belief.save(tmp_path)
    read = Belief.load(tmp_path, space())
    assert read is not None
    assert np.allclose(read.mean(space(), actions), belief.mean(space(), actions))
    assert (read.depth, read.searches) == (1, 1)
    assert belief.slopes[0] > 0.05  # what the prior expects counts


def test_the_first_designs_are_all_of_experience_and_each_is_another_idea() -> None:
    memory = Memory([source()])
    first = memory.first(space(), 8, np.random.default_rng(0))
    expected = source().expects(space(), first)
    random = source().expects(space(), space().random_actions(1_000, np.random.default_rng(1)))
    assert (expected > np.quantile(random, 0.9)).all()
    layers = (first[:, :, None] == np.arange(space().num_actions)).sum(axis=1)
    apart = np.abs(layers[:, None] - layers).sum(axis=2)[~np.eye(4, dtype=bool)]
    assert apart.min() >= 4
    assert len(various(space(), first, 3)) == 3


class Opposite:
    """Pays for the opposite of what the experience expects."""

    def __init__(self, designs: np.ndarray) -> None:
        self.designs = designs

    @property
    def rewards(self) -> np.ndarray:
        return -largeness(space(), self.designs)

    def __len__(self) -> int:
        return len(self.designs)


class Found:
    """As much of a problem as a memory looks at."""

    def __init__(self, n: int) -> None:
        self.space = space()
        self.actions = self.space.random_actions(n, np.random.default_rng(3))
        self.designs = Opposite(self.actions)


def test_experience_that_misleads_is_dropped_but_not_before_it_can_be_told() -> None:
    told: list[str] = []
    memory = Memory([source()], lambda review: told.append(str(review)))
    assert not memory.review(Found(12))  # type: ignore[arg-type]
    assert memory.experienced is not None
    assert memory.review(Found(16))  # type: ignore[arg-type]
    assert memory.experienced is None
    assert "dropped, since what it expects doesn't agree" in told[-1]


def test_ppo_goes_on_with_the_policy_of_experience() -> None:
    agent = PPO(seed=1)
    agent.memory = Memory([source()])
    controller = agent._controller(space(), lambda a: np.zeros(len(a)), 0.1, np.random.default_rng(0))
    weights, theirs = controller.policy().weights, source().policy.weights
    assert all(np.array_equal(weights[name], theirs[name]) for name in theirs)


def test_scores_are_those_among_random_designs() -> None:
    prior = source().belief
    assert isinstance(prior, Prior)
    random = space().random_actions(400, np.random.default_rng(0))
    expected = prior.mean(space(), random)
    best, rewards = random[np.argsort(-expected)[:8]], np.linspace(0.5, 0.6, 8)
    alone, told = (scores_of(rewards, best, space(), sources) for sources in ((), (prior,)))
    np.testing.assert_array_equal(alone, normal_scores(rewards))
    assert told.mean() == pytest.approx(np.sort(expected)[-8:].mean())  # of all, not of these eight
    assert told.std() < alone.std() and (np.diff(told) > 0).all()

    def gap(*sources: Prior) -> float:
        belief = RewardModel(space(), sources=sources).fit(best, rewards)
        return float(belief.mean(space(), best).mean() - belief.mean(space(), random).mean())

    assert gap(prior) > gap() + 0.3  # any other design is a random one, and not as good as the eight
