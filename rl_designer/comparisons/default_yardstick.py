"""Which yardstick is taken where the user names none, and which costs a reward looks at."""

from collections.abc import Sequence

from rl_designer.envs.rewards import COSTS, Cost, Reward, RewardContext
from rl_designer.envs.rewards.fields import fields_read

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
    read = fields_read(reward)
    return [cost for cost in COSTS if _FIELDS[cost] in read]
