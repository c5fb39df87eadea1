"""One run of a comparison, in a worker process: an agent searches with a seed on a setting under a reward."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from rl_designer.agents.base import Agent, PolicyAgent
from rl_designer.agents.memory import Memory, Remembers
from rl_designer.agents.registry import agent_class
from rl_designer.comparisons.contender import Contender
from rl_designer.config import SearchConfig
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation, Evaluator
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.objectives import Objectives
from rl_designer.envs.problem import Budget, BudgetSpent, Design, Problem
from rl_designer.envs.rewards import Reward, RewardContext, RewardError, load_reward
from rl_designer.errors import Error, WrongUsage, usage_errors
from rl_designer.runs.folder import store_location
from rl_designer.searches.control import rewards_of
from rl_designer.searches.energy import measured_energy
from rl_designer.searches.objectives import leading_reward, objectives_of
from rl_designer.searches.stopping import stopping_early
from rl_designer.setting import Setting, make_setting
from rl_designer.store.evaluator import StoredEvaluator
from rl_designer.store.store import Store

_WARM_UP = 20


@dataclass(frozen=True)
class Trial:
    """What a worker is told.

    Attributes:
        config: what is searched on, by which agent, under which reward, with how many evaluations. Its
            text is as `Contender.of` takes it.
        record: makes what is kept of it; a function of a module, or a `partial` of one.
        ends_at: the reward with which a search may end.
        at_least: evaluations of an agent with a policy before it may; the others' figures can't change then.
        fidelity: which trainings are stopped early; None for none.
        energy: whether it is measured.
    """

    config: SearchConfig
    seed: int
    record: Callable[["Searched"], Any]
    ends_at: float = math.inf
    at_least: int = 0
    fidelity: str | None = None
    energy: bool = False


@dataclass(frozen=True)
class Searched:
    """What a trial has found.

    Attributes:
        memory: of earlier runs, as the agent has left it.
        designs: in the order of their evaluation.
        seconds: wall time of the search, the training of the final policy included.
        own_seconds: the same without the evaluations.
        energy_kwh: None where it wasn't measured.
        evaluator: that the search asked.
        reported: the metric that the search never saw, of designs: that of a table's task, None where the
            table lacks it; on real training the validation accuracy of another training with other seeds.
    """

    trial: Trial
    setting: Setting
    reward: Reward
    agent: Agent
    memory: Memory
    designs: Sequence[Design]
    seconds: float
    own_seconds: float
    energy_kwh: float | None
    evaluator: Evaluator
    reported: Callable[[Sequence[Architecture]], list[float | None]]


# -- what runs have in common; worked out once a process -----------------------------------------------


def setting_of(config: SearchConfig) -> Setting:
    """What a config's searches happen on, whatever their agent and reward. Raises as `make_setting`."""
    return _ground(common_of(config))[0]


def context_of(config: SearchConfig) -> RewardContext:
    """What that setting says of its costs."""
    return _ground(common_of(config))[1]


def reward_of(config: SearchConfig) -> Reward:
    """A config's reward, with what its setting says of it; with objectives, the leading one of them. Raises
    WrongUsage where there is none.
    """
    if (objectives := objectives_in(config)) is not None:
        return leading_reward(objectives)
    return loaded_reward(config.reward, common_of(config))


@lru_cache(maxsize=64)
def loaded_reward(text: str, common: SearchConfig) -> Reward:
    """A reward on the setting of a config. Raises as `reward_of`."""
    with usage_errors():
        return load_reward(text, context_of(common))


@lru_cache(maxsize=64)
def objectives_in(config: SearchConfig) -> Objectives | None:
    """A config's objectives, with what its setting says of them; None where it has none. Raises as
    `objectives_of`.
    """
    agent = agent_class(Contender.of(config.agent).agent)(seed=0)
    return objectives_of(config, setting_of(config), agent)


@lru_cache(maxsize=1)
def table_rewards(config: SearchConfig) -> tuple[float, ...] | None:
    """The reward of every distinct design of a table that can be trained; None on real training.

    Raises:
        WrongUsage, ValueError: as `make_setting` and `load_reward`; for a table without values, and for a
            reward that sees the history, by which runs can't be compared.
    """
    setting, reward = setting_of(config), reward_of(config)
    if reward.sees_history:
        raise WrongUsage(
            f"agents can't be compared by the reward {reward.name!r}: it depends on what its own run had "
            "found before, so there is no optimum, and rewards of two runs can't be compared"
        )
    evaluations = table_evaluations(setting)
    if evaluations is None:
        return None
    return tuple(rewards_of(evaluations, reward, config.failure_reward))


def table_evaluations(setting: Setting) -> list[Evaluation] | None:
    """Of every distinct design of a table that can be trained; None on real training. Raises ValueError where
    there is none.
    """
    if not setting.on_table:
        return None
    with setting.open_evaluator() as evaluator:
        assert isinstance(evaluator, TableEvaluator)
        evaluations = [e for e in evaluator.evaluations() if e.failure is None]
    if not evaluations:
        raise Error("the table has no value of the searched metric within the limits")
    return evaluations


@lru_cache(maxsize=1)
def _ground(common: SearchConfig) -> tuple[Setting, RewardContext]:
    setting = make_setting(common)
    return setting, RewardContext(setting.space)


@lru_cache(maxsize=64)
def common_of(config: SearchConfig) -> SearchConfig:
    """A config without its agent and reward, which the runs of a comparison differ in."""
    return config.changed(agent="random", reward="accuracy")


def trials_of_agents(every: Trial, agents: Sequence[str], seeds: Iterable[int]) -> list[Trial]:
    """With some seeds, all agents of one before the next. Raises as `Contender.sources`."""
    configs = [every.config.changed(agent=agent) for agent in agents]
    trials = [replace(every, config=config, seed=seed) for seed in seeds for config in configs]
    for trial in trials:
        Contender.of(trial.config.agent, trial.seed).sources(setting_of(every.config))
    return trials


# -- a run -------------------------------------------------------------------------------------------


def run_trial(trial: Trial) -> Any:
    """Searches, and makes the record.

    Raises:
        ValueError: where the reward failed; its text alone, since it comes from another process.
    """
    config, setting = trial.config, setting_of(trial.config)
    if setting.on_table:
        _warm_up(Contender.of(config.agent).agent, common_of(config))
    try:
        with ExitStack() as stack:
            evaluator = stack.enter_context(setting.open_evaluator())
            if isinstance(evaluator, TableEvaluator):
                return _search(trial, evaluator, partial(_reported, evaluator))
            store = stack.enter_context(Store(store_location(config, None)))
            run = f"benchmark:{config.agent}:{config.reward}:{trial.seed}"
            stored = StoredEvaluator(store, evaluator, run)
            stopping = stopping_early(stored, evaluator, trial.fidelity, reward_of(config))
            return _search(trial, stopping, partial(_trained_again, setting, store, run))
    except RewardError as error:
        raise Error(str(error)) from None


@lru_cache(maxsize=64)
def _warm_up(agent: str, common: SearchConfig) -> None:
    """A short search, so that what a process loads once isn't counted as the first run's time."""
    setting, objectives = setting_of(common), objectives_in(common)
    with setting.open_evaluator() as evaluator:
        paid = reward_of(common)
        problem = Problem(setting.space, evaluator, paid, Budget(_WARM_UP), objectives=objectives)
        agent_class(agent)().search(problem)


def _reported(evaluator: TableEvaluator, architectures: Sequence[Architecture]) -> list[float | None]:
    values = [evaluator.reported(architecture) for architecture in architectures]
    return [value if math.isfinite(value) else None for value in values]


def _trained_again(
    setting: Setting, store: Store, run: str, architectures: Sequence[Architecture]
) -> list[float | None]:
    with setting.open_judge() as judge:
        return [e.score for e in StoredEvaluator(store, judge, run).evaluate(architectures)]


def _search(
    trial: Trial, evaluator: Evaluator, reported: Callable[[Sequence[Architecture]], list[float | None]]
) -> Any:
    config, setting, reward = trial.config, setting_of(trial.config), reward_of(trial.config)
    contender = Contender.of(config.agent, trial.seed)
    agent = agent_class(contender.agent)(seed=trial.seed)
    memory = Memory(contender.sources(setting))
    timed = _Timed(evaluator)
    problem = Problem(
        setting.space,
        timed,
        reward,
        Budget(config.budget.evaluations),
        failure_reward=config.failure_reward,
        objectives=objectives_in(config),
        observer=_Ending(trial.ends_at, trial.at_least if isinstance(agent, PolicyAgent) else 0),
    )
    with measured_energy() if trial.energy else nullcontext() as energy:
        started = time.perf_counter()
        if isinstance(agent, Remembers):
            agent.search_from(problem, memory)
        else:
            agent.search(problem)
        seconds = time.perf_counter() - started
    kwh = None if energy is None else energy.kwh
    own = seconds - timed.seconds
    return trial.record(
        Searched(
            trial, setting, reward, agent, memory, problem.designs, seconds, own, kwh, evaluator, reported
        )
    )


class _Timed:
    """Another evaluator, and the seconds that it took."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.seconds = 0.0

    @property
    def digest(self) -> str:
        return self.evaluator.digest

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        started = time.perf_counter()
        try:
            return self.evaluator.evaluate(architectures)
        finally:
            self.seconds += time.perf_counter() - started


class _Ending:
    """Ends a search that has found a reward and gone on long enough."""

    def __init__(self, reward: float, at_least: int) -> None:
        self.reward = reward
        self.at_least = at_least
        self.found = False

    def __call__(self, design: Design) -> None:
        self.found = self.found or (design.evaluation.in_full and design.reward >= self.reward)
        if self.found and design.index + 1 >= self.at_least:
            raise BudgetSpent(f"the optimum is known after {design.index + 1} evaluations")
