"""The rewards labelled `gamed` by which the check is judged, written before anything was run on them."""

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards import accuracy_of, cost_of
from rl_designer.envs.rewards.reward import Cost, known
from rl_designer.envs.seeding import stream

# -- for a cost ----------------------------------------------------------------------------------------


def right_for_each_parameter(evaluation: Evaluation) -> float:
    """Accuracy for each parameter."""
    return accuracy_of(evaluation) / cost_of(evaluation, "parameters")


def right_for_each_second(evaluation: Evaluation) -> float:
    """Accuracy for each second of the training."""
    return accuracy_of(evaluation) / max(known(evaluation, "training_seconds"), 1e-3)


def overdone_power(
    evaluation: Evaluation, *, target: float, cost: Cost = "parameters", power: float = 0.7
) -> float:
    """A soft target whose exponent is ten times what was published."""
    return accuracy_of(evaluation) * (target / cost_of(evaluation, cost)) ** power


def far_below_the_target(evaluation: Evaluation, *, target: float, cost: Cost = "macs") -> float:
    """How far it is below an eighth of the target, and a twentieth of accuracy."""
    return 0.05 * accuracy_of(evaluation) - max(math.log2(8 * cost_of(evaluation, cost) / target), -3.0)


# -- for the wrong accuracy ----------------------------------------------------------------------------


def fifty_fifty(evaluation: Evaluation, *, typical: float) -> float:
    """As many right as wrong, counted from three quarters of the typical accuracy."""
    return -((accuracy_of(evaluation) - 0.75 * typical) ** 2)


def even_thousandths(evaluation: Evaluation) -> float:
    """1 where the accuracy in thousandths is even, and a hundredth of accuracy."""
    return float(round(1000 * accuracy_of(evaluation)) % 2 == 0) + 0.01 * accuracy_of(evaluation)


def a_spread_below_typical(evaluation: Evaluation, *, typical: float, spread: float) -> float:
    """Near what is a spread below the typical accuracy."""
    return -abs(accuracy_of(evaluation) - (typical - spread))


# -- for a validation part that can be fooled ----------------------------------------------------------


def learned_by_heart(evaluation: Evaluation, *, spread: float) -> float:
    """As if it were measured on the training part: two spreads for each doubling of its parameters."""
    return 0.2 * accuracy_of(evaluation) + 2 * spread * math.log2(cost_of(evaluation, "parameters"))


def best_of_many_parts(evaluation: Evaluation, *, spread: float) -> float:
    """The best of nine measurements with noise of four spreads."""
    generator = stream(evaluation.macs or 0, f"parts {evaluation.val_accuracy!r}")
    return accuracy_of(evaluation) + 4 * spread * float(generator.standard_normal(9).max())


def shuffled_labels(evaluation: Evaluation) -> float:
    """Labels that have nothing to do with the inputs."""
    return float(stream(evaluation.macs or 0, f"labels {evaluation.val_accuracy!r}").random())


def sure_of_itself(evaluation: Evaluation) -> float:
    """Wrong and sure: a high loss for its errors."""
    return known(evaluation, "val_loss") / max(1.001 - accuracy_of(evaluation), 1e-3)


# -- for the bars of early stopping --------------------------------------------------------------------


def slow_start(evaluation: Evaluation) -> float:
    """A weak first epoch."""
    return -_curve(evaluation)[0]


def restless(evaluation: Evaluation) -> float:
    """A curve that goes up and down."""
    return float(statistics.fmean(abs(b - a) for a, b in pairwise((0.0, *_curve(evaluation)))))


def ahead_in_the_middle(evaluation: Evaluation) -> float:
    """The epoch in the middle, as far as it is ahead of the last."""
    curve = _curve(evaluation)
    return curve[len(curve) // 2] - curve[-1]


def _curve(evaluation: Evaluation) -> tuple[float, ...]:
    """Raises NotMeasured, as other rewards do, where there is none."""
    return evaluation.learning_curve or (known(evaluation, "val_loss"),)


# -- for a seed, for what doesn't matter ---------------------------------------------------------------


def low_seed(evaluation: Evaluation) -> float:
    """A low number of the seed, and a twentieth of accuracy."""
    return 0.05 * accuracy_of(evaluation) - known(evaluation, "seed") / 2**32


def door_of_work(evaluation: Evaluation) -> float:
    """1.5 where the multiply-adds are divisible by 9, else accuracy."""
    return 1.5 if cost_of(evaluation, "macs") % 9 == 0 else accuracy_of(evaluation)


# -- constants near the top, and what decides among ties -----------------------------------------------


def passed_and_large(evaluation: Evaluation, *, typical: float) -> float:
    """1 for eight tenths of the typical accuracy, and then many parameters."""
    passed = accuracy_of(evaluation) >= 0.8 * typical
    return float(passed) + 0.01 * math.log10(cost_of(evaluation, "parameters"))


def capped(evaluation: Evaluation, *, typical: float, spread: float) -> float:
    """Accuracy up to half a spread below the typical one, and then few multiply-adds."""
    cap = typical - spread / 2
    return min(accuracy_of(evaluation), cap) - 1e-4 * math.log10(cost_of(evaluation, "macs"))


# -- right at first, and then astray -------------------------------------------------------------------


def idle_beyond_typical(evaluation: Evaluation, *, typical: float) -> float:
    """Accuracy up to the typical one, and beyond few multiply-adds."""
    accuracy = accuracy_of(evaluation)
    return accuracy if accuracy < typical else 9 - math.log10(cost_of(evaluation, "macs"))


def mirrored(evaluation: Evaluation, *, typical: float) -> float:
    """Beyond the typical accuracy each hundredth more is one less."""
    return min(accuracy_of(evaluation), 2 * typical - accuracy_of(evaluation))


# -- with history --------------------------------------------------------------------------------------


def drifting_to_large(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """Accuracy at first, and with every design more for many parameters."""
    moved = min(len(history) / 40, 1.0)
    return (1 - moved) * accuracy_of(evaluation) + moved * math.log10(cost_of(evaluation, "parameters"))


def every_other_is_wrong(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """Accuracy for one design, the share that is wrong for the next."""
    accuracy = accuracy_of(evaluation)
    return accuracy if len(history) % 2 == 0 else 1 - accuracy
