"""`Controller`: Stable-Baselines3's PPO, masked, trained for a few updates at a time."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib import MaskablePPO
from stable_baselines3.common.logger import Logger

from rl_designer.agents.masked_actions import MaskedActions
from rl_designer.agents.policy import TANH, Policy
from rl_designer.agents.sb3_files import NAMES, SECOND_NAMES
from rl_designer.envs.design_vec_env import DesignVecEnv
from rl_designer.envs.search_spaces.base import Actions, SearchSpace
from rl_designer.envs.training.optimizers import uncompiled
from rl_designer.envs.workers.devices import one_thread

_MODULES = {TANH: torch.nn.Tanh, "relu": torch.nn.ReLU}  # a name of `ACTIVATIONS` each


@dataclass(frozen=True)
class PPOSettings:
    """What SB3's PPO is set to; an update is one rollout of whole episodes in lock step.

    Attributes:
        episodes: designs built for one update.
        epochs: passes over the rollout, each as one batch.
        entropy: weight of the entropy bonus, in units of the reward.
        hidden: units of each of the policy's hidden layers; the value's have as many.
        layers: hidden ones, 1 or 2.
        activation: of the hidden units, a name of `ACTIVATIONS`.
    """

    episodes: int = 128
    epochs: int = 4
    learning_rate: float = 1e-2
    clip: float = 0.2
    entropy: float = 0.2
    max_gradient_norm: float = 0.5
    hidden: int = 32
    layers: int = 1
    activation: str = TANH


class Controller:
    """A policy under training. Randomness is its own: the global generators are left as they were.

    Args:
        score: pays for complete designs; may be changed between updates. It is the environment's to call.
        make_env: of the space, the score, the episodes and `lock_step`.
    """

    def __init__(
        self,
        space: SearchSpace,
        score: Callable[..., NDArray[np.float64]],
        settings: PPOSettings,
        seed: int,
        make_env: Callable[..., DesignVecEnv] = DesignVecEnv,
        **env: Any,
    ) -> None:
        self.space = space
        self.settings = settings
        self.env = make_env(space, score, settings.episodes, lock_step=True, **env)
        self.ppo = masked_ppo(self.env, space.max_steps, settings, seed)

    def update(self, score: Callable[..., NDArray[np.float64]], updates: int, seed: int) -> None:
        """Trains for `updates` rollouts paid by `score`."""
        self.env.score = score
        steps = updates * self.settings.episodes * self.space.max_steps
        with own_randomness(seed), one_thread(), unchecked_distributions():
            self.ppo.learn(steps, reset_num_timesteps=False)

    def start_from(self, policy: Policy) -> None:
        """Goes on with the weights of another policy on the same space, with hidden layers as these; what
        that one doesn't see has no weight at first.
        """
        names = {**NAMES, **SECOND_NAMES}
        theirs = {names[own]: torch.from_numpy(array.copy()) for own, array in policy.weights.items()}
        own, name = self.ppo.policy.state_dict(), NAMES["hidden.weight"]
        theirs[name] = torch.nn.functional.pad(theirs[name], (0, own[name].shape[1] - theirs[name].shape[1]))
        self.ppo.policy.load_state_dict({**own, **theirs})

    def imitate(self, actions: Actions, steps: int, seen: NDArray[np.float32] | None = None) -> None:
        """Cross-entropy steps towards complete designs, int64 [n, max_steps] padded with -1.

        Args:
            seen: what the policy sees of each besides, float32 [n, k]; None for nothing.
        """
        states, choices, masks = _transitions(self.space, actions, seen)
        if len(choices) == 0:
            return
        observations, chosen = torch.as_tensor(states), torch.as_tensor(choices)
        policy = self.ppo.policy
        parameters = list(policy.parameters())
        with one_thread(), unchecked_distributions():
            for _ in range(steps):
                # Not `evaluate_actions`, which computes values and an entropy besides.
                log_probabilities = policy.get_distribution(observations, masks).log_prob(chosen)
                policy.optimizer.zero_grad()
                (-log_probabilities.mean()).backward()
                torch.nn.utils.clip_grad_norm_(parameters, self.settings.max_gradient_norm)
                policy.optimizer.step()

    def policy(self, **facts: Any) -> Policy:
        """The policy as it is now, as plain arrays."""
        return Policy(weights_of(self.ppo), self.space.name, facts, self.settings.activation)


def masked_ppo(env: DesignVecEnv, steps: int, settings: PPOSettings, seed: int) -> MaskablePPO:
    """SB3's PPO with fresh weights: one rollout is the environment's episodes of `steps` steps."""
    with own_randomness(seed), one_thread():
        ppo = MaskablePPO(
            "MlpPolicy",
            env,
            n_steps=steps,
            batch_size=env.num_envs * steps,
            n_epochs=settings.epochs,
            learning_rate=settings.learning_rate,
            clip_range=settings.clip,
            ent_coef=settings.entropy,
            max_grad_norm=settings.max_gradient_norm,
            gamma=1.0,
            gae_lambda=1.0,
            normalize_advantage=False,
            policy_kwargs={
                "net_arch": [settings.hidden] * settings.layers,
                "activation_fn": _MODULES[settings.activation],
                "optimizer_class": uncompiled(torch.optim.Adam),
                "optimizer_kwargs": {"eps": 1e-5},  # as SB3 has it for Adam itself
            },
            device="cpu",
        )
    ppo.policy.action_dist = MaskedActions(env.space.num_actions)
    ppo.set_logger(Logger(None, []))
    return ppo


def weights_of(ppo: MaskablePPO) -> dict[str, NDArray[np.float32]]:
    """Of its policy, as `Policy` has them."""
    state = ppo.policy.state_dict()
    names = {**NAMES, **SECOND_NAMES}
    return {own: state[name].numpy().copy() for own, name in names.items() if name in state}


def _transitions(
    space: SearchSpace, actions: Actions, seen: NDArray[np.float32] | None
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
    """Every step of complete designs: observations, the actions taken, the masks."""
    taken = np.full_like(actions, -1)
    besides = np.zeros((len(actions), 0), dtype=np.float32) if seen is None else seen
    states, observations, chosen, masks = space.start(len(actions)), [], [], []
    for step in range(space.max_steps):
        live = actions[:, step] >= 0
        observations.append(np.concatenate([space.observations(taken[live]), besides[live]], axis=1))
        masks.append(space.masks(states[live]))
        chosen.append(actions[live, step])
        states[live] = space.advance(states[live], actions[live, step])
        taken[live, step] = actions[live, step]
    return np.concatenate(observations), np.concatenate(chosen), np.concatenate(masks)


@contextmanager
def unchecked_distributions() -> Iterator[None]:
    """Without torch's checks of each distribution's arguments, which take a quarter of an update."""
    before = torch.distributions.Distribution._validate_args
    torch.distributions.Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        torch.distributions.Distribution.set_default_validate_args(before)


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """Seeds the global generators that SB3 and torch draw from, and puts them back afterwards."""
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        try:
            random.seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed accelerators too
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002
