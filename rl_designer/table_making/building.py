"""`build_table`: trains what a plan names, measures latencies, and makes the architecture table."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.tables.table import ArchitectureTable, Task
from rl_designer.runs.folder import store_location
from rl_designer.setting import training_data
from rl_designer.table_making.layout import layout
from rl_designer.table_making.metrics import REPORTED, SEARCHED, failures, measured
from rl_designer.table_making.training import Heard, TablePlan, chosen_designs, train_designs
from rl_designer.version import __version__

if TYPE_CHECKING:
    from rl_designer.envs.datasets import Dataset
    from rl_designer.envs.search_spaces.layer_space import LayerSpace
    from rl_designer.jobs.progress import Display
    from rl_designer.store.store import Store


def build_table(
    plan: TablePlan, name: str, display: "Display", *, title: str | None = None
) -> ArchitectureTable:
    """Trains the designs and makes the table of them. What the store knows is not done again.

    Args:
        title: one line for people; None for the number of designs, the space, the data, epochs and seeds.

    Raises:
        WrongUsage: for a space with too many designs, or fewer than are wanted.
        ValueError: for data that can't be used, or where no design could be trained.
    """
    from rl_designer.jobs.progress import EvaluationProgress
    from rl_designer.store.store import Store

    dataset, space = training_data(plan.config)
    architectures = space.architectures(chosen_designs(plan, space))
    decisions, rows = layout(architectures, space.definition.enumerate())
    amount = f"{_some(plan.settings.epochs, 'epoch')}, {_some(plan.seeds, 'seed')}"
    how = f"{_some(len(rows), 'design')} of space {space.name} on {dataset.name}: {amount}"
    progress = EvaluationProgress(display)
    with Store(store_location(plan.config, None)) as store, closing(display):
        progress.begin(how, len(rows) * plan.seeds, "trainings")
        results = train_designs(plan, dataset, architectures, store, progress.add)
        progress.begin("latencies, one after the other", len(rows), "measured")
        latencies = _latencies(plan, space, architectures, store, progress.add)
    metrics, facts = measured(results, latencies, plan.settings.epochs, dataset.name)
    if np.isnan(metrics[SEARCHED]).all():
        raise ValueError(f"no design could be trained: {next(e.failure for e in results[0] if e.failure)}")
    return ArchitectureTable(
        name=name,
        title=title or how,
        source=f"made with rl-designer {__version__}",
        decisions=decisions,
        architectures=rows,
        metrics=metrics,
        metric_facts=facts,
        tasks={dataset.name: Task(SEARCHED, REPORTED if plan.seeds > 1 else SEARCHED)},
        made=_made(plan, dataset, space, results),
    )


def _some(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _latencies(
    plan: TablePlan,
    space: "LayerSpace",
    architectures: Sequence[Architecture],
    store: "Store",
    hear: Heard,
) -> list[Evaluation]:
    """Measured once all trainings are done, since they would slow the networks down."""
    from rl_designer.envs.evaluators.latency import LatencyEvaluator
    from rl_designer.envs.workers.devices import device_name
    from rl_designer.store.evaluator import StoredEvaluator

    evaluator = LatencyEvaluator(
        space.input_shape, space.num_classes, device_name(plan.config.where.device or "auto")
    )
    return StoredEvaluator(store, evaluator, "table", hear).evaluate(architectures)


def _made(
    plan: TablePlan, dataset: "Dataset", space: "LayerSpace", results: Sequence[Sequence[Evaluation]]
) -> dict[str, Any]:
    """What the table says of its making; enough to do it again."""
    import torch

    from rl_designer.envs.evaluators.latency import HOW, processor

    share = {"designs": plan.designs, "share": plan.share, "seed": plan.config.seed}
    return {
        "version": __version__,
        "dataset": {"name": dataset.name, "digest": dataset.digest},
        "space": space.definition.to_dict(),
        "input_shape": list(space.input_shape),
        "num_classes": space.num_classes,
        "max_parameters": space.max_parameters,
        "max_macs": space.max_macs,
        "random_designs": share if plan.designs or plan.share else None,
        "training": asdict(plan.settings),
        "seeds": plan.seeds,
        "failures": failures(results),
        "seconds_of_training": float(sum(e.training_seconds or 0.0 for seed in results for e in seed)),
        "latency": HOW,
        "processor": processor(),
        "torch": torch.__version__,
    }
