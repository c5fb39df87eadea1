"""`Problem`: what an agent is given to solve, and the one door from an agent to an evaluation."""

import math
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.designs import Design, Designs
from rl_designer.envs.errors import Error
from rl_designer.envs.evaluation import DEFAULT_FAILURE_REWARD, Evaluation, Evaluator, takes, until
from rl_designer.envs.objectives.objectives import Objectives
from rl_designer.envs.rewards.history import History
from rl_designer.envs.rewards.reward import BestBy, Reward, RewardError, RewardFunction, as_reward
from rl_designer.envs.search_spaces.base import Actions, SearchSpace
from rl_designer.envs.search_spaces.limits import ON_DEVICE

__all__ = ["DEFAULT_FAILURE_REWARD", "Budget", "BudgetSpent", "Design", "Problem", "best_of", "merit"]

_MOST_REPEATS = 20_000


class BudgetSpent(Exception):
    """Ends a search: the budget is spent, or the agent proposes nothing new any more."""


@dataclass(frozen=True)
class Budget:
    """What a search may spend: distinct architectures, seconds, or both; None is without limit."""

    evaluations: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.evaluations is not None and self.evaluations < 1:
            raise Error(f"the budget must be at least 1 evaluation, got {self.evaluations}")
        if self.seconds is not None and not self.seconds > 0:
            raise Error(f"the budget must be more than 0 seconds, got {self.seconds}")


def merit(design: Design, best_by: BestBy) -> float:
    """The figure by which a run's designs are ranked, higher is better; see `Reward.best_by`."""
    return design.reward if best_by == "reward" else design.evaluation.score or 0.0


def rank(design: Design, best_by: BestBy) -> tuple[float, float]:
    """Sorts a run's designs, the best first: by merit, and of equals the one with the fewest parameters."""
    parameters = design.evaluation.parameters
    return -merit(design, best_by), math.inf if parameters is None else parameters


def best_of(designs: Iterable[Design], best_by: BestBy = "reward") -> Design | None:
    """The first by `rank` of those that were trained in full, the earliest of equals; None if none was."""
    trained = (design for design in designs if design.evaluation.in_full)
    return min(trained, key=lambda design: rank(design, best_by), default=None)


def _not_told(design: Design) -> None:
    """No lambda, so that a problem can be pickled."""


class Problem:
    """A space, an evaluator, a reward and a budget.

    Args:
        reward: a function of the evaluation, or of the evaluation and the history; see `Reward`.
        failure_reward: paid for a design that failed, and for an illegal action.
        observer: called with each new design, in order, before the agent sees it.
        clock: seconds, rising; for the budget in seconds.
        objectives: where a whole front is searched for, two or three at once; None where the reward is all.

    Attributes:
        designs: all so far, in order.
        history: the evaluations of those that didn't fail.
        given_up: designs that were asked for, but whose evaluations hadn't all ended when the seconds were
            over; a count.
    """

    def __init__(
        self,
        space: SearchSpace,
        evaluator: Evaluator,
        reward: RewardFunction,
        budget: Budget = Budget(),
        *,
        failure_reward: float = DEFAULT_FAILURE_REWARD,
        observer: Callable[[Design], None] = _not_told,
        clock: Callable[[], float] = time.monotonic,
        objectives: Objectives | None = None,
    ) -> None:
        self.space = space
        self.evaluator = evaluator
        self.reward = as_reward(reward)
        self.budget = budget
        self.failure_reward = failure_reward
        self.objectives = objectives
        self.designs = Designs()
        self.history = History(self.designs.succeeded)
        self.given_up = 0
        self._observer = observer
        self._clock = clock
        self._started = clock()
        self._repeats = 0
        self._actions: Actions | None = None
        self._deviations = array("d")
        self._values = array("d")

    @property
    def best(self) -> Design | None:
        """The design with the highest reward that neither failed nor was stopped early, the earliest of
        equals; for a reward that sees the history, the one with the highest score.
        """
        return best_of(self.designs, self.reward.best_by)

    @property
    def remaining(self) -> int | None:
        """Distinct architectures that may still be asked for; None is without limit."""
        if self.budget.evaluations is None:
            return None
        return self.budget.evaluations - len(self.designs)

    @property
    def actions(self) -> Actions:
        """What spells each of the designs so far, int64 [n, max_steps] padded with -1. It is worked out once
        for each design, so that it may be asked for every round.
        """
        known = self.space.pad([]) if self._actions is None else self._actions
        fresh = (self.space.actions(design.architecture) for design in self.designs[len(known) :])
        self._actions = np.concatenate([known, self.space.pad(fresh)])
        return self._actions.copy()

    @property
    def deviations(self) -> NDArray[np.float64]:
        """The standard deviations that the size of the validation part alone leaves in the rewards of the
        designs so far, float64 [n]: half of what the reward gives an accuracy that much higher over one that
        much lower. 0 where it isn't known, and under a reward that sees the history. Worked out once each.
        """
        for design in self.designs[len(self._deviations) :]:
            self._deviations.append(deviation_of(self.reward, design.evaluation))
        return np.array(self._deviations, dtype=np.float64)

    @property
    def values(self) -> NDArray[np.float64]:
        """What each objective gives the designs so far, float64 [n, k], higher is better; NaN in all of one
        that failed. [n, 0] without objectives.
        """
        count = 0 if self.objectives is None else len(self.objectives)
        return np.array(self._values, dtype=np.float64).reshape(len(self.designs), count)

    @property
    def front(self) -> NDArray[np.int64]:
        """The designs that no other beats, of those that were trained in full; indices, int64 [front],
        rising. Empty without objectives.
        """
        if self.objectives is None:
            return np.zeros(0, dtype=np.int64)
        return self.objectives.front([design.evaluation for design in self.designs], self.values)

    def seen(self, architecture: Architecture) -> bool:
        """Whether asking for it again is free."""
        return self.designs.find(architecture.digest) is not None

    def unseen(self, actions: Actions) -> Actions:
        """Each network of complete designs once whose evaluation isn't free, int64 [k, max_steps], canonical.
        `actions` is int64 [n, max_steps].
        """
        rows = np.unique(self.space.canonical(actions), axis=0)
        seen = {row.tobytes() for row in self.actions}
        return rows[[row.tobytes() not in seen for row in rows]]

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Design]:
        """The designs of complete architectures, in order. Known ones are free.

        Raises:
            BudgetSpent: when new ones don't fit into the budget; those that still fit have been evaluated
                and are in `designs`. Where the seconds are over meanwhile, those are the first ones, as far
                as all of their evaluations have ended: what a longer search begins with. And when the agent
                has nothing new any more: no architecture at all, or 20,000 known ones in a row.
            ValueError: for an architecture that is not complete.
            RewardError: where the reward raises or is no finite number.
        """
        if not architectures:
            raise BudgetSpent("nothing more was proposed")
        fresh = self._fresh(architectures)
        affordable = self._affordable(fresh)
        measured = self._measured(affordable) if affordable else 0
        if measured < len(fresh):
            raise BudgetSpent(f"the budget is spent after {len(self.designs)} evaluations")
        places = (self.designs.find(architecture.digest) for architecture in architectures)
        return [self.designs[place] for place in places if place is not None]

    def _fresh(self, architectures: Sequence[Architecture]) -> list[Architecture]:
        fresh: dict[str, Architecture] = {}
        for architecture in architectures:
            if not architecture.complete:
                raise Error(f"only a complete architecture can be evaluated, got the prefix {architecture}")
            if not self.seen(architecture):
                fresh.setdefault(architecture.digest, architecture)
        self._repeats = 0 if fresh else self._repeats + len(architectures)
        if self._repeats > _MOST_REPEATS:
            raise BudgetSpent(f"nothing new was proposed in {_MOST_REPEATS:,} proposals in a row")
        return list(fresh.values())

    def _affordable(self, fresh: list[Architecture]) -> list[Architecture]:
        if self.budget.seconds is not None and self._clock() - self._started >= self.budget.seconds:
            return []
        return fresh if self.remaining is None else fresh[: self.remaining]

    def _measured(self, architectures: list[Architecture]) -> int:
        """Records the evaluations of as many of the first ones as end in time, and returns how many."""
        ends = until(self._deadline()) if takes(self.evaluator, "deadline") else {}
        evaluations = self.evaluator.evaluate(architectures, **ends)
        device = self._on_device(architectures)
        for architecture, evaluation, own in zip(architectures, evaluations, device, strict=not ends):
            self._record(architecture, replace(evaluation, **own) if own else evaluation)
        self.given_up += len(architectures) - len(evaluations)
        return len(evaluations)

    def _on_device(self, architectures: list[Architecture]) -> list[dict[str, Any]]:
        """What the space counts of each on a device: no evaluator knows what numbers that has."""
        counted = [cost for cost in ON_DEVICE if cost in self.space.limits.counted]
        if not counted:
            return [{} for _ in architectures]
        costs = self.space.costs(self.space.pad(map(self.space.actions, architectures)))
        return [{cost: int(costs[cost][place]) for cost in counted} for place in range(len(architectures))]

    def _deadline(self) -> float | None:
        """When the seconds are over, by `time.monotonic`; None where they aren't limited."""
        if self.budget.seconds is None:
            return None
        return time.monotonic() + self._started + self.budget.seconds - self._clock()

    def _paid(self, architecture: Architecture, evaluation: Evaluation) -> float:
        if evaluation.failure is not None:
            return self.failure_reward
        try:
            return self.reward(evaluation, self.history)
        except RewardError as error:
            raise RewardError(error.reward, error.reason, architecture) from error

    def _valued(self, architecture: Architecture, evaluation: Evaluation) -> list[float]:
        if self.objectives is None:
            return []
        try:
            return self.objectives.values([evaluation])[0].tolist()
        except RewardError as error:
            raise RewardError(error.reward, error.reason, architecture) from error

    def _record(self, architecture: Architecture, evaluation: Evaluation) -> None:
        reward, values = self._paid(architecture, evaluation), self._valued(architecture, evaluation)
        design = Design(architecture, evaluation, reward, len(self.designs))
        self.designs.append(design)
        self._values.extend(values)
        self._observer(design)


def deviation_of(reward: Reward, evaluation: Evaluation) -> float:
    """The standard deviation that the size of the validation part alone leaves in what a reward gives; see
    `Problem.deviations`.
    """
    accuracy, deviation = evaluation.score, evaluation.val_deviation
    if accuracy is None or deviation == 0 or evaluation.failure is not None or reward.sees_history:
        return 0.0
    ends = (min(accuracy + deviation, 1.0), max(accuracy - deviation, 0.0))
    try:
        high, low = (reward(evaluation.scored(end)) for end in ends)
    except RewardError:  # it was paid for what was measured, and need not know what might have been
        return 0.0
    return abs(high - low) / (ends[0] - ends[1]) * deviation
