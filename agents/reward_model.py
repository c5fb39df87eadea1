"""`RewardModel`: fits to evaluated designs what a search believes of all others, by a Gaussian process."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve, cholesky
from scipy.optimize import minimize
from scipy.stats import norm, rankdata

from rl_designer.agents.belief import JITTER, Belief, Values, describe, recalled
from rl_designer.agents.prior import Prior
from rl_designer.envs.search_spaces.base import Actions, SearchSpace
from rl_designer.envs.seeding import stream

_ORDINARY_DESIGNS = 2_000  # random ones, by which numbers are standardised
_CONSTANT = 1e-6  # deviation of a number, up to which only rounding makes it vary
_LEAST_SPREAD = 0.5  # of designs that are alike by what a prior expects, in that of random ones
_FARTHEST = 100.0  # from the prior, in logarithms: a step of the fit beyond would overflow
_IN_COMMON = 0.5  # of the luck: an example that is hard is hard for most designs
_LOG_TREND, _LOG_NOISE = -1.2, -3.0  # before anything is known; all deviations below are 1


@dataclass(frozen=True)
class RewardModelSettings:
    """How the reward model is fitted.

    Attributes:
        structure: whether designs are compared by what the space knows of them for free, where it does.
        most_points: designs that a fit looks at; beyond, the better half of them and the latest.
        scale: the process's variance that a fit starts from and stays near to, beside that of its trend; with
            sources, of what they don't explain.
        most_steps: of the optimiser, at each fit.
    """

    structure: bool = True
    most_points: int = 512
    scale: float = 0.7
    most_steps: int = 100


class RewardModel:
    """Predicts rewards, in standard deviations of a normal distribution that has the rewards' ranks.

    Ranks make it the same for every monotone rescaling of a reward, and failures simply the worst. The kernel
    (`Belief`) compares what the space knows of designs for free (`SearchSpace.structure`), with one length
    scale a group, times one for each feature of an action in groups that are made of these. In spaces that
    know nothing it compares designs step by step, with a weight for each step and one for each option.
    Scales and weights are those of the highest posterior density, a normal distribution around values that
    make random designs about one length scale apart. Nothing is random.

    Args:
        space: describes designs.
        sources: what earlier searches in the same space believe, and priors. Rewards are regressed on what
            they expect, with an offset and a weight for each, and the process learns the rest; it starts with
            the length scales of the first search.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        settings: RewardModelSettings = RewardModelSettings(),
        sources: Sequence[Belief | Prior] = (),
    ) -> None:
        self.space = space
        self.settings = settings
        self.sources = tuple(sources)
        known = settings.structure and bool(space.structure(space.pad([])))
        self._measure = _by_structure(space) if known else _by_steps(space)
        scales = self._measure.scales
        earlier = next((source for source in self.sources if isinstance(source, Belief)), None)
        if earlier is not None and bool(earlier.structured[0]) == known:
            scales = earlier.scales if earlier.scales.shape == scales.shape else scales
        memories = 1 + len(self.sources) if self.sources else 0
        self._prior = np.concatenate(
            [[np.log(settings.scale)], scales, np.zeros(memories), [_LOG_TREND, _LOG_NOISE]]
        )
        self._found = self._prior

    def fit(
        self,
        actions: Actions,
        rewards: NDArray[np.float64],
        deviations: NDArray[np.float64] | None = None,
    ) -> Belief:
        """What to believe after evaluated designs; a later fit starts from the one before.

        Args:
            actions: int64 [n, max_steps], padded with -1, n at least 1.
            rewards: float64 [n].
            deviations: float64 [n], standard deviations of what is known to be luck in the rewards, such as
                that of a small validation part; None is 0. What comes on top of it is learned.
        """
        kept = self._kept(rewards)
        scores = scores_of(rewards, actions, self.space, self.sources)
        known = _known_variances(rewards, scores, deviations)[kept]
        described = describe(self.space, actions[kept], structured=self._measure.structured)
        loss = _Loss(
            points=(described - self._measure.centre) / self._measure.spread,
            memory=recalled(self.sources, self.space, actions[kept]),
            targets=scores[kept],
            known=known,
            measure=self._measure,
            prior=self._prior,
        )
        steps = {"maxiter": self.settings.most_steps}
        found = minimize(loss, self._found, jac=True, method="L-BFGS-B", options=steps).x
        if np.isfinite(found).all():
            self._found = found
        return self._belief(actions[kept], scores[kept], known, scores, rewards)

    def _belief(
        self,
        actions: Actions,
        targets: Values,
        known: Values,
        scores: Values,
        rewards: Values,
    ) -> Belief:
        measure, last = self._measure, 1 + len(self._measure.scales)
        scales = self._found[1:last]
        belief = Belief(
            structured=np.array([float(measure.structured)]),
            centre=measure.centre,
            projection=np.exp(measure.log_weights(scales) / 2) / measure.spread,
            scales=scales.copy(),
            points=np.zeros((0, 0)),
            targets=targets,
            known=known,
            scores=np.sort(scores),
            rewards=np.sort(rewards),
            facts=np.exp(self._found[[0, -1]]),
            trend=np.exp(self._found[-2:-1]),
            memory_weights=np.exp(self._found[last:-2]),
            actions=actions,
            sources=self.sources,
        )
        return replace(belief, points=belief.embed(self.space, actions))

    def _kept(self, rewards: NDArray[np.float64]) -> NDArray[np.int64]:
        most = self.settings.most_points
        if len(rewards) <= most:
            return np.arange(len(rewards))
        best = np.argsort(-rewards, kind="stable")[: most // 2]
        others = np.setdiff1d(np.arange(len(rewards)), best)
        return np.sort(np.concatenate([best, others[-(most - len(best)) :]]))


def normal_scores(rewards: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rewards' ranks as quantiles of the standard normal distribution, float64 [n]."""
    return norm.ppf((rankdata(rewards) - 0.5) / len(rewards))


def scores_of(
    rewards: Values, actions: Actions, space: SearchSpace, sources: Sequence[Belief | Prior]
) -> Values:
    """What is learned of rewards: their normal scores, float64 [n]. With a prior it is those among random
    designs, as far as it knows: what a search finds with experience is far better than these, and by ranks
    among few good designs alone any other design would look as good.
    """
    scores = normal_scores(rewards)
    prior = next((source for source in sources if isinstance(source, Prior)), None)
    if prior is None:
        return scores
    expected = prior.mean(space, actions)
    centre: float = expected.mean()
    return centre + max(float(expected.std()), _LEAST_SPREAD) * scores


def _known_variances(rewards: Values, scores: Values, deviations: Values | None) -> Values:
    """The variances of scores by the rewards' deviations, float64 [n]: the square of how far a score moves
    with its reward, up or down, the larger of the two (the best has nowhere to go but down); less what all
    have in common, since all are scored on the same examples.
    """
    if deviations is None:
        return np.zeros(len(rewards))
    distinct, places = np.unique(rewards, return_index=True)
    up, down = (np.interp(rewards + sign * deviations, distinct, scores[places]) for sign in (1, -1))
    return (1 - _IN_COMMON) * np.maximum(up - scores, scores - down) ** 2


@dataclass(frozen=True)
class _Measure:
    """How far apart designs are: the sum of the squared differences of their numbers, each times a weight.

    Attributes:
        structured: whether the numbers are the space's `structure`.
        centre, spread: [numbers], by which they are standardised.
        scales: [scales], logarithms, before anything is known.
        of_number: int64 [2, numbers]; a number's weight is the product of the two scales that this names, of
            which one beyond the last is 1.
    """

    structured: bool
    centre: Values
    spread: Values
    scales: Values
    of_number: NDArray[np.int64]

    def log_weights(self, scales: Values) -> Values:
        """Of each number, [numbers]."""
        first, second = np.append(scales, 0.0)[self.of_number]
        return first + second

    def by_scales(self, gradient: Values) -> Values:
        """A gradient by the numbers' log weights as one by the scales, [scales]."""
        size = len(self.scales) + 1
        both = np.zeros(size)
        for index in self.of_number:
            both += np.bincount(index, gradient, minlength=size)
        return both[:-1]


def _by_structure(space: SearchSpace) -> _Measure:
    """A length scale for each group of the space's structure, and in groups that are made of the actions'
    features one for each feature, the same in all of these; what doesn't vary is not compared.
    """
    sizes = [group.shape[1] for group in space.structure(space.pad([])).values()]
    draws = stream(0, "reward model", "ordinary designs")
    ordinary = describe(space, space.random_actions(_ORDINARY_DESIGNS, draws), structured=True)
    group = np.repeat(np.arange(len(sizes)), sizes)
    deviation = ordinary.std(axis=0)
    varies = deviation > _CONSTANT
    spread = deviation * np.sqrt(np.bincount(group, varies, minlength=len(sizes))[group])
    features = space.action_features.shape[1] if space.action_features.shape[1] in sizes else 0
    of_none = len(sizes) + features
    feature = [np.arange(features) + len(sizes) if n == features else np.full(n, of_none) for n in sizes]
    return _Measure(
        structured=True,
        centre=ordinary.mean(axis=0),
        spread=np.where(varies, spread, np.inf),
        scales=np.repeat([-np.log(max(len(np.unique(group[varies])), 1)), 0.0], [len(sizes), features]),
        of_number=np.stack([group, np.concatenate(feature)]),
    )


def _by_steps(space: SearchSpace) -> _Measure:
    """A weight for each step times one for each option, and one for all the `summaries`."""
    steps, options = space.tokens(space.pad([])).shape[1:]
    summaries = space.summaries(space.pad([])).shape[1]
    step, option = np.divmod(np.arange(steps * options), options)
    scales = np.zeros(steps + options + (summaries > 0))
    scales[:steps] = -np.log(steps)
    whole = np.full(summaries, steps + options)
    numbers = steps * options + summaries
    return _Measure(
        structured=False,
        centre=np.zeros(numbers),
        spread=np.ones(numbers),
        scales=scales,
        of_number=np.stack(
            [np.concatenate([step, whole]), np.concatenate([steps + option, np.full(summaries, len(scales))])]
        ),
    )


@dataclass(frozen=True)
class _Loss:
    """Minus the logarithm of the posterior density of the parameters, and its gradient.

    The parameters are logarithms: of the process's variance, scales, memory's weights, trend and noise.

    Attributes:
        points: [n, numbers], standardised.
        memory: [n, 1 + sources], or [n, 0].
        targets: [n]; known: [n], variances that are known of them.
    """

    points: Values
    memory: Values
    targets: Values
    known: Values
    measure: _Measure
    prior: Values

    def __call__(self, parameters: Values) -> tuple[float, Values]:
        off = parameters - self.prior
        if np.abs(off).max() > _FARTHEST:
            return np.inf, np.zeros_like(parameters)
        last = 1 + len(self.measure.scales)
        scale, trend, noise = np.exp(parameters[[0, -2, -1]])
        points = self.points * np.exp(self.measure.log_weights(parameters[1:last]) / 2)
        memory = self.memory * np.exp(parameters[last:-2])
        norms, products = (points**2).sum(axis=1), points @ points.T
        stretched = 1 + 2 * np.maximum(norms[:, None] + norms - 2 * products, 0)
        kernel = scale / np.sqrt(stretched)
        noises = np.diag(self.known + noise + JITTER)
        try:
            root = cholesky(kernel + trend * products + memory @ memory.T + noises, lower=True)
        except LinAlgError:
            return np.inf, np.zeros_like(parameters)
        inverse = cho_solve((root, True), np.eye(len(points)))
        solution = inverse @ self.targets
        by_kernel = (inverse - np.outer(solution, solution)) / 2
        by_square = by_kernel * kernel / stretched
        # The sum of by_square[a, b] (x[a] - x[b])² for each number, without an array of all differences.
        apart = 2 * (by_square.sum(axis=1) @ points**2 - (points * (by_square @ points)).sum(axis=0))
        along = trend * (points * (by_kernel @ points)).sum(axis=0)
        gradient = [
            [(by_kernel * kernel).sum()],
            self.measure.by_scales(along - apart),
            2 * (memory * (by_kernel @ memory)).sum(axis=0),
            [along.sum(), np.trace(by_kernel) * noise],
        ]
        loss = self.targets @ solution / 2 + np.log(root.diagonal()).sum() + off @ off / 2
        return float(loss), np.concatenate(gradient) + off
