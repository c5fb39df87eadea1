"""`Belief`: what a fitted reward model expects of designs, as plain arrays. No torch here."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular

from rl_designer.agents.array_files import read_arrays, write_arrays
from rl_designer.envs.search_spaces.base import Actions, SearchSpace

FILE = "reward_model.safetensors"
_MOST_POINTS = 4_096  # read from a file: the kernel's memory grows with their square

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Belief:
    """The posterior of a Gaussian process over designs, with kernel scale · exp(−squared distance).

    A design's point is made of its steps' embeddings, each times the step's weight; in spaces of variable
    length also of its summaries and the sum of the embeddings, each times a weight of its own.

    Attributes:
        options: [features, size], the embedding of each feature of a step.
        step_weights: [max_steps].
        whole_weights: [summaries + size], or [0] where all designs have the same length.
        points: [n, …], of the designs that were fitted.
        targets: [n], their scores.
        scores, rewards: [all], ascending; every evaluated design's, for turning scores into rewards.
        facts: [scale, noise], the kernel's variance and the noise's.
    """

    options: Values
    step_weights: Values
    whole_weights: Values
    points: Values
    targets: Values
    scores: Values
    rewards: Values
    facts: Values

    def predict(self, space: SearchSpace, actions: Actions) -> tuple[Values, Values]:
        """Mean and standard deviation of the score of complete designs, float64 [n] each."""
        cross = self._kernel(self.embed(space, actions), self.points)
        explained = (solve_triangular(self._root, cross.T, lower=True) ** 2).sum(axis=0)
        return cross @ self._solution, np.sqrt(np.maximum(self.scale - explained, 1e-12))

    def joint(self, space: SearchSpace, actions: Actions) -> tuple[Values, Values]:
        """Mean [n] and covariance [n, n] of the scores of complete designs."""
        points = self.embed(space, actions)
        cross = self._kernel(points, self.points)
        explained = solve_triangular(self._root, cross.T, lower=True)
        return cross @ self._solution, self._kernel(points, points) - explained.T @ explained

    def expected_rewards(self, space: SearchSpace, actions: Actions) -> Values:
        """The mean scores as rewards: between the evaluated ones that stand left and right of them."""
        return np.interp(self.predict(space, actions)[0], self.scores, self.rewards)

    def embed(self, space: SearchSpace, actions: Actions) -> Values:
        """The points of complete designs, float64 [n, …]."""
        embedded = space.tokens(actions).astype(np.float64) @ self.options
        # Not -1 for the width: it may not be left open where there are no designs.
        width = embedded.shape[1] * embedded.shape[2]
        points = (embedded * self.step_weights[:, None]).reshape(len(actions), width)
        if len(self.whole_weights) == 0:
            return points
        whole = np.concatenate([space.summaries(actions), embedded.sum(axis=1)], axis=1)
        return np.concatenate([points, whole * self.whole_weights], axis=1)

    @property
    def scale(self) -> float:
        return float(self.facts[0])

    @property
    def noise(self) -> float:
        return float(self.facts[1])

    def save(self, folder: Path) -> None:
        """Writes `reward_model.safetensors`, beside and renamed."""
        write_arrays(folder / FILE, vars_of(self))

    @classmethod
    def load(cls, folder: Path, space: SearchSpace) -> Self | None:
        """Reads what `save` wrote; None where there is none.

        Raises:
            ValueError: for a file that is damaged or of another space.
        """
        path = folder / FILE
        if not path.is_file():
            return None
        arrays = read_arrays(path, "reward model")
        if set(arrays) != set(cls.__annotations__):
            raise ValueError(f"{path} must hold {', '.join(cls.__annotations__)}, got {sorted(arrays)[:8]}")
        if not all(a.dtype == np.float64 and np.isfinite(a).all() for a in arrays.values()):
            raise ValueError(f"{path} must hold finite float64 numbers only")
        belief = cls(**arrays)
        try:
            belief._check(space)
            belief.predict(space, space.random_actions(1, np.random.default_rng(0)))
        except (ValueError, np.linalg.LinAlgError) as error:
            raise ValueError(f"{path} is damaged or not for space {space.name!r}: {error}") from error
        return belief

    def _check(self, space: SearchSpace) -> None:
        """Raises ValueError where the arrays don't fit each other or the space."""
        nothing = space.pad([])
        steps, features = space.tokens(nothing).shape[1:]
        summaries = space.summaries(nothing).shape[1]
        size = self.options.shape[-1] if self.options.ndim else 0
        points, all_ = self.targets.size, self.scores.size
        whole = summaries + size if summaries else 0
        shapes = {
            "options": (features, size),
            "step_weights": (steps,),
            "whole_weights": (whole,),
            "points": (points, steps * size + whole),
            "targets": (points,),
            "scores": (all_,),
            "rewards": (all_,),
            "facts": (2,),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name!r} must have the shape {shape}, got {getattr(self, name).shape}")
        if not 1 <= points <= min(all_, _MOST_POINTS):
            most = min(all_, _MOST_POINTS)
            raise ValueError(f"from 1 to {most:,} designs must have been fitted, got {points:,}")
        if (np.diff(self.scores) < 0).any() or (np.diff(self.rewards) < 0).any():
            raise ValueError("'scores' and 'rewards' must be in ascending order")
        if not (self.facts > 0).all():
            raise ValueError(f"'facts' must be above 0, got {self.facts.tolist()}")

    @cached_property
    def _root(self) -> Values:
        kernel = self._kernel(self.points, self.points)
        return cholesky(kernel + (self.noise + 1e-6) * np.eye(len(kernel)), lower=True)

    @cached_property
    def _solution(self) -> Values:
        return cho_solve((self._root, True), self.targets)

    def _kernel(self, left: Values, right: Values) -> Values:
        squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * left @ right.T
        return self.scale * np.exp(-np.maximum(squares, 0))


def vars_of(belief: Belief) -> dict[str, Values]:
    """The arrays by name, without what was worked out from them."""
    return {name: getattr(belief, name) for name in Belief.__annotations__}
