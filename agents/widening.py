"""What was learned of networks alone, for the same networks with decisions of their training before them:
the policy has no preference among these, and the prior doesn't see them.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.policy import Policy
from rl_designer.agents.prior import Prior
from rl_designer.envs.search_spaces.trained_space import TrainedSpace


def widened_policy(policy: Policy, space: TrainedSpace) -> Policy:
    """A policy of `space.networks`, for `space`."""
    networks, first, weights = space.networks, space.decisions, policy.weights
    hidden = weights["hidden.weight"]
    own = networks.action_features.shape[1]
    of_actions, of_steps = np.split(hidden, [networks.max_steps * own], axis=1)
    actions = np.zeros((len(hidden), space.max_steps, space.action_features.shape[1]), np.float32)
    actions[:, first:, :own] = of_actions.reshape(len(hidden), networks.max_steps, own)
    steps = np.pad(of_steps, ((0, 0), (first, 0)))
    before = space.num_actions - networks.num_actions
    wider = {
        "hidden.weight": np.concatenate([actions.reshape(len(hidden), -1), steps], axis=1),
        "output.weight": np.pad(weights["output.weight"], ((before, 0), (0, 0))),
        "output.bias": np.pad(weights["output.bias"], (before, 0)),
    }
    return replace(policy, weights={**weights, **wider})


def widened_prior(prior: Prior, space: TrainedSpace) -> Prior:
    """A prior on designs of `space.networks`, for `space`."""
    places, a = _places(space), prior.arrays
    numbers = sum(group.shape[1] for group in space.structure(space.pad([])).values())
    members, _, hidden = a["first.weight"].shape
    centre, spread = np.zeros(numbers, np.float32), np.ones(numbers, np.float32)
    first = np.zeros((members, numbers, hidden), np.float32)
    centre[places], spread[places], first[:, places] = a["centre"], a["spread"], a["first.weight"]
    return replace(prior, arrays={**a, "centre": centre, "spread": spread, "first.weight": first})


def _places(space: TrainedSpace) -> NDArray[np.int64]:
    """Where the numbers of a network's structure stand among those of a design."""
    own = space.networks.structure(space.networks.pad([]))
    places, start = [], 0
    for name, group in space.structure(space.pad([])).items():
        if name in own:
            places.append(start + np.arange(own[name].shape[1]))
        start += group.shape[1]
    return np.concatenate(places)
