"""`build_table`: trains what a plan names, measures latencies, and makes the architecture table."""

import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rl_designer import __version__
from rl_designer.config import SearchConfig
from rl_designer.envs.architecture import TRAINING, Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.limits import holding
from rl_designer.envs.search_spaces.base import Actions
from rl_designer.envs.search_spaces.cell_space import CellSpace
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.search_spaces.registry import DataSpace
from rl_designer.envs.search_spaces.trained_space import TrainedSpace
from rl_designer.envs.seeding import stream
from rl_designer.envs.tables.table import ArchitectureTable, Task
from rl_designer.envs.tables.wiring import Wiring
from rl_designer.envs.training.settings import TrainingSettings
from rl_designer.errors import Error, WrongUsage, usage_errors
from rl_designer.oversight.admission import rules_for, within_size
from rl_designer.oversight.work import Work, working
from rl_designer.runs.folder import store_location
from rl_designer.setting import engine_of, training_data, training_evaluator
from rl_designer.table_making.cells import all_cells, cell_layout, random_cells
from rl_designer.table_making.designs import Decisions, all_designs, layout, random_designs, share_of
from rl_designer.table_making.metrics import REPORTED, SEARCHED, failures, measured

if TYPE_CHECKING:
    from rl_designer.envs.datasets import Dataset
    from rl_designer.jobs.progress import Display
    from rl_designer.store.evaluator import EvaluationObserver
    from rl_designer.store.store import Store


@dataclass(frozen=True)
class TablePlan:
    """What a table is built of.

    Attributes:
        config: the data, the space and its limits, the device, the workers, the store; `seed` is that of the
            random designs.
        settings: how each design is trained.
        seeds: trainings of each design, at least 1.
        designs: how many random ones; None for all.
        share: the same as a share of all, above 0 to 1; None for all.
    """

    config: SearchConfig
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    seeds: int = 2
    designs: int | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        if self.config.subject.no_data or self.config.subject.space == "table":
            raise WrongUsage("a table is built by training; a table's own space holds nothing to be trained")
        if self.seeds < 1:
            raise WrongUsage(f"--seeds must be at least 1, got {self.seeds}")
        if self.designs is not None and self.share is not None:
            raise WrongUsage("--designs and --share exclude each other")
        if self.share is not None and not 0 < self.share <= 1:
            raise WrongUsage(f"--share must be above 0 and at most 100%, got {self.share:.6g}")


def chosen_designs(plan: TablePlan, space: LayerSpace | CellSpace) -> Actions:
    """The designs of the table, int64 [n, max_steps], padded with -1; one network may be there in several
    spellings.

    Raises:
        WrongUsage: where the space has too many, or fewer than are wanted.
    """
    every = plan.designs is None and (plan.share is None or plan.share == 1)
    draws = stream(plan.config.seed, "table", "designs")
    if isinstance(space, CellSpace):
        n = plan.designs or max(1, round((plan.share or 1.0) * space.distinct))
        return all_cells(space) if every else random_cells(space, n, draws)
    n = 0 if every else plan.designs or share_of(space, plan.share or 1.0)
    return all_designs(space) if every else random_designs(space, n, draws)


def laid_out(
    space: LayerSpace | CellSpace, actions: Actions
) -> tuple[Decisions, NDArray[np.uint8], Wiring | None]:
    """Decisions, rows and wiring of a table of these designs. Raises WrongUsage as `layout`."""
    if isinstance(space, CellSpace):
        return cell_layout(space, actions)
    return *layout(space.architectures(actions), space.definition.enumerate()), None


def networks_of(space: DataSpace, actions: Actions) -> NDArray[np.int32]:
    """Of each design the first that is the same network, int32 [n]."""
    _, first, network = np.unique(space.canonical(actions), axis=0, return_index=True, return_inverse=True)
    return first[network.reshape(-1)].astype(np.int32)


def build_table(
    plan: TablePlan, name: str, display: "Display", *, title: str | None = None, used: Path | None = None
) -> ArchitectureTable:
    """Trains the designs and makes the table of them. What the store knows is not done again.

    Args:
        title: one line for people; None for the number of designs, the space, the data, epochs and seeds.
        used: the file that keeps what of an organisation's limits is used; None for none.

    Raises:
        OverLimit: where such limits don't allow it, or its hours or energy are used up.
        WrongUsage: for a space with too many designs, or fewer than are wanted, and for data with a number to
            predict.
        ValueError: for data that can't be used, or where no design could be trained.
    """
    from rl_designer.jobs.progress import EvaluationProgress
    from rl_designer.store.store import Store

    rules = rules_for(plan.config)
    plan = replace(plan, config=within_size(plan.config, rules))
    with holding(rules):
        dataset, space = _subject_of(plan)
    designs = chosen_designs(plan, space)
    decisions, rows, wiring = laid_out(space, designs)
    trained, network = np.unique(canonical := networks_of(space, designs), return_inverse=True)
    architectures = space.architectures(designs[trained])
    how, trainings = _titled(plan, space, dataset, len(rows), len(trained)), len(trained) * plan.seeds
    progress, engine = EvaluationProgress(display), plan.config.where.engine
    with (
        working(used, rules, "the table", trainings=trainings, engine=engine) as work,
        Store(store_location(plan.config, None)) as store,
        closing(display),
    ):
        progress.begin(how, trainings, "trainings")
        results = train_designs(plan, dataset, architectures, store, progress.add, work)
        progress.begin("latencies, one after the other", len(trained), "measured")
        latencies = _latencies(plan, space, architectures, store, progress.add)
    metrics, facts = measured(results, latencies, plan.settings.epochs, dataset.name)
    if np.isnan(metrics[SEARCHED]).all():
        raise Error(f"no design could be trained: {next(e.failure for e in results[0] if e.failure)}")
    return ArchitectureTable(
        name=name,
        title=title or how,
        source=f"made with rl-designer {__version__}",
        decisions=decisions,
        architectures=rows,
        metrics={metric: values[network] for metric, values in metrics.items()},
        metric_facts=facts,
        tasks={dataset.name: Task(SEARCHED, REPORTED if plan.seeds > 1 else SEARCHED)},
        canonical=canonical,
        wiring=wiring,
        made=_made(plan, dataset, space, results),
    )


def _subject_of(plan: TablePlan) -> tuple["Dataset", LayerSpace | CellSpace]:
    """The data, and a space of networks alone. Raises as `build_table`."""
    dataset, space = training_data(plan.config.subject)
    if dataset.predicts == "number":
        raise WrongUsage(
            f"a table holds accuracies, and {dataset.name} has a number to predict; if its numbers are "
            "classes, say --predicts class"
        )
    if isinstance(space, TrainedSpace):
        raise WrongUsage(
            f"a table is of networks, and space {space.name!r} decides how they are trained, too; leave its "
            f"section [{TRAINING}] away"
        )
    return dataset, space


def _titled(plan: TablePlan, space: DataSpace, dataset: "Dataset", designs: int, networks: int) -> str:
    amount = f"{_some(plan.settings.epochs, 'epoch')}, {_some(plan.seeds, 'seed')}"
    what = _some(designs, "design")
    if networks < designs:
        what += f" ({_some(networks, 'network')})"
    return f"{what} of space {space.name} on {dataset.name}: {amount}"


def _some(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def train_designs(
    plan: TablePlan,
    dataset: "Dataset",
    architectures: Sequence[Architecture],
    store: "Store",
    observer: "EvaluationObserver",
    work: Work,
) -> list[list[Evaluation]]:
    """Evaluations by seed, then by design, each as `TrainingEvaluator` gives it with `repeat=seed`. Raises
    OverLimit where the work has come to the end of a rule.

    What the store knows is not trained again, but for failures of the moment (out of time, out of memory),
    which each call tries anew.
    """
    from rl_designer.store.evaluator import StoredEvaluator

    # On the validation part alone: a table has the accuracy after each epoch, of one training.
    training, where = plan.config.changed(folds=1).training, plan.config.where
    results, this_call = [], uuid.uuid4().hex
    with usage_errors():
        engine = engine_of(where)
    for seed in range(plan.seeds):
        with training_evaluator(
            dataset, training, where, engine, settings=plan.settings, repeat=seed
        ) as evaluator:
            stored = StoredEvaluator(store, evaluator, this_call, observer)
            results.append(stored.evaluate(architectures, deadline=work.deadline))
        work.check()
    return results


def _latencies(
    plan: TablePlan,
    space: DataSpace,
    architectures: Sequence[Architecture],
    store: "Store",
    observer: "EvaluationObserver",
) -> list[Evaluation]:
    """Measured once all trainings are done, since they would slow the networks down."""
    from rl_designer.envs.evaluators.latency import LatencyEvaluator
    from rl_designer.envs.workers.devices import device_name
    from rl_designer.store.evaluator import StoredEvaluator

    evaluator = LatencyEvaluator(
        space.input_shape, space.num_classes, device_name(plan.config.where.device or "auto")
    )
    return StoredEvaluator(store, evaluator, "table", observer).evaluate(architectures)


def _made(
    plan: TablePlan, dataset: "Dataset", space: DataSpace, results: Sequence[Sequence[Evaluation]]
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
        **space.limits.facts,
        "random_designs": share if plan.designs or plan.share else None,
        "training": asdict(plan.settings),
        "seeds": plan.seeds,
        "failures": failures(results),
        "seconds_of_training": float(sum(e.training_seconds or 0.0 for seed in results for e in seed)),
        "latency": HOW,
        "processor": processor(),
        "torch": torch.__version__,
    }
