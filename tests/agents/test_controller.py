"""`Controller`: SB3's PPO that learns in few updates, the same for the same seed, touching nothing global."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from numpy.typing import NDArray
from sb3_contrib import MaskablePPO

from rl_designer.agents.controller import Controller, PPOSettings, one_thread, own_randomness
from rl_designer.agents.policy import Policy
from rl_designer.envs.design_vec_env import Score, score_by
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.problem import Budget, BudgetSpent, Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.search_spaces.base import Actions, SearchSpace
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from tests.helpers.strategies import few_examples, seeds, walks
from tests.helpers.tables import synthetic_table

SPACE = TableSpace(synthetic_table((3, 4, 2, 3)))
EVALUATOR = TableEvaluator(SPACE)
SIGNALS = make_space("convnet1d", (1, 40), 10, max_parameters=3_000)
SETTINGS = PPOSettings(episodes=16)


def scores(actions: Actions) -> NDArray[np.float64]:
    """The table's values in standard deviations from their mean: uniform designs score 0 in the mean."""
    values = EVALUATOR.search_values()
    return ((values - values.mean()) / values.std())[SPACE.rows(actions)]


def nothing(actions: Actions) -> NDArray[np.float64]:
    return np.zeros(len(actions))


def trained(seed: int = 0, updates: int = 2, space: SearchSpace = SPACE, score: Score = scores) -> Policy:
    controller = Controller(space, score, SETTINGS, seed)
    controller.update(score, updates, seed + 1)
    return controller.policy()


def fingerprint(policy: Policy) -> str:
    return hashlib.sha256(
        b"".join(policy.weights[name].tobytes() for name in sorted(policy.weights))
    ).hexdigest()


def global_states() -> list[Any]:
    legacy = np.random.get_state()  # noqa: NPY002
    return [random.getstate(), legacy[1].tolist(), legacy[2:], torch.get_rng_state().tolist()]  # type: ignore[index, union-attr]


def draws() -> list[float]:
    """One number from each of the global generators."""
    return [random.random(), float(np.random.random()), float(torch.rand(()))]  # noqa: NPY002


# -- it learns ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_updates_raise_the_mean_score_far_above_chance(seed: int) -> None:
    """Chance is a mean of 0 and a tenth of the designs in the best tenth; the best design scores 1.8."""
    controller = Controller(SPACE, scores, PPOSettings(episodes=32, entropy=0.05), seed)

    def sampled() -> tuple[float, float]:
        found = scores(controller.policy().sample(SPACE, 500, np.random.default_rng(0))[0])
        best_tenth = np.quantile(scores(SPACE.table.architectures.astype(np.int64)), 0.9)
        return float(found.mean()), float((found >= best_tenth).mean())

    mean, share = sampled()
    assert abs(mean) < 0.3 and share < 0.3
    controller.update(scores, 15, seed)
    mean, share = sampled()
    assert mean > 1.3 and share > 0.9


def test_it_learns_from_whichever_score_it_is_given_last() -> None:
    controller = Controller(SPACE, scores, PPOSettings(episodes=32, entropy=0.05), 0)
    controller.update(lambda actions: -scores(actions), 15, 0)
    assert scores(controller.policy().sample(SPACE, 200, np.random.default_rng(0))[0]).mean() < -1


def test_an_update_is_one_batch_of_designs_all_scored_together() -> None:
    batches: list[int] = []

    def score(actions: Actions) -> NDArray[np.float64]:
        batches.append(len(actions))
        return np.zeros(len(actions))

    for space in (SPACE, SIGNALS):
        controller = Controller(space, score, SETTINGS, 0)
        controller.update(score, 2, 0)
        controller.update(score, 1, 1)
        assert controller.ppo.num_timesteps == 3 * 16 * space.max_steps
    assert batches == [16] * 6


def test_a_score_that_ends_the_search_ends_the_update() -> None:
    problem = Problem(SPACE, EVALUATOR, accuracy, Budget(evaluations=20))
    before = global_states()
    controller = Controller(SPACE, score_by(problem), SETTINGS, 0)
    with pytest.raises(BudgetSpent):
        controller.update(score_by(problem), 50, 0)
    assert len(problem.designs) == 20
    assert global_states() == before


def test_settings_reach_ppo() -> None:
    settings = PPOSettings(
        8, epochs=3, learning_rate=0.1, clip=0.3, entropy=0.4, max_gradient_norm=0.6, hidden=5
    )
    controller = Controller(SPACE, nothing, settings, 0, failure_reward=-7.0)
    ppo = controller.ppo
    assert (ppo.n_envs, ppo.n_steps, ppo.batch_size, ppo.n_epochs) == (8, 4, 32, 3)
    assert (ppo.learning_rate, ppo.ent_coef, ppo.max_grad_norm, ppo.clip_range(1)) == (0.1, 0.4, 0.6, 0.3)
    assert (ppo.gamma, ppo.gae_lambda, ppo.normalize_advantage) == (1.0, 1.0, False)
    assert controller.env.failure_reward == -7.0
    assert controller.policy().weights["hidden.bias"].shape == (5,)


# -- the policy that it hands out ----------------------------------------------------------------------


@few_examples
@given(seeds)
@pytest.mark.parametrize("space", [SPACE, SIGNALS], ids=["table", "convnet1d"])
@pytest.mark.parametrize("layers, activation", [(1, "tanh"), (2, "relu")])
def test_the_plain_policy_has_the_probabilities_of_sb3s(
    space: SearchSpace, layers: int, activation: str, seed: int
) -> None:
    settings = replace(SETTINGS, layers=layers, activation=activation)
    controller = Controller(space, nothing, settings, seed)
    controller.imitate(walks(space, 8, seed), 20)
    actions = walks(space, 6, seed + 1)
    actions[:, np.random.default_rng(seed).integers(1, space.max_steps) :] = -1
    actions[0, 1:] = -1  # one at least isn't complete
    masks = space.masks(space.final_states(actions))
    actions, masks = actions[masks.any(axis=1)], masks[masks.any(axis=1)]
    observations = space.observations(actions)
    with torch.no_grad():
        theirs = controller.ppo.policy.get_distribution(
            torch.as_tensor(observations), masks
        ).distribution.probs
    ours = np.exp(controller.policy().log_probabilities(observations, masks))
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


def test_a_policy_that_was_handed_out_does_not_change_with_further_training() -> None:
    controller = Controller(SPACE, scores, SETTINGS, 0)
    policy = controller.policy(agent="ppo", seed=3)
    before = fingerprint(policy)
    controller.update(scores, 1, 0)
    assert fingerprint(policy) == before != fingerprint(controller.policy())
    assert (policy.space, policy.facts) == (SPACE.name, {"agent": "ppo", "seed": 3})


def test_what_it_learned_samples_within_other_limits_and_for_other_data() -> None:
    policy = trained(space=SIGNALS, score=nothing)
    for shape, limit in (((1, 40), 1_000), ((3, 128), 20_000), ((1, 40), None)):
        space = make_space("convnet1d", shape, 4, max_parameters=limit)
        for design in space.architectures(policy.sample(space, 20, np.random.default_rng(0))[0]):
            space.check(design)


# -- imitation ---------------------------------------------------------------------------------------


def test_designs_that_all_end_early_can_be_imitated() -> None:
    shallow = SIGNALS.pad(row[row >= 0] for row in walks(SIGNALS, 300) if (row >= 0).sum() <= 3)
    assert len(shallow) > 0
    controller = Controller(SIGNALS, nothing, SETTINGS, 0)
    before = fingerprint(controller.policy())
    controller.imitate(shallow, 1)
    assert fingerprint(controller.policy()) != before


@pytest.mark.parametrize("space", [SPACE, SIGNALS], ids=["table", "convnet1d"])
def test_imitation_makes_designs_likelier(space: SearchSpace) -> None:
    controller = Controller(space, nothing, SETTINGS, 0)
    goals = walks(space, 2, seed=5)

    def share() -> float:
        actions, _ = controller.policy().sample(space, 300, np.random.default_rng(0))
        return float((actions[:, None] == goals).all(axis=2).any(axis=1).mean())

    before = share()
    controller.imitate(goals, 60)
    assert before < 0.15 and share() > 0.7


def test_imitation_of_nothing_does_nothing_and_imitation_is_not_random() -> None:
    controllers = [Controller(SPACE, nothing, SETTINGS, 0) for _ in range(2)]
    before, states = fingerprint(controllers[0].policy()), global_states()
    controllers[0].imitate(SPACE.pad([]), 5)
    controllers[0].imitate(walks(SPACE, 3), 0)
    assert fingerprint(controllers[0].policy()) == before
    for controller in controllers:
        controller.imitate(walks(SPACE, 3), 5)
    first, second = (fingerprint(controller.policy()) for controller in controllers)
    assert first == second != before
    assert global_states() == states


# -- randomness --------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_weights_and_another_others() -> None:
    assert fingerprint(trained(seed=0)) == fingerprint(trained(seed=0)) != fingerprint(trained(seed=1))


def test_the_seed_of_an_update_matters_too() -> None:
    found = []
    for seed in (1, 2):
        controller = Controller(SPACE, scores, SETTINGS, 0)
        controller.update(scores, 1, seed)
        found.append(fingerprint(controller.policy()))
    assert found[0] != found[1]


def test_what_was_drawn_before_does_not_matter() -> None:
    first = fingerprint(trained())
    torch.rand(7), random.random()
    np.random.default_rng().random()
    assert fingerprint(trained()) == first


def fingerprints() -> str:
    return f"{fingerprint(trained())} {fingerprint(trained(space=SIGNALS, score=nothing))}\n"


def test_training_leaves_every_global_generator_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "manual_seed_all", _never)
    before = global_states()
    trained()
    assert global_states() == before


def _never(seed: int) -> None:
    raise AssertionError(f"an accelerator was seeded with {seed}")


def test_own_randomness_is_the_same_for_the_same_seed_and_gone_afterwards() -> None:
    drawn = []
    for seed in (3, 3, 4, 2**63 - 1):
        draws()
        before = global_states()
        with own_randomness(seed):
            drawn.append(draws())
        assert global_states() == before
    assert drawn[0] == drawn[1]
    for numbers in zip(*drawn[1:], strict=True):
        assert len(set(numbers)) == 3


@pytest.mark.parametrize("block", [lambda: own_randomness(0), one_thread], ids=["randomness", "threads"])
def test_what_was_changed_is_put_back_after_an_error_too(block: Callable[[], Any]) -> None:
    before = [*global_states(), torch.get_num_threads()]
    with pytest.raises(ZeroDivisionError), block():
        draws() if block is not one_thread else None
        raise ZeroDivisionError
    assert [*global_states(), torch.get_num_threads()] == before


def test_the_number_of_threads_does_not_matter() -> None:
    threads, found = torch.get_num_threads(), []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            found.append(fingerprints())
    finally:
        torch.set_num_threads(threads)
    assert found[0] == found[1]


def test_distributions_are_checked_again_after_training() -> None:
    trained()
    with pytest.raises(ValueError, match="constraint"):
        torch.distributions.Categorical(probs=torch.tensor([-1.0, 2.0]))


def test_training_uses_one_thread_and_gives_the_others_back() -> None:
    threads, seen = torch.get_num_threads(), []

    def score(actions: Actions) -> NDArray[np.float64]:
        seen.append(torch.get_num_threads())
        return nothing(actions)

    try:
        torch.set_num_threads(2)
        Controller(SPACE, score, replace(SETTINGS, epochs=1), 0).update(score, 1, 0)
        assert (seen, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(threads)


def test_its_optimiser_has_the_settings_that_sb3_gives_adam() -> None:
    own = Controller(SPACE, scores, PPOSettings(), 0).ppo
    plain = MaskablePPO("MlpPolicy", own.env, learning_rate=PPOSettings().learning_rate, device="cpu")
    assert own.policy.optimizer.defaults == plain.policy.optimizer.defaults
