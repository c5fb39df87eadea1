"""`add_runs`: what finished runs found becomes part of experience, beside what it was made from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.experience import Experience
from rl_designer.envs.datasets.dataset import SPACES, TEXT
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.trained_space import TrainedSpace
from rl_designer.envs.tasks.facts import FACTS
from rl_designer.errors import Error, WrongUsage
from rl_designer.experience.learning import learn
from rl_designer.experience.settings import PolicySettings
from rl_designer.experience.shipped import shipped_trainings
from rl_designer.experience.trainings import Task, Trainings
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.reading import RunReport, read_run
from rl_designer.runs.same_data import data_of_run
from rl_designer.setting import training_setting

OWN = "one's own"  # family of the tasks of runs
_FEWEST = 8  # distinct designs, below which a run's ranks say little
_NO_LIMIT = 1e6  # parameters, as experience sees it


def add_runs(
    runs: Sequence[Path],
    file: Path,
    settings: PolicySettings = PolicySettings(),  # noqa: B008 (frozen)
    seed: int = 0,
    *,
    trust: bool = False,
) -> Experience:
    """Learns anew from what the experience of `file` was made from, or else the shipped one, and from runs;
    writes `file`, and beside it what it was made from, so that more can be added later. A run that is in it
    already is replaced.

    Raises:
        WrongUsage: for a run on an architecture table or another space than the rest, and without `trust` for
            one that was copied from elsewhere and names code.
        ValueError: for a run that isn't finished, or whose data are gone or not what they were.
    """
    folders = [RunFolder.open(run) for run in runs]
    if not trust:
        for folder in folders:
            folder.check_code()
    read = [trainings_of(read_run(folder)) for folder in folders]
    kinds = sorted({own.kind for own in read})
    if len(kinds) > 1:
        raise WrongUsage(f"runs of one kind of data are added at a time, these are of {', '.join(kinds)}")
    beside = trainings_beside(file)
    before = Trainings.load(beside) if beside.exists() else shipped_trainings(SPACES[kinds[0]])
    if before is not None and before.kind != kinds[0]:
        raise WrongUsage(f"{file} is for data of kind {before.kind!r}, the runs are of kind {kinds[0]!r}")
    known = [] if before is None else [_without({own.tasks[0].name for own in read}, before)]
    width = (known or read)[0].curve.shape[1]
    merged = Trainings.merged([*known, *(_as_wide(own, width) for own in read)])
    made = learn(merged, policy_settings=settings, seed=seed)
    file.parent.mkdir(parents=True, exist_ok=True)
    merged.save(beside)
    made.save(file)
    return made


def trainings_beside(file: Path) -> Path:
    """Where the trainings lie that an experience of one's own was made from."""
    return file.with_name(f"{file.name.removesuffix('.npz')}-trainings.npz")


def trainings_of(report: RunReport) -> Trainings:
    """A finished run's distinct designs, the control's among them. Raises as `add_runs`."""
    folder = report.folder
    task, space = _task_of(folder)
    found = {d.design.architecture.digest: d.design for d in report.designs}
    if len(found) < _FEWEST:
        raise Error(f"{folder.path} has {len(found)} distinct designs; at least {_FEWEST} tell something")
    actions = space.canonical(space.pad(space.actions(d.architecture) for d in found.values()))
    scores = [d.evaluation.score for d in found.values()]
    n, limit = len(found), folder.config.subject.max_parameters or _NO_LIMIT
    curve = np.array([[np.nan if score is None else score] for score in scores], np.float32)
    kind = next(kind for kind, name in SPACES.items() if name == space.name)
    return Trainings(
        kind, (task,), np.zeros(n, np.int32), actions.astype(np.int16), np.full(n, limit, np.float32), curve
    )


def _task_of(folder: RunFolder) -> tuple[Task, SearchSpace]:
    """What a run was on, and the space there."""
    config = folder.config
    if folder.summary.get("state") != "finished":
        raise Error(f"{folder.path} isn't finished; finish it with `resume`, or leave it away")
    if config.subject.no_data:
        raise WrongUsage(f"{folder.path} was on {config.subject.no_data}; experience is of data")
    setting = training_setting(config, data_of_run(folder, {}))
    if setting.space.name not in SPACES.values() or setting.task_facts is None:
        names = ", ".join(name for kind, name in SPACES.items() if kind != TEXT)
        raise WrongUsage(f"{folder.path} was on space {setting.space.name!r}; experience is for {names}")
    if isinstance(setting.space, TrainedSpace):
        raise WrongUsage(
            f"{folder.path} also decided how designs are trained; experience is of networks alone"
        )
    facts = setting.task_facts()
    shape, classes = setting.facts["input_shape"], setting.facts["num_classes"]
    values = tuple(float(facts[fact]) for fact in FACTS)
    return Task(folder.id, OWN, setting.content or "", tuple(shape), classes, values), setting.space


def _without(names: set[str], trainings: Trainings) -> Trainings:
    return trainings.chosen([i for i, task in enumerate(trainings.tasks) if task.name not in names])


def _as_wide(trainings: Trainings, width: int) -> Trainings:
    """The same with as many epochs, of which all but the last aren't known."""
    curve: NDArray[Any] = np.full((len(trainings), width), np.nan, np.float32)
    curve[:, -1] = trainings.curve[:, -1]
    arrays = (trainings.task, trainings.actions, trainings.limit, curve)
    return Trainings(trainings.kind, trainings.tasks, *arrays)
