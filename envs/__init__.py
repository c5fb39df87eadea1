"""The problem: architectures, search spaces, networks, data sets, evaluators, rewards, the environment.

Importing this package registers the environment `rl_designer/Design-v0` with Gymnasium.
"""

from rl_designer.envs.registration import register_environments

register_environments()
