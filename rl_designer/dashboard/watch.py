"""`RunWatch`: what the pages know of a run, read only, and only when something has changed."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_designer.dashboard.process import Resumed, Searcher, searcher_of, stop_search
from rl_designer.runs.folder import CONFIG, SUMMARY
from rl_designer.runs.reading import RunReport, read_run
from rl_designer.text import printable

FINISHED, SEARCHING, STOPPING, STARTING = "finished", "searching", "stopping", "starting"
STOPPED, BROKEN_OFF, UNREADABLE = "stopped", "broken off", "not readable"
ALIVE = (SEARCHING, STOPPING, STARTING)
CAN_GO_ON = (STOPPED, BROKEN_OFF)


@dataclass(frozen=True)
class View:
    """A run at one moment.

    Attributes:
        state: one of those above, or `searching on` another machine.
        report: its folder and designs; None where they can't be read.
        problem: why it can't be read, or why it could not go on; empty where all is well.
    """

    name: str
    path: Path
    state: str
    report: RunReport | None
    problem: str = ""


class RunWatch:
    """One run, for all pages that show it.

    Args:
        store: where its store is now; None for where it was.
    """

    def __init__(self, path: Path, store: str | None = None) -> None:
        self.path = path
        self.store = store
        self.name = printable(path.absolute().name)
        self._lock = threading.Lock()
        self._resumed: Resumed | None = None
        self._stopping: int | None = None
        self._read_last: tuple[tuple[object, ...], RunReport | None, str] | None = None
        self._figures_last: tuple[RunReport, dict[str, Any]] | None = None

    def look(self) -> View:
        """How it is now. What was read before is the same object again where nothing was written since."""
        with self._lock:
            searcher = searcher_of(self.path)
            report, problem = self._read(searcher)
            state = self._state(report, searcher)
            return View(self.name, self.path, state, report, problem or self._failed_start(state))

    def figures(self, report: RunReport) -> dict[str, Any]:
        """What the report says of it, as `run_data` has it."""
        from rl_designer.reports.run_page import run_data

        with self._lock:
            if self._figures_last is None or self._figures_last[0] is not report:
                self._figures_last = report, run_data(report, "run")
            return self._figures_last[1]

    def stop(self) -> None:
        """Asks the search to stop, once. Raises ValueError where there is none that can be asked."""
        with self._lock:
            searcher = searcher_of(self.path)
            if searcher and searcher.process and searcher.process.pid == self._stopping:
                raise ValueError("it has been asked to stop, and will once what it writes is written")
            self._stopping = stop_search(self.path)

    def resume(self) -> None:
        """Lets the search go on in a process of its own. Raises ValueError or OSError where it can't."""
        with self._lock:
            if self._resumed_goes_on or searcher_of(self.path) is not None:
                raise ValueError(f"a search is going on in {self.name} already")
            self._stopping = None
            self._resumed = Resumed(self.path, self.store)

    @property
    def _resumed_goes_on(self) -> bool:
        return self._resumed is not None and self._resumed.going_on

    def _read(self, searcher: Searcher | None) -> tuple[RunReport | None, str]:
        """The designs, or why there are none; from the store only where something was written."""
        mark = self._mark(searcher is not None or self._resumed_goes_on)
        if self._read_last is None or self._read_last[0] != mark:
            report, problem = None, ""
            try:
                report = read_run(self.path, self.store)
            except (ValueError, OSError) as error:
                problem = printable(error)
            self._read_last = mark, report, problem
        return self._read_last[1], self._read_last[2]

    def _mark(self, going_on: bool) -> tuple[object, ...]:
        """Changes with whatever was written; where nobody searches, the folder alone is looked at."""
        last = None if self._read_last is None else self._read_last[1]
        files = [self.path / CONFIG, self.path / SUMMARY]
        if last is not None and (going_on or last.folder.summary["state"] == "running"):
            location = self.store or last.folder.store_location
            if "://" in location:
                return (object(),)  # a server is asked every time
            files += [Path(location), Path(f"{location}-wal")]
        return going_on, *map(_written, files)

    def _state(self, report: RunReport | None, searcher: Searcher | None) -> str:
        if report is None:
            return UNREADABLE
        said = report.folder.summary["state"]
        if said == "finished":
            return FINISHED
        if searcher is not None and searcher.process is None:
            return f"{SEARCHING} on {searcher.host}"
        if searcher is not None and searcher.process is not None:
            return STOPPING if searcher.process.pid == self._stopping else SEARCHING
        if self._resumed_goes_on:
            return STARTING
        return STOPPED if said == "interrupted" else BROKEN_OFF

    def _failed_start(self, state: str) -> str:
        if self._resumed is None or state not in CAN_GO_ON:
            return ""
        said = self._resumed.failure()
        return "" if said is None else f"It could not go on. {said} ({printable(self._resumed.log)})"


def _written(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
