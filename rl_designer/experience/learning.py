"""`learn`: trainings become experience, a prior and a policy that is trained against it."""

import json
from typing import Any

from rl_designer import __version__
from rl_designer.agents.experience import Experience
from rl_designer.envs.datasets.dataset import SPACES
from rl_designer.envs.search_spaces.registry import space_definition
from rl_designer.experience.policy import train_policy
from rl_designer.experience.prior import fit_prior
from rl_designer.experience.settings import PolicySettings, PriorSettings
from rl_designer.experience.trainings import Trainings


def learn(
    trainings: Trainings,
    prior_settings: PriorSettings = PriorSettings(),  # noqa: B008 (frozen)
    policy_settings: PolicySettings = PolicySettings(),  # noqa: B008 (frozen)
    seed: int = 0,
) -> Experience:
    """The same trainings and seed give the same experience on one machine; a minute or two of one core."""
    definition = json.loads(json.dumps(space_definition(SPACES[trainings.kind]).to_dict()))
    prior, task = fit_prior(trainings, prior_settings, seed)
    known = Experience(definition, _about(trainings, seed), task, prior, {})
    policy = train_policy(known, trainings.tasks, policy_settings, seed)
    return Experience(definition, known.about, task, prior, policy)


def _about(trainings: Trainings, seed: int) -> dict[str, Any]:
    """What it was made from, for its card."""
    families = sorted({task.family for task in trainings.tasks})
    return {
        "version": __version__,
        "trainings": len(trainings),
        "tasks": len(trainings.tasks),
        "families": families,
        "contents": sorted(task.content for task in trainings.tasks),
        "seed": seed,
    }
