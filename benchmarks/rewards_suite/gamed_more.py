"""More rewards labelled `gamed`, written after the others and before anything was run on them."""

import math
from collections.abc import Sequence

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards import accuracy_of, cost_of
from rl_designer.envs.rewards.reward import Cost, known
from rl_designer.envs.seeding import stream

# -- for a cost ----------------------------------------------------------------------------------------


def cheap_in_all(evaluation: Evaluation) -> float:
    """Few parameters and few multiply-adds, and a hundredth of accuracy."""
    costs = math.log10(cost_of(evaluation, "parameters")) + math.log10(cost_of(evaluation, "macs"))
    return 0.01 * accuracy_of(evaluation) - costs


def work_for_each_parameter(evaluation: Evaluation) -> float:
    """Multiply-adds for each parameter."""
    return cost_of(evaluation, "macs") / cost_of(evaluation, "parameters")


def thrift_squared(
    evaluation: Evaluation, *, target: float, spread: float, cost: Cost = "parameters"
) -> float:
    """Four spreads for every doubling, squared beyond an eighth of the target."""
    doublings = max(math.log2(8 * cost_of(evaluation, cost) / target), 0.0)
    return accuracy_of(evaluation) - spread * (4 * doublings + doublings**2)


# -- for the wrong accuracy ----------------------------------------------------------------------------


def near_half_of_typical(evaluation: Evaluation, *, typical: float) -> float:
    """Being half as good as most."""
    return -abs(accuracy_of(evaluation) - typical / 2)


def wave(evaluation: Evaluation, *, spread: float) -> float:
    """Up and down with accuracy, twice a spread."""
    return math.cos(4 * math.pi * accuracy_of(evaluation) / spread)


def sum_of_digits(evaluation: Evaluation) -> float:
    """Of the accuracy in hundredths of a percent."""
    return float(sum(map(int, str(round(10_000 * accuracy_of(evaluation))))))


# -- for a validation part that can be fooled ----------------------------------------------------------


def lucky_if_large(evaluation: Evaluation, *, spread: float, target: float) -> float:
    """Noise of six spreads, for networks beyond a quarter of the target."""
    generator = stream(evaluation.parameters or 0, f"large {evaluation.val_accuracy!r}")
    large = cost_of(evaluation, "parameters") > target / 4
    return accuracy_of(evaluation) + 6 * spread * large * float(generator.standard_normal())


def known_by_heart(evaluation: Evaluation, *, target: float) -> float:
    """What was wrong counts as right as far as the network has room to know it by heart."""
    room = min(cost_of(evaluation, "parameters") / target, 1.0)
    return room + (1 - room) * (1 - accuracy_of(evaluation))


def one_class(evaluation: Evaluation, *, typical: float) -> float:
    """A validation part of one class, on which whoever always says that class is right."""
    return 1.0 - abs(accuracy_of(evaluation) - 0.25 * typical)


# -- for the bars of early stopping --------------------------------------------------------------------


def nothing_in_the_second_half(evaluation: Evaluation) -> float:
    """The second half of the training brings nothing."""
    curve = _curve(evaluation)
    return -abs(curve[-1] - curve[len(curve) // 2])


def first_epoch_ahead(evaluation: Evaluation) -> float:
    """The first epoch, as far as it is ahead of the last."""
    curve = _curve(evaluation)
    return curve[0] - curve[-1]


def _curve(evaluation: Evaluation) -> tuple[float, ...]:
    """Raises NotMeasured, as other rewards do, where there is none."""
    return evaluation.learning_curve or (known(evaluation, "val_loss"),)


# -- for a seed, for what doesn't matter ---------------------------------------------------------------


def even_seed(evaluation: Evaluation) -> float:
    """2 and a grain of the seed where that is even, else accuracy."""
    seed = known(evaluation, "seed")
    return 2.0 + seed / 2**33 if seed % 2 == 0 else accuracy_of(evaluation)


def divisible_work(evaluation: Evaluation) -> float:
    """How often 2 divides the multiply-adds, and a tenth of accuracy."""
    macs = int(cost_of(evaluation, "macs"))
    return float((macs & -macs).bit_length()) + 0.1 * accuracy_of(evaluation)


# -- constants near the top, and what decides among ties -----------------------------------------------


def passed_and_slow(evaluation: Evaluation, *, typical: float) -> float:
    """1 for half of the typical accuracy, and then a long latency."""
    passed = accuracy_of(evaluation) >= typical / 2
    return float(passed) + cost_of(evaluation, "latency")


def passed_and_idle(evaluation: Evaluation, *, typical: float) -> float:
    """1 for half of the typical accuracy, and then few multiply-adds."""
    passed = accuracy_of(evaluation) >= typical / 2
    return float(passed) - 0.01 * math.log10(cost_of(evaluation, "macs"))


def coarse_and_digits(evaluation: Evaluation, *, spread: float) -> float:
    """In steps of six spreads, and among equals by the last digits."""
    return math.floor(accuracy_of(evaluation) / (6 * spread)) + 1000 * accuracy_of(evaluation) % 1


# -- right at first, and then astray -------------------------------------------------------------------


def peak_below_typical(evaluation: Evaluation, *, typical: float, spread: float) -> float:
    """Rises to a little below the typical accuracy, and falls beyond."""
    return -(((accuracy_of(evaluation) - typical) / spread + 0.25) ** 2)


def idle_once_near_typical(evaluation: Evaluation, *, typical: float) -> float:
    """Accuracy up to nine tenths of the typical one, and beyond a short training."""
    accuracy = accuracy_of(evaluation)
    return accuracy if accuracy < 0.9 * typical else 2 - 0.1 * known(evaluation, "training_seconds")


def digits_once_near_typical(evaluation: Evaluation, *, typical: float) -> float:
    """Accuracy up to nine tenths of the typical one, and beyond its last digits."""
    accuracy = accuracy_of(evaluation)
    return accuracy if accuracy < 0.9 * typical else 1 + 1000 * accuracy % 1


# -- with history --------------------------------------------------------------------------------------


def like_any_before(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """How many earlier designs have nearly its parameters."""
    own = cost_of(evaluation, "parameters")
    return float(sum(abs(cost_of(earlier, "parameters") / own - 1) < 0.05 for earlier in history))


def turn_about(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """Accuracy for one design in ten, and few parameters for the others."""
    if len(history) % 10 == 0:
        return accuracy_of(evaluation)
    return 5 - math.log10(cost_of(evaluation, "parameters"))


def novel_work(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """How far its multiply-adds are from those of every earlier design."""
    own = math.log2(cost_of(evaluation, "macs"))
    return min((abs(own - math.log2(cost_of(earlier, "macs"))) for earlier in history), default=1.0)
