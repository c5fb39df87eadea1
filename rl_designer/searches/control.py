"""The control of a search: random designs that it is compared with, planned, drawn and evaluated."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from rl_designer.config import DEFAULT_EVALUATIONS, SearchBudget
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.problem import BudgetSpent, Problem
from rl_designer.envs.rewards import RewardFunction, as_reward
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.seeding import stream
from rl_designer.errors import Error
from rl_designer.runs.verdict import CONTROL_AGENT

MOST_STORED = 100_000  # digests that are asked of the store
_MOST_MISSES = 20_000
_WALKS = 64  # drawn at a time


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
    agent: str, budget: SearchBudget, on_table: bool, stored: Sequence[str], *, comparable: bool = True
) -> ControlPlan:
    """Which random designs a run is compared with, given the digests of those that the store has.

    On a table, for random search itself and without a share it needs none.

    Args:
        agent: its name, without options.
        comparable: whether the rewards of two searches can be compared; else there is no control.
    """
    if on_table or not comparable or agent == CONTROL_AGENT or budget.control_share == 0:
        return ControlPlan([], 0)
    if budget.evaluations is None:
        known = list(stored)[:DEFAULT_EVALUATIONS]
        return ControlPlan(known, 0 if len(known) == DEFAULT_EVALUATIONS else None)
    known = list(stored)[: budget.evaluations]
    return ControlPlan(known, paid_evaluations(budget.evaluations, budget.control_share, len(known)))


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
        raise Error(f"the reward {reward.name!r} sees the run's history; without one it has no value")
    return [failure_reward if e.failure is not None else float(reward(e)) for e in evaluations]
