"""Reward models of a space of 1,024 designs."""

import hashlib

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from rl_designer.agents.belief import NUMBERS, Belief
from rl_designer.agents.reward_model import RewardModel
from rl_designer.envs.search_spaces.base import Actions
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from tests.helpers.tables import synthetic_table

Rewards = NDArray[np.float64]

SPACE = TableSpace(synthetic_table((4, 4, 4, 4, 4)))
DESIGNS = np.random.default_rng(0).permutation(SPACE.table.architectures.astype(np.int64))
SIGNALS = make_space("convnet1d", (1, 40), 10, max_parameters=3_000)


def additive(designs: Actions) -> Rewards:
    """A sum of one number for each option taken; it has no ties on `DESIGNS`."""
    effects = np.random.default_rng(1).normal(size=(SPACE.max_steps, SPACE.num_actions))
    return effects[np.arange(SPACE.max_steps), designs].sum(axis=1)


def fitted(designs: Actions, rewards: Rewards) -> Belief:
    return RewardModel(SPACE).fit(designs, rewards)


def numbers_of(belief: Belief) -> dict[str, Rewards]:
    return {name: getattr(belief, name) for name in NUMBERS}


def fingerprint(belief: Belief) -> str:
    arrays = numbers_of(belief)
    return hashlib.sha256(b"".join(arrays[name].tobytes() for name in sorted(arrays))).hexdigest()


def rank_correlation(first: Rewards, second: Rewards) -> float:
    return float(spearmanr(first, second).statistic)
