"""The progress display: a live line on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from rl_designer.agents.memory import Review
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.quantities import show_seconds
from rl_designer.runs.verdict import CONTROL_AGENT
from rl_designer.searches.observers import Observer, Start
from rl_designer.text import printable, short_design, shortened

_LINES = 10  # plain lines over a whole search, besides the first
_SECONDS_BETWEEN = 60.0
_FEWEST = 4  # trainings that a guess of the time left is made from


def progress_display() -> Observer:
    """The display that suits stderr."""
    console = Console(stderr=True)
    return LiveProgress(console) if console.is_terminal else PlainProgress()


class _Counts(Observer):
    """What both displays show."""

    start: Start

    def __init__(self) -> None:
        self.done = self.answered = self.failures = self.stopped = 0
        self.best: float | None = None
        self.what = "best"
        self.current = ""

    def started(self, start: Start) -> None:
        self.start = start

    def evaluated(
        self, architecture: Architecture, evaluation: Evaluation, reward: float | None, stored: bool
    ) -> None:
        self.done += 1
        self.answered += stored
        self.failures += evaluation.failure is not None
        self.stopped += evaluation.stopped_at is not None
        self.current = short_design(architecture)
        if evaluation.in_full:
            # A reward that sees the history is paid later, and is no measure of what is best.
            merit = (evaluation.val_accuracy or 0.0) if reward is None else reward
            self.what = "best" if reward is not None else "best accuracy"
            self.best = merit if self.best is None else max(self.best, merit)

    def opening(self) -> str:
        """What is about to happen, in one line."""
        start = self.start
        limits = [] if start.evaluations is None else [f"{start.evaluations:,} evaluations"]
        if start.seconds is not None:
            limits.append(show_seconds(start.seconds))
        share = f", {start.paid:,} of them for the control ({CONTROL_AGENT})" if start.paid else ""
        again = f", {start.done:,} already done" if start.done else ""
        where = f"{printable(start.title)}, space {printable(start.space)}"
        begin = f", starting from {', '.join(map(printable, start.sources))}" if start.sources else ""
        what = f"{start.agent} on {where}{begin}: at most {' or '.join(limits)}{share}{again}"
        return f"{what}; run folder {printable(start.folder)}"

    def figures(self) -> str:
        """Best so far, failures, trainings that were stopped early."""
        best = f"{self.what} –" if self.best is None else f"{self.what} {self.best:.4f}"
        failed = f", {self.failures:,} failed" if self.failures else ""
        stored = f", {self.answered:,} from the store" if self.answered else ""
        stopped = f", {self.stopped:,} stopped early" if self.stopped else ""
        return f"{best}{failed}{stopped}{stored}"


class PlainProgress(_Counts):
    """About ten lines a search, and one a minute where it is slow.

    Args:
        write: called with each line.
        clock: seconds, rising.
    """

    def __init__(
        self, write: Callable[[str], None] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._write = write or (lambda line: print(line, file=sys.stderr, flush=True))
        self._clock = clock

    def started(self, start: Start) -> None:
        super().started(start)
        self._began = self._last = self._clock()
        self._next = self._step = max((start.evaluations or 100) // _LINES, 1)
        self._write(self.opening())

    def evaluated(
        self, architecture: Architecture, evaluation: Evaluation, reward: float | None, stored: bool
    ) -> None:
        super().evaluated(architecture, evaluation, reward, stored)
        now = self._clock()
        early = self.done < self._next and now - self._last < _SECONDS_BETWEEN
        if early and self.done != self.start.evaluations:
            return
        self._last, self._next = now, self.done + self._step
        total = "" if self.start.evaluations is None else f"/{self.start.evaluations:,}"
        self._write(f"{self.done:,}{total} evaluations, {self.figures()}{self._time_left(now)}")

    def reviewed(self, review: Review) -> None:
        self._write(printable(review))

    def _time_left(self, now: float) -> str:
        trained = self.done - self.answered
        if self.start.evaluations is None or trained < _FEWEST or self.done >= self.start.evaluations:
            return ""
        seconds = (now - self._began) / trained * (self.start.evaluations - self.done)
        return f", about {show_seconds(seconds)} left" if seconds >= 1 else ""


class LiveProgress(_Counts):
    """A bar with evaluations, best so far, failures, time left and the design that came last."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._progress = Progress(
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}{task.fields[total_text]}"),
            TextColumn("{task.fields[figures]}", markup=False),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("{task.fields[current]}", style="dim", markup=False),
            console=console,
        )
        self._task: TaskID | None = None

    def started(self, start: Start) -> None:
        super().started(start)
        self._console.print(Text(self.opening()))
        total_text = "" if start.evaluations is None else f"/{start.evaluations}"
        self._task = self._progress.add_task(
            "", total=start.evaluations, total_text=total_text, figures=self.figures(), current=""
        )
        self._progress.start()

    def evaluated(
        self, architecture: Architecture, evaluation: Evaluation, reward: float | None, stored: bool
    ) -> None:
        super().evaluated(architecture, evaluation, reward, stored)
        self._show()

    def reviewed(self, review: Review) -> None:
        self._console.print(Text(printable(review)))

    def closed(self) -> None:
        self._progress.stop()

    def _show(self) -> None:
        if self._task is not None:
            room = max(self._console.width - 72, 16)
            current = shortened(self.current, room)
            self._progress.update(self._task, completed=self.done, figures=self.figures(), current=current)
