"""What the pages know: `RunWatch` of one run, read only where something has changed; `Catalogue` of all;
and what they say of a run in figures.
"""

import hashlib
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_designer.dashboard.process import Resumed, Searcher, searcher_of, stop_search
from rl_designer.errors import Error
from rl_designer.quantities import show_seconds
from rl_designer.reports.designs import design_row
from rl_designer.runs.folder import CONFIG, DEFAULT_PARENT, SUMMARY, RunFolder
from rl_designer.runs.reading import RunReport, read_run
from rl_designer.text import printable, shortened

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
                raise Error("it has been asked to stop, and will once what it writes is written")
            self._stopping = stop_search(self.path)

    def resume(self) -> None:
        """Lets the search go on in a process of its own. Raises ValueError or OSError where it can't."""
        with self._lock:
            if self._resumed_goes_on or searcher_of(self.path) is not None:
                raise Error(f"a search is going on in {self.name} already")
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


class Catalogue:
    """Given runs, or all in a folder, those of now each time.

    Args:
        folders: run folders; none for all in `parent`.
        store: where their store is now; None for where it was.

    Raises:
        ValueError: where one of `folders` holds no run.
    """

    def __init__(
        self, folders: Sequence[Path] = (), store: str | None = None, parent: Path = DEFAULT_PARENT
    ) -> None:
        for folder in folders:
            RunFolder.open(folder)
        self.parent = parent
        self._given = tuple(folder.absolute() for folder in folders)
        self._store = store
        self._watches: dict[str, RunWatch] = {}
        self._lock = threading.Lock()

    def watches(self) -> dict[str, RunWatch]:
        """By key; of a folder's runs, the one that was written to last first."""
        paths = self._given or runs_in(self.parent.absolute())
        with self._lock:
            return {key: self._watch(key, path) for path in paths for key in [key_of(path)]}

    def find(self, key: str) -> RunWatch | None:
        """The run of a key; None where there is none any more. Nothing else can be named."""
        return self.watches().get(key)

    def _watch(self, key: str, path: Path) -> RunWatch:
        if key not in self._watches:
            self._watches[key] = RunWatch(path, self._store)
        return self._watches[key]


def key_of(path: Path) -> str:
    """12 hexadecimal characters of the absolute path's SHA-256."""
    return hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:12]


def runs_in(parent: Path) -> list[Path]:
    """The run folders in a folder, the one that was written to last first; none where it isn't there."""
    try:
        paths = [path for path in parent.iterdir() if not path.name.startswith(".")]
    except OSError:
        return []
    return sorted((path for path in paths if (path / CONFIG).is_file()), key=_last_written, reverse=True)


def _last_written(path: Path) -> float:
    try:
        return (path / SUMMARY).stat().st_mtime
    except OSError:  # it is damaged, or being removed
        return 0.0


MOST_DESIGNS = 200  # in the table; all of them are in the store

Tile = tuple[str, str, str]


def tiles(report: RunReport, data: Mapping[str, Any]) -> list[Tile]:
    """Label, figure, and what there is to add: budget and time first, then the best as the report has it."""
    count, limit = len(report.designs), report.folder.config.budget.evaluations
    agents = sum(found.source == "agent" for found in report.designs)
    text = f"{count:,}" if limit is None else f"{count:,} of {limit:,}"
    first: list[Tile] = [("evaluations", text, f"{agents:,} of the agent, {count - agents:,} random")]
    first.append(("time used", show_seconds(seconds_of(report)), _time_note(report)))
    best = [tile for tile in data["tiles"] if tile[0] not in ("evaluations", "time")]
    failed = sum(found.design.evaluation.failure is not None for found in report.designs)
    stopped = sum(found.design.evaluation.stopped_at is not None for found in report.designs)
    ended: Tile = ("failed", f"{failed:,}", f"{stopped:,} stopped early")
    return [*first, *best, ended]


def seconds_of(report: RunReport) -> float:
    """That the run has taken, over all its starts; of one that isn't finished, until its last design."""
    last = max((found.seconds for found in report.designs), default=0.0)
    return max(float(report.folder.summary.get("seconds", 0.0)), last)


def progress(report: RunReport) -> float | None:
    """How much of the budget is used, 0–1, of evaluations or of time, whichever is more; None without one."""
    config, shares = report.folder.config, []
    if report.folder.summary["state"] == FINISHED:
        return 1.0
    if config.budget.evaluations is not None:
        shares.append(len(report.designs) / config.budget.evaluations)
    if config.budget.time_limit is not None:
        shares.append(seconds_of(report) / config.budget.time_limit)
    return min(max(shares), 1.0) if shares else None


def design_rows(report: RunReport) -> list[dict[str, str]]:
    """The designs for a table, the newest first; what failed says so."""
    rows = []
    for found in sorted(report.designs, key=report.position, reverse=True)[:MOST_DESIGNS]:
        row, failed = design_row(found, report), found.design.evaluation.failure is not None
        rows.append(row | {"ended": f"failed: {row['ended']}" if failed else row["ended"] or "in full"})
    return rows


def run_row(key: str, view: View) -> dict[str, Any]:
    """A run as a line among others; figures are numbers, so that a table can be sorted by them."""
    row: dict[str, Any] = {"key": key, "name": view.name, "state": view.state, "about": view.problem}
    if view.report is None:
        return row
    report, summary = view.report, view.report.folder.summary
    best = report.winners[0].design if report.winners else None
    return row | {
        "about": shortened(printable(report.title), 120),
        "reward": None if best is None else best.reward,
        "accuracy": None if best is None else report.measured(best.evaluation),
        "parameters": None if best is None else best.evaluation.parameters,
        "evaluations": len(report.designs),
        "found": report.position(report.winners[0]) if report.winners else None,
        "seconds": round(seconds_of(report), 1),
        "verdict": printable(summary.get("verdict", "")),
    }


def _time_note(report: RunReport) -> str:
    limit = report.folder.config.budget.time_limit
    of = "" if limit is None else f"of at most {show_seconds(limit)}"
    until = "" if report.folder.summary["state"] == FINISHED else "until the last design"
    return ", ".join(part for part in (of, until) if part) or "of the search"
