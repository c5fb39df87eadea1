"""The contracts of agents, metrics, objectives, rewards and search spaces, for people who write their own."""

from rl_designer.testing.agents import check_agent
from rl_designer.testing.metrics import check_metric
from rl_designer.testing.objectives import check_objectives
from rl_designer.testing.rewards import check_reward
from rl_designer.testing.spaces import check_space

__all__ = ["check_agent", "check_metric", "check_objectives", "check_reward", "check_space"]
