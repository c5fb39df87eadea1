"""What is kept of a run: plain figures, JSON-ready, a line of `runs.jsonl`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.base import PolicyAgent
from rl_designer.comparisons.trial import Searched
from rl_designer.envs.problem import Design
from rl_designer.envs.rewards import COSTS, Cost
from rl_designer.envs.rewards.costs import FIELDS
from rl_designer.envs.rewards.fronts import front_of, rises
from rl_designer.errors import Error

TOP_SHARES = {"top_1_percent": 0.01, "top_0_1_percent": 0.001}
# Of each design of a reward's run, in this order; None where it isn't known, and in all of one that failed.
COLUMNS = ("reward", "accuracy", "reported", *COSTS)
_COLUMNS_BEFORE = COLUMNS[:6]  # of runs from when RAM and flash weren't counted

Values = NDArray[np.float64]


class Record:
    """What is kept of a run, a line of `runs.jsonl`: a dataclass of plain figures.

    Attributes:
        compared: the field that names what is compared; a config's has the same name.
    """

    compared: ClassVar[str]
    seed: int

    @property
    def name(self) -> str:
        """Of what is compared."""
        return str(getattr(self, self.compared))

    @property
    def outcome(self) -> str:
        """For people, in a few words."""
        best = getattr(self, "best", None)
        return "all failed" if best is None else f"best {best:.4g}"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`, also after JSON. Raises KeyError or ValueError on anything else."""
        from pydantic import TypeAdapter

        fields = {name: data[name] for name in cls.__dataclass_fields__}  # type: ignore[attr-defined]
        return TypeAdapter(cls).validate_python(fields)


# -- of an agent -------------------------------------------------------------------------------------


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
class AgentRun(Record):
    """What came of an agent's run.

    Attributes:
        evaluations: distinct designs asked for.
        failures: how many of them failed.
        improvements: (evaluations so far, reward, reported metric or None), for each new best design.
        seconds: wall time of the search, the training of the final policy included.
        own_seconds: the same without the evaluations.
        policy: None without a policy, and on real training, where every sample would be a training.
        sources: of each run that it started with, whether it was kept; None where that wasn't judged.
    """

    compared = "agent"

    agent: str
    seed: int
    evaluations: int
    failures: int
    improvements: tuple[tuple[int, float, float | None], ...]
    seconds: float
    own_seconds: float
    policy: PolicySamples | None
    sources: tuple[bool | None, ...] = ()

    @property
    def best(self) -> float | None:
        """The highest reward; None where all designs failed."""
        return self.improvements[-1][1] if self.improvements else None


def policy_samples(runs: Sequence[AgentRun]) -> dict[str, Any] | None:
    """Means over the seeds of what each policy's samples were; None without policies."""
    sampled = [run.policy for run in runs if run.policy is not None]
    if not sampled:
        return None
    means = {name: float(np.mean([getattr(s, name) for s in sampled])) for name in (*TOP_SHARES, "distinct")}
    per_seed = {f"{name}_per_seed": [getattr(s, name) for s in sampled] for name in (*TOP_SHARES, "distinct")}
    evaluations = float(np.mean([run.evaluations for run in runs]))
    return {**means, "samples": sampled[0].samples, "evaluations": evaluations, **per_seed}


def agent_run(searched: Searched, samples: int, thresholds: Mapping[str, float]) -> AgentRun:
    """The record of an agent's run.

    Args:
        samples: designs that are drawn from the policy that is left, where there is one.
        thresholds: by the names of `TOP_SHARES`, the lowest reward in that part of the table.
    """
    designs, agent, trial = searched.designs, searched.agent, searched.trial
    best = [designs[i] for i in rises(d.reward if d.evaluation.in_full else None for d in designs)]
    if searched.setting.on_table:
        reported = searched.reported([design.architecture for design in best])
    else:
        reported = [design.evaluation.score for design in best]
    policy = None
    if isinstance(agent, PolicyAgent) and samples and thresholds:
        policy = _sampled(agent, searched, samples, thresholds)
    return AgentRun(
        agent=trial.config.agent,
        seed=trial.seed,
        evaluations=len(designs),
        failures=sum(design.evaluation.failure is not None for design in designs),
        improvements=tuple((d.index + 1, d.reward, told) for d, told in zip(best, reported, strict=True)),
        seconds=round(searched.seconds, 4),
        own_seconds=round(searched.own_seconds, 4),
        policy=policy,
        sources=tuple(review.kept for review in searched.memory.reviews),
    )


def thresholds_of(rewards: Sequence[float]) -> dict[str, float]:
    """The lowest reward in each top share of a table's designs; the best one is always in it."""
    ranked = sorted(rewards, reverse=True)
    return {name: ranked[max(math.ceil(share * len(ranked)), 1) - 1] for name, share in TOP_SHARES.items()}


def _sampled(
    agent: PolicyAgent, searched: Searched, samples: int, thresholds: Mapping[str, float]
) -> PolicySamples:
    drawn = agent.sample(samples, searched.setting.space, seed=searched.trial.seed)
    architectures = [sample.architecture for sample in drawn]
    evaluations = searched.evaluator.evaluate(architectures)
    rewards = np.array([-np.inf if e.failure is not None else searched.reward(e) for e in evaluations])
    top = {name: rewards >= threshold for name, threshold in thresholds.items()}
    good = {a.digest for a, is_top in zip(architectures, top["top_1_percent"], strict=True) if is_top}
    shares = {name: float(is_top.mean()) for name, is_top in top.items()}
    return PolicySamples(**shares, distinct=len(good), samples=len(drawn))


# -- of a reward -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RewardRun(Record):
    """What came of a search under one reward.

    Attributes:
        reward: as the user named it.
        by_reward: whether the run chooses by its reward; else, where the reward sees the history and so can't
            compare designs of different moments, by validation accuracy.
        digests: of the evaluated designs, in the run's order.
        actions: that spell each of them in its space.
        figures: `COLUMNS` of each. `reward` is what the search was paid, `accuracy` what it saw; `reported`,
            the metric of a table's task, it never saw. On real training that is the validation accuracy of
            another training with other seeds, known of the designs that a yardstick may ask for.
        seconds: wall time of the search, the training of the final policy included.
        training_seconds: of all designs, whoever trained them; None on a table.
        energy_kwh: of the process during the search, estimated; None where it wasn't measured.
    """

    compared = "reward"

    reward: str
    seed: int
    by_reward: bool
    digests: tuple[str, ...]
    actions: tuple[tuple[int, ...], ...]
    figures: tuple[tuple[float | None, ...], ...]
    seconds: float
    training_seconds: float | None = None
    energy_kwh: float | None = None

    def __post_init__(self) -> None:
        if {len(row) for row in self.figures} == {len(_COLUMNS_BEFORE)}:
            more = (None,) * (len(COLUMNS) - len(_COLUMNS_BEFORE))
            object.__setattr__(self, "figures", tuple((*row, *more) for row in self.figures))
        if {len(row) for row in self.figures} - {len(COLUMNS)} or not (
            len(self.digests) == len(self.actions) == len(self.figures)
        ):
            raise Error(f"a run must have {len(COLUMNS)} figures of each design")

    @property
    def best(self) -> float | None:
        """The highest merit; None where all designs failed."""
        choice = self.choice()
        return None if choice is None else float(self.merits[choice])

    @cached_property
    def table(self) -> Values:
        """The figures as float64 [designs, columns]; NaN for None."""
        return np.array(self.figures, dtype=np.float64).reshape(len(self.figures), len(COLUMNS))

    def column(self, name: str) -> Values:
        """One of `COLUMNS`, float64 [designs]."""
        return self.table[:, COLUMNS.index(name)]

    @property
    def evaluations(self) -> int:
        """Distinct designs that were asked for."""
        return len(self.digests)

    @property
    def failed(self) -> NDArray[np.bool_]:
        """bool [designs]."""
        return np.isnan(self.column("reward"))

    @property
    def merits(self) -> Values:
        """What the run chooses by, float64 [designs]; NaN where a design failed."""
        return self.column("reward" if self.by_reward else "accuracy")

    def within(self, cost: Cost | None, limit: float | None) -> NDArray[np.bool_]:
        """Designs that didn't fail and keep a limit, bool [designs]; None is without one."""
        trained = ~np.isnan(self.merits)
        return trained if cost is None or limit is None else trained & (self.column(cost) <= limit)

    def choices(self, cost: Cost | None = None, limit: float | None = None) -> list[int]:
        """The designs that were the best within a limit, where there is one, when they were evaluated."""
        return rises(np.where(self.within(cost, limit), self.merits, np.nan))

    def choice(self, cost: Cost | None = None, limit: float | None = None) -> int | None:
        """The design that the run hands out: the last of its choices; None where it has none."""
        return next(reversed(self.choices(cost, limit)), None)


def reward_run(searched: Searched, cost: Cost | None = None, limit: float | None = None) -> RewardRun:
    """The record of a run under a reward, with what is reported of its designs: of all of them on a table, on
    real training of those that a yardstick may ask for, since each is another training.

    Args:
        cost, limit: of the yardstick, where it has them.
    """
    designs, trial, on_table = searched.designs, searched.trial, searched.setting.on_table
    seconds = sum(design.evaluation.training_seconds or 0.0 for design in designs)

    def record(reported: Mapping[int, float | None]) -> RewardRun:
        return RewardRun(
            reward=trial.config.reward,
            seed=trial.seed,
            by_reward=not searched.reward.sees_history,
            digests=tuple(design.architecture.digest for design in designs),
            actions=tuple(searched.setting.space.actions(design.architecture) for design in designs),
            figures=tuple(_figures(design, reported.get(design.index)) for design in designs),
            seconds=round(searched.seconds, 4),
            training_seconds=None if on_table else round(seconds, 4),
            energy_kwh=searched.energy_kwh,
        )

    judged = range(len(designs)) if on_table else _to_judge(record({}), cost, limit)
    told = searched.reported([designs[index].architecture for index in judged])
    return record(dict(zip(judged, told, strict=True)))


def _figures(design: Design, reported: float | None) -> tuple[float | None, ...]:
    evaluation = design.evaluation
    if evaluation.failure is not None:
        return (None,) * len(COLUMNS)
    costs = (getattr(evaluation, field) for field in FIELDS.values())
    return (design.reward, evaluation.score, reported, *costs)


def _to_judge(run: RewardRun, cost: Cost | None, limit: float | None) -> list[int]:
    """The designs that were the best so far, also within the yardstick's limit, and those that no other beats
    in a cost and in what the run chooses by, or in a cost and in accuracy.
    """
    wanted = {*run.choices(), *run.choices(cost, limit)}
    for known in COSTS:
        for worth in (run.merits, run.column("accuracy")):
            wanted.update(front_of(run.column(known), worth).tolist())
    return sorted(wanted)
