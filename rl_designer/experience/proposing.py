"""`propose`: designs for new data by experience alone; nothing is trained."""

import numpy as np

from rl_designer.agents.base import Sample
from rl_designer.agents.memory import various
from rl_designer.config import Subject
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.seeding import stream
from rl_designer.envs.tasks.facts import facts_of
from rl_designer.envs.workers.devices import one_blas_thread
from rl_designer.errors import WrongUsage
from rl_designer.experience.shipped import SHIPPED, experience_for
from rl_designer.setting import training_data

_ORDINARY_DESIGNS = 1_000  # random ones, that designs are compared with


def propose(
    subject: Subject, n: int, experience: str = SHIPPED, seed: int = 0
) -> tuple[list[Sample], SearchSpace, tuple[str, ...]]:
    """`n` designs, the most promising first, each with layers that the others don't have; their space; and
    what is to be known of the data, a line each.

    Args:
        subject: the data, and the limits.
        experience: as `experience_for` takes it.

    Raises:
        WrongUsage: for an architecture table, unknown names, no experience for the space, limits that leave
            no design.
        ValueError: for data or a file that can't be used.
    """
    if subject.no_data:
        raise WrongUsage("experience is for data; of an architecture table `train` finds the best")
    dataset, space = training_data(subject, measured_on="auto")
    source = experience_for(experience, space).source(space, facts_of(dataset), experience)
    random = space.random_actions(_ORDINARY_DESIGNS, stream(seed, "propose", "ordinary designs"))
    with one_blas_thread():
        actions = various(space, source.proposals(space, stream(seed, "propose")), n)
        expected = source.expects(space, actions)
        ordinary = np.sort(source.expects(space, random))
    better_than = np.searchsorted(ordinary, expected) / len(ordinary)
    logs = source.policy.log_probability_of(space, actions)
    samples = [
        Sample(architecture, float(log), better_than=float(share))
        for architecture, log, share in zip(space.architectures(actions), logs, better_than, strict=True)
    ]
    return samples, space, dataset.about
