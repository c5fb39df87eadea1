"""`Reward`: a reward function with its parameters, as a search calls it, and what it reads."""

import inspect
import math
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any, Literal

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.errors import Error
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards.costs import COST_FACTS, FIELDS, Cost


class NotMeasured(Error):
    """A reward needs what the evaluator doesn't measure."""


def known(evaluation: Evaluation, field: str) -> float:
    """A field of an evaluation. Raises NotMeasured where it is None."""
    value = getattr(evaluation, field)
    if value is None:
        raise NotMeasured(f"it needs `{field}`, which this evaluator doesn't measure")
    return float(value)


def accuracy_of(evaluation: Evaluation) -> float:
    """Validation accuracy, 0–1; by another metric its score, up to 1. NotMeasured is raised for want."""
    return known(evaluation, "val_accuracy" if evaluation.metric is None else "val_score")


def cost_of(evaluation: Evaluation, cost: Cost) -> float:
    """A cost: a count of at least 1, or seconds of at least a nanosecond, so that it has a logarithm.

    Raises:
        NotMeasured: where the evaluation doesn't have it.
    """
    return max(known(evaluation, FIELDS[cost]), COST_FACTS[cost].least)


# `(evaluation) → number`, or `(evaluation, history) → number`; parameters are keyword-only.
RewardFunction = Callable[..., float]
Value = bool | int | float | str
BestBy = Literal["reward", "val_accuracy"]

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

# Made up: only which of its figures are asked for matters.
_PROBE: dict[str, Any] = {
    "val_accuracy": 0.5,
    "val_loss": 1.0,
    "learning_curve": (0.4, 0.5),
    "parameters": 10_000,
    "macs": 100_000,
    "ram": 10_000,
    "flash": 10_000,
    "latency_seconds": 0.001,
    "training_seconds": 1.0,
    "epochs": 2,
    "seed": 0,
    "device": "cpu",
    "val_examples": 800,
    "val_score": None,
    "val_recalls": (0.5, 0.5),
}
# What a training that is stopped early either has already, or is expected to have.
_KNOWN_EARLY = {"val_score", "parameters", "macs"}


class RewardError(Error):
    """A reward raised, or gave no finite number; one line.

    Args:
        design: that it was asked about, where that is known.
    """

    def __init__(self, reward: str, reason: str, design: Architecture | None = None) -> None:
        super().__init__(reward, reason, design)  # so that it comes back whole from a worker process
        self.reward, self.reason, self.design = reward, reason, design

    def __str__(self) -> str:
        where = "" if self.design is None else f" on the design {self.design} ({self.design.digest})"
        return f"the reward {self.reward!r} failed{where}: {self.reason}"


@dataclass(frozen=True)
class Reward:
    """What a search is paid for an evaluation that didn't fail.

    There are two kinds of functions, told apart by their positional parameters: one of the evaluation alone,
    and one that also sees the run's history, a sequence of the evaluations of all earlier designs of the run
    that didn't fail, in order. Both are pure: the same arguments give the same number.

    Attributes:
        name: by which it was asked for, such as `mnasnet` or `file.py:mine`.
        function: called with the evaluation (and the history) and the parameters by name.
        parameters: name → value of everything that was set, by the user or from the setting.
        sees_history: whether it is of the second kind. What it pays for designs of different moments, or of
            different runs, can't be compared.
    """

    name: str
    function: RewardFunction
    parameters: Mapping[str, Value] = field(default_factory=dict)
    sees_history: bool = False

    @property
    def text(self) -> str:
        """What `load_reward` reads as this reward, in any setting."""
        settings = ",".join(f"{name}={_spelled(value)}" for name, value in self.parameters.items())
        return f"{self.name}:{settings}" if settings else self.name

    @property
    def best_by(self) -> BestBy:
        """What a run's best design has most of: reward, or accuracy where rewards can't be compared."""
        return "val_accuracy" if self.sees_history else "reward"

    def __call__(self, evaluation: Evaluation, history: Sequence[Evaluation] = ()) -> float:
        """A finite number.

        Raises:
            RewardError: where the function raised or gave something else, with the line where it did.
        """
        try:
            arguments = (evaluation, history) if self.sees_history else (evaluation,)
            value = self.function(*arguments, **self.parameters)
        except NotMeasured as error:
            raise RewardError(self.name, str(error)) from error
        except Exception as error:
            reason = " ".join(str(error).split())
            where = _line_of(error, self.function)
            raise RewardError(self.name, f"{type(error).__name__}: {reason}{where}") from error
        return self._checked(value)

    def _checked(self, value: Any) -> float:
        try:
            if math.isfinite(value):
                return float(value)
        except (TypeError, ValueError, OverflowError):
            pass  # a function that forgot its `return`, for example
        code = _code_of(self.function)
        where = "" if code is None else f" ({Path(code.co_filename).name}, line {code.co_firstlineno})"
        given = " ".join(repr(value).split())[:60]
        raise RewardError(self.name, f"it must give a finite number, got {given}{where}")


def as_reward(
    function: RewardFunction, name: str | None = None, parameters: Mapping[str, Value] | None = None
) -> Reward:
    """A function as a reward of the kind that its signature says; a reward is itself.

    Args:
        name: None for the function's own.
        parameters: by name, for its keyword-only parameters.

    Raises:
        ValueError: for a function that can't be called so.
    """
    if isinstance(function, Reward):
        return function
    name = name or str(getattr(function, "__name__", type(function).__name__))
    positional, missing = _shape_of(function, name)
    missing = [parameter for parameter in missing if parameter not in (parameters or {})]
    if positional not in (1, 2):
        raise Error(
            f"the reward {name!r} must be a function of (evaluation) or of (evaluation, history), "
            f"with further parameters by keyword only; got one of {positional} positional parameters"
        )
    if missing:
        raise Error(f"the reward {name!r} needs {' and '.join(f'`{m}`' for m in missing)}")
    return Reward(name, function, dict(parameters or {}), sees_history=positional == 2)


def keyword_parameters(function: RewardFunction) -> dict[str, inspect.Parameter]:
    """The parameters of a reward function that a user may set, by name."""
    parameters = inspect.signature(function).parameters
    return {name: p for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY}


def _shape_of(function: RewardFunction, name: str) -> tuple[int, list[str]]:
    """The number of positional parameters, and the keyword-only ones that have no default."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise Error(f"the reward {name!r} must be a function whose signature can be read") from error
    required = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    return sum(p.kind in _POSITIONAL for p in parameters), required


def _spelled(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    # 17 digits give every float back.
    return (
        value
        if isinstance(value, str)
        else next(t for d in (6, 12, 17) if float(t := f"{value:.{d}g}") == value)
    )


def _code_of(function: Any) -> CodeType | None:
    """The code that a call of it runs; None where that isn't Python's."""
    while hasattr(function, "func"):  # of functools.partial
        function = function.func
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    return code if isinstance(code, CodeType) else None


def _line_of(error: BaseException, function: RewardFunction) -> str:
    """` (file, line 5: `source`)`: the innermost line of the function's own file that the error passed."""
    code = _code_of(function)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if code is not None and frame.filename == code.co_filename]
    if not own:
        return ""
    source = f": `{own[-1].line}`" if own[-1].line else ""
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno}{source})"


def fields_read(reward: Reward, *, by_accuracy: bool = True) -> set[str]:
    """The fields that a reward reads of an evaluation that has them all.

    Args:
        by_accuracy: whether the search's metric is accuracy; `val_score` is None then.
    """
    probe = _Watched(**_PROBE | ({} if by_accuracy else {"metric": "other", "val_score": 0.5}))
    asked: set[str] = set()
    object.__setattr__(probe, "asked", asked)
    with suppress(RewardError):  # it may not like the probe; what it has read until then counts
        reward(probe, [probe])
    return asked


def stopping_misfit(reward: Reward, *, by_accuracy: bool = True) -> str | None:
    """Why trainings can't be stopped early under a reward, in a few words; None where they can.

    Args:
        by_accuracy: whether the search's metric is accuracy.
    """
    if reward.sees_history:
        return "it depends on what the run had found before"
    early = _KNOWN_EARLY | ({"val_accuracy"} if by_accuracy else set())
    if late := sorted(fields_read(reward, by_accuracy=by_accuracy) - early):
        return f"it reads {' and '.join(f'`{name}`' for name in late)}, known of whole trainings only"
    return None


class _Watched(Evaluation):
    """An evaluation that notes in `asked` what is read of it."""

    def __getattribute__(self, name: str) -> Any:
        own = object.__getattribute__(self, "__dict__")
        if "asked" in own:
            own["asked"].update(_PROBE if name == "__dict__" else {name} & _PROBE.keys())
        return object.__getattribute__(self, name)
