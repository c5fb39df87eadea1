"""One run of a benchmark, in a worker process: an agent, a seed, and what came of it as plain figures."""

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np

from rl_designer.agents.base import Agent, PolicyAgent
from rl_designer.agents.memory import Memory, Remembers
from rl_designer.agents.registry import agent_class
from rl_designer.config import SearchConfig
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation, Evaluator
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.problem import Budget, BudgetSpent, Design, Problem
from rl_designer.envs.rewards import Reward, RewardContext, load_reward
from rl_designer.errors import WrongUsage, usage_errors
from rl_designer.searches.control import rewards_of
from rl_designer.searches.run import stopping_early
from rl_designer.searches.search import settled_fidelity
from rl_designer.searches.sources import agent_and_sources, check_source
from rl_designer.setting import Setting, make_setting
from rl_designer.store.evaluator import StoredEvaluator
from rl_designer.store.store import Store

_WARM_UP = 20
TOP_SHARES = {"top_1_percent": 0.01, "top_0_1_percent": 0.001}


@dataclass(frozen=True)
class RunPlan:
    """What a worker is told.

    Attributes:
        config: what is searched on, with the cap on evaluations and, on real training, the store.
        agent: name with options; `from=RUN` among them names a run to start with, `{seed}` in it the seed.
        samples: designs drawn from the policy after the search.
        sample_after: a search that has found the optimum goes on until it has this many evaluations if its
            agent has a policy; the others, whose figures can't change any more, end at once.
    """

    config: SearchConfig
    agent: str
    seed: int
    samples: int
    sample_after: int


@dataclass(frozen=True)
class PolicySamples:
    """How good designs from the policy are, by the table's searched metric.

    Attributes:
        top_1_percent, top_0_1_percent: share of the samples in that part of the table's networks, 0–1.
        distinct: distinct designs among the samples in the top 1 %.
        samples: how many were drawn.
    """

    top_1_percent: float
    top_0_1_percent: float
    distinct: int
    samples: int


@dataclass(frozen=True)
class RunRecord:
    """What came of a run. Figures only, JSON-ready.

    Attributes:
        evaluations: distinct designs asked for.
        failures: how many of them failed.
        improvements: (evaluations so far, reward, reported metric or None), for each new best design.
        seconds: wall time of the search, the training of the final policy included.
        own_seconds: the same without the evaluations.
        policy: None without a policy, and on real training, where every sample would be a training.
        sources: of each run that it started with, whether it was kept; None where that wasn't judged.
    """

    agent: str
    seed: int
    evaluations: int
    failures: int
    improvements: tuple[tuple[int, float, float | None], ...]
    seconds: float
    own_seconds: float
    policy: PolicySamples | None
    sources: tuple[bool | None, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_dict`. Raises KeyError or ValueError on anything else."""
        from pydantic import TypeAdapter

        fields = {name: data[name] for name in cls.__dataclass_fields__}
        return TypeAdapter(cls).validate_python(fields)


@dataclass(frozen=True)
class Arena:
    """What all runs of a benchmark have in common.

    Attributes:
        rewards: of every distinct design of a table; None on real training.
        fidelity: which trainings are stopped early; None on a table.
    """

    setting: Setting
    reward: Reward
    rewards: tuple[float, ...] | None
    fidelity: str | None = None

    @property
    def optimum(self) -> float | None:
        """The highest reward that there is; None where nobody knows."""
        return None if self.rewards is None else max(self.rewards)


@lru_cache(maxsize=1)
def arena_of(config: SearchConfig) -> Arena:
    """Loads the table or the data.

    Raises:
        WrongUsage, ValueError: as `make_setting` and `load_reward`; for a table without values, and for a
            reward that sees the history, by which runs can't be compared.
    """
    setting = make_setting(config)
    with usage_errors():
        reward = load_reward(config.reward, RewardContext(setting.space, **config.subject.limits))
    if reward.sees_history:
        raise WrongUsage(
            f"agents can't be compared by the reward {reward.name!r}: it depends on what its own run had "
            "found before, so there is no optimum, and rewards of two runs can't be compared"
        )
    if not setting.on_table:
        return Arena(setting, reward, None, settled_fidelity(config, reward))
    with setting.open_evaluator() as evaluator:
        assert isinstance(evaluator, TableEvaluator)
        evaluations = [e for e in evaluator.evaluations() if e.failure is None]
    if not evaluations:
        raise ValueError("the table has no value of the searched metric within the limits")
    return Arena(setting, reward, tuple(rewards_of(evaluations, reward, config.failure_reward)))


def run_once(plan: RunPlan) -> RunRecord:
    """Searches, and samples from the policy that is left."""
    arena = arena_of(plan.config)
    if arena.setting.on_table:
        _warm_up(plan.config, plan.agent)
    name, sources = agent_and_sources(plan.agent, plan.seed)
    agent = agent_class(name)(seed=plan.seed)
    memory = Memory([check_source(Path(source), arena.setting) for source in sources])
    _one_thread()
    with arena.setting.open_evaluator() as evaluator:
        if arena.setting.on_table:
            return _run(plan, arena, agent, evaluator, memory)
        with Store(str(plan.config.store)) as store:
            run = f"benchmark:{plan.agent}:{plan.seed}"
            stored = StoredEvaluator(store, evaluator, run)
            stops = stopping_early(stored, evaluator, arena.fidelity, arena.reward)
            return _run(plan, arena, agent, stops, memory)


@lru_cache(maxsize=64)
def _warm_up(config: SearchConfig, agent: str) -> None:
    """A short search, so that what a process loads once isn't counted as the first run's time."""
    arena = arena_of(config)
    with arena.setting.open_evaluator() as evaluator:
        problem = Problem(arena.setting.space, evaluator, arena.reward, Budget(_WARM_UP))
        agent_class(agent_and_sources(agent)[0])().search(problem)


def _one_thread() -> None:
    # Only where an agent has imported it: local search needn't wait for torch.
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


def _run(plan: RunPlan, arena: Arena, agent: Agent, evaluator: Evaluator, memory: Memory) -> RunRecord:
    timed = _Timed(evaluator)
    has_policy = isinstance(agent, PolicyAgent)
    watch = _Watch(timed, arena.optimum, plan.sample_after if has_policy else 0)
    problem = Problem(
        arena.setting.space,
        timed,
        arena.reward,
        Budget(plan.config.budget.evaluations),
        failure_reward=plan.config.failure_reward,
        observer=watch,
    )
    started = time.perf_counter()
    if isinstance(agent, Remembers):
        agent.search_from(problem, memory)
    else:
        agent.search(problem)
    seconds = time.perf_counter() - started
    policy = None
    if isinstance(agent, PolicyAgent) and arena.rewards is not None and plan.samples:
        policy = _sampled(agent, plan, arena, evaluator)
    return RunRecord(
        agent=plan.agent,
        seed=plan.seed,
        evaluations=len(problem.designs),
        failures=sum(design.evaluation.failure is not None for design in problem.designs),
        improvements=tuple(watch.improvements),
        seconds=round(seconds, 4),
        own_seconds=round(seconds - timed.seconds - watch.seconds, 4),
        policy=policy,
        sources=tuple(review.kept for review in memory.reviews),
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

    def reported(self, architecture: Architecture, evaluation: Evaluation) -> float | None:
        """The reported metric of a design: the table's, or the validation accuracy."""
        if not isinstance(self.evaluator, TableEvaluator):
            return evaluation.val_accuracy
        value = self.evaluator.reported(architecture)
        return value if math.isfinite(value) else None


class _Watch:
    """Notes each new best design, and ends a search that has found the optimum and gone on long enough."""

    def __init__(self, evaluator: _Timed, optimum: float | None, at_least: int) -> None:
        self.evaluator = evaluator
        self.optimum = math.inf if optimum is None else optimum
        self.at_least = at_least
        self.best = -math.inf
        self.improvements: list[tuple[int, float, float | None]] = []
        self.seconds = 0.0

    def __call__(self, design: Design) -> None:
        started, done = time.perf_counter(), design.index + 1
        if design.evaluation.in_full and design.reward > self.best:
            self.best = design.reward
            reported = self.evaluator.reported(design.architecture, design.evaluation)
            self.improvements.append((done, design.reward, reported))
        self.seconds += time.perf_counter() - started
        if self.best >= self.optimum and done >= self.at_least:
            raise BudgetSpent(f"the optimum is known after {done} evaluations")


def _sampled(agent: PolicyAgent, plan: RunPlan, arena: Arena, evaluator: Evaluator) -> PolicySamples:
    samples = agent.sample(plan.samples, arena.setting.space, seed=plan.seed)
    architectures = [sample.architecture for sample in samples]
    evaluations = evaluator.evaluate(architectures)
    rewards = np.array(
        [-np.inf if e.failure is not None else arena.reward(e) for e in evaluations], dtype=np.float64
    )
    ranked = np.sort(np.array(arena.rewards))[::-1]
    top = {name: rewards >= _threshold(ranked, share) for name, share in TOP_SHARES.items()}
    good = {a.digest for a, is_top in zip(architectures, top["top_1_percent"], strict=True) if is_top}
    shares = {name: float(is_top.mean()) for name, is_top in top.items()}
    return PolicySamples(**shares, distinct=len(good), samples=len(samples))


def _threshold(ranked: np.ndarray, share: float) -> float:
    """The lowest reward in the top share of the rewards, sorted downwards; the best is always in it."""
    return float(ranked[max(math.ceil(share * len(ranked)), 1) - 1])
