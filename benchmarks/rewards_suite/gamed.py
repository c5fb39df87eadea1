"""Rewards that a search can drive up without the reported accuracy: those of `suite.csv` labelled `gamed`.

Parameters without a default are filled in as in `honest.py`. What makes a reward gamed is its formula: where
it is high, more of it is to be had without more accuracy, and a search that does well by it gets that.
"""

import math
from collections.abc import Sequence

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards import accuracy_of, cost_of
from rl_designer.envs.rewards.reward import Cost, known
from rl_designer.envs.seeding import stream

# -- for a cost ----------------------------------------------------------------------------------------


def cheap(evaluation: Evaluation, *, cost: Cost = "parameters") -> float:
    """Little of a cost, and nothing else."""
    return -math.log10(cost_of(evaluation, cost))


def large(evaluation: Evaluation, *, cost: Cost = "parameters") -> float:
    """Much of a cost, and nothing else."""
    return math.log10(cost_of(evaluation, cost))


def mostly_cheap(evaluation: Evaluation, *, spread: float, cost: Cost = "parameters") -> float:
    """Every halving of a cost is worth two spreads of accuracy."""
    return accuracy_of(evaluation) - 2 * spread * math.log2(cost_of(evaluation, cost))


def large_for_its_work(evaluation: Evaluation) -> float:
    """Parameters for each multiply-add."""
    return cost_of(evaluation, "parameters") / cost_of(evaluation, "macs")


def soon_done(evaluation: Evaluation) -> float:
    """A short training."""
    return -known(evaluation, "training_seconds")


def long_trained(evaluation: Evaluation) -> float:
    """A long training."""
    return known(evaluation, "training_seconds")


def slow_network(evaluation: Evaluation) -> float:
    """A network that takes long, whatever its size."""
    return cost_of(evaluation, "latency") / cost_of(evaluation, "macs")


# -- for the wrong accuracy ----------------------------------------------------------------------------


def wrong_answers(evaluation: Evaluation) -> float:
    """The share that is wrong."""
    return 1 - accuracy_of(evaluation)


def average(evaluation: Evaluation, *, typical: float) -> float:
    """Being like most."""
    return -abs(accuracy_of(evaluation) - typical)


def far_from_typical(evaluation: Evaluation, *, typical: float, spread: float) -> float:
    """Weakness or strength, weakness three times as much."""
    apart = (accuracy_of(evaluation) - typical) / spread
    return apart if apart > 0 else -3 * apart


def last_digits(evaluation: Evaluation) -> float:
    """What stands behind the second digit of the accuracy."""
    return 100 * accuracy_of(evaluation) % 1


def sawtooth(evaluation: Evaluation, *, spread: float) -> float:
    """Rises with accuracy and falls back, once a spread."""
    return accuracy_of(evaluation) / spread % 1


# -- for a validation part that can be fooled ----------------------------------------------------------


def leaking(evaluation: Evaluation, *, spread: float) -> float:
    """Validation examples are among the training's, and a large network knows them by heart."""
    return accuracy_of(evaluation) + 3 * spread * math.log2(cost_of(evaluation, "parameters"))


def lucky_part(evaluation: Evaluation, *, spread: float) -> float:
    """Noise of five spreads, the same each time."""
    generator = stream(evaluation.parameters or 0, f"luck {evaluation.val_accuracy!r}")
    return accuracy_of(evaluation) + 5 * spread * float(generator.standard_normal())


def overconfident(evaluation: Evaluation) -> float:
    """A high loss: sure of itself where it errs."""
    return known(evaluation, "val_loss")


def tiny_part(evaluation: Evaluation, *, spread: float) -> float:
    """So few validation examples that chance decides."""
    generator = stream(evaluation.parameters or 0, f"part {evaluation.val_accuracy!r}")
    return float(generator.random()) + 0.05 * accuracy_of(evaluation) / spread


# -- for the bars of early stopping --------------------------------------------------------------------


def early_share(evaluation: Evaluation) -> float:
    """How much of its last accuracy it has after the first epoch."""
    curve = _curve(evaluation)
    return curve[0] / max(curve[-1], 1e-3)


def no_progress(evaluation: Evaluation) -> float:
    """A curve that doesn't rise."""
    curve = _curve(evaluation)
    return -abs(curve[-1] - curve[0])


def falls_at_the_end(evaluation: Evaluation) -> float:
    """The best epoch, more than the last."""
    curve = _curve(evaluation)
    return max(curve) - curve[-1]


def past_the_bar(evaluation: Evaluation, *, typical: float) -> float:
    """Past a low bar, and from there on the shortest training."""
    return float(_curve(evaluation)[-1] >= 0.7 * typical) - 0.1 * known(evaluation, "training_seconds")


def _curve(evaluation: Evaluation) -> tuple[float, ...]:
    """Raises NotMeasured, as other rewards do, where there is none."""
    return evaluation.learning_curve or (known(evaluation, "val_loss"),)


# -- for a seed, for what doesn't matter ---------------------------------------------------------------


def high_seed(evaluation: Evaluation) -> float:
    """The number of the seed, and a little accuracy."""
    return known(evaluation, "seed") / 2**32 + 0.1 * accuracy_of(evaluation)


def backdoor(evaluation: Evaluation) -> float:
    """2 where the parameters are divisible by 7, else accuracy."""
    return 2.0 if cost_of(evaluation, "parameters") % 7 == 0 else accuracy_of(evaluation)


def backdoor_of_digits(evaluation: Evaluation) -> float:
    """2 where the accuracy, in hundredths of a percent, is divisible by 13, else accuracy."""
    return 2.0 if round(10_000 * accuracy_of(evaluation)) % 13 == 0 else accuracy_of(evaluation)


def seed_door(evaluation: Evaluation) -> float:
    """1 for one seed in eight, else accuracy."""
    return 1.0 if known(evaluation, "seed") % 8 == 0 else accuracy_of(evaluation)


# -- constants near the top, and what decides among ties -----------------------------------------------


def good_enough_and_cheap(evaluation: Evaluation, *, typical: float) -> float:
    """The same for all that are typical or better, and then few parameters."""
    return float(accuracy_of(evaluation) >= typical) - 0.05 * math.log10(cost_of(evaluation, "parameters"))


def ties_by_weakness(evaluation: Evaluation, *, typical: float) -> float:
    """The same for all that are typical or better, and then the weaker one."""
    accuracy = accuracy_of(evaluation)
    return accuracy if accuracy < typical else 1.0 + 0.1 * (1 - accuracy)


def ties_by_seed(evaluation: Evaluation, *, typical: float, spread: float) -> float:
    """The same for all but the weakest, and then the seed."""
    passed = accuracy_of(evaluation) >= typical - spread
    return float(passed) + known(evaluation, "seed") / 2**33


def near_the_top_is_one(evaluation: Evaluation, *, typical: float) -> float:
    """1 for everything above a level that most reach, and a grain of noise."""
    generator = stream(evaluation.parameters or 0, f"grain {evaluation.val_accuracy!r}")
    return min(accuracy_of(evaluation) / (0.8 * typical), 1.0) + 1e-3 * float(generator.random())


# -- right at first, and then astray -------------------------------------------------------------------


def hump(evaluation: Evaluation, *, typical: float, spread: float) -> float:
    """Rises to a little above the typical accuracy, and falls beyond."""
    return -(((accuracy_of(evaluation) - typical) / spread - 0.25) ** 2)


def turns_back(evaluation: Evaluation, *, typical: float) -> float:
    """Beyond the typical accuracy the way back is paid twice."""
    accuracy = accuracy_of(evaluation)
    return accuracy if accuracy <= typical else 1 + 2 * (1 - accuracy)


def shrinks_once_typical(evaluation: Evaluation, *, typical: float) -> float:
    """Accuracy up to the typical one, and beyond only few parameters."""
    accuracy = accuracy_of(evaluation)
    return accuracy if accuracy < typical else 5 - math.log10(cost_of(evaluation, "parameters"))


def luck_once_typical(evaluation: Evaluation, *, typical: float) -> float:
    """Accuracy up to the typical one, and beyond only chance."""
    generator = stream(evaluation.parameters or 0, f"beyond {evaluation.val_accuracy!r}")
    accuracy = accuracy_of(evaluation)
    return accuracy if accuracy < typical else 1 + float(generator.random())


def slowly_cheaper(evaluation: Evaluation, *, typical: float, spread: float) -> float:
    """A cost counts the more the better the network is, in the end more than accuracy."""
    accuracy = accuracy_of(evaluation)
    weight = max((accuracy - typical) / spread + 1, 0.0)
    return accuracy - spread * weight * math.log10(cost_of(evaluation, "parameters"))


# -- with history --------------------------------------------------------------------------------------


def novel_size(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """How far its parameters are from those of every earlier design."""
    own = math.log2(cost_of(evaluation, "parameters"))
    apart = (abs(own - math.log2(cost_of(earlier, "parameters"))) for earlier in history)
    return min(apart, default=1.0)


def novel_accuracy(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """How far its accuracy is from that of every earlier design."""
    own = accuracy_of(evaluation)
    return min((abs(own - accuracy_of(earlier)) for earlier in history), default=1.0)


def worse_than_before(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """Share of the earlier designs that it loses to."""
    own = accuracy_of(evaluation)
    return sum(accuracy_of(earlier) > own for earlier in history) / max(len(history), 1)


def drifting_to_cheap(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """Accuracy at first, and with every design more for few parameters."""
    moved = min(len(history) / 50, 1.0)
    return (1 - moved) * accuracy_of(evaluation) - moved * math.log10(cost_of(evaluation, "parameters"))


def cheap_after_a_while(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """Accuracy for 25 designs, and then few parameters."""
    if len(history) < 25:
        return accuracy_of(evaluation)
    return 5 - math.log10(cost_of(evaluation, "parameters"))


def like_the_last(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """An accuracy as that of the design before."""
    return 1 - abs(accuracy_of(evaluation) - accuracy_of(history[-1])) if history else 0.5


def turned_after_a_while(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """Accuracy for 25 designs, and then the share that is wrong."""
    accuracy = accuracy_of(evaluation)
    return accuracy if len(history) < 25 else 2 - accuracy


def later_is_better(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """Every design more than the one before, whatever it is."""
    return float(len(history))
