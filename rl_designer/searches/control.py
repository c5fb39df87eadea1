"""The control of a search: what random search reached with the same budget, and was the agent better?"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from rl_designer.config import DEFAULT_EVALUATIONS, SearchConfig
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.problem import BudgetSpent, Problem
from rl_designer.envs.rewards import RewardFunction, as_reward
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.seeding import stream
from rl_designer.runs.statistics import (
    SIGNIFICANCE,
    chance_of_reaching,
    expected_best,
    median_best,
    precedence_p_value,
)

CONTROL_AGENT = "random"
MOST_STORED = 100_000  # digests that are asked of the store
_WANT = "{}: not compared with random search, for want of designs."
_MOST_MISSES = 20_000
_WALKS = 64  # drawn at a time


@dataclass(frozen=True)
class Control:
    """What the agent was compared with.

    Attributes:
        evaluations: random designs that were compared with.
        reward: the best of them; on a table the expected best.
        paid: how many of them this run's budget paid for.
    """

    evaluations: int
    reward: float
    paid: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {"agent": CONTROL_AGENT, **vars(self)}


@dataclass(frozen=True)
class Verdict:
    """Was the agent better than random search?

    Attributes:
        better: True, False, or None where too little is known.
        sentence: the same for people, with the figures.
        p_value: the chance of doing so well if the agent were no better than random; None where untested.
    """

    better: bool | None
    sentence: str
    control: Control | None = None
    p_value: float | None = None


@dataclass(frozen=True)
class ControlPlan:
    """Settled as a run begins and kept in its summary, so that a resumed run is judged by the same.

    Attributes:
        known: digests of the stored random designs to compare with.
        paid: random designs that this run evaluates itself; None for as many as its share of the time allows.
    """

    known: list[str]
    paid: int | None

    def to_dict(self) -> dict[str, Any]:
        return dict(vars(self))


def plan_control(
    config: SearchConfig, on_table: bool, stored: Sequence[str], *, comparable: bool = True
) -> ControlPlan:
    """Which random designs a run is compared with, given the digests of those that the store has.

    On a table, for random search itself and without a share it needs none.

    Args:
        comparable: whether the rewards of two searches can be compared; else there is no control.
    """
    if on_table or not comparable or config.agent_name == CONTROL_AGENT or config.control_share == 0:
        return ControlPlan([], 0)
    if config.evaluations is None:
        known = list(stored)[:DEFAULT_EVALUATIONS]
        return ControlPlan(known, 0 if len(known) == DEFAULT_EVALUATIONS else None)
    known = list(stored)[: config.evaluations]
    return ControlPlan(known, paid_evaluations(config.evaluations, config.control_share, len(known)))


def paid_evaluations(evaluations: int, share: float, stored: int) -> int:
    """How many of a budget's evaluations go to random designs, given how many of them the store has.

    Nothing is paid where the store has as many as the agent would get; the agent always keeps one.
    """
    if stored >= evaluations:
        return 0
    return min(max(round(share * evaluations), 1), evaluations - stored, evaluations - 1)


def evaluate_control(problem: Problem, known: Iterable[str], seed: int, batch: int) -> None:
    """Evaluates random designs, `batch` at a time, until the budget is spent or nothing new is found.

    Args:
        known: digests of the random designs that the store has; others are drawn.
    """
    designs = random_sequence(problem.space, known, seed)
    with contextlib.suppress(BudgetSpent):
        while chunk := list(islice(designs, batch)):
            problem.evaluate(chunk)


def random_sequence(space: SearchSpace, besides: Iterable[str], seed: int) -> Iterator[Architecture]:
    """Distinct designs of random walks, none of a digest in `besides`, until 20,000 walks bring nothing."""
    seen, generator, misses = set(besides), stream(seed, "control"), 0
    while misses < _MOST_MISSES:
        for design in space.architectures(space.random_actions(_WALKS, generator)):
            misses += 1
            if design.digest not in seen:
                seen.add(design.digest)
                misses = 0
                yield design


def rewards_of(
    evaluations: Iterable[Evaluation], reward: RewardFunction, failure_reward: float
) -> list[float]:
    """What a search is paid for evaluations.

    Raises:
        ValueError: for a reward that sees the history, which pays nothing for an evaluation by itself.
    """
    reward = as_reward(reward)
    if reward.sees_history:
        raise ValueError(f"the reward {reward.name!r} sees the run's history; without one it has no value")
    return [failure_reward if e.failure is not None else float(reward(e)) for e in evaluations]


def judge_by_table(values: Sequence[float], agent: str, rewards: Sequence[float]) -> Verdict:
    """Against the exact distribution of the best of as many distinct designs, drawn at random from a table.

    Args:
        values: the reward of every distinct legal design.
        rewards: of the agent's designs.
    """
    if not rewards:
        return Verdict(None, _WANT.format(agent))
    draws, best = min(len(rewards), len(values)), max(rewards)
    array = np.asarray(values)
    chance = chance_of_reaching(array, draws, best)
    expected, median = expected_best(array, draws), median_best(array, draws)
    better = True if chance <= SIGNIFICANCE else False if best <= median else None
    opening = {
        True: "better than random search",
        False: "no better than random search",
        None: "not told apart",
    }
    sentence = (
        f"{agent}: {opening[better]}. Its best reward after {_designs(draws)} is {best:.4f}; random search "
        f"would reach that with as many in {_percent(chance)} of runs, its best is {expected:.4f} on average "
        "(exact, from the whole table)."
    )
    return Verdict(better, sentence, Control(draws, expected), chance)


def judge_by_designs(agent: str, rewards: Sequence[float], controls: Sequence[float], paid: int) -> Verdict:
    """Against random designs that were evaluated for real, by the precedence test.

    Args:
        rewards: of the agent's designs.
        controls: of the random ones, of which this run paid for `paid`.
    """
    if not rewards or not controls:
        return Verdict(None, _WANT.format(agent))
    bar = max(controls)
    better_ones = sum(reward > bar for reward in rewards)
    chance = precedence_p_value(len(rewards), len(controls), better_ones)
    better = True if chance <= SIGNIFICANCE else False if better_ones == 0 else None
    compared = f"{_designs(len(controls))} of random search ({_paid(paid, len(controls) - paid)})"
    best = f"best reward {max(rewards):.4f} against {bar:.4f}"
    if better is False:
        sentence = (
            f"{agent}: no better than random search. Of its {_designs(len(rewards))} none beats the best of "
            f"{compared}: {best}."
        )
    else:
        opening = "better than random search" if better else "too little is known"
        sentence = (
            f"{agent}: {opening}. Of its {_designs(len(rewards))} {better_ones:,} beat the best of "
            f"{compared}: {best}. Were it no better, as many would with a chance of {_percent(chance)}."
        )
    return Verdict(better, sentence, Control(len(controls), bar, paid), chance)


def no_control(agent: str, rewards: Sequence[float]) -> Verdict:
    """The verdict of a run that is compared with nothing: of random search itself, or without control."""
    if agent == CONTROL_AGENT:
        control = Control(len(rewards), max(rewards), len(rewards)) if rewards else None
        return Verdict(None, "Random search is the control itself; compare other agents with it.", control)
    return Verdict(None, f"{agent}: not compared with random search, as was asked for.")


def not_comparable(agent: str, reward: str) -> Verdict:
    """The verdict of a run whose reward sees the history, so that two searches' rewards can't be compared."""
    return Verdict(
        None,
        f"{agent}: not compared with random search. The reward {reward!r} depends on what its own run had "
        "found before, so what two searches were paid can't be compared; `benchmark rewards` has yardsticks.",
    )


def _designs(count: int) -> str:
    return "1 design" if count == 1 else f"{count:,} designs"


def _paid(paid: int, stored: int) -> str:
    parts = [f"{paid:,} paid for by this run"] * (paid > 0) + [f"{stored:,} from earlier runs"] * (stored > 0)
    return ", ".join(parts)


def _percent(chance: float) -> str:
    if chance < 1e-4:
        return "less than 0.01 %"
    return f"{100 * chance:.1f} %" if chance >= 0.01 else f"{100 * chance:.2g} %"
