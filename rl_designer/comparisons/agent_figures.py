"""What the runs of a benchmark say: means over seeds, 95 % bootstrap intervals, paired differences."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rl_designer.comparisons.trial import TOP_SHARES, RunRecord
from rl_designer.envs.seeding import stream

CONFIDENCE = 0.95
_RESAMPLES = 10_000

Values = NDArray[np.float64]


def checkpoints(evaluations: int) -> list[int]:
    """10, 25, 50, 100, 250, 500, 1,000 … below the cap, and the cap."""
    steps = [factor * 10**power // 2 for power in range(1, 12) for factor in (2, 5, 10)]
    return [step for step in steps if step < evaluations] + [evaluations]


def interval_of_mean(values: ArrayLike) -> tuple[Values, Values]:
    """95 % percentile-bootstrap interval of the mean over seeds, for each column.

    Args:
        values: [seeds, columns]; NaN where a run has no value, which a mean leaves out.

    Returns:
        Low and high ends, float64 [columns]; NaN where fewer than two runs have a value.
    """
    array = np.asarray(values, dtype=np.float64)
    known = np.isfinite(array)
    seeds = len(array)
    # How often each seed is in each resample, so that one product makes all the means.
    generator = stream(0, "bootstrap")
    weights = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=_RESAMPLES).astype(np.float64)
    with np.errstate(invalid="ignore"):
        means = (weights @ np.where(known, array, 0.0)) / (weights @ known)
    tail = (1 - CONFIDENCE) / 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column of NaN alone
        low, high = np.nanquantile(means, [tail, 1 - tail], axis=0)
    enough = known.sum(axis=0) >= 2
    return np.where(enough, low, np.nan), np.where(enough, high, np.nan)


def mean_of(values: Values) -> Values:
    """Means over seeds of [seeds, columns], without NaN; NaN for a column of NaN alone."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0)


def standard_error(values: ArrayLike) -> float | None:
    """Of the mean of [n]; None for fewer than two."""
    array = np.asarray(values, dtype=np.float64)
    return None if len(array) < 2 else float(array.std(ddof=1) / np.sqrt(len(array)))


def best_so_far(records: Sequence[RunRecord], steps: Sequence[int]) -> tuple[Values, Values]:
    """Reward and reported metric of the design that each run would have chosen after so many evaluations,
    each float64 [runs, steps]; NaN before the first success.
    """
    rewards = np.full((len(records), len(steps)), np.nan)
    reported = rewards.copy()
    for row, record in enumerate(records):
        for done, reward, told in record.improvements:
            later = np.asarray(steps) >= done
            rewards[row, later] = reward
            reported[row, later] = np.nan if told is None else told
    return rewards, reported


def evaluations_to(records: Sequence[RunRecord], optimum: float, cap: int) -> tuple[NDArray[np.int64], Any]:
    """Distinct evaluations until a reward of at least `optimum`, int64 [runs], misses as the cap; and which
    runs found it, bool [runs].
    """
    reached = [next((done for done, reward, _ in r.improvements if reward >= optimum), None) for r in records]
    counts = np.array([cap if done is None else done for done in reached], dtype=np.int64)
    return counts, np.array([done is not None for done in reached])


class Summary:
    """The figures of all agents, from runs of equal seeds.

    Args:
        records: agent → its runs, each in the order of the seeds; differences are against the first agent.
        cap: evaluations that a run may spend.
        optimum: the highest reward that there is, or None where nobody knows.
        worst: the reward that counts before the first success.
    """

    def __init__(
        self, records: dict[str, list[RunRecord]], cap: int, optimum: float | None, worst: float
    ) -> None:
        self.records = records
        self.cap = cap
        self.optimum = optimum
        self.steps = checkpoints(cap)
        best = {agent: best_so_far(runs, self.steps) for agent, runs in records.items()}
        self.rewards = {a: np.where(np.isnan(reward), worst, reward) for a, (reward, _) in best.items()}
        self.reported = {agent: told for agent, (_, told) in best.items()}
        self.first = next(iter(records))

    def to_dict(self) -> dict[str, Any]:
        """agent → figures, JSON-ready. `best_reported`, `best_reward` and `simple_regret` are means over
        seeds, by the number of evaluations; shares are fractions 0–1.
        """
        return {agent: self._figures(agent) for agent in self.records}

    def curves(self) -> list[dict[str, Any]]:
        """A row for each agent, figure and checkpoint: its mean over seeds and the ends of its interval."""
        rows = []
        for agent in self.records:
            for figure, values in self._along(agent).items():
                columns = zip(self.steps, mean_of(values), *interval_of_mean(values), strict=True)
                for step, *numbers in columns:
                    mean, low, high = map(_plain, numbers)
                    row = {"agent": agent, "figure": figure, "evaluations": step}
                    rows.append({**row, "mean": mean, "low": low, "high": high})
        return rows

    def _along(self, agent: str) -> dict[str, Values]:
        along = {"best_reported": self.reported[agent], "best_reward": self.rewards[agent]}
        if self.optimum is not None:
            along["simple_regret"] = self.optimum - self.rewards[agent]
        return along

    def _figures(self, agent: str) -> dict[str, Any]:
        runs = self.records[agent]
        along = {name: self._by_step(mean_of(values)) for name, values in self._along(agent).items()}
        evaluations = sum(run.evaluations for run in runs)
        return {
            "evaluations_to_optimum": self._to_optimum(runs),
            "simple_regret": None,
            **along,
            "policy_samples": policy_samples(runs),
            "sources": _sources(runs),
            "difference": None if agent == self.first else self._difference(agent),
            "evaluations_per_run": evaluations / len(runs),
            "failures": sum(run.failures for run in runs),
            "seconds_per_run": sum(run.seconds for run in runs) / len(runs),
            "own_seconds_per_evaluation": sum(run.own_seconds for run in runs) / max(evaluations, 1),
        }

    def _to_optimum(self, runs: list[RunRecord]) -> dict[str, Any] | None:
        if self.optimum is None:
            return None
        counts, found = evaluations_to(runs, self.optimum, self.cap)
        return {
            "mean": float(counts.mean()),
            "standard_error": standard_error(counts),
            "median": float(np.median(counts)),
            "found": float(found.mean()),
            "per_seed": counts.tolist(),
        }

    def _difference(self, agent: str) -> dict[str, Any]:
        """This agent minus the first, seed by seed."""
        figures: dict[str, Any] = {"against": self.first, "evaluations_to_optimum": None}
        if self.optimum is not None:
            counts, _ = evaluations_to(self.records[agent], self.optimum, self.cap)
            firsts, _ = evaluations_to(self.records[self.first], self.optimum, self.cap)
            more = (counts - firsts).astype(np.float64)
            figures["evaluations_to_optimum"] = _with_interval(more[:, None])[0]
        for name, values in self._along(agent).items():
            paired = _with_interval(values - self._along(self.first)[name])
            figures[name] = dict(zip(map(str, self.steps), paired, strict=True))
        return figures

    def _by_step(self, values: Values) -> dict[str, float | None]:
        return {str(step): _plain(value) for step, value in zip(self.steps, values, strict=True)}


def _sources(runs: Sequence[RunRecord]) -> list[dict[str, int]] | None:
    """In how many runs each source was kept, dropped, or not judged; None where there were none."""
    if not any(run.sources for run in runs):
        return None
    names = {True: "kept", False: "dropped", None: "not_judged"}
    each = zip(*(run.sources for run in runs), strict=True)
    return [{name: kept.count(value) for value, name in names.items()} for kept in each]


def policy_samples(runs: Sequence[RunRecord]) -> dict[str, Any] | None:
    """Means over the seeds of what each policy's samples were; None without policies."""
    sampled = [run.policy for run in runs if run.policy is not None]
    if not sampled:
        return None
    means = {name: float(np.mean([getattr(s, name) for s in sampled])) for name in (*TOP_SHARES, "distinct")}
    per_seed = {f"{name}_per_seed": [getattr(s, name) for s in sampled] for name in (*TOP_SHARES, "distinct")}
    evaluations = float(np.mean([run.evaluations for run in runs]))
    return {**means, "samples": sampled[0].samples, "evaluations": evaluations, **per_seed}


def _with_interval(values: Values) -> list[dict[str, Any]]:
    """Mean and 95 % interval over seeds of each column of [seeds, columns]."""
    results = []
    for mean, low, high in zip(mean_of(values), *interval_of_mean(values), strict=True):
        interval = None if np.isnan(low) else [float(low), float(high)]
        results.append({"mean": _plain(mean), "interval": interval})
    return results


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
