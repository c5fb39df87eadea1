"""The rewards by name. A reward is a function and a line here."""

from rl_designer.envs.rewards.accuracy_rewards import accuracy, accuracy_cubed, negative_loss
from rl_designer.envs.rewards.cost_rewards import (
    blockqnn,
    mnasnet,
    mnasnet_hard,
    mobilenetv3,
    monas,
    parameter_penalty,
    proxylessnas,
    tunas_absolute,
    tunas_hard,
)
from rl_designer.envs.rewards.history_rewards import hypervolume, rank
from rl_designer.envs.rewards.reward import RewardFunction

REWARDS: dict[str, RewardFunction] = {
    "accuracy": accuracy,
    "accuracy-cubed": accuracy_cubed,
    "negative-loss": negative_loss,
    "mnasnet": mnasnet,
    "mnasnet-hard": mnasnet_hard,
    "mobilenetv3": mobilenetv3,
    "tunas-absolute": tunas_absolute,
    "tunas-hard": tunas_hard,
    "proxylessnas": proxylessnas,
    "monas": monas,
    "blockqnn": blockqnn,
    "parameter-penalty": parameter_penalty,
    "rank": rank,
    "hypervolume": hypervolume,
}
