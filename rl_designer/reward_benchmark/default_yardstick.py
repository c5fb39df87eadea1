"""Which yardstick is taken where the user names none, and which costs a reward looks at."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from rl_designer.envs.evaluators.base import Evaluation
from rl_designer.envs.rewards import COSTS, Cost, Reward, RewardContext, RewardError

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
_FIELDS: dict[Cost, str] = {"parameters": "parameters", "macs": "macs", "latency": "latency_seconds"}


def default_yardstick(rewards: Sequence[Reward], context: RewardContext) -> tuple[str, str]:
    """The yardstick for these rewards, and why in a few words.

    Where a reward looks at a cost, somebody has a limit in mind: `reported-within-limit`, at the target that
    all rewards with a target of this cost share, or else at the setting's (its limit, or the median of its
    costs). Reported accuracy alone would blame such a reward for doing what it is for. Else `reported`.
    """
    looked_at = {reward.name: costs_of(reward) for reward in rewards}
    cost = next((costs[0] for costs in looked_at.values() if costs), None)
    if cost is None:
        return "reported", "no reward looks at a cost"
    targets = {
        float(reward.parameters["target"])
        for reward in rewards
        if "target" in reward.parameters and cost in looked_at[reward.name]
    }
    lookers = " and ".join(repr(name) for name, costs in looked_at.items() if cost in costs)
    why = f"{lookers} look at {cost}" if " and " in lookers else f"{lookers} looks at {cost}"
    if len(targets) == 1:
        return _within(cost, targets.pop()), f"{why}; the limit is the target"
    return f"reported-within-limit:cost={cost}", f"{why}; the limit is the setting's, or a typical design's"


def _within(cost: Cost, limit: float) -> str:
    # A count is whole, and a latency has no unit.
    return f"reported-within-limit:cost={cost},limit={limit if cost == 'latency' else max(round(limit), 1)}"


def costs_of(reward: Reward) -> list[Cost]:
    """The costs that a reward reads of an evaluation that has them all."""
    probe = _Watched(**_PROBE)
    asked: set[str] = set()
    object.__setattr__(probe, "asked", asked)
    with suppress(RewardError):  # it may not like the probe; what it has read until then counts
        reward(probe, [probe])
    return [cost for cost in COSTS if _FIELDS[cost] in asked]


class _Watched(Evaluation):
    """An evaluation that notes in `asked` what is read of it."""

    def __getattribute__(self, name: str) -> Any:
        if name in _PROBE and "asked" in object.__getattribute__(self, "__dict__"):
            object.__getattribute__(self, "__dict__")["asked"].add(name)
        return object.__getattribute__(self, name)
