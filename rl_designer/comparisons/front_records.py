"""What is kept of a run that looked for a front: plain figures, JSON-ready, a line of `runs.jsonl`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.base import PolicyAgent
from rl_designer.agents.policy import Policy
from rl_designer.comparisons.records import Record
from rl_designer.comparisons.trial import Searched, objectives_in, setting_of, table_evaluations
from rl_designer.config import SearchConfig
from rl_designer.envs.objectives import Objectives, Scale, few_preferences
from rl_designer.envs.rewards.dominance import non_dominated
from rl_designer.searches.objectives import values_in_full

NEAR = 0.01  # of the front's range in each objective


Values = NDArray[np.float64]


@runtime_checkable
class KnowsPreferences(Protocol):
    """An agent whose policy, where it leaves one, can be asked for designs by a preference."""

    policy: Policy | None

    def at_preference(self, preference: Sequence[float]) -> PolicyAgent: ...


@dataclass(frozen=True)
class FrontSamples:
    """How good designs from the policy are, by some preferences, on a table.

    Attributes:
        preferences: weights of the objectives.
        near: by preference, the share of the samples that are within 1 % of the table's front: no design of
            the table is better by more than 1 % of the front's range in every objective at once.
        distinct: by preference, how many samples are distinct.
        agreement: by objective, the rank correlation of its weight with its value, over all samples.
        samples: drawn by each preference.
    """

    preferences: tuple[tuple[float, ...], ...]
    near: tuple[float, ...]
    distinct: tuple[int, ...]
    agreement: tuple[float | None, ...]
    samples: int


@dataclass(frozen=True)
class FrontRun(Record):
    """What came of an agent's run.

    Attributes:
        values: of each design, in order, those of the objectives; None in all of one that failed or was
            stopped early.
        failures: how many designs failed.
        seconds: wall time of the search, the training of the final policy included.
        own_seconds: the same without the evaluations.
        policy: None without a policy that knows preferences, and on real training.
    """

    compared = "agent"

    agent: str
    seed: int
    values: tuple[tuple[float | None, ...], ...]
    failures: int
    seconds: float
    own_seconds: float
    policy: FrontSamples | None

    @property
    def evaluations(self) -> int:
        return len(self.values)

    @property
    def outcome(self) -> str:
        return f"{len(non_dominated(self.array))} on its front"

    @property
    def array(self) -> Values:
        """The values as float64 [n, k]; NaN for None."""
        return np.array(self.values, dtype=np.float64).reshape(len(self.values), -1)


@lru_cache(maxsize=1)
def table_values(config: SearchConfig) -> Values | None:
    """What the objectives give every distinct design of a table that can be trained, float64 [N, k]; None on
    real training. Raises ValueError where there is none.
    """
    evaluations = table_evaluations(setting_of(config))
    return None if evaluations is None else several_of(config).values(evaluations)


def several_of(config: SearchConfig) -> Objectives:
    """The objectives of a config that has some, whatever its agent."""
    objectives = objectives_in(config.changed(agent="random"))
    assert objectives is not None
    return objectives


def front_run(searched: Searched, samples: int) -> FrontRun:
    """The record of an agent's run.

    Args:
        samples: designs that are drawn by each preference from the policy that is left, where there is one.
    """
    designs, agent, trial = searched.designs, searched.agent, searched.trial
    evaluations = [design.evaluation for design in designs]
    values = values_in_full(several_of(trial.config), evaluations)
    known = table_values(trial.config.changed(agent="random"))
    policy = None
    if samples and known is not None and isinstance(agent, KnowsPreferences) and agent.policy is not None:
        policy = _sampled(agent, searched, samples, known)
    return FrontRun(
        agent=trial.config.agent,
        seed=trial.seed,
        values=tuple(tuple(None if np.isnan(v) else v for v in row) for row in values.tolist()),
        failures=sum(evaluation.failure is not None for evaluation in evaluations),
        seconds=round(searched.seconds, 4),
        own_seconds=round(searched.own_seconds, 4),
        policy=policy,
    )


def near_front(values: Values, known: Values) -> NDArray[np.bool_]:
    """Which rows are within 1 % of the front of others, bool [n]: none of these is better by more than 1 % of
    the front's range in every objective at once. False for a row with a NaN.
    """
    scale = Scale.of_front(known)
    front = scale.units(known[non_dominated(known)])
    ahead = (front - scale.units(values)[:, None]).min(axis=2).max(axis=1)
    return ahead <= NEAR


def _sampled(agent: KnowsPreferences, searched: Searched, samples: int, known: Values) -> FrontSamples:
    objectives = several_of(searched.trial.config)
    preferences, space, seed = few_preferences(len(objectives)), searched.setting.space, searched.trial.seed
    each, distinct = [], []
    for preference in preferences:
        drawn = agent.at_preference(preference.tolist()).sample(samples, space, seed=seed)
        architectures = [sample.architecture for sample in drawn]
        distinct.append(len({architecture.digest for architecture in architectures}))
        each.append(values_in_full(objectives, searched.evaluator.evaluate(architectures)))
    weights = np.repeat(preferences, samples, axis=0)
    return FrontSamples(
        preferences=tuple(tuple(preference) for preference in preferences.tolist()),
        near=tuple(float(near_front(values, known).mean()) for values in each),
        distinct=tuple(distinct),
        agreement=_agreement(weights, np.concatenate(each)),
        samples=samples,
    )


def _agreement(weights: Values, values: Values) -> tuple[float | None, ...]:
    """By objective, the rank correlation (Spearman's) of weights with values; None where one doesn't vary."""
    from scipy.stats import spearmanr

    found: list[float | None] = []
    for weight, value in zip(weights.T, values.T, strict=True):
        there = np.isfinite(value)
        varies = len(np.unique(value[there])) > 1
        found.append(float(spearmanr(weight[there], value[there]).statistic) if varies else None)
    return tuple(found)


def samples_of(runs: Sequence[FrontRun]) -> Mapping[str, Any] | None:
    """Means over the seeds of what each policy's samples were; None without such policies."""
    sampled = [run.policy for run in runs if run.policy is not None]
    if not sampled:
        return None
    agreement = np.array([some.agreement for some in sampled], dtype=np.float64)
    return {
        "preferences": [list(preference) for preference in sampled[0].preferences],
        "near": np.mean([some.near for some in sampled], axis=0).tolist(),
        "distinct": np.mean([some.distinct for some in sampled], axis=0).tolist(),
        "agreement": [None if np.isnan(c).all() else float(np.nanmean(c)) for c in agreement.T],
        "near_per_seed": [float(np.mean(some.near)) for some in sampled],
        "agreement_per_seed": [list(some.agreement) for some in sampled],
        "samples": sampled[0].samples,
    }
