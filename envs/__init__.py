"""The problem: architectures, search spaces, networks, data sets, evaluators, rewards, the environment.

Importing this package registers the environment `rl_designer/Design-v0` with Gymnasium, once that is
imported.
"""

from types import ModuleType

from wrapt import when_imported

ENVIRONMENT_ID = "rl_designer/Design-v0"


@when_imported("gymnasium")
def register_environments(gymnasium: ModuleType) -> None:
    """Makes `gymnasium.make("rl_designer/Design-v0", …)` work, with a `problem`, or with the names that
    `named_problem` takes; a second call does nothing.
    """
    if ENVIRONMENT_ID not in gymnasium.registry:
        gymnasium.register(ENVIRONMENT_ID, entry_point="rl_designer.envs.design_env:DesignEnv")
