"""The contracts of agents, rewards and search spaces, for people who write their own. Plain assertions."""

from rl_designer.testing.agents import check_agent
from rl_designer.testing.rewards import check_reward
from rl_designer.testing.spaces import check_space

__all__ = ["check_agent", "check_reward", "check_space"]
