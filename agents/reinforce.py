"""REINFORCE with a table of logits, the reinforcement learning baseline of NATS-Bench."""

import math

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.base import Agent, at_least_one
from rl_designer.envs.errors import Error
from rl_designer.envs.problem import BudgetSpent, Problem
from rl_designer.envs.search_spaces.base import Actions, SearchSpace
from rl_designer.envs.seeding import stream

Logits = NDArray[np.float64]  # [max_steps, num_actions]


class Reinforce(Agent):
    """A logit for each action at each step, moved along reward × ∇ log probability (Williams 1992).

    As in NATS-Bench (Dong et al. 2021) and its code: logits start near zero, Adam, an exponential moving
    average of the rewards as the baseline, updated before it is subtracted. Illegal actions are masked. A
    policy that has settled on known designs ends the search before the budget is spent.

    Args:
        learning_rate: Adam's; 0.03 needs half the evaluations that the published scripts' 0.01 does.
        momentum: of the baseline, 0–1.
        batch: designs an update; more than 1 is the mean of their gradients.
    """

    name = "reinforce"

    def __init__(
        self, *, seed: int = 0, learning_rate: float = 0.03, momentum: float = 0.9, batch: int = 1
    ) -> None:
        super().__init__(seed=seed)
        at_least_one(batch=batch)
        if not 0 < learning_rate < math.inf:
            raise Error(f"'learning_rate' must be above 0 and finite, got {learning_rate}")
        if not 0 <= momentum < 1:
            raise Error(f"'momentum' must be at least 0 and below 1, got {momentum}")
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.batch = batch

    def search(self, problem: Problem) -> None:
        generator = stream(self.seed, "reinforce")
        space = problem.space
        logits = 1e-3 * generator.standard_normal((space.max_steps, space.num_actions))
        adam = _Adam(logits, self.learning_rate)
        baseline = _MovingAverage(self.momentum)
        try:
            while True:
                actions, gradients = _rollout(space, logits, self.batch, generator)
                designs = problem.evaluate(space.architectures(actions))
                rewards = np.array([design.reward for design in designs])
                for reward in rewards:
                    baseline.update(reward)
                advantages = rewards - baseline.value
                adam.step(-(advantages[:, None, None] * gradients).mean(axis=0))
        except BudgetSpent:
            pass


def _rollout(
    space: SearchSpace, logits: Logits, n: int, generator: np.random.Generator
) -> tuple[Actions, NDArray[np.float64]]:
    """`n` designs, and the gradient of each one's log probability, float64 [n, max_steps, num_actions]."""
    actions = np.full((n, space.max_steps), -1, dtype=np.int64)
    gradients = np.zeros((n, *logits.shape))
    states, rows = space.start(n), np.arange(n)
    for step in range(space.max_steps):
        masks = space.masks(states)
        live = masks.any(axis=1)
        rows, states, masks = rows[live], states[live], masks[live]
        if len(rows) == 0:
            break
        legal = np.where(masks, logits[step], -np.inf)
        probabilities = np.exp(legal - legal.max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        # The largest of logits plus Gumbel noise is a draw from their softmax.
        chosen = (legal + generator.gumbel(size=legal.shape)).argmax(axis=1)
        actions[rows, step] = chosen
        gradients[rows, step] = -probabilities
        gradients[rows, step, chosen] += 1.0
        states = space.advance(states, chosen)
    return actions, gradients


class _Adam:
    """Adam at its published settings (Kingma & Ba 2015), in place."""

    def __init__(self, values: Logits, learning_rate: float) -> None:
        self.values = values
        self.learning_rate = learning_rate
        self.steps = 0
        self.mean = np.zeros_like(values)
        self.square = np.zeros_like(values)

    def step(self, gradient: Logits) -> None:
        self.steps += 1
        self.mean = 0.9 * self.mean + 0.1 * gradient
        self.square = 0.999 * self.square + 0.001 * gradient**2
        mean = self.mean / (1 - 0.9**self.steps)
        square = self.square / (1 - 0.999**self.steps)
        self.values -= self.learning_rate * mean / (np.sqrt(square) + 1e-8)


class _MovingAverage:
    def __init__(self, momentum: float) -> None:
        self.momentum = momentum
        self.sum = self.weight = 0.0

    def update(self, value: float) -> None:
        self.sum = self.momentum * self.sum + (1 - self.momentum) * value
        self.weight = self.momentum * self.weight + (1 - self.momentum)

    @property
    def value(self) -> float:
        return self.sum / self.weight
