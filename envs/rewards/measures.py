"""What the rewards have in common: accuracy and costs as an evaluation has them."""

from typing import Literal, get_args

from rl_designer.envs.errors import Error
from rl_designer.envs.evaluation import Evaluation

# `parameters` and `macs` (multiply-adds of one example) are counts, `latency` is measured, in seconds.
Cost = Literal["parameters", "macs", "latency"]
COSTS: tuple[Cost, ...] = get_args(Cost)

# Of an evaluation, by the costs.
FIELDS: dict[Cost, str] = {"parameters": "parameters", "macs": "macs", "latency": "latency_seconds"}
_LEAST = {"parameters": 1.0, "macs": 1.0, "latency": 1e-9}


class NotMeasured(Error):
    """A reward needs what the evaluator doesn't measure."""


def known(evaluation: Evaluation, field: str) -> float:
    """A field of an evaluation. Raises NotMeasured where it is None."""
    value = getattr(evaluation, field)
    if value is None:
        raise NotMeasured(f"it needs `{field}`, which this evaluator doesn't measure")
    return float(value)


def accuracy_of(evaluation: Evaluation) -> float:
    """Validation accuracy, 0–1. Raises NotMeasured where there is none."""
    return known(evaluation, "val_accuracy")


def cost_of(evaluation: Evaluation, cost: Cost) -> float:
    """A cost: a count of at least 1, or seconds of at least a nanosecond, so that it has a logarithm.

    Raises:
        NotMeasured: where the evaluation doesn't have it.
    """
    return max(known(evaluation, FIELDS[cost]), _LEAST[cost])
