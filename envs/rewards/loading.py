"""`load_reward`: a reward by its name, or a user's own, with its parameters; what a setting says of costs."""

import inspect
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.extensions import REWARD, split_options
from rl_designer.envs.rewards.builtin import REWARDS
from rl_designer.envs.rewards.costs import Cost
from rl_designer.envs.rewards.reward import Reward, RewardFunction, Value, as_reward, keyword_parameters
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.limits import COSTS
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.seeding import stream

_DESIGNS = 1001  # random ones, odd so that the median is one of them
_BEYOND = 1.1  # how far beyond the worst cost a hypervolume's reference lies


@dataclass(frozen=True)
class RewardContext:
    """What a setting says of its costs: always the same for one space and its limits.

    Typical costs are those of the distinct designs of a table; on another space those of 1,001 designs of
    random search, each action uniform among the legal ones. A latency is known beforehand only where a table
    has it.

    Attributes:
        space: with its limits.
    """

    space: SearchSpace

    def target(self, cost: Cost) -> float:
        """The cost to aim at: the limit on it, or where there is none the median of the typical costs.

        Raises:
            ValueError: where neither is known.
        """
        limits = self.space.limits
        if cost in limits.limited:
            return float(COSTS[cost].given(limits.of(cost)))
        return _rounded(np.nanmedian(self._costs(cost)))

    def reference(self, cost: Cost) -> float:
        """A cost that is too much: a tenth beyond the limit on it, or beyond the largest typical cost.

        Raises:
            ValueError: where neither is known.
        """
        limits = self.space.limits
        worst = COSTS[cost].given(limits.of(cost)) if cost in limits.limited else np.nanmax(self._costs(cost))
        return _rounded(_BEYOND * worst)

    def _costs(self, cost: Cost) -> NDArray[np.float64]:
        values = self._typical.get(cost)
        if values is None or np.isnan(values).all():
            raise Error(f"no typical {cost} is known beforehand on space {self.space.name!r}")
        return values

    @cached_property
    def _typical(self) -> dict[str, NDArray[np.float64]]:
        if isinstance(self.space, TableSpace):
            return self.space.costs(self.space.table.architectures[self.space.distinct_rows].astype(np.int64))
        return self.space.costs(self.space.random_actions(_DESIGNS, stream(0, "typical costs")))


def _rounded(value: float) -> float:
    """To six digits, so that it can be written down and read back as it is."""
    return float(f"{value:.6g}")


# Parameters without a default come from the setting, by name: what says it for a cost.
_FROM_SETTING = {"target": RewardContext.target, "reference": RewardContext.reference}


# Ends the name of a reward that was given as a function, which no text can name.
_CALL = "()"


def load_reward(
    text: str, context: RewardContext | None = None, function: RewardFunction | None = None
) -> Reward:
    """A reward by name (`mnasnet`), with parameters where wanted (`mnasnet:cost=macs,w=-0.15`).

    The name is one of `REWARDS`, one that an installed package gives (entry points of the group
    `rl_designer.rewards`), or a user's own, `file.py:function` or `file.py:function:weight=2`. Files are run.

    Args:
        context: of the setting, for what the text leaves open; None where it leaves nothing open.
        function: what a name that `name_of` made stands for.

    Raises:
        ValueError: for an unknown name, parameter or file, a function that can't be called so, or a parameter
            that must be given; one line.
    """
    name, rest = split_options(text)
    if name.endswith(_CALL) and (function is None or name_of(function) != name):
        raise Error(
            f"the reward {name} is a function that was given in Python, and must be given again: "
            "rl_designer.resume(run, reward=function)"
        )
    function = function or REWARDS.get(name) or REWARD.load(name, REWARDS)
    parameters = _parameters(name, function, rest)
    return as_reward(function, name, _completed(name, function, parameters, context))


def name_of(function: RewardFunction) -> str:
    """What a function goes by as a reward: `module.function()`, or a registered one's own name."""
    registered = (name for name, known in REWARDS.items() if known is function)
    place = function if hasattr(function, "__qualname__") else type(function)
    return next(registered, f"{place.__module__}.{place.__qualname__}{_CALL}")


def file_and_name(function: RewardFunction) -> str:
    """The text that a function is loaded by in every process: `file.py:function`, or a registered one's name.

    Raises:
        ValueError: for one that isn't at the top level of a file.
    """
    name = name_of(function)
    if not name.endswith(_CALL):
        return name
    return REWARD.text_of(function, name)


# -- parameters --------------------------------------------------------------------------------------


def _parameters(name: str, function: RewardFunction, text: str) -> dict[str, Value]:
    legal = keyword_parameters(function)
    hints = _hints(function)
    parameters: dict[str, Value] = {}
    for item in filter(None, text.split(",")):
        key, _, value = item.partition("=")
        if key not in legal:
            raise Error(unknown_name(f"parameter of reward {name!r}", key, legal))
        parameters[key] = _read(f"parameter {key!r} of reward {name!r}", value, hints.get(key), legal[key])
        if key in _FROM_SETTING and not float(parameters[key]) > 0:
            raise Error(f"parameter {key!r} of reward {name!r} must be above 0, got {value}")
    return parameters


def _hints(function: RewardFunction) -> dict[str, Any]:
    try:
        return get_type_hints(function if inspect.isfunction(function) else type(function).__call__)
    except (NameError, TypeError, AttributeError):
        return {}  # annotations that can't be resolved say nothing


def _read(what: str, text: str, hint: Any, parameter: inspect.Parameter) -> Value:
    """A value by the parameter's annotation, or by its default where it has none; else a number."""
    if get_origin(hint) is Literal:
        if text not in get_args(hint):
            raise Error(unknown_name(f"value of {what}:", text, map(str, get_args(hint))))
        return text
    kind = hint if isinstance(hint, type) else type(parameter.default)
    read, legal = _READERS.get(kind, _READERS[float])
    try:
        return read(text)
    except (ValueError, KeyError):
        raise Error(f"{what} must be {legal}, got {text!r}") from None


def _finite(text: str) -> float:
    number = float(text)
    if number - number != 0:
        raise ValueError
    return number


_READERS: dict[type, tuple[Any, str]] = {
    bool: ({"true": True, "false": False}.__getitem__, "true or false"),
    int: (int, "a whole number"),
    float: (_finite, "a finite number"),
    str: (str, "a text"),
}


def _completed(
    name: str, function: RewardFunction, given: dict[str, Value], context: RewardContext | None
) -> dict[str, Value]:
    """The given parameters, and those from the setting that have no default and weren't given."""
    legal = keyword_parameters(function)
    parameters = dict(given)
    for key, parameter in legal.items():
        if key in given or parameter.default is not parameter.empty or key not in _FROM_SETTING:
            continue
        cost = given.get("cost", legal["cost"].default if "cost" in legal else "parameters")
        if context is None:
            raise Error(f"the reward {name!r} needs `{key}`: give it, as in {name}:{key}=10000")
        try:
            parameters[key] = _FROM_SETTING[key](context, cost)  # type: ignore[arg-type]
        except ValueError as error:
            unit = "0.001 (seconds)" if cost == "latency" else "10000"
            raise Error(f"the reward {name!r} needs `{key}`: {error}; give it, as in {key}={unit}") from error
    return parameters
