"""Rewards for how good a network is, whatever it costs."""

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards.measures import accuracy_of, known


def accuracy(evaluation: Evaluation) -> float:
    """Validation accuracy, 0–1."""
    return accuracy_of(evaluation)


def accuracy_cubed(evaluation: Evaluation) -> float:
    """accuracy³ (Zoph & Le 2017).

    Zoph & Le 2017, "Neural architecture search with reinforcement learning", section 4.1. They take the
    highest validation accuracy of the last five epochs; this one takes the evaluation's, of the last epoch.
    """
    return accuracy_of(evaluation) ** 3


def negative_loss(evaluation: Evaluation) -> float:
    """−validation loss: minus the mean cross-entropy, in nats.

    It tells networks apart that are equally often right. No published source.
    """
    return -known(evaluation, "val_loss")
