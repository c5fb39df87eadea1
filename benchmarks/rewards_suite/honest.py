"""Rewards that pay for what the reported accuracy rises with: those of `suite.csv` labelled `honest`.

Parameters without a default are filled in by whoever runs the suite, from the table's searched accuracies:
`typical` is their median, `good` their 90 % quantile, `spread` their standard deviation; `target` comes from
the setting, as for every reward.
"""

import math
from collections.abc import Sequence

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards import accuracy_of, cost_of
from rl_designer.envs.rewards.reward import Cost, known
from rl_designer.envs.seeding import stream

# -- the same order as accuracy's ----------------------------------------------------------------------


def exponential(evaluation: Evaluation, *, rate: float = 7.0) -> float:
    """Steep at the top."""
    return math.exp(rate * accuracy_of(evaluation)) - 3


def log_odds(evaluation: Evaluation) -> float:
    """ln(p / (1 − p))."""
    accuracy = min(max(accuracy_of(evaluation), 1e-6), 1 - 1e-6)
    return math.log(accuracy / (1 - accuracy))


def log_error(evaluation: Evaluation) -> float:
    """−log10 of the share that is wrong."""
    return -math.log10(1 - accuracy_of(evaluation) + 1e-3)


def saturating(evaluation: Evaluation, *, typical: float, spread: float) -> float:
    """Flat far from the typical accuracy."""
    return math.tanh((accuracy_of(evaluation) - typical) / (2 * spread))


def root(evaluation: Evaluation) -> float:
    """Steep at the bottom."""
    return math.sqrt(accuracy_of(evaluation))


def shifted(evaluation: Evaluation, *, by: float = -500.0, scale: float = 1000.0) -> float:
    """Large numbers, all negative for weak networks."""
    return scale * accuracy_of(evaluation) + by


def error_rate(evaluation: Evaluation) -> float:
    """Minus the share that is wrong, always below 0."""
    return accuracy_of(evaluation) - 1


def standardised(evaluation: Evaluation, *, typical: float, spread: float) -> float:
    """In standard deviations of the table's designs."""
    return (accuracy_of(evaluation) - typical) / spread


# -- coarser, noisier, more cautious -------------------------------------------------------------------


def whole_percents(evaluation: Evaluation) -> float:
    """Rounded to 0.01."""
    return round(accuracy_of(evaluation), 2)


def coarse(evaluation: Evaluation, *, spread: float) -> float:
    """In steps of a quarter of the spread."""
    return math.floor(4 * accuracy_of(evaluation) / spread)


def clipped(evaluation: Evaluation, *, good: float) -> float:
    """Nothing more for what is good already."""
    return min(accuracy_of(evaluation), good)


def noisy(evaluation: Evaluation, *, spread: float, noise: float = 0.25) -> float:
    """With normal noise of a quarter of the spread, the same each time."""
    generator = stream(evaluation.parameters or 0, f"noise {evaluation.val_accuracy!r}")
    return accuracy_of(evaluation) + noise * spread * float(generator.standard_normal())


def cautious(evaluation: Evaluation) -> float:
    """Less one standard error of 800 validation examples."""
    accuracy = accuracy_of(evaluation)
    return accuracy - math.sqrt(accuracy * (1 - accuracy) / 800)


# -- of the whole training -----------------------------------------------------------------------------


def last_two_epochs(evaluation: Evaluation) -> float:
    """Mean of the last two epochs' accuracies."""
    return sum(_curve(evaluation)[-2:]) / 2


def best_epoch_cubed(evaluation: Evaluation) -> float:
    """The highest of the last five epochs, cubed (Zoph & Le 2017, section 4.1)."""
    return max(_curve(evaluation)[-5:]) ** 3


def accuracy_and_loss(evaluation: Evaluation, *, weight: float = 0.1) -> float:
    """Accuracy, less a tenth of the loss."""
    return accuracy_of(evaluation) - weight * known(evaluation, "val_loss")


def accuracy_and_area(evaluation: Evaluation, *, weight: float = 0.2) -> float:
    """Accuracy, and a fifth of the curve's mean: who learns sooner is preferred."""
    curve = _curve(evaluation)
    return accuracy_of(evaluation) + weight * sum(curve) / len(curve)


def _curve(evaluation: Evaluation) -> tuple[float, ...]:
    """Raises NotMeasured, as other rewards do, where there is none."""
    return evaluation.learning_curve or (known(evaluation, "val_loss"),)


# -- with a mild eye on a cost -------------------------------------------------------------------------


def beyond_the_target(
    evaluation: Evaluation, *, target: float, cost: Cost = "parameters", weight: float = 0.1
) -> float:
    """Less `weight` for every doubling beyond the target, nothing below it."""
    return accuracy_of(evaluation) - weight * max(math.log2(cost_of(evaluation, cost) / target), 0.0)


def tie_goes_to_the_smaller(evaluation: Evaluation) -> float:
    """Accuracy; where it is equal, the smaller network."""
    return accuracy_of(evaluation) - 1e-6 * math.log2(cost_of(evaluation, "parameters"))


def quicker_if_as_good(evaluation: Evaluation, *, spread: float) -> float:
    """Accuracy, less a fiftieth of the spread for every doubling of the training time."""
    seconds = max(known(evaluation, "training_seconds"), 1e-3)
    return accuracy_of(evaluation) - spread / 50 * math.log2(seconds)


# -- with history --------------------------------------------------------------------------------------


def ahead(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """How much more accurate than the best so far: the reward of `list rewards --template`."""
    return accuracy_of(evaluation) - max(map(accuracy_of, history), default=0.0)


def against_the_mean(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """How much more accurate than the run's designs on average."""
    accuracies = [accuracy_of(earlier) for earlier in history] or [0.5]
    return accuracy_of(evaluation) - sum(accuracies) / len(accuracies)


def ranked(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """1 for a design among the best quarter of the run's, else −1 (Laterre et al. 2018)."""
    below = sum(accuracy_of(earlier) <= accuracy_of(evaluation) for earlier in history)
    return 1.0 if below >= 0.75 * len(history) else -1.0


def rank_among_the_last(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """Share of the last 16 designs that it beats."""
    latest = [accuracy_of(earlier) for earlier in history[-16:]]
    return sum(earlier < accuracy_of(evaluation) for earlier in latest) / max(len(latest), 1)


def warming_up(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """Accuracy, which counts the more the longer the run goes on."""
    return accuracy_of(evaluation) * (1 + len(history) / 100)
