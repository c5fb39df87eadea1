"""How far many jobs are: a bar on a terminal, a line now and then elsewhere. The one display of progress."""

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.jobs.jobs import Job, JobObserver
from rl_designer.quantities import show_seconds
from rl_designer.text import printable, short_design, shortened

_SECONDS_BETWEEN = 60.0  # plain lines, at most, where it is slow
_FEWEST = 4  # of what is done, that a guess of the time left is made from
_ROOM_BEFORE = 72  # characters of the bar and the figures


class Display:
    """Shows how much of something is done.

    Args:
        quiet: shows nothing.
        console: None for stderr.
        lines: plain lines over the whole, about; 0 for one a minute alone.
        clock: seconds, rising.
    """

    def __init__(
        self,
        quiet: bool = False,
        console: Console | None = None,
        *,
        lines: int = 20,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quiet = quiet
        self._console = console or Console(stderr=True)
        self._live = not quiet and self._console.is_terminal
        self._lines = lines
        self._clock = clock
        self._bar = Progress(
            BarColumn(bar_width=24),
            TextColumn("{task.completed:,.0f}{task.fields[unit]}", markup=False),
            TextColumn("{task.fields[figures]}", markup=False),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("{task.fields[current]}", style="dim", markup=False),
            console=self._console,
            disable=not self._live,
        )
        self._task = self._bar.add_task("", total=None, visible=False, unit="", figures="", current="")

    def begin(self, title: str, total: int | None, unit: str, done: int = 0) -> None:
        """Before the first of `total` units; None where nobody knows how many. `done`: what is there from
        before.
        """
        self._total, self._unit = total, unit
        self._step = max((total or 100) // self._lines, 1) if self._lines else None
        self._next = 0 if self._step is None else done + self._step
        self._began = self._last = self._clock()
        if title:
            self.say(title)
        of = "" if total is None else f"/{total:,}"
        self._bar.reset(self._task, total=total, completed=done, visible=True)
        self._bar.update(self._task, unit=f"{of} {unit}", figures="", current="")
        if self._live:
            self._bar.start()

    def show(self, done: int, figures: str, current: str = "", *, fresh: int) -> None:
        """So many are done.

        Args:
            figures: what is known so far.
            current: what came last, for a terminal alone.
            fresh: how many of them took their time since the beginning.
        """
        if self._live:
            room = max(self._console.width - _ROOM_BEFORE, 16)
            current = shortened(current, room)
            self._bar.update(self._task, completed=done, figures=figures, current=current)
        elif not self._quiet and self._due(done, now := self._clock()):
            self._last, self._next = now, done + (self._step or 0)
            of = "" if self._total is None else f"/{self._total:,}"
            left = self._time_left(now, done, fresh)
            self.say(f"{done:,}{of} {self._unit}{', ' * bool(figures)}{figures}{left}")

    def say(self, line: str) -> None:
        """A line of its own."""
        if not self._quiet:
            self._console.print(Text(printable(line)), soft_wrap=True)

    def close(self) -> None:
        """Once, whatever happened."""
        self._bar.stop()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return self._clock() - self._began

    def _due(self, done: int, now: float) -> bool:
        late = now - self._last >= _SECONDS_BETWEEN
        return late or (self._step is not None and (done >= self._next or done == self._total))

    def _time_left(self, now: float, done: int, fresh: int) -> str:
        if self._total is None or fresh < _FEWEST or done >= self._total:
            return ""
        seconds = (now - self._began) / fresh * (self._total - done)
        return f", about {show_seconds(seconds)} left" if seconds >= 1 else ""


@dataclass(frozen=True)
class Shown:
    """What is shown of jobs.

    Attributes:
        unit: what is counted.
        steps: how many of them a job is; what it has left `Unfinished` tells, with `done_of`, how many of
            these are done.
        figures: what is said of a result, or of an unfinished job's progress, beside the count.
        title: of jobs to do.
        ended: a line of its own for each job that has ended, after so many seconds; None for none.
    """

    unit: str
    figures: Callable[[Any], str]
    steps: int = 1
    done_of: Callable[[Any], int] = lambda progress: 0
    title: Callable[[int], str] | None = None
    ended: Callable[[Job, Any, float], str] | None = None


class JobProgress(JobObserver):
    """Shows jobs on a display."""

    def __init__(self, display: Display, shown: Shown) -> None:
        self._display = display
        self._shown = shown
        self._steps: dict[Hashable, int] = {}
        self._before = 0  # steps that tell nothing about the time that is left

    def started(self, jobs: Sequence[Job], known: int) -> None:
        shown = self._shown
        self._known, self._before = known * shown.steps, 0
        self._steps.clear()
        missing = len(jobs) - known
        if missing == 0:
            return
        title = f"{missing:,} {shown.unit}" if shown.title is None else shown.title(missing)
        title += f", {known:,} already done" if known else ""
        self._display.begin(title, len(jobs) * shown.steps, shown.unit, self._known)

    def advanced(self, job: Job, progress: Any) -> None:
        done = self._shown.done_of(progress)
        if job.key not in self._steps and job.state is not None:
            self._before += done  # an earlier start did most of it
        self._steps[job.key] = done
        self._show(self._shown.figures(progress))

    def finished(self, job: Job, result: Any) -> None:
        self._steps[job.key] = self._shown.steps
        if self._shown.ended is not None:
            self._display.say(self._shown.ended(job, result, self._display.seconds))
        self._show(self._shown.figures(result))

    def closed(self) -> None:
        self._display.close()

    def _show(self, figures: str) -> None:
        steps = sum(self._steps.values())
        self._display.show(self._known + steps, figures, fresh=steps - self._before)


class EvaluationProgress:
    """Shows evaluations, one by one."""

    def __init__(self, display: Display) -> None:
        self.display = display

    def begin(self, title: str, total: int | None, unit: str) -> None:
        """As `Display.begin`."""
        self._done = self._answered = self._failed = self._stopped = 0
        self.display.begin(title, total, unit)

    def add(
        self, architecture: Architecture, evaluation: Evaluation, stored: bool, figures: str = ""
    ) -> None:
        """One is known; `stored`: by the store, from before."""
        self._done += 1
        self._answered += stored
        self._failed += evaluation.failure is not None
        self._stopped += evaluation.stopped_at is not None
        counts = {
            "failed": self._failed,
            "stopped early": self._stopped,
            "from the store": self._answered,
        }
        shown = [figures] * bool(figures) + [f"{n:,} {what}" for what, n in counts.items() if n]
        current, fresh = short_design(architecture), self._done - self._answered
        self.display.show(self._done, ", ".join(shown), current, fresh=fresh)
