"""The space that a search is in: of the settings that name it, and again of what a run has kept."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from rl_designer.config import Subject
from rl_designer.config.subject import LATENCY_FROM
from rl_designer.controllers.ground import FACTS, space_within
from rl_designer.envs.architecture import MACRO, NONE
from rl_designer.envs.datasets import Dataset
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.limits import Limits
from rl_designer.envs.search_spaces.registry import (
    DataSpace,
    definition_of,
    make_space,
    make_trained_space,
    space_of_definition,
)
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.search_spaces.trained_space import TrainedSpace
from rl_designer.envs.tables.catalogue import load_table
from rl_designer.errors import Error, usage_errors
from rl_designer.latencies.fitting import fitted, with_model
from rl_designer.latencies.measuring import measured


def space_on(
    dataset: Dataset,
    subject: Subject,
    hyperparameters: bool = False,
    *,
    measured_on: str | None = None,
    latency: Mapping[str, float] | None = None,
) -> DataSpace:
    """The space that a subject names, with its limits. Raises WrongUsage as `training_data`.

    Args:
        measured_on: the device on which networks are measured for a limit on latency, where no file is
            named; None for nowhere: no two measurements are the same, so what has to come out the same again
            needs a file.
        latency: the terms of a model of latency that is known already.
    """
    make = partial(make_trained_space if hyperparameters else make_space, subject.space or dataset.space)
    make = partial(make, dataset.input_shape, dataset.num_classes)
    limits = {**subject.limits, "latency": latency}
    if latency is None:
        limits = with_model({**subject.limits, LATENCY_FROM: subject.latency_from})
    with usage_errors():
        if subject.max_latency is not None and latency is None:
            free = make(**{**limits, "max_latency": None})
            if measured_on and limits.get("latency") is None:
                limits["latency"] = fitted(measured(free, measured_on)).model
            if limits.get("latency") is not None:
                limits["latency"] = limits["latency"].without(_kinds_of(free))
        return make(**limits)


def _kinds_of(space: DataSpace) -> set[str]:
    """Of layers that its networks may have."""
    networks = space.networks if isinstance(space, TrainedSpace) else space
    return {layer.kind for layer in networks.definition.enumerate()} - {MACRO, NONE}


def space_of(facts: dict[str, Any], limits: Mapping[str, Any] = MappingProxyType({})) -> SearchSpace:
    """The space of a run from its setting's facts; the data aren't needed.

    Args:
        limits: in place of the run's own, by name; None for that.

    Raises:
        WrongUsage: where the limits leave no design.
        ValueError: where the table is gone, or the facts are damaged.
    """
    if FACTS in facts:
        return space_within(limits)
    if "table" in facts:
        table = load_table(str(facts["table"]))
        with usage_errors():
            return TableSpace(table, **_limits_of(facts, limits))

    try:
        definition = definition_of(facts["space"])
        shape, classes = tuple(map(int, facts["input_shape"])), int(facts["num_classes"])
        every = _limits_of(facts, limits)
    except (KeyError, TypeError) as error:
        raise Error(f"the run's summary doesn't say on which space it was: {error!r}") from error
    with usage_errors():
        return space_of_definition(definition, shape, classes, **every)


def _limits_of(facts: Mapping[str, Any], limits: Mapping[str, Any]) -> dict[str, Any]:
    with usage_errors():
        return Limits.given(limits, Limits.kept(facts)).facts
