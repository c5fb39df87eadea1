"""`build_trainings`: many made tasks, many designs on each, trained in parts that are kept as they come."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rl_designer.envs.datasets import Dataset
from rl_designer.envs.datasets.preparation import RawData, prepare
from rl_designer.envs.evaluators.training import TrainingEvaluator
from rl_designer.envs.limits import Rules, in_force
from rl_designer.envs.search_spaces.base import Actions
from rl_designer.envs.search_spaces.registry import DataSpace
from rl_designer.envs.seeding import stream
from rl_designer.envs.tasks.drawing import VALIDATED, DrawnTask, drawn_task
from rl_designer.envs.tasks.facts import facts_of
from rl_designer.envs.tasks.made import PREFIX, Kind, make_task
from rl_designer.envs.workers.engines import Engine, engine_name
from rl_designer.envs.workers.pool import Lost
from rl_designer.errors import Error
from rl_designer.experience.trainings import Task, Trainings
from rl_designer.jobs.jobs import Job, run_jobs, trials
from rl_designer.jobs.progress import Display, JobProgress, Shown
from rl_designer.oversight.work import USED, Watched, working
from rl_designer.text import command

TRAININGS = "trainings.npz"
PARTS = "parts"
DESIGNS = 16  # of a part at most, which are drawn within one limit
LIMITS = (2_000, 200_000)  # parameters
LEAST = 2 * LIMITS[0]  # that the upper one may be: below, all limits are nearly the same


@dataclass(frozen=True)
class BuildPlan:
    """What is trained.

    Attributes:
        kind: of the made tasks.
        tasks: how many.
        designs: on each, in parts of `DESIGNS`.
        seed: of tasks and designs.
        most: parameters of every design; None for as many as `LIMITS` say, or a task's smallest network has.
    """

    kind: Kind
    tasks: int
    designs: int
    seed: int = 0
    most: int | None = None

    @property
    def limits(self) -> tuple[int, int]:
        """That its parts' limits are drawn between."""
        return LIMITS[0], min(self.most or LIMITS[1], LIMITS[1])

    @property
    def parts(self) -> list[tuple[int, int, int]]:
        """Task, part and how many designs; first the first part of each task: what is early is of many."""
        numbers = [min(DESIGNS, self.designs - first) for first in range(0, self.designs, DESIGNS)]
        return [(task, part, n) for part, n in enumerate(numbers) for task in range(self.tasks)]


def build_trainings(plan: BuildPlan, folder: Path, engine: Engine, display: Display) -> Trainings:
    """Trains what isn't in the folder yet, and writes `trainings.npz` there.

    Raises:
        OverLimit: where an organisation's limits don't allow it, or its hours or energy are used up.
        Interrupted: with a text that says how to go on.
        ValueError: where nothing could be trained, and for damaged parts.
    """
    rules = in_force()
    rules.check_data(PREFIX, known=True)
    plan = _within(rules, plan, display)
    journal = _Parts(plan, folder)
    jobs = [Job(key, f"task {key[0]}, part {key[1]}", train_part, (plan, *key)) for key in plan.parts]
    shown = Shown("parts", lambda result: str(result) if isinstance(result, Lost) else "")
    trainings, where = plan.tasks * plan.designs, engine_name(engine)
    with (
        working(folder / USED, rules, "the experience", trainings=trainings, engine=where) as work,
        trials(engine) as pool,
    ):
        results = run_jobs(jobs, pool, Watched(journal, work), JobProgress(display, shown), work.deadline)
        if len(results) < len(jobs):
            work.check()
    made = [results[job.key] for job in jobs if isinstance(results[job.key], Trainings)]
    if not made:
        raise Error(f"nothing could be trained: {results[jobs[0].key]}")
    whole = Trainings.merged(made)
    whole.save(folder / TRAININGS)
    return whole


def _within(rules: Rules, plan: BuildPlan, display: Display) -> BuildPlan:
    """The same with no larger networks than the rules allow, which is told. Raises OverLimit where too little
    to learn from is left.
    """
    rule = rules.strictest("max_parameters")
    if rule is None:
        return plan
    rules.check("max_parameters", LEAST, "parameters that experience needs at least")
    if rule.value < LIMITS[1]:
        display.say(f"designs of {LIMITS[0]:,} to {rule.value:,} parameters, not up to {LIMITS[1]:,}: {rule}")
    return replace(plan, most=rule.value)


@dataclass(frozen=True)
class _Parts:
    """The journal: a file for each part."""

    plan: BuildPlan
    folder: Path

    def path(self, key: Any) -> Path:
        task, part, n = key
        fewer = "" if n == DESIGNS else f"-{n}"  # so that no whole part is taken for there
        most = self.plan.limits[1]
        within = "" if most == LIMITS[1] else f"-within-{most}"
        return self.folder / PARTS / f"{self.plan.kind}-{self.plan.seed}-{task}-{part}{fewer}{within}.npz"

    def known(self, jobs: Sequence[Job]) -> Mapping[Hashable, Any]:
        return {job.key: Trainings.load(path) for job in jobs if (path := self.path(job.key)).exists()}

    def keep(self, job: Job, result: Any) -> Any:
        if isinstance(result, Trainings):
            path = self.path(job.key)
            path.parent.mkdir(parents=True, exist_ok=True)
            result.save(path)
        return result

    def how_to_go_on(self, done: int, total: int) -> str:
        return (
            f"{done:,} of {total:,} parts are kept in {self.folder}; go on with: "
            f"{command('experience', 'build', self.folder)} and the same options"
        )


def train_part(plan: BuildPlan, number: int, part: int, n: int) -> Trainings:
    """In a worker: n random designs within one limit on one made task. Raises ValueError where no network for
    it is within the plan's `most`.
    """
    kind = plan.kind
    drawn = drawn_task(kind, number, plan.seed)
    dataset = task_data(drawn)
    task = task_of(drawn, dataset)
    draws = stream(plan.seed, "experience", kind, number, part)
    space = task.within(float(np.exp(draws.uniform(*np.log(plan.limits)))), plan.most)
    actions = distinct_designs(space, n, draws)
    with TrainingEvaluator(dataset, device="cpu") as evaluator:
        found = evaluator.evaluate(space.architectures(actions))
        epochs = evaluator.epochs
    curve = np.full((len(actions), epochs), np.nan, np.float32)
    for row, evaluation in zip(curve, found, strict=True):
        if evaluation.failure is None:
            row[:] = evaluation.learning_curve
    limit = np.full(len(actions), space.limits.max_parameters, np.float32)
    of_task = np.zeros(len(actions), np.int32)
    return Trainings(kind, (task,), of_task, actions.astype(np.int16), limit, curve)


def task_data(drawn: DrawnTask) -> Dataset:
    """A drawn task as data, of which the last examples are the validation part; there is no test."""
    made = make_task(drawn.text)
    cut = len(made.y) - VALIDATED
    x = {"train": made.x[:cut], "val": made.x[cut:]}
    y = {"train": made.y[:cut], "val": made.y[cut:]}
    name = PREFIX + drawn.text
    return prepare(RawData(name, x, y, name, made.kind), None, 0, sealed=False)


def task_of(drawn: DrawnTask, dataset: Dataset) -> Task:
    """What is kept of a task."""
    facts = tuple(facts_of(dataset).values())
    shape, content = dataset.input_shape, dataset.content or ""
    return Task(dataset.name, drawn.family, content, shape, dataset.num_classes, facts)


def distinct_designs(space: DataSpace, n: int, draws: np.random.Generator) -> Actions:
    """Random ones, int64 [at most n, max_steps]."""
    actions = space.canonical(space.random_actions(4 * n, draws))
    _, first = np.unique(actions, axis=0, return_index=True)
    return actions[np.sort(first)[:n]]
