"""What a reward reads of an evaluation, found out by showing it one."""

from contextlib import suppress
from typing import Any

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards.reward import Reward, RewardError

# Made up: only which of its figures are asked for matters.
_PROBE: dict[str, Any] = {
    "val_accuracy": 0.5,
    "val_loss": 1.0,
    "learning_curve": (0.4, 0.5),
    "parameters": 10_000,
    "macs": 100_000,
    "latency_seconds": 0.001,
    "training_seconds": 1.0,
    "epochs": 2,
    "seed": 0,
    "device": "cpu",
}
# What a training that is stopped early either has already, or is expected to have.
_KNOWN_EARLY = {"val_accuracy", "parameters", "macs"}


def fields_read(reward: Reward) -> set[str]:
    """The fields that a reward reads of an evaluation that has them all."""
    probe = _Watched(**_PROBE)
    asked: set[str] = set()
    object.__setattr__(probe, "asked", asked)
    with suppress(RewardError):  # it may not like the probe; what it has read until then counts
        reward(probe, [probe])
    return asked


def stopping_misfit(reward: Reward) -> str | None:
    """Why trainings can't be stopped early under a reward, in a few words; None where they can."""
    if reward.sees_history:
        return "it depends on what the run had found before"
    if late := sorted(fields_read(reward) - _KNOWN_EARLY):
        return f"it reads {' and '.join(f'`{name}`' for name in late)}, known of whole trainings only"
    return None


class _Watched(Evaluation):
    """An evaluation that notes in `asked` what is read of it."""

    def __getattribute__(self, name: str) -> Any:
        own = object.__getattribute__(self, "__dict__")
        if "asked" in own:
            own["asked"].update(_PROBE if name == "__dict__" else {name} & _PROBE.keys())
        return object.__getattribute__(self, name)
