"""`fit_prior`: networks that expect how good a design is from its structure and the task's facts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from rl_designer.agents.experience import DESCRIBED
from rl_designer.agents.experience import FARTHEST as FARTHEST_FACT
from rl_designer.agents.prior import FARTHEST, WEIGHTS
from rl_designer.envs.tasks.drawing import VALIDATED
from rl_designer.envs.tasks.facts import FACTS
from rl_designer.envs.workers.devices import one_thread
from rl_designer.experience.settings import PriorSettings
from rl_designer.experience.trainings import Trainings

Arrays = dict[str, NDArray[np.float32]]

_IN_COMMON = 0.5  # of the luck of a small validation part, which doesn't change ranks
_LEAST_SPREAD = 1e-3
# The centre and the spread of the logarithms of the limits, in the order of `DESCRIBED`: they are drawn.
LIMITS_SEEN = (4.5, 7.0), (0.75, 1.0)


@dataclass(frozen=True)
class Table:
    """Trainings as numbers, a row each.

    Attributes:
        designs: float32 [n, numbers], `SearchSpace.structure`.
        facts: float32 [n, facts], of `DESCRIBED`, of which the limits are 0.
        scores: float32 [n], normal scores of the ranks within each task.
        weights: float32 [n], how much of the scores' differences is no luck, by task.
    """

    designs: NDArray[np.float32]
    facts: NDArray[np.float32]
    scores: NDArray[np.float32]
    weights: NDArray[np.float32]


def table_of(trainings: Trainings) -> Table:
    """What a prior is fitted to; a training that failed is the worst of its task."""
    rows: list[tuple[NDArray[Any], ...]] = []
    for number, task in enumerate(trainings.tasks):
        mine = trainings.of(number)
        reached = np.nan_to_num(trainings.curve[mine, -1].astype(np.float64), nan=-np.inf)
        groups = task.space().structure(trainings.actions_of(number))
        designs = np.concatenate(list(groups.values()), axis=1)
        facts = np.zeros((len(designs), len(DESCRIBED)))
        facts[:, : len(FACTS)] = task.facts
        scores = norm.ppf((rankdata(reached) - 0.5) / len(reached))
        rows.append((designs, facts, scores, np.full(len(designs), share_of_no_luck(reached))))
    return Table(*(np.concatenate(parts).astype(np.float32) for parts in zip(*rows, strict=True)))


def share_of_no_luck(reached: NDArray[np.float64]) -> float:
    """The share of the scores' variance that isn't the luck of a small validation part, 0 to 1."""
    known = np.clip(reached[np.isfinite(reached)], 0, 1)
    if len(known) < 2 or known.var() == 0:
        return 0.0
    luck = (1 - _IN_COMMON) * float((known * (1 - known)).mean()) / VALIDATED
    return max(0.0, 1 - luck / float(known.var(ddof=1)))


def fit_prior(
    trainings: Trainings,
    settings: PriorSettings = PriorSettings(),  # noqa: B008 (frozen)
    seed: int = 0,
) -> tuple[Arrays, Arrays]:
    """Arrays as `Experience` has them: of the prior, and of the task's facts."""
    table = table_of(trainings)
    centre, spread = _scale(table.designs)
    by_task = np.unique(trainings.task, return_index=True)[1]  # each task alike
    fact_centre, fact_spread = _scale(table.facts[by_task])
    x = np.clip((table.designs - centre) / spread, -FARTHEST, FARTHEST)
    fact_centre[len(FACTS) :], fact_spread[len(FACTS) :] = LIMITS_SEEN
    facts = np.clip((table.facts - fact_centre) / fact_spread, -FARTHEST_FACT, FARTHEST_FACT)
    facts[:, len(FACTS) :] = 0
    with one_thread():
        members = [_member(x, facts, table, settings, seed + member) for member in range(settings.members)]
    prior = {name: np.stack([member[name] for member in members]) for name in (*WEIGHTS, "facts.weight")}
    prior |= {"centre": centre, "spread": spread}
    return prior, {"task.centre": fact_centre, "task.spread": fact_spread}


def _scale(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Centre and spread of each column."""
    deviation = values.std(axis=0)
    return values.mean(axis=0), np.where(deviation > _LEAST_SPREAD, deviation, 1.0).astype(np.float32)


def _member(
    x: NDArray[np.float32], facts: NDArray[np.float32], table: Table, settings: PriorSettings, seed: int
) -> Arrays:
    """One network's arrays."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.from_numpy(np.concatenate([x, facts], axis=1))
    scores, weights = torch.from_numpy(table.scores), torch.from_numpy(table.weights)
    numbers, hidden = x.shape[1], settings.hidden
    sizes = [(inputs.shape[1], hidden), (hidden, hidden), (hidden, 1)]
    matrices = [torch.randn(size, generator=generator) * (2 / size[0]) ** 0.5 for size in sizes]
    matrices[0][numbers + len(FACTS) :] = 0  # limits: the score within a task doesn't depend on them
    matrices[2] *= 0.1
    biases = [torch.zeros(size[1]) for size in sizes]
    for parameter in (*matrices, *biases):
        parameter.requires_grad_()
    decayed = {"params": matrices, "weight_decay": settings.weight_decay}
    groups = [decayed, {"params": biases, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, foreach=True)
    steps = settings.epochs * -(-len(inputs) // settings.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, steps)
    for _ in range(settings.epochs):
        for chosen in torch.randperm(len(inputs), generator=generator).split(settings.batch):
            kept = torch.rand((len(chosen), inputs.shape[1]), generator=generator) >= settings.dropped
            out = inputs[chosen] * kept / (1 - settings.dropped)
            for matrix, bias in zip(matrices, biases, strict=True):
                out = out @ matrix + bias
                out = out if matrix is matrices[-1] else out.relu()
            loss = (weights[chosen] * (out[:, 0] - scores[chosen]) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    first, second, last = (matrix.detach().numpy() for matrix in matrices)
    return {
        "first.weight": first[:numbers],
        "facts.weight": first[numbers:],
        "second.weight": second,
        "last.weight": last[:, 0],
        "first.bias": biases[0].detach().numpy(),
        "second.bias": biases[1].detach().numpy(),
        "last.bias": biases[2].detach().numpy()[0],
    }
