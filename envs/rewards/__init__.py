"""Rewards: what a search is paid for an evaluation."""

from rl_designer.envs.rewards.builtin import REWARDS, accuracy
from rl_designer.envs.rewards.context import RewardContext
from rl_designer.envs.rewards.history import History
from rl_designer.envs.rewards.loading import file_and_name, load_reward, name_of
from rl_designer.envs.rewards.measures import COSTS, Cost, NotMeasured, accuracy_of, cost_of
from rl_designer.envs.rewards.reward import (
    BestBy,
    Reward,
    RewardError,
    RewardFunction,
    as_reward,
    keyword_parameters,
)

__all__ = [
    "COSTS",
    "REWARDS",
    "BestBy",
    "Cost",
    "History",
    "NotMeasured",
    "Reward",
    "RewardContext",
    "RewardError",
    "RewardFunction",
    "accuracy",
    "accuracy_of",
    "as_reward",
    "cost_of",
    "file_and_name",
    "keyword_parameters",
    "load_reward",
    "name_of",
]
