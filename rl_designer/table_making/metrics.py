"""Evaluations as a table's metrics, and what the table says of each."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.evaluation import Evaluation

SEARCHED = "valid_accuracy_first_seed"
REPORTED = "valid_accuracy_other_seeds"

Floats = NDArray[np.float32]


def curve_metric(epoch: int) -> str:
    """The name of the validation accuracies, of all seeds, after an epoch, counted from 1."""
    return f"valid_accuracy_epoch_{epoch}"


def measured(
    results: Sequence[Sequence[Evaluation]], latencies: Sequence[Evaluation], epochs: int, dataset: str
) -> tuple[dict[str, Floats], dict[str, Mapping[str, Any]]]:
    """Metrics, float32 [designs, repeats], and their facts. What failed is NaN; costs are known all the same.

    A search sees the last accuracy of the first seed's training; that of the others is reported, so that luck
    in one training doesn't count twice. With one seed both are the same, which the facts say.

    Args:
        results: by seed, then by design.
        latencies: by design.
    """
    accuracy = _column(results, "val_accuracy")
    about = {"unit": "fraction", "split": "valid", "dataset": dataset, "maximize": True}
    metrics = {SEARCHED: accuracy[:, :1]}
    facts: dict[str, Mapping[str, Any]] = {
        SEARCHED: {**about, "epochs": epochs, "repeats": 1, "failures": failures(results[:1])}
    }
    if len(results) > 1:
        metrics[REPORTED] = accuracy[:, 1:]
        repeats = {"repeats": len(results) - 1, "failures": failures(results[1:])}
        facts[REPORTED] = {**about, "epochs": epochs, **repeats}
    else:
        facts[SEARCHED] = {
            **facts[SEARCHED],
            "note": "one seed: what is searched for is also what is reported",
        }
    for epoch in range(1, epochs + 1):
        curve = [[_at(e.learning_curve, epoch) for e in evaluations] for evaluations in results]
        metrics[curve_metric(epoch)] = np.array(curve, dtype=np.float32).T
        facts[curve_metric(epoch)] = {**about, "epochs": epoch, "repeats": len(results)}
    metrics["valid_loss"] = _column(results, "val_loss")
    loss = {"unit": "nats", "epochs": epochs, "repeats": len(results), "maximize": False}
    facts["valid_loss"] = {**about, **loss}
    return metrics | _costs(results, latencies), facts | _cost_facts(len(results))


def _costs(results: Sequence[Sequence[Evaluation]], latencies: Sequence[Evaluation]) -> dict[str, Floats]:
    return {
        "parameters": _column(results[:1], "parameters"),
        "macs": _column(results[:1], "macs"),
        "latency_seconds": _column([latencies], "latency_seconds"),
        "training_seconds": _column(results, "training_seconds"),
    }


def _cost_facts(seeds: int) -> dict[str, Mapping[str, Any]]:
    count = {"unit": "count", "maximize": False}
    seconds = {"unit": "seconds", "maximize": False}
    return {
        "parameters": count,
        "macs": count,
        "latency_seconds": seconds,
        "training_seconds": {**seconds, "repeats": seeds},
    }


def failures(results: Sequence[Sequence[Evaluation]]) -> dict[str, int]:
    """How many trainings failed, by what the failure's text begins with."""
    texts = [e.failure for evaluations in results for e in evaluations if e.failure is not None]
    return dict(Counter(text.partition(":")[0] for text in texts).most_common())


def _column(results: Sequence[Sequence[Evaluation]], field: str) -> Floats:
    """One field of all evaluations, float32 [designs, seeds]; None becomes NaN."""
    values = [[getattr(e, field) for e in evaluations] for evaluations in results]
    return np.array(values, dtype=np.float32).T


def _at(curve: Sequence[float], epoch: int) -> float:
    return curve[epoch - 1] if epoch <= len(curve) else float("nan")
