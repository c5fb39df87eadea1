"""How far the building of a table is: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.quantities import show_seconds
from rl_designer.text import printable, short_design, shortened

_LINES = 20  # plain lines over a whole build
_SECONDS_BETWEEN = 60.0
_FEWEST = 10  # trainings that a guess of the time left is made from


class BuildProgress:
    """Hears of a build.

    Args:
        quiet: shows nothing.
        console: for stderr.
        clock: seconds, rising.
    """

    def __init__(
        self,
        quiet: bool = False,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quiet = quiet
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._bar = Progress(
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}", markup=False),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[current]}", style="dim", markup=False),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None, figures="", current="")
        self._total = self._done = self._known = self._failed = self._next = 0
        self._began = self._last = clock()
        self._what = ""

    def __enter__(self) -> "BuildProgress":
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def started(self, title: str, total: int, what: str) -> None:
        """Before the `total` evaluations of a kind, `what`, such as trainings."""
        self._total, self._what = total, what
        self._done = self._known = self._failed = self._next = 0
        self._began = self._last = self._clock()
        if not self._quiet:
            self._console.print(Text(printable(title)), soft_wrap=True)
        self._bar.reset(self._task, total=total, figures="", current="")

    def heard(self, architecture: Architecture, evaluation: Evaluation, stored: bool) -> None:
        """With each evaluation."""
        self._done += 1
        self._known += stored
        self._failed += evaluation.failure is not None
        if self._quiet:
            return
        if self._console.is_terminal:
            current = shortened(short_design(architecture), max(self._console.width - 72, 16))
            self._bar.update(self._task, completed=self._done, figures=self._figures(), current=current)
        elif self._due():
            self._next, self._last = self._done + max(self._total // _LINES, 1), self._clock()
            line = f"{self._done:,}/{self._total:,} {self._figures()}{self._time_left()}"
            self._console.print(Text(line), soft_wrap=True)

    def _due(self) -> bool:
        late = self._clock() - self._last > _SECONDS_BETWEEN
        return self._done >= self._next or self._done == self._total or late

    def _figures(self) -> str:
        failed = f", {self._failed:,} failed" if self._failed else ""
        known = f", {self._known:,} from the store" if self._known else ""
        return f"{self._what}{known}{failed}"

    def _time_left(self) -> str:
        fresh = self._done - self._known
        if fresh < _FEWEST or self._done >= self._total:
            return ""
        seconds = (self._clock() - self._began) / fresh * (self._total - self._done)
        return f", about {show_seconds(seconds)} left"
