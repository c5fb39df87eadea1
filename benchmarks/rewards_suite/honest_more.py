"""More rewards labelled `honest`, written after the others and before anything was run on them."""

import math
import statistics
from collections.abc import Sequence

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards import accuracy_of, cost_of
from rl_designer.envs.rewards.reward import Cost, known
from rl_designer.envs.seeding import stream

# -- the same order as accuracy's ----------------------------------------------------------------------


def tenth_power(evaluation: Evaluation) -> float:
    """Only the best count."""
    return accuracy_of(evaluation) ** 10


def log_accuracy(evaluation: Evaluation) -> float:
    """ln of the share that is right."""
    return math.log(max(accuracy_of(evaluation), 1e-3))


def arcsine(evaluation: Evaluation) -> float:
    """arcsin √p, whose variance doesn't depend on p."""
    return math.asin(math.sqrt(accuracy_of(evaluation)))


def probit(evaluation: Evaluation) -> float:
    """The normal quantile of the share that is right."""
    return statistics.NormalDist().inv_cdf(min(max(accuracy_of(evaluation), 1e-6), 1 - 1e-6))


def steep_at_the_good(evaluation: Evaluation, *, good: float, spread: float) -> float:
    """A logistic curve around what is good."""
    return 1 / (1 + math.exp(-2 * (accuracy_of(evaluation) - good) / spread))


def double_beyond_typical(evaluation: Evaluation, *, typical: float) -> float:
    """Twice as steep beyond the typical accuracy."""
    accuracy = accuracy_of(evaluation)
    return accuracy + max(accuracy - typical, 0.0)


# -- coarser, noisier, more cautious -------------------------------------------------------------------


def half_percents(evaluation: Evaluation) -> float:
    """Rounded down to 0.005."""
    return math.floor(200 * accuracy_of(evaluation)) / 200


def a_little_uniform_noise(evaluation: Evaluation, *, spread: float) -> float:
    """With noise of up to a fifth of the spread either way, the same each time."""
    generator = stream(evaluation.macs or 0, f"uniform {evaluation.val_accuracy!r}")
    return accuracy_of(evaluation) + spread * float(generator.uniform(-0.2, 0.2))


def very_cautious(evaluation: Evaluation) -> float:
    """Less two standard errors of 400 validation examples."""
    accuracy = accuracy_of(evaluation)
    return accuracy - 2 * math.sqrt(accuracy * (1 - accuracy) / 400)


# -- of the whole training -----------------------------------------------------------------------------


def median_of_three_epochs(evaluation: Evaluation) -> float:
    """The median of the last three epochs."""
    return statistics.median(_curve(evaluation)[-3:])


def later_epochs_more(evaluation: Evaluation) -> float:
    """The mean over epochs, each weighted by its number squared."""
    curve = _curve(evaluation)
    weights = [number**2 for number in range(1, len(curve) + 1)]
    return sum(w * value for w, value in zip(weights, curve, strict=True)) / sum(weights)


def last_and_best_epoch(evaluation: Evaluation) -> float:
    """Half of each."""
    curve = _curve(evaluation)
    return (curve[-1] + max(curve)) / 2


def likelihood(evaluation: Evaluation) -> float:
    """The geometric mean of the probabilities given to the right classes."""
    return math.exp(-known(evaluation, "val_loss"))


def _curve(evaluation: Evaluation) -> tuple[float, ...]:
    """Raises NotMeasured, as other rewards do, where there is none."""
    return evaluation.learning_curve or (known(evaluation, "val_loss"),)


# -- with a mild eye on a cost -------------------------------------------------------------------------


def beyond_twice_the_target(
    evaluation: Evaluation, *, target: float, cost: Cost = "macs", weight: float = 0.05
) -> float:
    """Less `weight` for each target beyond the second."""
    return accuracy_of(evaluation) - weight * max(cost_of(evaluation, cost) / target - 2, 0.0)


def a_little_latency(evaluation: Evaluation, *, spread: float) -> float:
    """Every doubling of the latency costs a hundredth of the spread."""
    return accuracy_of(evaluation) - 0.01 * spread * math.log2(cost_of(evaluation, "latency"))


# -- with history --------------------------------------------------------------------------------------


def against_the_median_of_the_last(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """How much more accurate than the median of the last 20."""
    latest = [accuracy_of(earlier) for earlier in history[-20:]] or [0.5]
    return accuracy_of(evaluation) - statistics.median(latest)


def z_score(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """In standard deviations of the run's designs so far."""
    if len(history) < 2:
        return 0.0
    accuracies = [accuracy_of(earlier) for earlier in history]
    spread = max(statistics.pstdev(accuracies), 1e-3)
    return (accuracy_of(evaluation) - statistics.fmean(accuracies)) / spread


def moving_baseline(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """Less an average that forgets, as REINFORCE's baseline."""
    baseline = 0.5
    for earlier in history:
        baseline += 0.1 * (accuracy_of(earlier) - baseline)
    return accuracy_of(evaluation) - baseline


def among_the_ten_best(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """Accuracy, and how many of the ten best so far it beats."""
    best = sorted(map(accuracy_of, history), reverse=True)[:10]
    return accuracy_of(evaluation) + sum(accuracy_of(evaluation) > other for other in best) / 10
