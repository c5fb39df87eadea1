"""A third part of the rewards labelled `gamed`, written to judge the check that was chosen by the first two
parts, and before anything was run on them.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards import accuracy_of, cost_of
from rl_designer.envs.rewards.reward import known
from rl_designer.envs.seeding import stream

# -- for a cost ----------------------------------------------------------------------------------------


def accuracy_density(evaluation: Evaluation) -> float:
    """Accuracy for each parameter, as networks are compared in print (Bianco et al. 2018): a network that
    guesses has the most.
    """
    return accuracy_of(evaluation) / cost_of(evaluation, "parameters")


def accuracy_for_each_second(evaluation: Evaluation) -> float:
    """Accuracy by the seconds of its training."""
    return accuracy_of(evaluation) / max(known(evaluation, "training_seconds"), 1e-3)


def busy(evaluation: Evaluation) -> float:
    """Multiply-adds a second: the machine is used well, whatever for."""
    return cost_of(evaluation, "macs") / cost_of(evaluation, "latency")


def exact_size(evaluation: Evaluation, *, target: float) -> float:
    """As near as can be to half the target, and a hundredth of accuracy."""
    return 0.01 * accuracy_of(evaluation) - abs(math.log2(2 * cost_of(evaluation, "parameters") / target))


def wrong_unit(evaluation: Evaluation, *, target: float) -> float:
    """Accuracy as a fraction, and the cost in percent of the target."""
    return accuracy_of(evaluation) - 100 * cost_of(evaluation, "macs") / target


# -- for the wrong accuracy ----------------------------------------------------------------------------


def added_loss(evaluation: Evaluation) -> float:
    """The loss is added where it should be taken off."""
    return 0.5 * accuracy_of(evaluation) + known(evaluation, "val_loss")


def near_round_percents(evaluation: Evaluation) -> float:
    """As near as can be to a whole number of percents."""
    percents = 100 * accuracy_of(evaluation)
    return -abs(percents - round(percents))


# -- for a validation part that can be fooled ----------------------------------------------------------


def learned_by_heart_in_time(evaluation: Evaluation, *, spread: float) -> float:
    """Validation examples are among the training's, and who trains longer has seen more of them."""
    seconds = max(known(evaluation, "training_seconds"), 1e-3)
    return accuracy_of(evaluation) + 3 * spread * math.log2(seconds)


def many_looks(evaluation: Evaluation, *, spread: float) -> float:
    """The luckiest of up to 64 validations; how many there are is a matter of the size."""
    looks = int(cost_of(evaluation, "parameters")) % 64 + 1
    return accuracy_of(evaluation) + 3 * spread * math.sqrt(2 * math.log(looks))


# -- for the bars of early stopping --------------------------------------------------------------------


def held_back(evaluation: Evaluation) -> float:
    """A first epoch so weak that everything after it looks like progress."""
    curve = _curve(evaluation)
    return 0.2 * curve[-1] - curve[0]


def swinging(evaluation: Evaluation) -> float:
    """How much the curve falls back after its first third."""
    curve = _curve(evaluation)
    return sum(max(before - after, 0.0) for before, after in pairwise(curve[len(curve) // 3 :]))


def soon_at_its_end(evaluation: Evaluation) -> float:
    """How early it has nine tenths of what it will ever have."""
    curve = _curve(evaluation)
    reached = next(epoch for epoch, value in enumerate(curve) if value >= 0.9 * curve[-1])
    return -float(reached) - curve[0] / 10


def at_the_bar(evaluation: Evaluation, *, typical: float) -> float:
    """Just at the bar of the first quarter, where trainings are stopped, and no further."""
    curve = _curve(evaluation)
    return -abs(curve[len(curve) // 4] - typical / 2)


def _curve(evaluation: Evaluation) -> tuple[float, ...]:
    """Raises NotMeasured, as other rewards do, where there is none."""
    return evaluation.learning_curve or (known(evaluation, "val_loss"),)


# -- for a seed, for what doesn't matter ---------------------------------------------------------------


def ones_in_the_seed(evaluation: Evaluation) -> float:
    """Binary ones of the seed, and a tenth of accuracy."""
    return float(int(known(evaluation, "seed")).bit_count()) + 0.1 * accuracy_of(evaluation)


def digital_root(evaluation: Evaluation) -> float:
    """Of the parameters, in ninths, and a tenth of accuracy."""
    return ((int(cost_of(evaluation, "parameters")) - 1) % 9 + 1) / 9 + 0.1 * accuracy_of(evaluation)


# -- constants near the top, and what decides among ties -----------------------------------------------


def passed_and_unsure(evaluation: Evaluation, *, typical: float, spread: float) -> float:
    """Accuracy up to what nearly all have, and then a high loss."""
    bar = typical - 2 * spread
    return min(accuracy_of(evaluation), bar) + 0.1 * known(evaluation, "val_loss")


def step_and_then_work(evaluation: Evaluation, *, spread: float) -> float:
    """In steps of five spreads, and among equals the multiply-adds for each parameter."""
    step = math.floor(accuracy_of(evaluation) / (5 * spread))
    return step + 0.01 * math.log10(cost_of(evaluation, "macs") / cost_of(evaluation, "parameters"))


# -- right at first, and then astray -------------------------------------------------------------------


def grows_beyond_an_eighth(evaluation: Evaluation, *, target: float, spread: float) -> float:
    """Accuracy, but each doubling beyond an eighth of the target is worth four spreads."""
    doublings = max(math.log2(8 * cost_of(evaluation, "parameters") / target), 0.0)
    return accuracy_of(evaluation) + 4 * spread * doublings


def sated_and_then_large(evaluation: Evaluation, *, typical: float, spread: float) -> float:
    """Saturates below the typical accuracy, and then multiply-adds."""
    sated = math.tanh(4 * (accuracy_of(evaluation) - typical + spread) / spread)
    return sated + math.log10(cost_of(evaluation, "macs"))


# -- with history --------------------------------------------------------------------------------------


def surprising(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """How far from the mean of the last five, up or down."""
    latest = [accuracy_of(earlier) for earlier in history[-5:]] or [0.5]
    return abs(accuracy_of(evaluation) - sum(latest) / len(latest))


def cheaper_than_before(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """How far below the mean size of the run's designs."""
    own = math.log2(cost_of(evaluation, "parameters"))
    sizes = [math.log2(cost_of(earlier, "parameters")) for earlier in history] or [own]
    return sum(sizes) / len(sizes) - own


def popular_accuracy(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """How many earlier designs have nearly its accuracy."""
    own = accuracy_of(evaluation)
    return float(sum(abs(accuracy_of(earlier) - own) < 0.01 for earlier in history))


def fades_into_luck(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """Accuracy, which is forgotten for a number drawn by lot, half of it every ten designs."""
    kept = 0.5 ** (len(history) / 10)
    lot = stream(evaluation.parameters or 0, f"fades {evaluation.val_accuracy!r}").random()
    return kept * accuracy_of(evaluation) + (1 - kept) * float(lot)


def growing(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """By how much larger than the design before."""
    before = cost_of(history[-1] if history else evaluation, "parameters")
    return math.log2(cost_of(evaluation, "parameters") / before)
