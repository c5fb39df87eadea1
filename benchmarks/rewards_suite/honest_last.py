"""The rewards labelled `honest` by which the check is judged, written before anything was run on them."""

import math
import statistics
from collections.abc import Sequence

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards import accuracy_of, cost_of
from rl_designer.envs.rewards.reward import Cost, known
from rl_designer.envs.seeding import stream

# -- published -----------------------------------------------------------------------------------------


def fbnet(evaluation: Evaluation, *, weight: float = 0.2, power: float = 0.6) -> float:
    """−loss · α · log(latency in µs) ^ β (Wu et al. 2019, equation 2)."""
    latency = max(1e6 * cost_of(evaluation, "latency"), math.e)
    return -known(evaluation, "val_loss") * weight * math.log(latency) ** power


def wilson_bound(evaluation: Evaluation, *, examples: float = 400.0) -> float:
    """The lower end of Wilson's 95 % interval (1927)."""
    share, z = accuracy_of(evaluation), 1.96
    middle = share + z * z / (2 * examples)
    half = z * math.sqrt(share * (1 - share) / examples + z * z / (4 * examples**2))
    return (middle - half) / (1 + z * z / examples)


# -- the same order as accuracy's ----------------------------------------------------------------------


def odds(evaluation: Evaluation) -> float:
    """Right answers for each wrong one."""
    accuracy = accuracy_of(evaluation)
    return accuracy / (1.01 - accuracy)


def squared_error_rate(evaluation: Evaluation) -> float:
    """Minus the square of the share that is wrong."""
    return -((1 - accuracy_of(evaluation)) ** 2)


def bits_of_surprise(evaluation: Evaluation) -> float:
    """Bits by which an error is less likely than a coin's head."""
    return -math.log2(2 * (1.001 - accuracy_of(evaluation)))


def standing(evaluation: Evaluation, *, typical: float, spread: float) -> float:
    """Tanh of half of the deviations from the typical accuracy."""
    return math.tanh((accuracy_of(evaluation) - typical) / (2 * spread))


# -- coarser, noisier, more cautious -------------------------------------------------------------------


def quarter_percents(evaluation: Evaluation) -> float:
    """To the nearest 0.0025."""
    return round(400 * accuracy_of(evaluation)) / 400


def eighth_of_a_spread_of_noise(evaluation: Evaluation, *, spread: float) -> float:
    """With normal noise, the same each time."""
    generator = stream(evaluation.macs or 0, f"eighth {evaluation.val_accuracy!r}")
    return accuracy_of(evaluation) + 0.125 * spread * float(generator.standard_normal())


def agreement(evaluation: Evaluation) -> float:
    """As if two of 54 answers more were right and two wrong (Agresti & Coull 1998)."""
    return (50 * accuracy_of(evaluation) + 2) / 54


# -- of the whole training -----------------------------------------------------------------------------


def last_half(evaluation: Evaluation) -> float:
    """The mean of the second half of the epochs."""
    curve = _curve(evaluation)
    return statistics.fmean(curve[len(curve) // 2 :])


def worst_of_the_last_two(evaluation: Evaluation) -> float:
    """That it hasn't by luck."""
    return min(_curve(evaluation)[-2:])


def accuracy_less_loss(evaluation: Evaluation) -> float:
    """Accuracy, less a tenth of the loss."""
    return accuracy_of(evaluation) - 0.1 * known(evaluation, "val_loss")


def still_rising(evaluation: Evaluation) -> float:
    """The last epoch, and a tenth of what it gained on the one before."""
    curve = _curve(evaluation)
    return curve[-1] + 0.1 * (curve[-1] - curve[-2]) if len(curve) > 1 else curve[-1]


def _curve(evaluation: Evaluation) -> tuple[float, ...]:
    """Raises NotMeasured, as other rewards do, where there is none."""
    return evaluation.learning_curve or (known(evaluation, "val_loss"),)


# -- with a mild eye on a cost -------------------------------------------------------------------------


def soft_limit(
    evaluation: Evaluation, *, target: float, spread: float, cost: Cost = "macs", weight: float = 0.05
) -> float:
    """A twentieth of a spread for each doubling beyond the target, softly from there on."""
    doublings = math.log2(cost_of(evaluation, cost) / target)
    return accuracy_of(evaluation) - weight * spread * math.log1p(math.exp(doublings))


def a_little_of_both(evaluation: Evaluation, *, spread: float) -> float:
    """A hundredth of a spread for each doubling of parameters or of multiply-adds."""
    doublings = math.log2(cost_of(evaluation, "parameters")) + math.log2(cost_of(evaluation, "macs"))
    return accuracy_of(evaluation) - 0.01 * spread * doublings


def a_little_patience(evaluation: Evaluation, *, spread: float) -> float:
    """A fiftieth of a spread for each doubling of the training's seconds."""
    seconds = max(known(evaluation, "training_seconds"), 1e-3)
    return accuracy_of(evaluation) - 0.02 * spread * math.log2(seconds)


def nearly_flat_power(
    evaluation: Evaluation, *, target: float, cost: Cost = "parameters", power: float = 0.01
) -> float:
    """Accuracy times a hundredth root of how far it is beyond the target."""
    return accuracy_of(evaluation) * min(target / cost_of(evaluation, cost), 1.0) ** power


# -- with history --------------------------------------------------------------------------------------


def exponential_rank(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """e to the three-fold share of the run's designs that it beats."""
    own = accuracy_of(evaluation)
    return math.exp(3 * sum(accuracy_of(e) < own for e in history) / max(len(history), 1))


def beyond_the_quartile(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """How much more accurate than three quarters of the run's designs."""
    if len(history) < 4:
        return 0.0
    return accuracy_of(evaluation) - statistics.quantiles(map(accuracy_of, history), n=4)[2]


def deciles(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """Which tenth of the last 50 designs it is in, and a tenth of accuracy."""
    latest, own = history[-50:], accuracy_of(evaluation)
    return math.floor(10 * sum(accuracy_of(e) < own for e in latest) / max(len(latest), 1)) + 0.1 * own


def settling(evaluation: Evaluation, history: Sequence[Evaluation], *, spread: float) -> float:
    """With noise that fades as the run goes on."""
    generator = stream(evaluation.parameters or 0, f"settling {evaluation.val_accuracy!r}")
    noise = 0.5 * spread * float(generator.standard_normal()) / (1 + len(history) / 5)
    return accuracy_of(evaluation) + noise


def less_of_the_run(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """Less the median of all designs so far."""
    return accuracy_of(evaluation) - statistics.median([*map(accuracy_of, history)] or [0.5])
