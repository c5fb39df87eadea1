"""The display of full trainings: a live bar on a terminal, a line now and then elsewhere."""

import sys
import threading
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from rl_designer.quantities import show_seconds
from rl_designer.text import printable

_SECONDS_BETWEEN = 60.0


def training_progress() -> "Progress":
    """The display that suits stderr."""
    console = Console(stderr=True)
    return LiveTrainings(console) if console.is_terminal else Progress()


def silent_progress() -> "Progress":
    """Shows nothing."""
    return Progress(write=lambda line: None)


class Progress:
    """A line as trainings begin, one as each ends, and one a minute.

    Args:
        write: called with each line.
        clock: seconds, rising.
    """

    def __init__(
        self, write: Callable[[str], None] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write or (lambda line: print(line, file=sys.stderr, flush=True))
        self._clock = clock
        self._epochs: dict[int, int] = {}
        self._lock = threading.Lock()

    def started(self, trainings: int, epochs: int, done: int) -> None:
        """Before the first training. `done`: trainings whose weights are there from before."""
        self.trainings, self.epochs, self.total = trainings, epochs, trainings * epochs
        self._began = self._last = self._clock()
        self._before: int | None = None
        before = f", {done:,} already done" if done else ""
        what = "training" if trainings == 1 else "trainings"
        self._say(f"{trainings:,} {what} of {epochs:,} epochs{before}")

    def advanced(self, index: int, epochs: int, loss: float) -> None:
        """A training has done so many epochs; may come from any thread."""
        with self._lock:
            # What a checkpoint of an earlier start had done tells nothing about the time that is left.
            first = epochs - 1 if index not in self._epochs else 0
            self._epochs[index] = epochs
            self._before = (self._before or 0) + first
            now = self._clock()
            if now - self._last >= _SECONDS_BETWEEN:
                self._last = now
                left = self._seconds_left(now)
                about = "" if left is None else f", about {show_seconds(left)} left"
                self._say(f"{self._done:,} of {self.total:,} epochs, loss {loss:.4f}{about}")

    def ended(self, index: int, name: str, failure: str | None) -> None:
        """A training has ended."""
        with self._lock:
            self._epochs[index] = self.epochs
            outcome = "trained" if failure is None else f"failed: {printable(failure)}"
            self._say(f"{printable(name)}: {outcome}, after {show_seconds(self._clock() - self._began)}")

    def closed(self) -> None:
        """Once, whatever happened."""

    @property
    def _done(self) -> int:
        return sum(self._epochs.values())

    def _seconds_left(self, now: float) -> float | None:
        trained = self._done - (self._before or 0)
        return None if trained < 1 else (now - self._began) / trained * (self.total - self._done)

    def _say(self, line: str) -> None:
        self._write(line)


class LiveTrainings(Progress):
    """A bar over all epochs with the time left; a line above it as each training ends."""

    def __init__(self, console: Console) -> None:
        super().__init__(write=lambda line: console.print(Text(line)))
        self._bar = RichProgress(
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f} epochs"),
            TextColumn("{task.fields[loss]}", markup=False),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=console,
        )

    def started(self, trainings: int, epochs: int, done: int) -> None:
        super().started(trainings, epochs, done)
        self._task = self._bar.add_task("", total=self.total, loss="")
        self._bar.start()

    def advanced(self, index: int, epochs: int, loss: float) -> None:
        with self._lock:
            self._epochs[index] = epochs
            self._bar.update(self._task, completed=self._done, loss=f"loss {loss:.4f}")

    def ended(self, index: int, name: str, failure: str | None) -> None:
        super().ended(index, name, failure)
        self._bar.update(self._task, completed=self._done)

    def closed(self) -> None:
        self._bar.stop()
