"""One run of the benchmark, in a worker process: a reward, a seed, and the figures of what it evaluated."""

import math
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache

from rl_designer.agents.registry import agent_class
from rl_designer.comparisons.reward_records import COLUMNS, RewardRun
from rl_designer.config import SearchConfig
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluator
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.problem import Budget, Design, Problem
from rl_designer.envs.rewards import COSTS, Cost, Reward, RewardContext, RewardError, load_reward
from rl_designer.envs.rewards.fronts import front_of
from rl_designer.errors import usage_errors
from rl_designer.runs.folder import store_location
from rl_designer.searches.energy import measured_energy
from rl_designer.setting import Setting, make_setting
from rl_designer.store.evaluator import StoredEvaluator
from rl_designer.store.store import Store

_WARM_UP = 20


@dataclass(frozen=True)
class RewardPlan:
    """What a worker is told.

    Attributes:
        config: what is searched on, by which agent, with which reward, how long.
        cost, limit: of the yardstick, where it has them.
        energy: whether it is measured.
    """

    config: SearchConfig
    seed: int
    cost: Cost | None = None
    limit: float | None = None
    energy: bool = False


def setting_of(config: SearchConfig) -> Setting:
    """What a config's searches happen on, whatever their reward; loaded once."""
    return _ground(config.changed(reward="accuracy"))[0]


def context_of(config: SearchConfig) -> RewardContext:
    """What that setting says of its costs; worked out once."""
    return _ground(config.changed(reward="accuracy"))[1]


@lru_cache(maxsize=1)
def _ground(config: SearchConfig) -> tuple[Setting, RewardContext]:
    setting = make_setting(config)
    return setting, RewardContext(setting.space, **config.subject.limits)


@lru_cache(maxsize=64)
def reward_of(config: SearchConfig) -> Reward:
    """A config's reward, with what its setting says of it. Raises WrongUsage where there is none."""
    context = context_of(config)
    with usage_errors():
        return load_reward(config.reward, context)


def run_once(plan: RewardPlan) -> RewardRun:
    """Searches, and finds out what is reported of the designs.

    Raises:
        ValueError: where the reward failed; its text alone, since it comes from another process.
    """
    setting = setting_of(plan.config)
    try:
        if setting.on_table:
            _warm_up(plan.config.changed(reward="accuracy"))
            with setting.open_evaluator() as evaluator:
                return _run(plan, setting, evaluator, None)
        with Store(store_location(plan.config, None)) as store:
            return _trained_run(plan, setting, store)
    except RewardError as error:
        raise ValueError(str(error)) from None


@lru_cache(maxsize=1)
def _warm_up(config: SearchConfig) -> None:
    """A short search, so that what a process loads once isn't counted as the first run's time."""
    setting = setting_of(config)
    with setting.open_evaluator() as evaluator:
        problem = Problem(setting.space, evaluator, reward_of(config), Budget(_WARM_UP))
        agent_class(config.agent)().search(problem)


def _trained_run(plan: RewardPlan, setting: Setting, store: Store) -> RewardRun:
    run = f"benchmark:{plan.config.agent}:{plan.config.reward}:{plan.seed}"
    with setting.open_evaluator() as evaluator, setting.open_judge() as judge:
        stored, judged = (StoredEvaluator(store, measure, run) for measure in (evaluator, judge))
        return _run(plan, setting, stored, judged)


def _run(plan: RewardPlan, setting: Setting, evaluator: Evaluator, judge: Evaluator | None) -> RewardRun:
    config, reward = plan.config, reward_of(plan.config)
    agent = agent_class(config.agent)(seed=plan.seed)
    problem = Problem(
        setting.space,
        evaluator,
        reward,
        Budget(config.budget.evaluations),
        failure_reward=config.failure_reward,
    )
    with measured_energy() if plan.energy else nullcontext() as energy:
        started = time.perf_counter()
        agent.search(problem)
        seconds = time.perf_counter() - started
    unjudged = RewardRun(
        reward=config.reward,
        seed=plan.seed,
        by_reward=not reward.sees_history,
        digests=tuple(design.architecture.digest for design in problem.designs),
        actions=tuple(setting.space.actions(design.architecture) for design in problem.designs),
        figures=tuple(_figures(design) for design in problem.designs),
        seconds=round(seconds, 4),
        training_seconds=None if judge is None else _training_seconds(problem.designs),
        energy_kwh=None if energy is None else energy.kwh,
    )
    return _judged(unjudged, plan, problem.designs, judge or evaluator)


def _figures(design: Design) -> tuple[float | None, ...]:
    evaluation = design.evaluation
    if evaluation.failure is not None:
        return (None,) * len(COLUMNS)
    costs = (evaluation.parameters, evaluation.macs, evaluation.latency_seconds)
    return (design.reward, evaluation.val_accuracy, None, *costs)


def _training_seconds(designs: Sequence[Design]) -> float:
    return round(sum(design.evaluation.training_seconds or 0.0 for design in designs), 4)


def _judged(run: RewardRun, plan: RewardPlan, designs: Sequence[Design], judge: Evaluator) -> RewardRun:
    """The run with what is reported of its designs: of all of them on a table, and on real training of those
    that a yardstick may ask for, since each is another training.
    """
    on_table = isinstance(judge, TableEvaluator)
    indices = list(range(len(designs))) if on_table else _to_judge(run, plan)
    told = _reported([designs[index].architecture for index in indices], judge)
    at = COLUMNS.index("reported")
    figures = [list(row) for row in run.figures]
    for index, value in zip(indices, told, strict=True):
        if not run.failed[index]:
            figures[index][at] = value
    return replace(run, figures=tuple(map(tuple, figures)))


def _reported(architectures: Sequence[Architecture], judge: Evaluator) -> list[float | None]:
    if isinstance(judge, TableEvaluator):
        values = [judge.reported(architecture) for architecture in architectures]
        return [value if math.isfinite(value) else None for value in values]
    return [evaluation.val_accuracy for evaluation in judge.evaluate(architectures)]


def _to_judge(run: RewardRun, plan: RewardPlan) -> list[int]:
    """The designs that were the best so far, also within the yardstick's limit, and those that no other beats
    in a cost and in what the run chooses by, or in a cost and in accuracy.
    """
    wanted = set(run.best_so_far(run.within(None, None)))
    wanted.update(run.best_so_far(run.within(plan.cost, plan.limit)))
    for cost in COSTS:
        for worth in (run.merits, run.column("accuracy")):
            wanted.update(front_of(run.column(cost), worth).tolist())
    return sorted(wanted)
