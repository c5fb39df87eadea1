"""`RewardModel`: fits to evaluated designs what a search believes of all others, a Gaussian process."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import gpytorch
import numpy as np
import torch
from gpytorch.constraints import Positive
from gpytorch.priors import NormalPrior
from numpy.typing import NDArray
from scipy.stats import norm, rankdata
from torch import Tensor, nn

from rl_designer.agents.belief import Belief, recalled
from rl_designer.envs.search_spaces.base import Actions, SearchSpace
from rl_designer.envs.seeding import stream


@dataclass(frozen=True)
class RewardModelSettings:
    """How the reward model is fitted.

    Attributes:
        embedding: numbers that stand for an option or a layer; 0 for one-hot ones, unlearned.
        first_steps: steps of Adam at the first fit; `steps` at each fit after.
        most_points: designs that a fit looks at; beyond, the better half of them and the latest.
        scale: the process's variance that a fit starts from and stays near to; with sources, of what they
            don't explain.
    """

    embedding: int = 3
    first_steps: int = 50
    steps: int = 8
    learning_rate: float = 0.05
    most_points: int = 512
    scale: float = 1.0


class RewardModel:
    """Predicts rewards, in standard deviations of a normal distribution that has the rewards' ranks.

    Ranks make it the same for every monotone rescaling of a reward, and failures simply the worst. The kernel
    is a squared exponential over *learned embeddings* of the options, with a weight for each step, so that it
    finds out which options act alike and which decisions matter. Variable-length designs are also compared by
    the sum of their layers' embeddings, so that an inserted layer doesn't make all the rest different.

    Args:
        space: gives the features of a design (`tokens`, `summaries`).
        sources: what earlier searches in the same space believe. Rewards are regressed on what they expect,
            with an offset and a weight for each, and the process learns the rest; it starts with the
            embeddings of the first.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        seed: int = 0,
        settings: RewardModelSettings = RewardModelSettings(),
        sources: Sequence[Belief] = (),
    ) -> None:
        self.space = space
        self.settings = settings
        self.sources = tuple(sources)
        self._generator = torch.Generator().manual_seed(int(stream(seed, "reward model").integers(2**63)))
        self._process: _Process | None = None

    def fit(self, actions: Actions, rewards: NDArray[np.float64]) -> Belief:
        """What to believe after evaluated designs; a later fit carries on from the one before.

        Args:
            actions: int64 [n, max_steps], padded with -1, n at least 1.
            rewards: float64 [n].
        """
        kept = self._kept(rewards)
        scores = normal_scores(rewards)
        features = self._features(actions[kept])
        targets = torch.as_tensor(scores[kept])
        settings = self.settings
        if self._process is None:
            self._process = _Process(self.space, features, targets, settings, self._generator, self.sources)
            self._process.learn(settings.first_steps, settings.learning_rate)
        else:
            self._process.set_train_data(features, targets, strict=False)
            self._process.learn(settings.steps, settings.learning_rate)
        return self._belief(actions[kept], scores, rewards, kept)

    def _belief(
        self,
        actions: Actions,
        scores: NDArray[np.float64],
        rewards: NDArray[np.float64],
        kept: NDArray[np.int64],
    ) -> Belief:
        assert self._process is not None
        parameters = self._process.parameters_as_arrays()
        empty = np.zeros((0, 0))
        belief = Belief(
            **parameters,
            points=empty,
            targets=scores[kept],
            scores=np.sort(scores),
            rewards=np.sort(rewards),
            actions=actions,
            sources=self.sources,
        )
        return dataclasses.replace(belief, points=belief.embed(self.space, actions))

    def _kept(self, rewards: NDArray[np.float64]) -> NDArray[np.int64]:
        most = self.settings.most_points
        if len(rewards) <= most:
            return np.arange(len(rewards))
        best = np.argsort(-rewards, kind="stable")[: most // 2]
        others = np.setdiff1d(np.arange(len(rewards)), best)
        return np.sort(np.concatenate([best, others[-(most - len(best)) :]]))

    def _features(self, actions: Actions) -> Tensor:
        tokens = self.space.tokens(actions).reshape(len(actions), -1)
        seen = torch.as_tensor(np.concatenate([tokens, self.space.summaries(actions)], axis=1)).double()
        if not self.sources:
            return seen
        return torch.cat([seen, torch.as_tensor(recalled(self.sources, self.space, actions))], dim=1)


def normal_scores(rewards: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rewards' ranks as quantiles of the standard normal distribution, float64 [n]."""
    return norm.ppf((rankdata(rewards) - 0.5) / len(rewards))


class _Embedding(nn.Module):
    """Features of a design → a point; the distance of two points is what the kernel sees."""

    def __init__(
        self, steps: int, tokens: int, summaries: int, size: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.steps, self.tokens, self.varying = steps, tokens, summaries > 0
        draw = torch.randn(tokens, size, generator=generator, dtype=torch.float64)
        options = 0.6 * draw if size else torch.eye(tokens, dtype=torch.float64)
        self.options = nn.Parameter(options, requires_grad=size > 0)
        size = options.shape[1]
        # Designs that differ everywhere are about one length scale apart, however many steps there are.
        width = summaries + size if self.varying else 0
        self.log_weights = nn.Parameter(torch.full((steps,), -np.log(steps) / 2, dtype=torch.float64))
        self.log_whole = nn.Parameter(torch.full((width,), -np.log(max(width, 1)) / 2, dtype=torch.float64))
        self.prior = [parameter.detach().clone() for parameter in self.parameters()]

    def forward(self, features: Tensor) -> Tensor:
        tokens = features[:, : self.steps * self.tokens].reshape(-1, self.steps, self.tokens)
        embedded = tokens @ self.options
        point = (embedded * self.log_weights.exp()[:, None]).flatten(1)
        if not self.varying:
            return point
        whole = torch.cat([features[:, self.steps * self.tokens :], embedded.sum(dim=1)], dim=1)
        return torch.cat([point, whole * self.log_whole.exp()], dim=1)

    def start_from(self, belief: Belief) -> None:
        """Takes over what was learned before, as the values to start from and to stay close to."""
        learned = (belief.options, np.log(belief.step_weights), np.log(belief.whole_weights))
        for parameter, value in zip(self.parameters(), learned, strict=True):
            if parameter.shape == value.shape:  # a belief of other settings has other sizes
                parameter.data = torch.tensor(value)
        self.prior = [parameter.detach().clone() for parameter in self.parameters()]

    def log_prior(self) -> Tensor:
        """Independent normal distributions around the starting values."""
        spreads = (0.7, 0.9, 0.9)
        pairs = zip(self.parameters(), self.prior, spreads, strict=True)
        return sum(
            (-0.5 * (((now - start) / spread) ** 2).sum() for now, start, spread in pairs), torch.zeros(())
        )


class _Process(gpytorch.models.ExactGP):
    """An exact Gaussian process; parameters by maximum a posteriori."""

    def __init__(
        self,
        space: SearchSpace,
        x: Tensor,
        y: Tensor,
        settings: RewardModelSettings,
        generator: torch.Generator,
        sources: Sequence[Belief],
    ) -> None:
        noise = gpytorch.likelihoods.GaussianLikelihood(
            noise_prior=gpytorch.priors.LogNormalPrior(-3.0, 1.0),
            noise_constraint=Positive(torch.exp, torch.log),
        )
        super().__init__(x, y, noise)
        steps = space.max_steps
        summaries = space.summaries(space.pad([])).shape[1]
        memories = len(sources) + 1 if sources else 0
        self.seen = x.shape[1] - memories
        tokens = (self.seen - summaries) // steps
        self.embedding = _Embedding(steps, tokens, summaries, settings.embedding, generator)
        if sources:
            self.embedding.start_from(sources[0])
        self.log_memory = nn.Parameter(torch.zeros(memories))
        self.mean_module = gpytorch.means.ZeroMean()
        self.covar_module = gpytorch.kernels.ScaleKernel(
            gpytorch.kernels.RBFKernel(), outputscale_constraint=Positive(torch.exp, torch.log)
        )
        self.covar_module.base_kernel.raw_lengthscale.requires_grad_(False)
        self.double()
        self.likelihood.noise = float(np.exp(-3.0))
        self.covar_module.outputscale = settings.scale
        self.covar_module.base_kernel.lengthscale = 0.5**0.5
        self.covar_module.register_prior(
            "log_outputscale",
            NormalPrior(float(np.log(settings.scale)), 1.0),
            lambda kernel: kernel.raw_outputscale,
        )

    def forward(self, x: Tensor) -> gpytorch.distributions.MultivariateNormal:
        point = self.embedding(x[:, : self.seen])
        covariance = self.covar_module(point)
        if len(self.log_memory):
            memory = x[:, self.seen :] * self.log_memory.exp()
            covariance = covariance.add_low_rank(memory, generate_roots=False)
        return gpytorch.distributions.MultivariateNormal(self.mean_module(point), covariance)

    def learn(self, steps: int, learning_rate: float) -> None:
        self.train()
        self.likelihood.train()
        likelihood = gpytorch.mlls.ExactMarginalLogLikelihood(self.likelihood, self)
        adam = torch.optim.Adam([p for p in self.parameters() if p.requires_grad], lr=learning_rate)
        points = len(self.train_targets)
        for _ in range(steps):
            adam.zero_grad()
            loss = -likelihood(self(*self.train_inputs), self.train_targets)
            prior = self.embedding.log_prior() - 0.5 * (self.log_memory**2).sum()
            (loss - prior / points).backward()
            adam.step()
        self.eval()
        self.likelihood.eval()

    def parameters_as_arrays(self) -> dict[str, NDArray[np.float64]]:
        """What `Belief` needs of it."""
        embedding = self.embedding
        facts = [self.covar_module.outputscale.item(), self.likelihood.noise.item()]
        return {
            "options": embedding.options.detach().numpy().copy(),
            "step_weights": embedding.log_weights.detach().exp().numpy(),
            "whole_weights": embedding.log_whole.detach().exp().numpy(),
            "facts": np.array(facts),
            "memory_weights": self.log_memory.detach().exp().numpy(),
        }
