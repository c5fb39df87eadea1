"""Rewards: what a search is paid for an evaluation. One function and one line in `REWARDS` each."""

import importlib.util
import inspect
import math
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rl_designer.envs.evaluators.base import Evaluation
from rl_designer.envs.names import unknown_name

Reward = Callable[[Evaluation], float]


def accuracy(evaluation: Evaluation) -> float:
    """Validation accuracy, 0–1."""
    return _known(evaluation.val_accuracy, "val_accuracy")


def accuracy_cubed(evaluation: Evaluation) -> float:
    """Validation accuracy to the third power, 0–1 (Zoph & Le 2017, section 4.1)."""
    return accuracy(evaluation) ** 3


def negative_loss(evaluation: Evaluation) -> float:
    """Minus the validation cross-entropy, in nats: tells networks apart that are equally often right."""
    return -_known(evaluation.val_loss, "val_loss")


def mnasnet(evaluation: Evaluation, *, target: float = 10_000, w: float = -0.07) -> float:
    """accuracy · (parameters / target) ** w (Tan et al. 2019, MnasNet, equation 2, soft)."""
    if not target > 0:
        raise ValueError(f"the target must be above 0 parameters, got {target:g}")
    return accuracy(evaluation) * (max(_known(evaluation.parameters, "parameters"), 1) / target) ** w


def parameter_penalty(evaluation: Evaluation, *, weight: float = 0.02) -> float:
    """accuracy − weight · log10(parameters)."""
    return accuracy(evaluation) - weight * math.log10(max(_known(evaluation.parameters, "parameters"), 1))


REWARDS: dict[str, Reward] = {
    "accuracy": accuracy,
    "accuracy-cubed": accuracy_cubed,
    "negative-loss": negative_loss,
    "mnasnet": mnasnet,
    "parameter-penalty": parameter_penalty,
}


def load_reward(text: str) -> Reward:
    """A reward by name (`mnasnet`), with parameters (`mnasnet:target=5000,w=-0.15`), or a user's own
    (`file.py:function`, which runs that file).

    Raises:
        ValueError: for an unknown name, parameter or file, or a function that can't be called so.
    """
    name, _, rest = text.partition(":")
    if name.endswith(".py"):
        return _from_file(Path(name), rest)
    if name not in REWARDS:
        raise ValueError(unknown_name("reward", name, REWARDS) + " Your own: file.py:function.")
    reward = REWARDS[name]
    if not rest:
        return reward
    bound = partial(reward, **_parameters(name, reward, rest))
    bound.__name__ = text  # type: ignore[attr-defined]
    return bound


def _parameters(name: str, reward: Reward, text: str) -> dict[str, float]:
    legal = [p.name for p in inspect.signature(reward).parameters.values() if p.kind is p.KEYWORD_ONLY]
    parameters = {}
    for item in text.split(","):
        key, _, value = item.partition("=")
        if key not in legal:
            raise ValueError(unknown_name(f"parameter of reward {name!r}", key, legal))
        try:
            parameters[key] = float(value)
        except ValueError:
            raise ValueError(
                f"parameter {key!r} of reward {name!r} must be a number, got {value!r}"
            ) from None
    return parameters


def _from_file(path: Path, function: str) -> Reward:
    if not path.is_file():
        raise ValueError(f"no such reward file: {path}")
    if not function:
        raise ValueError(f"name the function in the reward file: {path}:function")
    spec = importlib.util.spec_from_file_location(f"rl_designer_user_reward_{path.stem}", path)
    assert spec is not None and spec.loader is not None  # the name ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # as an import would: a dataclass in the file looks itself up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"the reward file {path} failed: {type(error).__name__}: {reason}") from error
    reward = getattr(module, function, None)
    if not callable(reward):
        functions = [n for n, v in vars(module).items() if inspect.isfunction(v)]
        raise ValueError(unknown_name(f"reward function in {path}", function, functions))
    return reward


def _known(value: float | None, name: str) -> float:
    if value is None:
        raise ValueError(f"the reward needs `{name}`, which this evaluator doesn't measure")
    return value
