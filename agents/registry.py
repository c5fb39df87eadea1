"""The agents by name. An agent is one file and one line here; it is imported only when asked for."""

from importlib import import_module

from rl_designer.agents.base import Agent
from rl_designer.envs.names import unknown_name

# name: (module:class, what it is in one line)
AGENTS = {
    "ppo": ("ppo:PPO", "PPO trained against a learned reward model; leaves a policy"),
    "ppo-model-free": ("ppo_model_free:ModelFreePPO", "PPO on real evaluations alone; leaves a policy"),
    "random": ("random_search:RandomSearch", "uniform among the legal actions"),
}


def agent_class(name: str) -> type[Agent]:
    """The class of an agent. Raises ValueError for a name that isn't in `AGENTS`."""
    if name not in AGENTS:
        raise ValueError(unknown_name("agent", name, AGENTS))
    module, _, attribute = AGENTS[name][0].partition(":")
    return getattr(import_module(f"rl_designer.agents.{module}"), attribute)
