"""How experience is learned. No torch here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PriorSettings:
    """How a prior is fitted.

    Attributes:
        members: networks, each from other weights and other batches.
        hidden: units of each of the two layers.
        epochs: passes over all trainings.
        weight_decay: strong, since there are few tasks, and what is learned must hold on families of others.
        dropped: share of the inputs that are left out at random, so that no fact is leant on alone.
    """

    members: int = 5
    hidden: int = 96
    epochs: int = 60
    batch: int = 256
    learning_rate: float = 3e-3
    weight_decay: float = 10.0
    dropped: float = 0.3


@dataclass(frozen=True)
class PolicySettings:
    """How the policy is trained.

    Attributes:
        tasks: drawn for an update; episodes: of each.
        entropy: from and to, falling evenly.
        caution: standard deviations of the prior's networks that are taken off its mean.
    """

    updates: int = 200
    tasks: int = 24
    episodes: int = 16
    hidden: int = 64
    learning_rate: float = 3e-3
    entropy: tuple[float, float] = (0.2, 0.05)
    caution: float = 0.5
