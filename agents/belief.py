"""`Belief`: what a fitted reward model expects of designs, as plain arrays. No torch here."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular

from rl_designer.envs.files.archives import read_arrays, write_arrays
from rl_designer.envs.search_spaces.base import Actions, SearchSpace

FILE = "reward_model.safetensors"
FORMAT = 2  # 1 knew of no actions and no sources, and had no format in it
DEEPEST = 8  # searches in a row, each of which built upon the one before
MOST_SEARCHES = 64  # that one builds upon, itself included, directly or through others
_MOST_POINTS = 4_096  # read from a file, in all: the kernels' memory grows with their squares
_LARGEST = 1_000_000  # far from any that is learned, and from those whose squares overflow
_OF_A_SOURCE = re.compile(r"source-(\d{1,3})\.(.+)")

Values = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Belief:
    """The posterior of a Gaussian process over designs, with kernel scale · exp(−squared distance).

    A design's point is made of its steps' embeddings, each times the step's weight; in spaces of variable
    length also of its summaries and the sum of the embeddings, each times a weight of its own. A search that
    started from earlier ones adds a linear regression on what those expect of a design: its last columns are
    1 and those means, each times a weight, and the kernel has their scalar product in it.

    Attributes:
        options: [features, size], the embedding of each feature of a step.
        step_weights: [max_steps].
        whole_weights: [summaries + size], or [0] where all designs have the same length.
        points: [n, …], of the designs that were fitted.
        targets: [n], their scores.
        scores, rewards: [all], ascending; every evaluated design's, for turning scores into rewards.
        facts: [scale, noise], the kernel's variance and the noise's.
        memory_weights: [1 + sources], or [0] where there are none.
        actions: int64 [n, max_steps], the designs that were fitted; [0, …] where that isn't known.
        sources: the beliefs of earlier searches that this one builds upon.
    """

    options: Values
    step_weights: Values
    whole_weights: Values
    points: Values
    targets: Values
    scores: Values
    rewards: Values
    facts: Values
    memory_weights: Values = field(default_factory=lambda: np.zeros(0))
    actions: Actions = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))
    sources: tuple["Belief", ...] = ()

    def predict(self, space: SearchSpace, actions: Actions) -> tuple[Values, Values]:
        """Mean and standard deviation of the score of complete designs, float64 [n] each."""
        points = self.embed(space, actions)
        cross = self._kernel(points, self.points)
        explained = (solve_triangular(self._root, cross.T, lower=True) ** 2).sum(axis=0)
        before = self.scale + (points[:, self._width :] ** 2).sum(axis=1)
        return cross @ self._solution, np.sqrt(np.maximum(before - explained, 1e-12))

    def mean(self, space: SearchSpace, actions: Actions) -> Values:
        """The mean alone, which is much quicker, float64 [n]."""
        return self._kernel(self.embed(space, actions), self.points) @ self._solution

    def joint(self, space: SearchSpace, actions: Actions) -> tuple[Values, Values]:
        """Mean [n] and covariance [n, n] of the scores of complete designs."""
        points = self.embed(space, actions)
        cross = self._kernel(points, self.points)
        explained = solve_triangular(self._root, cross.T, lower=True)
        return cross @ self._solution, self._kernel(points, points) - explained.T @ explained

    def expected_rewards(self, space: SearchSpace, actions: Actions) -> Values:
        """The mean scores as rewards: between the evaluated ones that stand left and right of them."""
        return np.interp(self.mean(space, actions), self.scores, self.rewards)

    def embed(self, space: SearchSpace, actions: Actions) -> Values:
        """The points of complete designs, float64 [n, …]."""
        embedded = space.tokens(actions).astype(np.float64) @ self.options
        # Not -1 for the width: it may not be left open where there are no designs.
        width = embedded.shape[1] * embedded.shape[2]
        points = [(embedded * self.step_weights[:, None]).reshape(len(actions), width)]
        if len(self.whole_weights):
            whole = np.concatenate([space.summaries(actions), embedded.sum(axis=1)], axis=1)
            points.append(whole * self.whole_weights)
        if len(self.memory_weights):
            points.append(recalled(self.sources, space, actions) * self.memory_weights)
        return np.concatenate(points, axis=1)

    @property
    def slopes(self) -> Values:
        """By how much the mean rises with what each source expects, [sources]."""
        first = self._width + 1
        return self.memory_weights[1:] * (self.points[:, first:].T @ self._solution)

    @property
    def depth(self) -> int:
        """Searches in a row that led here, from 1."""
        return 1 + max((source.depth for source in self.sources), default=0)

    @property
    def searches(self) -> int:
        """Searches that led here, itself included."""
        return 1 + sum(source.searches for source in self.sources)

    @property
    def scale(self) -> float:
        return float(self.facts[0])

    @property
    def noise(self) -> float:
        return float(self.facts[1])

    def save(self, folder: Path) -> None:
        """Writes `reward_model.safetensors`, beside and renamed."""
        write_arrays(folder / FILE, {"format": np.array([FORMAT]), **_flat(self)})

    @classmethod
    def load(cls, folder: Path, space: SearchSpace) -> Self | None:
        """Reads what `save` wrote, also that of earlier versions; None where there is none.

        Raises:
            ValueError: for a file that is damaged or of another space.
        """
        path = folder / FILE
        if not path.is_file():
            return None
        arrays = read_arrays(path, "reward model")
        written = arrays.pop("format", np.array([1]))
        if written.dtype != np.int64 or written.shape != (1,) or not 1 <= written[0] <= FORMAT:
            raise ValueError(
                f"{path} has a format that this version can't read: {written.tolist()}, not {FORMAT}"
            )
        if written[0] == 1:
            arrays |= {"memory_weights": np.zeros(0), "actions": np.zeros((0, space.max_steps), np.int64)}
        belief = cls._from_arrays(arrays, path, 1)
        try:
            belief._check(space)
            if belief.searches > MOST_SEARCHES:
                raise ValueError(f"more than {MOST_SEARCHES} searches lie in one another")
            if belief._squares > _MOST_POINTS**2:
                raise ValueError(
                    f"its searches together have too many designs; one alone may have {_MOST_POINTS:,}"
                )
            belief.predict(space, space.random_actions(1, np.random.default_rng(0)))
        except (ValueError, np.linalg.LinAlgError) as error:
            raise ValueError(f"{path} is damaged or not for space {space.name!r}: {error}") from error
        return belief

    @classmethod
    def _from_arrays(cls, arrays: Mapping[str, NDArray[Any]], path: Path, depth: int) -> Self:
        """The inverse of `_flat`."""
        if depth > DEEPEST:
            raise ValueError(f"{path} is damaged: more than {DEEPEST} sources lie in one another")
        own, nested = dict[str, NDArray[Any]](), dict[int, Arrays]()
        for name, array in arrays.items():
            match = _OF_A_SOURCE.fullmatch(name)
            if match is None:
                own[name] = array
            else:
                nested.setdefault(int(match[1]), {})[match[2]] = array
        if set(own) != {*NUMBERS, "actions"} or sorted(nested) != list(range(len(nested))):
            raise ValueError(f"{path} must hold {', '.join(NUMBERS)} and actions, got {sorted(own)[:8]}")
        if not all(own[name].dtype == np.float64 and np.isfinite(own[name]).all() for name in NUMBERS):
            raise ValueError(f"{path} must hold finite float64 numbers only, and int64 actions")
        for name in set(NUMBERS) - {"rewards"}:
            if (np.abs(own[name]) > _LARGEST).any():
                raise ValueError(f"{path} is damaged: {name!r} holds numbers beyond {_LARGEST:,}")
        if own["actions"].dtype != np.int64:
            raise ValueError(f"{path} must hold actions of int64, got {own['actions'].dtype}")
        sources = (cls._from_arrays(nested[i], path, depth + 1) for i in range(len(nested)))
        return cls(**own, sources=tuple(sources))

    def _check(self, space: SearchSpace) -> None:
        """Raises ValueError where the arrays don't fit each other or the space."""
        for source in self.sources:
            source._check(space)
        nothing = space.pad([])
        steps, features = space.tokens(nothing).shape[1:]
        summaries = space.summaries(nothing).shape[1]
        size = self.options.shape[-1] if self.options.ndim else 0
        points, all_ = self.targets.size, self.scores.size
        whole = summaries + size if summaries else 0
        memories = 1 + len(self.sources) if self.sources else 0
        known = points if self.actions.size else 0
        shapes = {
            "options": (features, size),
            "step_weights": (steps,),
            "whole_weights": (whole,),
            "points": (points, steps * size + whole + memories),
            "targets": (points,),
            "scores": (all_,),
            "rewards": (all_,),
            "facts": (2,),
            "memory_weights": (memories,),
            "actions": (known, space.max_steps),
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
        if ((self.actions < -1) | (self.actions >= space.num_actions)).any():
            raise ValueError(f"'actions' must be from -1 to {space.num_actions - 1}")

    @cached_property
    def _root(self) -> Values:
        kernel = self._kernel(self.points, self.points)
        return cholesky(kernel + (self.noise + 1e-6) * np.eye(len(kernel)), lower=True)

    @cached_property
    def _solution(self) -> Values:
        return cho_solve((self._root, True), self.targets)

    def _kernel(self, left: Values, right: Values) -> Values:
        own = self._width
        recalled = left[:, own:] @ right[:, own:].T if len(self.memory_weights) else 0.0
        left, right = left[:, :own], right[:, :own]
        squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * left @ right.T
        return self.scale * np.exp(-np.maximum(squares, 0)) + recalled

    @property
    def _squares(self) -> int:
        """The sizes of all kernels together."""
        return self.targets.size**2 + sum(source._squares for source in self.sources)

    @property
    def _width(self) -> int:
        """The columns of a point that the distance is made of."""
        return self.step_weights.size * self.options.shape[1] + self.whole_weights.size


def recalled(sources: Sequence[Belief], space: SearchSpace, actions: Actions) -> Values:
    """1 and what each source expects of complete designs, float64 [n, 1 + sources]."""
    return np.stack([np.ones(len(actions)), *(source.mean(space, actions) for source in sources)], axis=1)


NUMBERS = tuple(name for name in Belief.__annotations__ if name not in ("actions", "sources"))


def vars_of(belief: Belief) -> dict[str, Values]:
    """The arrays of numbers by name, without what was worked out from them and without the sources."""
    return {name: getattr(belief, name) for name in NUMBERS}


def _flat(belief: Belief) -> Arrays:
    """All arrays by name, those of sources as `source-0.…`."""
    arrays: Arrays = {**vars_of(belief), "actions": belief.actions}
    for number, source in enumerate(belief.sources):
        arrays |= {f"source-{number}.{name}": array for name, array in _flat(source).items()}
    return arrays
