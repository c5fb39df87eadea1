"""The agents by name. An agent is one file and one line here; it is imported only when asked for. Others come
from a user's file or an installed package.
"""

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from rl_designer.agents.base import Agent
from rl_designer.envs.architecture import Option, text_of
from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.extensions import AGENT, split_options
from rl_designer.envs.files.untrusted import toml_file

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
    "nsga-ii": ("optuna_sampler:NSGA2", "Optuna's NSGA-II, for fronts (needs the extra `optuna`)"),
    "ppo-weights": ("ppo_weights:PPOWeights", "ppo once for each of five weights, for fronts"),
    "random": ("random_search:RandomSearch", "uniform among the legal actions"),
}

# What a default is, how a text is read as one, and what it must be.
_KINDS: list[tuple[type, Callable[[str], bool | int | float], str]] = [
    (bool, {"true": True, "false": False}.__getitem__, "true or false"),
    (int, int, "a whole number"),
    (object, float, "a number"),
]
FROM_FILE = "from-file"
_IN_FILE = ("agent", "options", "about")


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
            raise Error(f"the agent {name!r} must be a subclass of {Agent.__module__}.Agent")
    return found if text == name else with_options(found, text)


def agents_that_remember() -> list[str]:
    """Names of the agents that can start with what earlier searches learned."""
    return [name for name in AGENTS if hasattr(agent_class(name), "search_from")]


def agents_that_find_fronts() -> list[str]:
    """Names of the agents that can search for several objectives at once."""
    return [name for name in AGENTS if agent_class(name).finds_fronts]


def check_finds_fronts(agent: type[Agent], text: str) -> None:
    """Raises ValueError, with the list of those that can, for an agent that looks at the reward alone."""
    if not agent.finds_fronts:
        raise Error(
            f"the agent {text!r} can't search for several objectives at once; those that can: "
            f"{', '.join(agents_that_find_fronts())}"
        )


def with_options(agent: type[Agent], text: str) -> type[Agent]:
    """The agent with some of its constructor's options set: a subclass that goes by the whole text.

    Args:
        text: `name:option=value,…`; a first value without a name sets the agent's first option. The options
            of `from-file=FILE` are those of a TOML file, as `options_of_file` reads it, as far as the text
            doesn't name them itself.

    Raises:
        ValueError: for an option that the agent doesn't have, or a value of the wrong kind; and as
            `options_of_file`.
    """
    whole = expanded(text)
    name, rest = split_options(whole)
    options = {} if whole == name else _read(agent, name, rest)

    def __init__(self: Agent, **overrides: Any) -> None:
        agent.__init__(self, **{**options, **overrides})

    return type(agent.__name__, (agent,), {"__init__": __init__, "name": text, "__doc__": agent.__doc__})


def expanded(text: str) -> str:
    """An agent's text with the options of the file that it names in place of `from-file=FILE`; other text as
    it is. Raises ValueError as `options_of_file`.
    """
    name, rest = split_options(text)
    named = [item for item in rest.split(",") if item.startswith(f"{FROM_FILE}=")]
    if not named:
        return text
    if len(named) > 1:
        raise Error(f"agent {name!r} takes one {FROM_FILE}, got {len(named)}")
    own = [item for item in rest.split(",") if item not in named]
    options = options_of_file(Path(named[0].partition("=")[2]), name)
    told = {item.partition("=")[0] for item in own}
    items = [f"{option}={text_of(value)}" for option, value in options.items() if option not in told]
    return f"{name}:{','.join(own + items)}" if own + items else name


def options_of_file(path: Path, name: str) -> dict[str, Option]:
    """The options of an agent that a TOML file holds: `agent = "ppo"`, its options in `[options]`, perhaps
    where they come from in `about`.

    Raises:
        ValueError: for a file that can't be read or is another agent's, and for what isn't known in it.
    """
    data = toml_file(path, "the agent's file")
    for key in data:
        if key not in _IN_FILE:
            raise Error(f"{path}: {unknown_name('key', key, _IN_FILE)}")
    if data.get("agent") != name:
        raise Error(f"{path} must say agent = {name!r}, got {str(data.get('agent'))[:80]!r}")
    options = data.get("options", {})
    if not isinstance(options, Mapping):
        raise Error(f"{path}: `options` must be a section, got {str(options)[:80]!r}")
    for option, value in options.items():
        if not isinstance(value, bool | int | float | str) or (isinstance(value, str) and "," in value):
            raise Error(
                f"{path}: {option!r} must be a number, a text or a truth value, got {str(value)[:80]!r}"
            )
    return dict(options)


def _read(agent: type[Agent], name: str, text: str) -> dict[str, Any]:
    parameters = inspect.signature(agent).parameters
    defaults = {p.name: p.default for p in parameters.values() if p.name != "seed" and _is_plain(p.default)}
    options = {}
    for i, item in enumerate(text.split(",")):
        option, equals, value = item.partition("=")
        if not equals and i == 0 and defaults:
            option, value = next(iter(defaults)), item
        if option not in defaults:
            raise Error(unknown_name(f"option of agent {name!r}", option, defaults or ["(none)"]))
        options[option] = _value(name, option, value, defaults[option])
    return options


def _is_plain(default: Any) -> bool:
    return default is None or isinstance(default, bool | int | float | str)


def _value(name: str, option: str, text: str, default: Any) -> bool | int | float | str:
    if isinstance(default, str):
        return text
    # bool is an int to isinstance, so it comes first.
    read, what = next((read, what) for kind, read, what in _KINDS if isinstance(default, kind))
    try:
        return read(text)
    except (ValueError, KeyError):
        pass
    raise Error(f"option {option!r} of agent {name!r} must be {what}, got {text!r}")
