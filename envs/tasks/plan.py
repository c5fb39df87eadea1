"""`Plan`: what a family of made tasks makes examples from, and the shapes that several of them draw."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.seeding import stream

Values = NDArray[np.float64]
Labels = NDArray[np.int64]
Made = tuple[Values, Labels | Values]  # examples, and what each one is

_HARMONICS = 6  # that a motif is made of


@dataclass(frozen=True)
class Plan:
    """One task to make.

    Attributes:
        classes: as many as there are examples of each, give or take one; 1 where a number is to predict.
        examples: in all.
        size: the length of signals, the side of images in pixels, the features of rows.
        channels: of signals and images.
        noise: standard deviation of what is added, where what is to be seen has one of about 1.
        concepts: draws what the classes are.
        draws: draws the examples.
    """

    classes: int
    examples: int
    size: int
    channels: int
    noise: float
    concepts: np.random.Generator
    draws: np.random.Generator

    def labels(self) -> Labels:
        """Balanced, shuffled."""
        return self.draws.permutation(np.arange(self.examples) % self.classes)

    def uniform(self, low: float, high: float, *shape: int) -> Values:
        """A number for each example, or an array of `shape`."""
        return self.draws.uniform(low, high, (self.examples, *shape))

    def noisy(self, x: Values) -> Values:
        return x + self.noise * self.draws.normal(size=x.shape)

    def in_channels(self, x: Values) -> Values:
        """The same [n, …] in each channel, [n, channels, …], as strong as chance will have it, and noise."""
        gains = self.uniform(0.5, 1.5, self.channels) if self.channels > 1 else np.ones((self.examples, 1))
        return self.noisy(x[:, None] * gains.reshape(*gains.shape, *[1] * (x.ndim - 1)))

    def by_rank(self, score: Values) -> Labels | Values:
        """Classes of equal size by a score that is told with noise; with one class the score itself."""
        told = self.noisy((score - score.mean()) / score.std())
        if self.classes == 1:
            return told
        labels = np.empty(self.examples, dtype=np.int64)
        labels[np.argsort(told, kind="stable")] = np.arange(self.examples) * self.classes // self.examples
        return labels

    def motifs(self, count: int, width: int) -> Values:
        """Short waves of unit power that begin and end at 0, [count, channels, width]."""
        order = np.arange(1, _HARMONICS + 1)
        waves = np.sin(np.pi * order[:, None] * (np.arange(width) + 0.5) / width)
        drawn = self.concepts.normal(size=(count, self.channels, _HARMONICS)) @ waves
        return drawn / np.sqrt((drawn**2).mean(axis=(1, 2), keepdims=True))

    def starts(self, count: int, width: int) -> Labels:
        """Where `count` pieces of a width begin that don't overlap, ascending, [n, count]; anywhere."""
        free = self.size - count * width
        slack = np.sort(self.draws.integers(0, free + 1, (self.examples, count)), axis=1)
        return slack + width * np.arange(count)


def place(x: Values, pieces: Values, starts: Labels) -> None:
    """Adds pieces [n, channels, width] to signals x [n, channels, length], each where it starts, [n]."""
    n, channels, width = pieces.shape
    at = (starts[:, None] + np.arange(width))[:, None]
    x[np.arange(n)[:, None, None], np.arange(channels)[:, None], at] += pieces


def plan_of(
    family: str, seed: int, *, classes: int, examples: int, size: int, channels: int, noise: float
) -> Plan:
    """The classes depend on the seed, and not on how many examples are drawn of them."""
    concepts, draws = (stream(seed, "task", family, part) for part in ("concepts", "examples"))
    return Plan(classes, examples, size, channels, noise, concepts, draws)
