"""Beliefs in small spaces, and GPyTorch's process of the same parameters."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import gpytorch
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rl_designer.agents.belief import FILE, NUMBERS, Belief
from rl_designer.agents.reward_model import RewardModel
from rl_designer.envs.files.archives import read_arrays
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables.wiring import Wiring
from tests.helpers.strategies import walks
from tests.helpers.tables import synthetic_table

TABLE = TableSpace(synthetic_table((3, 4, 2, 3)))
WIRED = TableSpace(
    replace(
        synthetic_table((3, 4, 3)),
        name="wired",
        wiring=Wiring(((0, 1), (0, 2), (1, 2)), absent="option 0"),
    )
)
SIGNALS = make_space("convnet1d", (1, 40), 10, max_parameters=3_000)
SPACES = pytest.mark.parametrize("space", [TABLE, WIRED, SIGNALS], ids=["table", "cells", "convnet1d"])

Values = NDArray[np.float64]
Arrays = dict[str, Values]


def fitted(space: SearchSpace, n: int = 20, seed: int = 0) -> Belief:
    """What a model believes after `n` designs with random rewards, of whose luck something is known."""
    draws = np.random.default_rng(seed)
    return RewardModel(space).fit(walks(space, n, seed), draws.normal(size=n), draws.uniform(0, 1, n))


BELIEFS = {space.name: fitted(space) for space in (TABLE, WIRED, SIGNALS)}


def numbers_of(belief: Belief) -> Arrays:
    return {name: getattr(belief, name) for name in NUMBERS}


class Process(gpytorch.models.ExactGP):
    """GPyTorch's, of a belief's points and parameters."""

    def __init__(self, belief: Belief) -> None:
        noise = gpytorch.likelihoods.FixedNoiseGaussianLikelihood(torch.tensor(belief.known + belief.noise))
        super().__init__(torch.tensor(belief.points), torch.tensor(belief.targets), noise)
        self.width = belief.points.shape[1] - len(belief.memory_weights)
        self.mean_module = gpytorch.means.ZeroMean()
        deviations = gpytorch.kernels.ScaleKernel(gpytorch.kernels.RQKernel())
        trend = gpytorch.kernels.LinearKernel()
        self.covar_module = deviations + trend
        self.double()
        deviations.base_kernel.alpha, deviations.base_kernel.lengthscale = 0.5, 0.5**0.5
        deviations.outputscale, trend.variance = belief.scale, belief.trend
        self.eval()
        self.likelihood.eval()

    def forward(self, x: torch.Tensor) -> gpytorch.distributions.MultivariateNormal:
        covariance = self.covar_module(x[:, : self.width])
        if self.width < x.shape[1]:
            covariance = covariance.add_low_rank(x[:, self.width :], generate_roots=False)
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), covariance)

    def posterior(self, points: Values) -> gpytorch.distributions.MultivariateNormal:
        with torch.no_grad(), gpytorch.settings.fast_computations(False, False, False):
            return self(torch.tensor(points))


def remembering(space: SearchSpace, sources: int = 2, n: int = 12) -> Belief:
    """What a model believes after `n` designs; its sources are what others believe after 20."""
    earlier = [fitted(space, seed=seed) for seed in range(1, sources + 1)]
    rewards = earlier[0].mean(space, walks(space, n)) + 0.1 * np.random.default_rng(0).normal(size=n)
    return RewardModel(space, sources=earlier).fit(walks(space, n), rewards)


def refusal(folder: Path, space: SearchSpace = TABLE) -> str:
    """The one line with which a file is refused; it names the file."""
    with pytest.raises(ValueError) as caught:
        Belief.load(folder, space)
    line = str(caught.value)
    assert "\n" not in line and str(folder / FILE) in line
    return line


def written(belief: Belief, folder: Path) -> Arrays:
    """The arrays of a belief's file."""
    belief.save(folder)
    return read_arrays(folder / FILE, "file")


def without(name: str) -> Callable[[Arrays], None]:
    """Damage by which an array is missing."""

    def damage(arrays: Arrays) -> None:
        del arrays[name]

    return damage


def changed(
    name: str, change: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.update({name: change(arrays[name])})


def with_last(value: float) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    def change(array: NDArray[np.float64]) -> NDArray[np.float64]:
        array = array.copy()
        array.flat[-1] = value
        return array

    return change
