"""Trains the designs of a table, every seed, through the store: the same again goes on where it stopped."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rl_designer.config import SearchConfig
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.search_spaces.base import Actions
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.seeding import stream
from rl_designer.envs.training.settings import TrainingSettings
from rl_designer.errors import WrongUsage, usage_errors
from rl_designer.setting import engine_of
from rl_designer.table_making.designs import all_designs, random_designs, share_of

if TYPE_CHECKING:
    from rl_designer.envs.datasets import Dataset
    from rl_designer.store.store import Store

# Called with each evaluation: the design, what came out, and whether the store knew it before.
Heard = Callable[[Architecture, Evaluation, bool], None]


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
        if self.config.subject.table is not None or self.config.subject.space == "table":
            raise WrongUsage("a table is built by training; a table's own space holds nothing to be trained")
        if self.seeds < 1:
            raise WrongUsage(f"--seeds must be at least 1, got {self.seeds}")
        if self.designs is not None and self.share is not None:
            raise WrongUsage("--designs and --share exclude each other")
        if self.share is not None and not 0 < self.share <= 1:
            raise WrongUsage(f"--share must be above 0 and at most 100%, got {self.share:.6g}")


def chosen_designs(plan: TablePlan, space: LayerSpace) -> Actions:
    """The designs of the table, int64 [n, max_steps], padded with -1.

    Raises:
        WrongUsage: where the space has too many, or fewer than are wanted.
    """
    if plan.designs is None and (plan.share is None or plan.share == 1):
        return all_designs(space)
    n = plan.designs or share_of(space, plan.share or 1.0)
    return random_designs(space, n, stream(plan.config.seed, "table", "designs"))


def train_designs(
    plan: TablePlan,
    dataset: "Dataset",
    architectures: Sequence[Architecture],
    store: "Store",
    heard: Heard,
) -> list[list[Evaluation]]:
    """Evaluations by seed, then by design, each as `TrainingEvaluator` gives it with `repeat=seed`.

    What the store knows is not trained again, but for failures of the moment (out of time, out of memory),
    which each call tries anew.
    """
    from rl_designer.envs.evaluators.training import TrainingEvaluator
    from rl_designer.envs.workers.memory_limit import default_memory_limit
    from rl_designer.store.evaluator import StoredEvaluator

    config, results, this_call = plan.config, [], uuid.uuid4().hex
    with usage_errors():
        engine = engine_of(config)
    for seed in range(plan.seeds):
        evaluator = TrainingEvaluator(
            dataset,
            settings=plan.settings,
            engine=engine,
            device=config.where.device or "auto",
            time_limit=config.training.candidate_time_limit,
            memory_limit=config.training.candidate_memory_limit or default_memory_limit(),
            repeat=seed,
        )
        with evaluator:
            results.append(StoredEvaluator(store, evaluator, this_call, heard).evaluate(architectures))
    return results
