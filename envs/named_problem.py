"""A problem made of names: what `gymnasium.make("rl_designer/Design-v0", data="mnist1d")` says."""

from pathlib import Path

from rl_designer.envs.errors import Error
from rl_designer.envs.evaluation import Evaluator
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.problem import DEFAULT_FAILURE_REWARD, Budget, Problem
from rl_designer.envs.rewards import RewardContext, load_reward
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.registry import kind_of, make_space
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables.catalogue import load_table


def named_problem(
    data: str | Path | None = None,
    *,
    table: str | Path | None = None,
    task: str | None = None,
    target: str | None = None,
    data_folder: str | Path | None = None,
    image_size: int | None = None,
    space: str | Path | None = None,
    reward: str = "accuracy",
    max_parameters: int | None = None,
    max_macs: int | None = None,
    evaluations: int | None = None,
    failure_reward: float = DEFAULT_FAILURE_REWARD,
    epochs: int | None = None,
    device: str = "auto",
) -> Problem:
    """On data, whose designs are trained in this process, or on an architecture table.

    Args:
        data, target, data_folder, image_size: as `load_dataset` takes them.
        table, task: as `load_table` and `TableEvaluator` take them.
        space: as `space_definition` takes it; None for what suits the data.
        reward: as `load_reward` takes it.
        max_parameters, max_macs: limits of every design; None is without limit.
        evaluations: the budget; None is without limit.
        epochs: of each training; None for the default.

    Raises:
        ValueError: for names that there aren't, data that can't be used, limits that leave no design, and
            where there are both data and a table, or neither.
    """
    if (data is None) == (table is None):
        raise Error(f"name data or a table, one of them; got data={data!r}, table={table!r}")
    limits = {"max_parameters": max_parameters, "max_macs": max_macs}
    made: SearchSpace
    evaluator: Evaluator
    if table is not None:
        made = of_table = TableSpace(load_table(str(table)), **limits)
        evaluator = TableEvaluator(of_table, task)
    elif data is not None:
        from rl_designer.envs.datasets import load_dataset
        from rl_designer.envs.evaluators.training import TrainingEvaluator, TrainingSettings

        kind = None if space is None else kind_of(space)
        dataset = load_dataset(data, kind=kind, target=target, folder=data_folder, image_size=image_size)
        made = make_space(space, dataset.input_shape, dataset.num_classes, **limits)
        settings = TrainingSettings() if epochs is None else TrainingSettings(epochs=epochs)
        evaluator = TrainingEvaluator(dataset, settings=settings, device=device)
    paid = load_reward(reward, RewardContext(made, max_parameters, max_macs))
    return Problem(made, evaluator, paid, Budget(evaluations), failure_reward=failure_reward)
