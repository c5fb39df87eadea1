"""`build_table`: trains what a plan names, and writes the architecture table."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture_table import ArchitectureTable, Task
from rl_designer.envs.evaluators.base import Evaluation
from rl_designer.errors import WrongUsage
from rl_designer.table_layout import layout
from rl_designer.table_progress import BuildProgress
from rl_designer.table_training import TablePlan, chosen_designs, plan_space, train_designs
from rl_designer.version import __version__

SEARCHED = "valid_accuracy_first_seed"
REPORTED = "valid_accuracy_other_seeds"

Floats = NDArray[np.float32]


def build_table(
    plan: TablePlan, output: Path, name: str | None, title: str | None, progress: BuildProgress
) -> ArchitectureTable:
    """Trains the designs and writes the table; what the store knows is not trained again.

    Raises:
        WrongUsage: for a space with too many designs, and for an output that is no `.npz`.
        ValueError: for data that can't be used, or where no design could be trained.
    """
    if output.suffix != ".npz":
        raise WrongUsage(f"--output must be a .npz file, got {str(output)!r}")
    output.parent.mkdir(parents=True, exist_ok=True)
    dataset, space = plan_space(plan)
    architectures = space.architectures(chosen_designs(plan, space))
    decisions, rows = layout(architectures, space.definition.enumerate())
    how = (
        f"{len(rows):,} designs of space {space.name} on {dataset.name}, {plan.settings.epochs} epochs, "
        f"{plan.seeds} seed{'s' * (plan.seeds > 1)}"
    )
    progress.started(how, len(rows) * plan.seeds, "trainings")
    results = train_designs(plan, dataset, architectures, progress.heard)
    metrics, facts = measured(results, plan.settings.epochs, dataset.name)
    if np.isnan(metrics[SEARCHED]).all():
        raise ValueError(f"no design could be trained: {next(e.failure for e in results[0] if e.failure)}")
    table = ArchitectureTable(
        name=name or output.stem,
        title=title or how,
        source=f"made with rl-designer {__version__}, table build",
        decisions=decisions,
        architectures=rows,
        metrics=metrics,
        metric_facts=facts,
        tasks={dataset.name: Task(SEARCHED, REPORTED if plan.seeds > 1 else SEARCHED)},
    )
    table.save(output)
    return table


def measured(
    results: Sequence[Sequence[Evaluation]], epochs: int, dataset: str
) -> tuple[dict[str, Floats], dict[str, Mapping[str, Any]]]:
    """Metrics, float32 [designs, repeats], and their facts, of evaluations by seed, then by design."""
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
    for epoch in range(1, epochs + 1):
        curve = [[_at(e.learning_curve, epoch - 1) for e in evaluations] for evaluations in results]
        metrics[f"valid_accuracy_epoch_{epoch}"] = np.array(curve, dtype=np.float32).T
        facts[f"valid_accuracy_epoch_{epoch}"] = {**about, "epochs": epoch, "repeats": len(results)}
    metrics["valid_loss"] = _column(results, "val_loss")
    facts["valid_loss"] = {**about, "unit": "nats", "epochs": epochs, "maximize": False}
    for cost in ("parameters", "macs"):
        metrics[cost] = _column(results, cost)[:, :1]
        facts[cost] = {"unit": "count", "maximize": False}
    for seconds in ("latency_seconds", "training_seconds"):
        metrics[seconds] = _column(results, seconds)
        facts[seconds] = {"unit": "seconds", "maximize": False}
    return metrics, facts


def failures(results: Sequence[Sequence[Evaluation]]) -> dict[str, int]:
    """How many trainings failed, by reason."""
    texts = [e.failure for evaluations in results for e in evaluations if e.failure is not None]
    return dict(Counter(text.partition(":")[0] for text in texts).most_common())


def _column(results: Sequence[Sequence[Evaluation]], field: str) -> Floats:
    """One field of all evaluations, float32 [designs, seeds]; NaN for None."""
    values = [[getattr(e, field) for e in evaluations] for evaluations in results]
    return np.array(values, dtype=np.float32).T  # None becomes NaN


def _at(curve: Sequence[float], epoch: int) -> float:
    return curve[epoch] if epoch < len(curve) else float("nan")
