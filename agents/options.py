"""Options of an agent as text: `regularized-evolution:population=20,sample=5`, `optuna:GPSampler`."""

import inspect
from collections.abc import Callable
from typing import Any

from rl_designer.agents.base import Agent
from rl_designer.envs.extensions import split_options
from rl_designer.envs.names import unknown_name

# What a default is, how a text is read as one, and what it must be.
_KINDS: list[tuple[type, Callable[[str], bool | int | float], str]] = [
    (bool, {"true": True, "false": False}.__getitem__, "true or false"),
    (int, int, "a whole number"),
    (object, float, "a number"),
]


def with_options(agent: type[Agent], text: str) -> type[Agent]:
    """The agent with some of its constructor's options set: a subclass that goes by the whole text.

    Args:
        text: `name:option=value,…`; a first value without a name sets the agent's first option.

    Raises:
        ValueError: for an option that the agent doesn't have, or a value of the wrong kind.
    """
    name, rest = split_options(text)
    options = _read(agent, name, rest)

    def __init__(self: Agent, **overrides: Any) -> None:
        agent.__init__(self, **{**options, **overrides})

    return type(agent.__name__, (agent,), {"__init__": __init__, "name": text, "__doc__": agent.__doc__})


def at_least_one(**options: int) -> None:
    """Raises ValueError for an option, such as a size of a batch, that is below 1."""
    for option, value in options.items():
        if value < 1:
            raise ValueError(f"{option!r} must be at least 1, got {value}")


def _read(agent: type[Agent], name: str, text: str) -> dict[str, Any]:
    parameters = inspect.signature(agent).parameters
    defaults = {p.name: p.default for p in parameters.values() if p.name != "seed" and _is_plain(p.default)}
    options = {}
    for i, item in enumerate(text.split(",")):
        option, equals, value = item.partition("=")
        if not equals and i == 0 and defaults:
            option, value = next(iter(defaults)), item
        if option not in defaults:
            raise ValueError(unknown_name(f"option of agent {name!r}", option, defaults or ["(none)"]))
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
    raise ValueError(f"option {option!r} of agent {name!r} must be {what}, got {text!r}")
