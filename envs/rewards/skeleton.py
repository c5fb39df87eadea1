"""Rewards of my own. To search with one of them:

    rl-designer train --data digits --reward my_rewards.py:mine

A reward is a pure function: the same arguments give the same finite number, higher is better. It never sees a
design that failed, and no figure of the test split. What an `Evaluation` has, None where it isn't measured:

    val_accuracy      share of the validation split that is right, 0-1; None where a number is predicted
    metric, val_score what `--metric` named, and the score by it: higher is better, up to 1; both None for
                      accuracy. `evaluation.score` is the one that counts, whichever it is
    val_recalls       of each class the share that is right, 0-1, by class number, a tuple
    val_loss          mean cross-entropy on the validation split, in nats; of numbers the mean squared error
    learning_curve    the score after each epoch, a tuple
    parameters        trainable parameters, a count
    macs              multiply-adds of one forward pass of one example, a count
    ram, flash        bytes that values and parameters take on a device, where a limit, an objective or a
                      `cost=ram` has them counted
    latency_seconds   measured time of one forward pass of one example
    training_seconds, epochs, seed, device
    stopped_at        epochs after which the training was stopped early, or None; `val_accuracy` is then what
                      the whole training is expected to reach
    val_examples      of the validation split, a count
    folds             parts of the examples that it was validated on in turn; the figures are means of them

What is measured anew each time, such as the latency, differs a little from run to run.
"""

import math
from collections.abc import Sequence

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards import accuracy_of, cost_of


def mine(evaluation: Evaluation, *, weight: float = 0.005) -> float:
    """Accuracy, less `weight` for every doubling of the multiply-adds.

    What comes after the `*` can be set: `my_rewards.py:mine:weight=0.01`. A parameter called `target` without
    a default is the limit on the cost, or where there is none the median of random designs; which cost, the
    parameter `cost` says. `accuracy_of` is the accuracy, or the score by another metric; it and `cost_of` say
    so plainly where something isn't measured.
    """
    return accuracy_of(evaluation) - weight * math.log2(cost_of(evaluation, "macs"))


def ahead(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """How much more accurate it is than the best design that the run had found before it.

    With a second argument a reward sees the evaluations of all earlier designs of the run that didn't fail,
    in order. What it pays then depends on the moment, so a run's best design is the most accurate one.
    """
    best = max((accuracy_of(earlier) for earlier in history), default=0.0)
    return accuracy_of(evaluation) - best
