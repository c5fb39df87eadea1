"""`Belief`: what a fitted reward model expects of designs, as plain arrays."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular

from rl_designer.agents.older_beliefs import Arrays, brought_up, names_in
from rl_designer.agents.prior import WEIGHTS, Prior
from rl_designer.envs.errors import Error
from rl_designer.envs.files.archives import read_arrays, write_arrays
from rl_designer.envs.search_spaces.base import Actions, SearchSpace

FILE = "reward_model.safetensors"
# 1 knew of no actions, sources or format; then came `structured` and so on, `known`, `trend`, priors.
FORMAT = 6
DEEPEST = 8  # searches in a row, each of which built upon the one before
MOST_SEARCHES = 64  # that one builds upon, itself included, directly or through others
_MOST_POINTS = 4_096  # read from a file, in all: the kernels' memory grows with their squares
_LARGEST = 1_000_000  # far from any that is learned, and from those whose squares overflow
JITTER = 1e-6  # beside the noise
_OF_A_SOURCE = re.compile(r"source-(\d{1,3})\.(.+)")

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Belief:
    """The posterior of a Gaussian process over designs: a linear trend, and deviations from it.

    The kernel is trend · scalar product + scale / √(1 + 2 · squared distance), of which the second part is a
    rational quadratic with α = ½ (Rasmussen & Williams 2006, section 4.2.1): far designs tell a little, too.

    A design's point is what `described` says of it, less the centre, projected. A search that started from
    earlier ones adds a linear regression on what those expect of a design: its last columns are 1 and those
    means, each times a weight, and the kernel has their scalar product in it.

    Attributes:
        structured: [1], whether designs are described by the space's `structure` (1), or step by step (0).
        centre: [features], of the description; projection: [features], a weight each, or [features, width].
        scales: the logarithms of the fitted weights of groups, or of steps and options, for a later search
            to start from; [0] where they aren't known.
        points: [n, …], of the designs that were fitted.
        targets: [n], their scores; known: [n], what is known of their noise's variances, beside the learned.
        scores, rewards: [all], ascending; every evaluated design's, for turning scores into rewards.
        facts: [scale, noise], the kernel's variance and the noise's.
        trend: [1]; [0] in files of before there was one, whose kernel is scale · exp(−squared distance).
        memory_weights: [1 + sources], or [0] where there are none.
        actions: int64 [n, max_steps], the designs that were fitted; [0, …] where that isn't known.
        sources: the beliefs of earlier searches, and priors, that this one builds upon.
    """

    structured: Values
    centre: Values
    projection: Values
    points: Values
    targets: Values
    scores: Values
    rewards: Values
    facts: Values
    known: Values
    trend: Values
    scales: Values = field(default_factory=lambda: np.zeros(0))
    memory_weights: Values = field(default_factory=lambda: np.zeros(0))
    actions: Actions = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))
    sources: tuple["Belief | Prior", ...] = ()

    def predict(self, space: SearchSpace, actions: Actions) -> tuple[Values, Values]:
        """Mean and standard deviation of the score of complete designs, float64 [n] each."""
        points = self.embed(space, actions)
        cross = self._kernel(points, self.points)
        explained = (solve_triangular(self._root, cross.T, lower=True) ** 2).sum(axis=0)
        own, memory = points[:, : self._width], points[:, self._width :]
        before = self.scale + self.trend.sum() * (own**2).sum(axis=1) + (memory**2).sum(axis=1)
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
        described = describe(space, actions, structured=bool(self.structured[0])) - self.centre
        flat = self.projection.ndim == 1
        points = described * self.projection if flat else described @ self.projection
        memory = recalled(self.sources, space, actions) * self.memory_weights
        return np.concatenate([points, memory], axis=1)

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
            raise Error(f"{path} has a format that this version can't read: {written.tolist()}, not {FORMAT}")
        if written[0] == 1:
            arrays |= {"memory_weights": np.zeros(0), "actions": np.zeros((0, space.max_steps), np.int64)}
        belief = cls._from_arrays(arrays, path, int(written[0]), 1)
        try:
            belief.check(space)
            if belief.searches > MOST_SEARCHES:
                raise Error(f"more than {MOST_SEARCHES} searches lie in one another")
            if belief.squares > _MOST_POINTS**2:
                raise Error(
                    f"its searches together have too many designs; one alone may have {_MOST_POINTS:,}"
                )
            belief.predict(space, space.random_actions(1, np.random.default_rng(0)))
        except (ValueError, np.linalg.LinAlgError) as error:
            raise Error(f"{path} is damaged or not for space {space.name!r}: {error}") from error
        return belief

    @classmethod
    def _source_of(cls, arrays: Arrays, path: Path, written: int, depth: int) -> "Belief | Prior":
        is_prior = WEIGHTS[0] in arrays
        return Prior(arrays) if is_prior else cls._from_arrays(arrays, path, written, depth)

    @classmethod
    def _from_arrays(cls, arrays: Mapping[str, NDArray[Any]], path: Path, written: int, depth: int) -> Self:
        """The inverse of `_flat`, and of what earlier formats had in its place."""
        if depth > DEEPEST:
            raise Error(f"{path} is damaged: more than {DEEPEST} sources lie in one another")
        own, nested = dict[str, NDArray[Any]](), dict[int, Arrays]()
        for name, array in arrays.items():
            match = _OF_A_SOURCE.fullmatch(name)
            if match is None:
                own[name] = array
            else:
                nested.setdefault(int(match[1]), {})[match[2]] = array
        numbers = names_in(written, NUMBERS)
        if set(own) != {*numbers, "actions"} or sorted(nested) != list(range(len(nested))):
            raise Error(f"{path} must hold {', '.join(numbers)} and actions, got {sorted(own)[:8]}")
        if not all(own[name].dtype == np.float64 and np.isfinite(own[name]).all() for name in numbers):
            raise Error(f"{path} must hold finite float64 numbers only, and int64 actions")
        for name in set(numbers) - {"rewards"}:
            if (np.abs(own[name]) > _LARGEST).any():
                raise Error(f"{path} is damaged: {name!r} holds numbers beyond {_LARGEST:,}")
        if own["actions"].dtype != np.int64:
            raise Error(f"{path} must hold actions of int64, got {own['actions'].dtype}")
        sources = (cls._source_of(nested[i], path, written, depth + 1) for i in range(len(nested)))
        return cls(**brought_up(own, written, path), sources=tuple(sources))

    def check(self, space: SearchSpace) -> None:
        """Raises ValueError where the arrays don't fit each other or the space."""
        for source in self.sources:
            source.check(space)
        if self.structured.shape != (1,) or self.structured[0] not in (0, 1):
            raise Error("'structured' must have the shape (1,), and be 0 or 1")
        features = describe(space, space.pad([]), structured=bool(self.structured[0])).shape[1]
        width = self.projection.shape[-1] if self.projection.ndim else 0
        points, all_ = self.targets.size, self.scores.size
        memories = 1 + len(self.sources) if self.sources else 0
        shapes = {
            "centre": (features,),
            "projection": (features, width)[: max(self.projection.ndim, 1)],
            "scales": (self.scales.size,),
            "points": (points, width + memories),
            "targets": (points,),
            "scores": (all_,),
            "rewards": (all_,),
            "facts": (2,),
            "trend": (min(self.trend.size, 1),),
            "memory_weights": (memories,),
            "actions": (points if self.actions.size else 0, space.max_steps),
            "known": (points,),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise Error(f"{name!r} must have the shape {shape}, got {getattr(self, name).shape}")
        if not 1 <= points <= min(all_, _MOST_POINTS):
            most = min(all_, _MOST_POINTS)
            raise Error(f"from 1 to {most:,} designs must have been fitted, got {points:,}")
        self._check_numbers(space)

    def _check_numbers(self, space: SearchSpace) -> None:
        if (np.diff(self.scores) < 0).any() or (np.diff(self.rewards) < 0).any():
            raise Error("'scores' and 'rewards' must be in ascending order")
        if (self.known < 0).any():
            raise Error("'known' must not be below 0")
        for name in ("facts", "trend"):
            if not (getattr(self, name) > 0).all():
                raise Error(f"{name!r} must be above 0, got {getattr(self, name).tolist()}")
        if ((self.actions < -1) | (self.actions >= space.num_actions)).any():
            raise Error(f"'actions' must be from -1 to {space.num_actions - 1}")

    @cached_property
    def _root(self) -> Values:
        kernel = self._kernel(self.points, self.points)
        return cholesky(kernel + np.diag(self.known + self.noise + JITTER), lower=True)

    @cached_property
    def _solution(self) -> Values:
        return cho_solve((self._root, True), self.targets)

    def _kernel(self, left: Values, right: Values) -> Values:
        own = self._width
        memory = left[:, own:] @ right[:, own:].T
        left, right = left[:, :own], right[:, :own]
        products = left @ right.T
        squares = np.maximum((left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * products, 0)
        if not self.trend.size:
            return self.scale * np.exp(-squares) + memory
        return self.scale / np.sqrt(1 + 2 * squares) + self.trend * products + memory

    @property
    def squares(self) -> int:
        """The sizes of all kernels together."""
        return self.targets.size**2 + sum(source.squares for source in self.sources)

    @property
    def _width(self) -> int:
        """The columns of a point that the distance is made of."""
        return self.projection.shape[-1]


def describe(space: SearchSpace, actions: Actions, *, structured: bool) -> Values:
    """What a reward model sees of complete designs, float64 [n, numbers]: the space's `structure`, or each
    step's `tokens` and the `summaries`.
    """
    if structured:
        parts = list(space.structure(actions).values())
    else:
        tokens = space.tokens(actions)
        # Not -1 for the width: it may not be left open where there are no designs.
        parts = [tokens.reshape(len(actions), tokens.shape[1] * tokens.shape[2]), space.summaries(actions)]
    return np.concatenate([np.zeros((len(actions), 0)), *parts], axis=1, dtype=np.float64)


def recalled(sources: Sequence[Belief | Prior], space: SearchSpace, actions: Actions) -> Values:
    """1 and what each source expects of complete designs, float64 [n, 1 + sources]; [n, 0] without any."""
    if not sources:
        return np.zeros((len(actions), 0))
    return np.stack([np.ones(len(actions)), *(source.mean(space, actions) for source in sources)], axis=1)


NUMBERS = tuple(name for name in Belief.__annotations__ if name not in ("actions", "sources"))


def _flat(belief: Belief) -> Arrays:
    """All arrays by name, those of sources as `source-0.…`."""
    arrays: Arrays = {name: getattr(belief, name) for name in (*NUMBERS, "actions")}
    for number, source in enumerate(belief.sources):
        theirs = source.arrays if isinstance(source, Prior) else _flat(source)
        arrays |= {f"source-{number}.{name}": array for name, array in theirs.items()}
    return arrays
