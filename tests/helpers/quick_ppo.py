"""A `ppo` that hardly trains its policies, which is most of a short search, for tests of other things."""

import pytest

from rl_designer.agents.ppo import PPO

OPTIONS = {"updates": 1, "final_updates": 1, "final_share": 0.0}
QUICK_PPO = "ppo:" + ",".join(f"{option}={value}" for option, value in OPTIONS.items())


def quicken(patch: pytest.MonkeyPatch) -> None:
    """Makes it what `ppo` is in this process."""
    for option, value in OPTIONS.items():
        patch.setitem(PPO.__init__.__kwdefaults__, option, value)
