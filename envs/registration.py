"""Registers `rl_designer/Design-v0` with Gymnasium."""

import gymnasium

ENVIRONMENT_ID = "rl_designer/Design-v0"


def register_environments() -> None:
    """Makes `gymnasium.make("rl_designer/Design-v0", …)` work, with a `problem`, or with the names that
    `named_problem` takes; a second call does nothing.
    """
    if ENVIRONMENT_ID not in gymnasium.registry:
        gymnasium.register(ENVIRONMENT_ID, entry_point="rl_designer.envs.design_env:DesignEnv")
