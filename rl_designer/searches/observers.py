"""`Observer`: what is told of a search as it goes, such as the progress display and TensorBoard's log."""

import os
import shutil
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rl_designer.agents.memory import Review
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.problem import Design
from rl_designer.interruption import uninterrupted
from rl_designer.jobs.jobs import Job
from rl_designer.jobs.progress import Display, EvaluationProgress, JobProgress
from rl_designer.quantities import show_figure, show_seconds
from rl_designer.retraining.output import shown
from rl_designer.runs.folder import TENSORBOARD
from rl_designer.runs.verdict import CONTROL_AGENT

_LINES = 10  # plain lines over a whole search, besides the first
WINDOW = 100  # designs that `rollout/…` averages over, as many episodes as in Stable-Baselines3


@dataclass(frozen=True)
class Start:
    """What is known as a search starts.

    Attributes:
        evaluations: of the agent and of the control together; None is without limit.
        paid: how many of them are the control's.
        seconds: limit of the whole search, or None.
        done: designs that an earlier start of this run left behind.
        sources: earlier runs that it starts with.
        finalists: what is trained longer after it, in words; "" for nothing.
        about: what to know of the data, and what limits the search, a line each.
    """

    folder: Path
    title: str
    space: str
    agent: str
    evaluations: int | None
    paid: int
    seconds: float | None
    done: int = 0
    sources: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    finalists: str = ""


class Observer:
    """Hears of a search. Every method may be left as it is."""

    def started(self, start: Start) -> None:
        """Once, before the first evaluation."""

    def evaluated(
        self, architecture: Architecture, evaluation: Evaluation, reward: float | None, stored: bool
    ) -> None:
        """As soon as an evaluation is known, in any order; `stored`: by the store, from before. `reward` is
        None where it isn't known yet, since it depends on the run's history.
        """

    def designed(self, design: Design, source: str) -> None:
        """With each new design once it is paid, in order; `source` is `agent` or `control`."""

    def reviewed(self, review: Review) -> None:
        """When an earlier run that this one started with is first judged, and when it is dropped."""

    def finalists_started(self, jobs: Sequence[Job], known: int, epochs: int) -> None:
        """Once the search is over, before the finalists' trainings of so many epochs, of which `known` are
        there from before; with several folds before each.
        """

    def finalist_advanced(self, job: Job, progress: Any) -> None:
        """A finalist's training has come to a checkpoint; `progress`: epochs done, and the loss."""

    def finalist_trained(self, job: Job, failure: str | None) -> None:
        """A finalist's training has ended."""

    def closed(self) -> None:
        """Once, whatever happened."""


# Whether to show it, or who is told instead.
Progress = bool | Observer | Sequence[Observer]


class Observers(Observer):
    """Several as one.

    Attributes:
        evaluations: how many they were told of.
    """

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)
        self.evaluations = 0

    def started(self, start: Start) -> None:
        self._tell("started", start)

    def evaluated(
        self, architecture: Architecture, evaluation: Evaluation, reward: float | None, stored: bool
    ) -> None:
        self.evaluations += 1
        self._tell("evaluated", architecture, evaluation, reward, stored)

    def designed(self, design: Design, source: str) -> None:
        self._tell("designed", design, source)

    def reviewed(self, review: Review) -> None:
        self._tell("reviewed", review)

    def finalists_started(self, jobs: Sequence[Job], known: int, epochs: int) -> None:
        self._tell("finalists_started", jobs, known, epochs)

    def finalist_advanced(self, job: Job, progress: Any) -> None:
        self._tell("finalist_advanced", job, progress)

    def finalist_trained(self, job: Job, failure: str | None) -> None:
        self._tell("finalist_trained", job, failure)

    def closed(self) -> None:
        self._tell("closed")

    def _tell(self, method: str, *arguments: Any) -> None:
        with uninterrupted():  # a display has locks
            for observer in self._observers:
                getattr(observer, method)(*arguments)


class SearchProgress(Observer):
    """Evaluations, the best so far, failures, the time left, and the design that came last.

    Args:
        display: None for the one that suits stderr.
    """

    def __init__(self, display: Display | None = None) -> None:
        self._display = display or Display(lines=_LINES)
        self._evaluations = EvaluationProgress(self._display)
        self._best: float | None = None
        self._what = "best"

    def started(self, start: Start) -> None:
        for line in start.about:
            self._display.say(line)
        self._evaluations.begin(_opening(start), start.evaluations, "evaluations")

    def evaluated(
        self, architecture: Architecture, evaluation: Evaluation, reward: float | None, stored: bool
    ) -> None:
        if evaluation.in_full:
            # A reward that sees the history is paid later, and is no measure of what is best.
            merit = (evaluation.score or 0.0) if reward is None else reward
            score = "accuracy" if evaluation.metric is None else "score"
            self._what = "best" if reward is not None else f"best {score}"
            self._best = merit if self._best is None else max(self._best, merit)
        best = show_figure(self._best)
        self._evaluations.add(architecture, evaluation, stored, f"{self._what} {best}")

    def reviewed(self, review: Review) -> None:
        self._display.say(str(review))

    def finalists_started(self, jobs: Sequence[Job], known: int, epochs: int) -> None:
        title = f"{len(jobs):,} finalists, {epochs:,} epochs each"
        self._trainings = JobProgress(self._display, replace(shown(epochs), title=lambda missing: title))
        self._trainings.started(jobs, known)

    def finalist_advanced(self, job: Job, progress: Any) -> None:
        self._trainings.advanced(job, progress)

    def finalist_trained(self, job: Job, failure: str | None) -> None:
        self._trainings.finished(job, failure)

    def closed(self) -> None:
        self._display.close()


def _opening(start: Start) -> str:
    """What is about to happen, in one line."""
    limits = [] if start.evaluations is None else [f"{start.evaluations:,} evaluations"]
    if start.seconds is not None:
        limits.append(show_seconds(start.seconds))
    share = f", {start.paid:,} of them for the control ({CONTROL_AGENT})" if start.paid else ""
    again = f", {start.done:,} already done" if start.done else ""
    begin = f", starting from {', '.join(start.sources)}" if start.sources else ""
    what = f"{start.agent} on {start.title}, space {start.space}{begin}: at most {' or '.join(limits)}"
    then = f"; then {start.finalists}" if start.finalists else ""
    return f"{what}{share}{again}{then}; run folder {start.folder}"


class TensorBoardLog(Observer):
    """Writes `tensorboard/` in the run folder, one step a design.

    `rollout/ep_rew_mean` and `rollout/ep_len_mean` (layers) are means over the last 100 designs; `search/…`
    has reward, best reward, validation accuracy, parameters, multiply-adds, and failures so far;
    `control/reward` is of the random designs.
    """

    def __init__(self) -> None:
        self._writer: Any = None
        self._rewards: deque[float] = deque(maxlen=WINDOW)
        self._lengths: deque[int] = deque(maxlen=WINDOW)
        self._best: float | None = None
        self._failures = 0

    def started(self, start: Start) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter  # type: ignore[import-untyped]

        folder = start.folder / TENSORBOARD
        shutil.rmtree(folder, ignore_errors=True)  # a resumed run writes all of them again
        folder.mkdir(parents=True)
        name = f"events.out.tfevents.{time.time():010.0f}.{socket.gethostname()}.{os.getpid()}.0"
        # Not `EventFileWriter`: Ctrl-C can leave its thread's queue locked for good, and its buffer makes
        # curves minutes late.
        self._writer = RecordWriter((folder / name).open("wb", buffering=0))
        self._write(file_version="brain.Event:2")

    def designed(self, design: Design, source: str) -> None:
        if source == "control":
            self._write_scalars({"control/reward": design.reward}, design.index)
            return
        self._rewards.append(design.reward)
        self._lengths.append(len(design.architecture.layers))
        self._failures += design.evaluation.failure is not None
        if design.evaluation.in_full:
            self._best = design.reward if self._best is None else max(self._best, design.reward)
        scalars: dict[str, float | None] = {
            "rollout/ep_rew_mean": sum(self._rewards) / len(self._rewards),
            "rollout/ep_len_mean": sum(self._lengths) / len(self._lengths),
            "search/reward": design.reward,
            "search/best_reward": self._best,
            "search/val_accuracy": design.evaluation.val_accuracy,
            "search/val_score": design.evaluation.val_score,
            "search/parameters": design.evaluation.parameters,
            "search/macs": design.evaluation.macs,
            "search/failures": self._failures,
        }
        self._write_scalars({tag: value for tag, value in scalars.items() if value is not None}, design.index)

    def closed(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _write_scalars(self, scalars: dict[str, float], step: int) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]

        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        self._write(step=step, summary=Summary(value=values))

    def _write(self, **content: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[import-untyped]

        self._writer.write(Event(wall_time=time.time(), **content).SerializeToString())


def observers_of(progress: Progress, tensorboard: bool) -> list[Observer]:
    """Those of a search: its progress is shown or not, or told to others; and TensorBoard's log."""
    told: list[Observer] = [SearchProgress()] if progress is True else []
    if not isinstance(progress, bool):
        told = [progress] if isinstance(progress, Observer) else list(progress)
    return [*told, *([TensorBoardLog()] if tensorboard else [])]
