"""`Problem`: what an agent is given to solve, and the one door from an agent to an evaluation."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluators.base import Evaluation, Evaluator
from rl_designer.envs.rewards.history import History
from rl_designer.envs.rewards.reward import BestBy, RewardError, RewardFunction, as_reward
from rl_designer.envs.search_spaces.base import SearchSpace

DEFAULT_FAILURE_REWARD = -1.0
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
            raise ValueError(f"the budget must be at least 1 evaluation, got {self.evaluations}")
        if self.seconds is not None and not self.seconds > 0:
            raise ValueError(f"the budget must be more than 0 seconds, got {self.seconds}")


@dataclass(frozen=True)
class Design:
    """An evaluated architecture: what is stored, sampled, compared, reported.

    Attributes:
        reward: what the search is paid for it; the problem's failure reward where it failed.
        index: how many distinct designs the run had asked for before this one.
    """

    architecture: Architecture
    evaluation: Evaluation
    reward: float
    index: int


def merit(design: Design, best_by: BestBy) -> float:
    """The figure by which a run's designs are ranked, higher is better; see `Reward.best_by`."""
    return design.reward if best_by == "reward" else design.evaluation.val_accuracy or 0.0


def best_of(designs: Iterable[Design], best_by: BestBy = "reward") -> Design | None:
    """The best design that was trained in full, the earliest of equals; None where there is none."""
    trained = (design for design in designs if design.evaluation.in_full)
    return max(trained, key=lambda design: merit(design, best_by), default=None)


class Problem:
    """A space, an evaluator, a reward and a budget.

    Args:
        reward: a function of the evaluation, or of the evaluation and the history; see `Reward`.
        failure_reward: paid for a design that failed, and for an illegal action.
        observer: called with each new design, in order, before the agent sees it.
        clock: seconds, rising; for the budget in seconds.
    """

    def __init__(
        self,
        space: SearchSpace,
        evaluator: Evaluator,
        reward: RewardFunction,
        budget: Budget = Budget(),
        *,
        failure_reward: float = DEFAULT_FAILURE_REWARD,
        observer: Callable[[Design], None] = lambda design: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.space = space
        self.evaluator = evaluator
        self.reward = as_reward(reward)
        self.budget = budget
        self.failure_reward = failure_reward
        self.designs: list[Design] = []
        self.history = History()
        self._observer = observer
        self._clock = clock
        self._started = clock()
        self._known: dict[str, Design] = {}
        self._repeats = 0

    @property
    def best(self) -> Design | None:
        """The design with the highest reward that neither failed nor was stopped early, the earliest of
        equals; for a reward that sees the history, the one with the highest validation accuracy.
        """
        return best_of(self.designs, self.reward.best_by)

    @property
    def remaining(self) -> int | None:
        """Distinct architectures that may still be asked for; None is without limit."""
        if self.budget.evaluations is None:
            return None
        return self.budget.evaluations - len(self.designs)

    def seen(self, architecture: Architecture) -> bool:
        """Whether asking for it again is free."""
        return architecture.digest in self._known

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Design]:
        """The designs of complete architectures, in order. Known ones are free.

        Raises:
            BudgetSpent: when new ones don't fit into the budget; those that still fit have been evaluated
                and are in `designs`. And when the agent has nothing new any more: no architecture at all,
                or 20,000 known ones in a row.
            ValueError: for an architecture that is not complete.
            RewardError: where the reward raises or is no finite number.
        """
        if not architectures:
            raise BudgetSpent("nothing more was proposed")
        fresh = self._fresh(architectures)
        affordable = self._affordable(fresh)
        if affordable:
            evaluations = self.evaluator.evaluate(affordable)
            for architecture, evaluation in zip(affordable, evaluations, strict=True):
                self._record(architecture, evaluation)
        if len(affordable) < len(fresh):
            raise BudgetSpent(f"the budget is spent after {len(self.designs)} evaluations")
        return [self._known[architecture.digest] for architecture in architectures]

    def _fresh(self, architectures: Sequence[Architecture]) -> list[Architecture]:
        fresh: dict[str, Architecture] = {}
        for architecture in architectures:
            if not architecture.complete:
                raise ValueError(
                    f"only a complete architecture can be evaluated, got the prefix {architecture}"
                )
            if architecture.digest not in self._known:
                fresh.setdefault(architecture.digest, architecture)
        self._repeats = 0 if fresh else self._repeats + len(architectures)
        if self._repeats > _MOST_REPEATS:
            raise BudgetSpent(f"nothing new was proposed in {_MOST_REPEATS:,} proposals in a row")
        return list(fresh.values())

    def _affordable(self, fresh: list[Architecture]) -> list[Architecture]:
        if self.budget.seconds is not None and self._clock() - self._started >= self.budget.seconds:
            return []
        return fresh if self.remaining is None else fresh[: self.remaining]

    def _paid(self, architecture: Architecture, evaluation: Evaluation) -> float:
        if evaluation.failure is not None:
            return self.failure_reward
        try:
            reward = self.reward(evaluation, self.history)
        except RewardError as error:
            raise RewardError(error.reward, error.reason, architecture) from error
        self.history.record(evaluation)
        return reward

    def _record(self, architecture: Architecture, evaluation: Evaluation) -> None:
        reward = self._paid(architecture, evaluation)
        design = Design(architecture, evaluation, reward, len(self.designs))
        self._known[architecture.digest] = design
        self.designs.append(design)
        self._observer(design)
