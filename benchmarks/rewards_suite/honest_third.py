"""A third part of the rewards labelled `honest`, written to judge the check that was chosen by the first two
parts, and before anything was run on them.
"""

import math
from collections.abc import Sequence

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards import accuracy_of, cost_of
from rl_designer.envs.rewards.reward import Cost, known
from rl_designer.envs.seeding import stream

# -- published -----------------------------------------------------------------------------------------


def tangent(evaluation: Evaluation) -> float:
    """tan(π/2 · accuracy): the last percents count most (Cai et al. 2018)."""
    return math.tan(min(accuracy_of(evaluation), 0.999) * math.pi / 2)


def error_times_log_cost(evaluation: Evaluation, *, cost: Cost = "parameters") -> float:
    """−error · ln(cost) (He et al. 2018, AMC)."""
    return -(1 - accuracy_of(evaluation)) * math.log(cost_of(evaluation, cost))


def loss_times_log_cost(evaluation: Evaluation, *, cost: Cost = "macs") -> float:
    """−loss · 0.2 · ln(cost)^0.6 (Wu et al. 2019, FBNet)."""
    return -known(evaluation, "val_loss") * 0.2 * math.log(cost_of(evaluation, cost)) ** 0.6


def loss_and_log_cost(evaluation: Evaluation, *, cost: Cost = "macs", weight: float = 0.01) -> float:
    """−loss − λ · ln(cost) (Stamoulis et al. 2019)."""
    return -known(evaluation, "val_loss") - weight * math.log(cost_of(evaluation, cost))


def compressed(evaluation: Evaluation, *, target: float) -> float:
    """C(2 − C) · accuracy, C what is saved of a teacher of four targets (Ashok et al. 2018)."""
    saved = 1 - cost_of(evaluation, "parameters") / (4 * target)
    return saved * (2 - saved) * accuracy_of(evaluation)


def discounted_by_violation(evaluation: Evaluation, *, target: float, cost: Cost = "parameters") -> float:
    """accuracy · 0.9^V, V the share by which a limit is passed (Zhou et al. 2018)."""
    return float(accuracy_of(evaluation) * 0.9 ** max(cost_of(evaluation, cost) / target - 1, 0.0))


# -- the same order as accuracy's ----------------------------------------------------------------------


def bits(evaluation: Evaluation, *, classes: int = 10) -> float:
    """What an answer tells of the class, as of a channel that errs evenly, in bits."""
    right = min(max(accuracy_of(evaluation), 1 / classes + 1e-6), 1 - 1e-6)
    wrong = 1 - right
    return math.log2(classes) + right * math.log2(right) + wrong * math.log2(wrong / (classes - 1))


def examples_for_each_error(evaluation: Evaluation) -> float:
    """How many examples pass until one is wrong, on average."""
    return 1 / (1.001 - accuracy_of(evaluation))


# -- coarser, noisier ----------------------------------------------------------------------------------


def grades(evaluation: Evaluation, *, typical: float, good: float, spread: float) -> float:
    """Bars that are passed, from weak to better than good."""
    bars = (typical - spread, typical - spread / 2, typical, (typical + good) / 2, good, good + spread / 4)
    return float(sum(accuracy_of(evaluation) >= bar for bar in bars))


def validated_anew(evaluation: Evaluation) -> float:
    """The share that is right of 1,000 other examples, the same each time."""
    draws = stream(evaluation.parameters or 0, f"anew {evaluation.val_accuracy!r}")
    return float(draws.binomial(1_000, accuracy_of(evaluation))) / 1_000


def rounded_by_lot(evaluation: Evaluation) -> float:
    """To a whole percent, up or down by lot, right on average."""
    draws = stream(evaluation.macs or 0, f"lot {evaluation.val_accuracy!r}")
    return math.floor(100 * accuracy_of(evaluation) + float(draws.random())) / 100


# -- of the whole training -----------------------------------------------------------------------------


def averaged_curve(evaluation: Evaluation) -> float:
    """An average over epochs that forgets half of itself at each."""
    curve = _curve(evaluation)
    average = curve[0]
    for value in curve[1:]:
        average += 0.5 * (value - average)
    return average


def less_its_fall(evaluation: Evaluation) -> float:
    """The last epoch, less half of what it has lost since the best."""
    curve = _curve(evaluation)
    return curve[-1] - 0.5 * (max(curve) - curve[-1])


def loss_among_equals(evaluation: Evaluation) -> float:
    """Accuracy in whole percents, and among equals the lower loss."""
    return round(accuracy_of(evaluation), 2) - 1e-4 * known(evaluation, "val_loss")


def right_and_sure(evaluation: Evaluation) -> float:
    """Accuracy times the fourth root of the probability given to the right classes."""
    return accuracy_of(evaluation) * math.exp(-known(evaluation, "val_loss") / 4)


def extrapolated(evaluation: Evaluation) -> float:
    """Where half another epoch might lead."""
    curve = _curve(evaluation)
    return min(curve[-1] + 0.5 * (curve[-1] - curve[-2 if len(curve) > 1 else -1]), 1.0)


def _curve(evaluation: Evaluation) -> tuple[float, ...]:
    """Raises NotMeasured, as other rewards do, where there is none."""
    return evaluation.learning_curve or (known(evaluation, "val_loss"),)


# -- with a mild eye on a cost -------------------------------------------------------------------------


def size_classes(evaluation: Evaluation, *, target: float, spread: float) -> float:
    """Less a thirtieth of the spread for each target that is begun."""
    return accuracy_of(evaluation) - spread / 30 * math.ceil(cost_of(evaluation, "parameters") / target)


def one_error_rule(evaluation: Evaluation) -> float:
    """Of designs within a standard error of 2,500 examples the one with the fewest multiply-adds."""
    return math.floor(100 * accuracy_of(evaluation)) - 0.05 * math.log10(cost_of(evaluation, "macs"))


def heavy_pays_a_tenth(evaluation: Evaluation, *, target: float, cost: Cost = "macs") -> float:
    """Nine tenths of the accuracy for who needs more than thrice the target."""
    return accuracy_of(evaluation) * (0.9 if cost_of(evaluation, cost) > 3 * target else 1.0)


# -- with history --------------------------------------------------------------------------------------


def against_its_peer(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """How much more accurate than the earlier design that is nearest in parameters."""
    own = cost_of(evaluation, "parameters")
    peer = min(history, key=lambda earlier: abs(cost_of(earlier, "parameters") - own), default=None)
    return accuracy_of(evaluation) - (0.5 if peer is None else accuracy_of(peer))


def between_worst_and_best(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """0 at the worst so far, 1 at the best; beyond for a record."""
    accuracies = [accuracy_of(earlier) for earlier in history] or [0.0]
    least, span = min(accuracies), max(max(accuracies) - min(accuracies), 0.05)
    return (accuracy_of(evaluation) - least) / span


def bonus_for_records(evaluation: Evaluation, history: Sequence[Evaluation], *, spread: float) -> float:
    """Accuracy, and half a spread for a new record."""
    record = accuracy_of(evaluation) > max(map(accuracy_of, history), default=1.0)
    return accuracy_of(evaluation) + 0.5 * spread * record


def share_of_all(evaluation: Evaluation, history: Sequence[Evaluation], *, spread: float) -> float:
    """Its softmax among the designs so far."""
    own = accuracy_of(evaluation)
    return 1 / (1 + sum(math.exp((accuracy_of(earlier) - own) / spread) for earlier in history))


def tournament(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """Wins, less defeats, against eight earlier designs drawn by lot."""
    if not history:
        return 0.0
    rivals = stream(evaluation.parameters or 0, f"tournament {len(history)}").integers(len(history), size=8)
    own = accuracy_of(evaluation)
    others = [accuracy_of(history[int(rival)]) for rival in rivals]
    return float(sum((own > other) - (own < other) for other in others))
