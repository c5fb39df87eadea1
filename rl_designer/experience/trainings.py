"""`Trainings`: designs trained on many tasks, as one file."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.dataset import SPACES, Kind
from rl_designer.envs.files.archives import read_described, write_described
from rl_designer.envs.search_spaces.base import Actions
from rl_designer.envs.search_spaces.registry import DataSpace, make_space, space_definition
from rl_designer.envs.tasks.facts import FACTS
from rl_designer.errors import Error

FORMAT = "experience-trainings/1"
_ARRAYS = ("task", "actions", "limit", "curve")
_MOST_BYTES = 2**28
_MOST_LIMIT = 10**9  # parameters; where that is too few, it isn't the limit


@dataclass(frozen=True)
class Task:
    """What was trained on.

    Attributes:
        name: of the data; a made task's text.
        family: tasks of one family are alike, and left out together where it is judged what is learned.
        content: of its data, as `Dataset.content`.
        input_shape, num_classes: of its examples; 1 class where a number is predicted.
        facts: as `facts_of` gives them, in the order of `FACTS`.
    """

    name: str
    family: str
    content: str
    input_shape: tuple[int, ...]
    num_classes: int
    facts: tuple[float, ...]

    def space(self, **limits: int | None) -> DataSpace:
        """The built-in space for its data."""
        return make_space(None, self.input_shape, self.num_classes, **limits)

    def within(self, limit: float, most: int | None = None) -> DataSpace:
        """The space within a limit on parameters, or the next doubled one, up to `most`, in which there is a
        network. Raises ValueError where there is none.
        """
        highest = _MOST_LIMIT if most is None else most
        while True:
            try:
                return self.space(max_parameters=round(limit))
            except ValueError:
                if limit >= highest:
                    raise
                limit = 2 * limit if most is None else min(2 * limit, most)


@dataclass(frozen=True, eq=False)
class Trainings:
    """Designs of the built-in space for one kind of data, each trained once on one of the tasks.

    Attributes:
        kind: of the data.
        tasks: what was trained on.
        task: int32 [n], which one.
        actions: int16 [n, max_steps], the designs, padded with -1.
        limit: float32 [n], the most parameters that it was drawn within.
        curve: float32 [n, epochs], the score on the validation part after each epoch, at most 1; NaN where
            the training failed.
    """

    kind: Kind
    tasks: tuple[Task, ...]
    task: NDArray[np.int32]
    actions: NDArray[np.int16]
    limit: NDArray[np.float32]
    curve: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.task)

    def of(self, task: int) -> NDArray[np.bool_]:
        """Which trainings are of a task, bool [n]."""
        return self.task == task

    def chosen(self, tasks: Sequence[int]) -> Self:
        """Those of some of the tasks alone."""
        new = np.full(len(self.tasks), -1, np.int32)
        new[list(tasks)] = np.arange(len(tasks))
        kept = new[self.task] >= 0
        arrays = (new[self.task[kept]], self.actions[kept], self.limit[kept], self.curve[kept])
        return type(self)(self.kind, tuple(self.tasks[i] for i in tasks), *arrays)

    def actions_of(self, task: int) -> Actions:
        """The designs that were trained on a task, int64 [n, max_steps]."""
        return self.actions[self.of(task)].astype(np.int64)

    @classmethod
    def merged(cls, parts: Sequence["Trainings"]) -> Self:
        """Parts of one kind as one; the same task in several of them is one task."""
        tasks = {task.name: task for part in parts for task in part.tasks}
        places = {name: place for place, name in enumerate(tasks)}
        task = [np.array([places[t.name] for t in part.tasks], np.int32)[part.task] for part in parts]
        rest = (np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS[1:])
        return cls(parts[0].kind, tuple(tasks.values()), np.concatenate(task), *rest)

    def save(self, path: Path) -> None:
        """Writes one `.npz`, beside and renamed."""
        space = space_definition(SPACES[self.kind]).to_dict()
        meta: dict[str, Any] = {"format": FORMAT, "kind": self.kind, "facts": FACTS, "space": space}
        meta |= {"tasks": [asdict(task) for task in self.tasks]}
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        write_described(path, meta, arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises ValueError for a file that is missing, damaged, or of other spaces or facts than today's."""
        return read_described(path, "file of trainings", cls._of, _MOST_BYTES)

    @classmethod
    def _of(cls, meta: Any, arrays: dict[str, NDArray[Any]]) -> Self:
        if not isinstance(meta, dict) or meta.get("format") != FORMAT or meta.get("kind") not in SPACES:
            raise Error(f"it must be of format {FORMAT!r}")
        kind: Kind = meta["kind"]
        definition = space_definition(SPACES[kind])
        same = json.loads(json.dumps(definition.to_dict())) == meta["space"]
        if not same or tuple(meta["facts"]) != FACTS:
            raise Error("it was made for a space or with facts that are others today; build it anew")
        tasks = tuple(map(_task_of, meta["tasks"]))
        found = cls(kind, tasks, **arrays)
        found._check()
        return found

    def _check(self) -> None:
        n, steps = len(self.task), self.tasks[0].space().max_steps if self.tasks else 0
        wanted = {"task": (n,), "actions": (n, steps), "limit": (n,), "curve": (n, *self.curve.shape[1:2])}
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                raise Error(f"{name!r} must have the shape {shape}, got {getattr(self, name).shape}")
        if n == 0 or self.curve.ndim != 2 or self.curve.shape[1] == 0:
            raise Error("it holds no training")
        if self.task.min() < 0 or self.task.max() >= len(self.tasks):
            raise Error(f"'task' must be from 0 to {len(self.tasks) - 1}")
        known = self.curve[~np.isnan(self.curve)]
        if (known > 1).any() or not np.isfinite(known).all():
            raise Error("'curve' must hold scores up to 1")
        if any(len(task.facts) != len(FACTS) or not np.isfinite(task.facts).all() for task in self.tasks):
            raise Error(f"each task must have {len(FACTS)} finite facts")
        for number in range(len(self.tasks)):
            space, actions = self.tasks[number].space(), self.actions_of(number)
            if ((actions < -1) | (actions >= space.num_actions)).any():
                raise Error(f"'actions' must be from -1 to {space.num_actions - 1}")


def _task_of(data: dict[str, Any]) -> Task:
    lists = {"input_shape": tuple(data["input_shape"]), "facts": tuple(map(float, data["facts"]))}
    return Task(**{**data, **lists})
