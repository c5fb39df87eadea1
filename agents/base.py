"""`Agent`: what searches. `PolicyAgent`: a controller that leaves a policy behind."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.policy import Policy
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.errors import Error
from rl_designer.envs.problem import Problem
from rl_designer.envs.search_spaces.base import Actions, SearchSpace
from rl_designer.envs.seeding import stream


class Agent(ABC):
    """A search method. Deterministic, given its seed and the evaluations.

    Args:
        seed: of everything random in it.

    Attributes:
        by_order: whether it goes by the order of the rewards alone, so that two rewards that order designs
            alike make it evaluate the same ones.
        closing_seconds: about what it takes after its budget is spent; kept free at the end of a search whose
            time is limited.
        finds_fronts: whether `search` (and `search_from`, where it has one) looks for a whole front where the
            problem has `objectives`. Others would search by the reward alone, and are refused.
    """

    name: ClassVar[str]
    by_order: ClassVar[bool] = False
    closing_seconds: ClassVar[float] = 0.0
    finds_fronts: ClassVar[bool] = False

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    @abstractmethod
    def search(self, problem: Problem) -> None:
        """Spends the problem's budget; returns when it is spent. The designs are in `problem.designs`; some
        may be there as it begins, and an agent that learns should learn from them, too.
        """


@dataclass(frozen=True)
class Sample:
    """A design drawn from a policy.

    Attributes:
        architecture: complete.
        log_probability: natural logarithm of the policy's probability of its actions, at the temperature
            that it was drawn with.
        predicted_reward: what the controller expects of it, or None where it has no model.
        better_than: the share of random designs within the same limits that it is expected to be better
            than, 0–1; None where that isn't known.
    """

    architecture: Architecture
    log_probability: float
    predicted_reward: float | None = None
    better_than: float | None = None


class PolicyAgent(Agent):
    """A controller that has a policy: it can be saved, loaded and sampled from.

    Attributes:
        policy: None before any search.
    """

    policy: Policy | None = None

    def save(self, folder: Path) -> None:
        """Writes `policy.json` and `policy.safetensors`. Raises RuntimeError before any search."""
        self._trained().save(folder)

    @classmethod
    def load(cls, folder: Path, space: SearchSpace) -> Self:
        """Reads what `save` wrote, for the same space with any data and any limits.

        Raises:
            ValueError: for a file that is missing, damaged or of another space.
        """
        agent = cls()
        agent.policy = Policy.load(folder)
        agent.policy.check(space)
        return agent

    def sample(
        self,
        n: int,
        space: SearchSpace,
        *,
        seed: int = 0,
        temperature: float = 1.0,
        deterministic: bool = False,
    ) -> list[Sample]:
        """`n` designs from the policy, within the limits of `space`.

        Args:
            temperature: divides the logits; above 1 more various, below 1 more alike.
            deterministic: the likeliest action at each step.
        """
        actions, logs = self._trained().sample(
            space, n, stream(seed, "sample"), temperature=temperature, deterministic=deterministic
        )
        predicted = self.predict(actions, space)
        return [
            Sample(architecture, float(log), None if predicted is None else float(predicted[row]))
            for row, (architecture, log) in enumerate(zip(space.architectures(actions), logs, strict=True))
        ]

    def predict(self, actions: Actions, space: SearchSpace) -> NDArray[np.float64] | None:
        """The expected rewards of complete designs, float64 [n]; None for a controller without a model."""
        return None

    def _trained(self) -> Policy:
        if self.policy is None:
            raise RuntimeError("there is no policy yet: call search() or load() first")
        return self.policy


def at_least_one(**options: int) -> None:
    """Raises ValueError for an option, such as a size of a batch, that is below 1."""
    for option, value in options.items():
        if value < 1:
            raise Error(f"{option!r} must be at least 1, got {value}")
