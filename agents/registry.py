"""The agents by name. An agent is one file and one line here; it is imported only when asked for. Others come
from a user's file or an installed package.
"""

from importlib import import_module

from rl_designer.agents.base import Agent
from rl_designer.agents.options import with_options
from rl_designer.envs.extensions import AGENT, split_options

# name: (module:class, what it is in one line)
AGENTS = {
    "ppo": ("ppo:PPO", "PPO trained against a learned reward model; leaves a policy"),
    "ppo-model-free": ("ppo_model_free:ModelFreePPO", "PPO on real evaluations alone; leaves a policy"),
    "bananas": ("bananas:Bananas", "mutations of the best, ranked by ppo's reward model"),
    "regularized-evolution": (
        "regularized_evolution:RegularizedEvolution",
        "the best of a sample gets a mutated child, the oldest dies",
    ),
    "local-search": ("local_search:LocalSearch", "to the first better neighbour, with restarts"),
    "reinforce": ("reinforce:Reinforce", "a table of logits and a moving baseline, as in NATS-Bench"),
    "optuna-tpe": ("optuna_sampler:OptunaTPE", "Optuna's multivariate TPE (needs the extra `optuna`)"),
    "optuna": ("optuna_sampler:OptunaSampler", "any of Optuna's samplers: optuna:GPSampler, …"),
    "random": ("random_search:RandomSearch", "uniform among the legal actions"),
}


def agent_class(text: str) -> type[Agent]:
    """The class of an agent by `name`, or with options set, as in `name:population=20,sample=5`.

    The name is one of `AGENTS`, one that an installed package gives (entry points of the group
    `rl_designer.agents`), or a user's own, `file.py:Class`. Files are run.

    Raises:
        ValueError: for an unknown name or file, a class that is no agent, or an option that it doesn't have.
    """
    name, _ = split_options(text)
    if name in AGENTS:
        module, _, attribute = AGENTS[name][0].partition(":")
        found: type[Agent] = getattr(import_module(f"rl_designer.agents.{module}"), attribute)
    else:
        found = AGENT.load(name, AGENTS)
        if not issubclass(found, Agent):
            raise ValueError(f"the agent {name!r} must be a subclass of {Agent.__module__}.Agent")
    return found if text == name else with_options(found, text)


def agents_that_remember() -> list[str]:
    """Names of the agents that can start with what earlier searches learned."""
    return [name for name in AGENTS if hasattr(agent_class(name), "search_from")]
