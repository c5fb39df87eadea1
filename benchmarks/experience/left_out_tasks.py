"""The tasks on which experience is measured: made ones of families that it never saw, and real data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from rl_designer.envs.datasets import load_dataset
from rl_designer.envs.datasets.dataset import Kind
from rl_designer.envs.seeding import stream
from rl_designer.envs.tasks.drawing import VALIDATED, drawn_task
from rl_designer.envs.tasks.made import FAMILIES, make_task
from rl_designer.experience.learning import learn
from rl_designer.experience.trainings import Trainings

Arrays = dict[str, Any]

REAL = "real"
GROUPS: dict[Kind, int] = {"signal": 4, "features": 5, "image": 4}
"""So many times some of the families are left out: each of them once."""

_MADE: dict[Kind, int] = {"signal": 1, "features": 2, "image": 1}  # of each family
_SEED, _FIRST = 7, 1_000  # of the made tasks: others than any that experience is built on
_MOST_EXAMPLES = 500  # of real data, to train on
_PACKAGED = f"{Path(__file__).resolve().parents[1] / 'packaged_data.py'}:"
_REAL: dict[Kind, Sequence[str]] = {
    "signal": ("mnist1d", f"{_PACKAGED}italy_power_demand", f"{_PACKAGED}arrow_head"),
    "features": ("wine", "breast-cancer", f"{_PACKAGED}segments", f"{_PACKAGED}diabetes"),
    "image": ("digits", f"{_PACKAGED}mnist_14"),
}


@dataclass(frozen=True)
class LeftOut:
    """A task.

    Attributes:
        family: of a made one; `REAL` for real data.
        make: its arrays, as `np.savez` takes them.
    """

    name: str
    family: str
    make: Callable[[], Arrays]


def left_out_tasks(kind: Kind) -> list[LeftOut]:
    """Made ones first."""
    families = families_of(kind)
    made = list[LeftOut]()
    for number in count(_FIRST):
        drawn = drawn_task(kind, number, _SEED)
        known = sum(task.family == drawn.family for task in made)
        if known < _MADE[kind]:
            name = f"{drawn.family}-{known}"
            made.append(LeftOut(name, drawn.family, partial(made_arrays, drawn.text)))
        if len(made) == _MADE[kind] * len(families):
            break
    return made + [LeftOut(name.rpartition(":")[2], REAL, partial(_real, name)) for name in _REAL[kind]]


def families_of(kind: Kind) -> list[str]:
    return [name for name, family in FAMILIES.items() if family.kind == kind]


def group_of(family: str, kind: Kind) -> list[str]:
    """The families that are left out together with one; none for real data."""
    families = families_of(kind)
    return [] if family == REAL else families[families.index(family) % GROUPS[kind] :: GROUPS[kind]]


def learned_without(families: Sequence[str], trainings: Trainings, folder: Path) -> Path:
    """Experience from the trainings on all other families, made once."""
    path = folder / f"experience-without-{'-'.join(families) or 'nothing'}.npz"
    if not path.exists():
        rest = [number for number, task in enumerate(trainings.tasks) if task.family not in families]
        learn(trainings.chosen(rest)).save(path)
    return path


def made_arrays(text: str) -> Arrays:
    """Of a made task, as those are cut that experience is built on."""
    made = make_task(text)
    cut = len(made.y) - VALIDATED
    return _parts(made.x, made.y, np.arange(cut), np.arange(cut, len(made.y)))


def _real(name: str) -> Arrays:
    """A third of the examples, at most as many as made tasks have, are validated on."""
    data = load_dataset(name)
    x, y = np.concatenate([data.x_train, data.x_val]), np.concatenate([data.y_train, data.y_val])
    order = stream(0, "left out", name.rpartition(":")[2]).permutation(len(y))
    validated = min(VALIDATED, len(y) // 3)
    return _parts(x, y, order[validated:][:_MOST_EXAMPLES], order[:validated])


def _parts(x: Any, y: Any, train: Any, val: Any) -> Arrays:
    return {"x_train": x[train], "y_train": y[train], "x_val": x[val], "y_val": y[val]}
