"""`ControllerEvaluator`: a controller is worth how soon its searches find good designs."""

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import takewhile
from statistics import fmean
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.controller_space import options_of
from rl_designer.agents.ppo import PPO
from rl_designer.controllers.named_task import NamedTask
from rl_designer.envs.architecture import Architecture, Option
from rl_designer.envs.evaluation import Evaluation, ResultObserver, until
from rl_designer.envs.metrics import Objective
from rl_designer.envs.problem import Budget, BudgetSpent, Design, Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.seeding import stream
from rl_designer.envs.source import source_digest
from rl_designer.envs.workers.engines import Engine, Pool
from rl_designer.envs.workers.pool import Lost
from rl_designer.errors import Error
from rl_designer.jobs.jobs import OF_SEARCHES, trials

PROGRESS = "progress"
_GUESSES = 200
_FIRST_SEED = 1_000_000  # apart from those of people, and so of what is measured afterwards


@dataclass(frozen=True)
class Course:
    """How good the best design of a search was while it went on.

    Attributes:
        progress: 0–1, see `progress_of`.
        evaluations: until the table's best was found; None where it wasn't.
        seconds: wall time.
    """

    progress: float
    evaluations: int | None
    seconds: float


class ControllerEvaluator:
    """Tries controllers: each searches with every seed on every task, and its score is the mean progress.

    All controllers get the same seeds. Use it as a context manager, or `close` it.

    Args:
        tasks: of architecture tables, at least one.
        seeds: searches on each.
        evaluations: that a search may spend; one that finds the best ends there.
        engine: where the searches run, one thread each.
        repeat: another number is for other seeds.

    Raises:
        ValueError: for tables that can't be used, or a number below 1.
    """

    def __init__(
        self, tasks: Sequence[NamedTask], seeds: int, evaluations: int, engine: Engine, repeat: int = 0
    ) -> None:
        if not tasks or seeds < 1 or evaluations < 1:
            raise Error("controllers are tried on at least 1 task, with 1 seed and 1 evaluation")
        self.tasks = tuple(tasks)
        self.seeds = tuple(_FIRST_SEED * (1 + repeat) + seed for seed in range(seeds))
        self.evaluations = evaluations
        self._engine = engine
        self._stack = ExitStack()
        self._pool: Pool | None = None
        on = [task.evaluator.digest for task in self.tasks]
        code = source_digest("rl_designer.agents", "rl_designer.envs")
        what = json.dumps([on, self.seeds, evaluations, code])
        self._digest = f"controllers:{hashlib.sha256(what.encode()).hexdigest()[:20]}"

    @property
    def digest(self) -> str:
        """Changes with the tables, the seeds, the evaluations and the code of agents."""
        return self._digest

    @property
    def told(self) -> str:
        """What people should know of the scores."""
        on = ", ".join(map(str, self.tasks))
        return (
            f"each controller searches on {on}, with {len(self.seeds):,} seeds and {self.evaluations:,} "
            f"evaluations each; its {PROGRESS} is 1 where the first design is the best of all"
        )

    @property
    def objective(self) -> Objective:
        """The progress, and what random search reaches, as a mean of many."""
        draws = stream(0, "controllers", "guess")
        drawn = [
            progress_of(draws.permutation(values)[: self.evaluations], values, self.evaluations)
            for values in map(_values, self.tasks)
            for _ in range(_GUESSES)
        ]
        return Objective(PROGRESS, fmean(drawn))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the workers. A later `evaluate` starts others."""
        self._stack.close()
        self._pool = None

    def evaluate(
        self,
        architectures: Sequence[Architecture],
        observer: ResultObserver = lambda index, evaluation: None,
        deadline: float | None = None,
    ) -> list[Evaluation]:
        """As every evaluator. What can't search is an evaluation with a `failure`.

        Args:
            observer: told of each controller once all of its searches have ended.
            deadline: as `Evaluator.evaluate` may take it.
        """
        each = len(self.tasks) * len(self.seeds)
        courses: list[list[Course | Lost]] = [[] for _ in architectures]
        results: dict[int, Evaluation] = {}

        def finished(number: int, course: Course | Lost) -> None:
            index = number // each
            courses[index].append(course)
            if len(courses[index]) == each:
                results[index] = _evaluation(courses[index])
                observer(index, results[index])

        options = [options_of(architecture) for architecture in architectures]
        searches = [
            (own, task, seed, self.evaluations)
            for own in options
            for seed in self.seeds
            for task in self.tasks
        ]
        if searches:
            self._own_pool().run(course_of, searches, finished, **until(deadline))
        return [results[index] for index in takewhile(results.__contains__, range(len(architectures)))]

    def _own_pool(self) -> Pool:
        if self._pool is None:
            self._pool = self._stack.enter_context(trials(self._engine, loaded=OF_SEARCHES))
        return self._pool


def _evaluation(courses: Sequence[Course | Lost]) -> Evaluation:
    lost = [course for course in courses if isinstance(course, Lost)]
    if lost:
        return Evaluation.failed(lost[0].failure, metric=PROGRESS)
    done = [course for course in courses if isinstance(course, Course)]
    seconds = sum(course.seconds for course in done)
    # The sum in an order of its own, so that it is the same whatever ended first.
    score = fmean(sorted(course.progress for course in done))
    return Evaluation(metric=PROGRESS, val_score=score, training_seconds=seconds)


def course_of(options: dict[str, Option], task: NamedTask, seed: int, evaluations: int) -> Course:
    """One search by `ppo` with such options; for worker processes."""
    started, evaluator = time.perf_counter(), task.evaluator
    values = _values(task)
    best = float(values.max())

    def ending(design: Design) -> None:
        if design.reward >= best:
            raise BudgetSpent("the table's best is found")

    problem = Problem(evaluator.space, evaluator, accuracy, Budget(evaluations), observer=ending)
    # Made of its options and not of their text, by which it would be named and draw other numbers.
    PPO(seed=seed, final_updates=0, **options).search(problem)  # type: ignore[arg-type]
    rewards = problem.designs.rewards
    found = int(rewards.argmax()) + 1 if rewards.max() >= best else None
    progress = progress_of(rewards, values, evaluations)
    return Course(progress, found, time.perf_counter() - started)


def _values(task: NamedTask) -> NDArray[np.float64]:
    """Of all designs, in ascending order. Raises ValueError where the table has none."""
    values = task.evaluator.search_values()
    known = np.sort(values[np.isfinite(values)])
    if len(known) == 0:
        raise Error(f"{task} has no value of the searched metric")
    return known


def progress_of(rewards: NDArray[np.float64], values: NDArray[np.float64], evaluations: int) -> float:
    """The mean, over the evaluations of a search, of how far up the best design so far was among all of the
    table: 1 the best, 0 the worst, by the logarithm of its rank, so that the step from rank 100 to 10 counts
    as much as that from 10 to 1. What a search that ended before had found counts to the end.

    Args:
        rewards: in the order of the search, at least one.
        values: of all designs, in ascending order.
    """
    so_far = np.maximum.accumulate(rewards)
    ranks = len(values) - np.searchsorted(values, so_far, side="right") + 1
    heights = 1 - np.log(np.minimum(ranks, len(values))) / np.log(max(len(values), 2))
    rest = evaluations - len(heights)
    return float((heights.sum() + rest * heights[-1]) / evaluations)
