"""Rewards: what a search is paid for an evaluation."""

from rl_designer.envs.rewards.builtin import REWARDS, accuracy
from rl_designer.envs.rewards.costs import COSTS, Cost
from rl_designer.envs.rewards.history import History
from rl_designer.envs.rewards.loading import RewardContext, file_and_name, load_reward, name_of
from rl_designer.envs.rewards.reward import (
    BestBy,
    NotMeasured,
    Reward,
    RewardError,
    RewardFunction,
    accuracy_of,
    as_reward,
    cost_of,
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
