"""`Setting`: the space and the evaluator that a config names, with data or a table behind them."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rl_designer.config import DEFAULT_ENGINE, SearchConfig, Subject, Training, Where
from rl_designer.controllers.ground import ground_of
from rl_designer.envs.datasets import DATASETS, Dataset, load_dataset
from rl_designer.envs.datasets.dataset import TEXT
from rl_designer.envs.evaluation import Evaluator
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.evaluators.training import TrainingEvaluator
from rl_designer.envs.limits import holding, rules_of
from rl_designer.envs.metrics import ACCURACY, Objective, metric_of
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.registry import (
    DataSpace,
    kind_of,
)
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.search_spaces.trained_space import TrainedSpace
from rl_designer.envs.tables.catalogue import TABLES, UnknownTable, load_table
from rl_designer.envs.tables.table import ArchitectureTable
from rl_designer.envs.tasks.facts import facts_of
from rl_designer.envs.training.settings import TrainingSettings
from rl_designer.envs.workers.engines import Engine, make_engine
from rl_designer.envs.workers.memory_limit import default_memory_limit
from rl_designer.errors import WrongUsage, usage_errors
from rl_designer.spaces import space_on

_MOST_OF_ONE_CLASS = 0.8


@dataclass(frozen=True)
class Setting:
    """What a search happens on.

    Attributes:
        space: with the config's limits.
        open_evaluator: the evaluator; it may have worker processes, which end with the context.
        open_judge: the same with other weights and batches, for figures that no search has seen; on a table,
            which reports a metric of its own, the evaluator itself.
        title: of the data or the table, for people.
        objective: what is good on the data; None on a table, where it is the task's.
        folds: on which designs are scored; see `Evaluation`.
        about: what people should know of the data as a search starts, a line each.
        content: of the data, as `Dataset` has it; None on a table.
        facts: JSON-ready; what `space_of` needs to make the space again without the data.
        on_table: whether the evaluator is a table's, which knows every design.
        at_once: designs that are evaluated at the same time.
        task_facts: computes the data's facts, see `facts_of`; None on a table and on texts.
        whole: the data with all their training examples, without their test; None on a table.
        engine: where designs are trained; None for in this process.
    """

    space: SearchSpace
    open_evaluator: Callable[[], AbstractContextManager[Evaluator]]
    open_judge: Callable[[], AbstractContextManager[Evaluator]]
    title: str
    facts: dict[str, Any] = field(default_factory=dict)
    on_table: bool = False
    at_once: int = 1
    about: tuple[str, ...] = ()
    objective: Objective | None = None
    content: str | None = None
    folds: int = 1
    task_facts: Callable[[], Mapping[str, float]] | None = None
    whole: Dataset | None = field(default=None, repr=False)
    engine: Engine | None = None

    @property
    def space_key(self) -> str:
        """Changes with the space's rules, the input, the classes and the limits."""
        rules = {name: fact for name, fact in self.facts.items() if name != "table"}
        text = json.dumps(rules, sort_keys=True)
        return f"{self.space.name}:{hashlib.sha256(text.encode()).hexdigest()[:20]}"


def make_setting(config: SearchConfig, *, measured_on: str | None = None) -> Setting:
    """Loads what a config names.

    Args:
        measured_on: as `space_on` takes it.

    Raises:
        WrongUsage: for unknown names, limits that leave no design.
        ValueError: for data or a table that can't be used.
    """
    if config.subject.table:
        return _table_setting(config.subject)
    if config.subject.controllers:
        return Setting(**ground_of(config.subject, engine_of(config.where)))
    with holding(rules_of(map(Path, config.limits))):
        return training_setting(config, dataset_of(config.subject), measured_on=measured_on)


def named_table(name: str) -> ArchitectureTable:
    """An embedded table by name, or one of a file.

    Raises:
        WrongUsage: for a word that names neither.
        ValueError: for a file that is missing or is no sound table.
    """
    try:
        return load_table(name)
    except UnknownTable as error:
        raise WrongUsage(str(error)) from error


def engine_of(where: Where) -> Engine:
    """Where designs are trained.

    Raises:
        ValueError: for options that don't fit the engine.
        ImportError: where its extra isn't installed.
    """
    return make_engine(
        where.engine or DEFAULT_ENGINE,
        workers=where.workers,
        address=where.ray_address,
        gpus_per_candidate=where.gpus_per_candidate,
    )


def _table_setting(subject: Subject) -> Setting:
    name = str(subject.table)
    table = named_table(name)
    with usage_errors():
        space = TableSpace(table, **subject.limits)
        evaluator = TableEvaluator(space, subject.task)
    where = name if name in TABLES else str(Path(name).absolute())
    facts = {"table": where, "name": table.name, **space.limits.facts}
    opened = nullcontext(evaluator)
    return Setting(space, lambda: opened, lambda: opened, table.title, facts, on_table=True)


def training_data(subject: Subject, *, measured_on: str | None = None) -> tuple[Dataset, DataSpace]:
    """The data that a subject names, and the space for them with its limits.

    Args:
        measured_on: as `space_on` takes it.

    Raises:
        WrongUsage: for unknown names, limits that leave no design.
        ValueError: for data that can't be used.
    """
    dataset = dataset_of(subject)
    return dataset, space_on(dataset, subject, measured_on=measured_on)


def dataset_of(subject: Subject) -> Dataset:
    """The data alone that a subject names. Raises as `training_data`."""
    with usage_errors():
        kind = None if subject.space is None else kind_of(subject.space)
    return _load(subject, kind)


def training_setting(
    config: SearchConfig,
    dataset: Dataset,
    *,
    measured_on: str | None = None,
    latency: Mapping[str, float] | None = None,
) -> Setting:
    """On the data that a config names, once they are read. Raises as `make_setting`.

    Args:
        measured_on, latency: as `space_on` takes them.
    """
    trained = bool(config.training.hyperparameters)
    space = space_on(dataset, config.subject_counted, trained, measured_on=measured_on, latency=latency)
    whole = dataset
    with usage_errors():
        if config.training.examples is not None:
            dataset = dataset.with_examples(config.training.examples)
        return setting_on(config, dataset, space, engine_of(config.where), whole)


def setting_on(
    config: SearchConfig,
    dataset: Dataset,
    space: DataSpace,
    engine: Engine | None,
    whole: Dataset | None = None,
) -> Setting:
    """On data that are there already, whatever the config names.

    Args:
        engine: None trains in this process.
        whole: the data where `dataset` has a part of their training examples; None where it has all.

    Raises:
        ValueError: for settings that fit neither the data nor the machine.
    """
    facts = {
        "space": space.definition.to_dict(),
        "input_shape": list(dataset.input_shape),
        "num_classes": dataset.num_classes,
        **space.limits.facts,
    }
    training, where = config.training, config.where
    evaluator, judge = (
        training_evaluator(dataset, training, where, engine, repeat=repeat) for repeat in (0, 1)
    )
    at_once = 1 if engine is None else engine.at_once(evaluator.device)
    opened = (lambda: evaluator, lambda: judge)
    folds = training.folds_on(dataset.usual_folds)
    objective = dataset.objective(metric_of(training.metric, dataset.predicts))
    trained = (
        [f"each design says how it is trained: {space.definition.told}"]
        if isinstance(space, TrainedSpace)
        else []
    )
    about = (*dataset.about, *_about_scoring(dataset, objective, folds), *space.limits.about, *trained)
    return Setting(
        space,
        *opened,
        dataset.name,
        facts,
        at_once=at_once,
        about=about,
        objective=objective,
        content=dataset.content,
        folds=folds,
        task_facts=None if dataset.kind == TEXT else partial(facts_of, dataset),
        whole=(whole or dataset).without_test(),
        engine=engine,
    )


def _about_scoring(dataset: Dataset, objective: Objective, folds: int) -> Iterator[str]:
    """How designs are scored, a line each."""
    yield f"scored by {objective.metric}; guessing gives {objective.guess:.4g}"
    if folds > 1:
        yield (
            f"only {len(dataset.y_val):,} examples would be validated on, so each design is trained on up to "
            f"{folds} folds and scored by the mean"
        )
    share = max(dataset.class_shares, default=0.0)
    if share > _MOST_OF_ONE_CLASS and objective.metric == ACCURACY.name:
        name = dataset.class_names[dataset.class_shares.index(share)]
        yield (
            f"{share:.1%} of the training examples are {name!r}, and always saying so is right as often; "
            "--metric balanced-accuracy, f1-macro or auroc looks at all classes alike"
        )


def training_evaluator(
    dataset: Dataset,
    training: Training,
    where: Where,
    engine: Engine | None,
    *,
    settings: TrainingSettings | None = None,
    repeat: int = 0,
) -> TrainingEvaluator:
    """What trains designs on a data set.

    Args:
        engine: None trains in this process.
        settings: of each training; None for those of `training`.
        repeat: another one is for other weights and batches.

    Raises:
        ValueError: for settings that fit neither the data nor the machine.
    """
    return TrainingEvaluator(
        dataset,
        settings=settings or training.settings(),
        engine=engine,
        device=where.device or "auto",
        time_limit=training.candidate_time_limit,
        memory_limit=training.candidate_memory_limit or (default_memory_limit() if engine else None),
        metric=training.metric,
        folds=training.folds_on(dataset.usual_folds),
        repeat=repeat,
    )


def _load(subject: Subject, kind: Any) -> Dataset:
    name = str(subject.data)
    # A word that names neither a data set nor a file was mistyped; anything else is about the data.
    mistyped = name not in DATASETS and not (Path(name).exists() or Path(name).suffix or os.sep in name)
    try:
        return load_dataset(name, kind=kind, **subject.reading)
    except ValueError as error:
        if mistyped:
            raise WrongUsage(str(error)) from error
        raise
