"""A dashboard in a process of its own, and what one of its pages says at one moment."""

import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rl_designer.config import make_config
from rl_designer.envs.search_spaces.registry import space_definition
from rl_designer.quantities import show_count
from rl_designer.runs.folder import PROCESS, RunFolder
from rl_designer.runs.reading import RunReport, read_run
from rl_designer.store.store import Store, StoredDesign

linux = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads /proc")
ROOT = Path(__file__).resolve().parents[2]
_READ = """() => ({
    tiles: Object.fromEntries([...document.querySelectorAll(".tile")].map(
        tile => [tile.querySelector("dt").innerText, tile.querySelector("strong").innerText])),
    newest: [...document.querySelectorAll(".designs tbody tr")].map(
        row => [...row.querySelectorAll("td")].map(cell => cell.innerText)),
    state: document.querySelector(".state").innerText,
})"""


@dataclass(frozen=True)
class Poll:
    """A poll of a run's page: how far the page and the store were, and in what they differed."""

    shown: int
    stored_before: int
    stored_after: int
    differences: list[str]


def start(*arguments: str | Path, folder: Path) -> subprocess.Popen[str]:
    """A command of ours in a process of its own, in a session of its own."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "rl_designer", *map(str, arguments)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run_folder(parent: Path) -> RunFolder:
    """A run that has begun and has no design yet, with a store beside it."""
    config = make_config({"data": "wine", "evaluations": 4, "store": str(parent / "s.sqlite")})
    definition = space_definition("mlp")
    setting = {"space": definition.to_dict(), "input_shape": [13], "num_classes": 3}
    with Store(parent / "s.sqlite"):
        return RunFolder.create(parent / "runs" / "a run", config, {"setting": setting, "title": "wine"})


def announce(folder: RunFolder, **said: Any) -> None:
    """Writes who searches in the run, as a search does."""
    (folder.path / PROCESS).write_text(json.dumps({"host": platform.node(), **said}))


@contextmanager
def waiting_processes() -> Iterator[Callable[[Path | None], int]]:
    """Gives a function that starts a process that has a file open, and returns its number; ends them all."""
    started: list[subprocess.Popen[str]] = []
    code = "import sys, time; f = open(sys.argv[1], 'rb'); print('ready', flush=True); time.sleep(60)"

    def start(file: Path | None) -> int:
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(file or os.devnull)], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        return process.pid

    try:
        yield start
    finally:
        for process in started:
            assert process.poll() in (None, -15)
            process.kill()
            process.communicate()


@contextmanager
def dashboard(*runs: Path, folder: Path) -> Iterator[str]:
    """A dashboard's address; it ends by Ctrl-C, as people end it."""
    process = start("dashboard", *runs, "--no-open", "--json", folder=folder)
    assert process.stdout is not None
    said = ""
    while not said.endswith("}\n"):
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        said += line
    try:
        yield str(json.loads(said)["url"])
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")


def until(true: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What is true at last. Raises AssertionError where it doesn't come true."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)
    return found


def stored(run: Path) -> list[StoredDesign]:
    """A run's designs, in the order in which they came; none before the run is there."""
    try:
        report = read_run(run)
    except ValueError:
        return []
    return sorted(report.designs, key=report.position)


def poll(page: Any, run: Path) -> Poll:
    """Reads a run's page and the store, and compares: the page is a moment of the run, and no old one."""
    before = len(stored(run))
    said = page.evaluate(_READ)
    report = read_run(run)
    designs = sorted(report.designs, key=report.position)
    shown = int(said["tiles"]["evaluations"].partition(" of ")[0].replace(",", ""))
    then = RunReport(report.folder, designs[:shown], report.controls)
    expected = expected_tiles(then)
    found = {name: said["tiles"].get(name) for name in expected}
    differences = [
        f"{name}: {found[name]}, not {expected[name]}" for name in expected if found[name] != expected[name]
    ]
    rows = [[row[0], row[1], row[3]] for row in said["newest"]]
    if rows != (wanted := expected_rows(then.designs, len(rows))):
        differences.append(f"rows: {rows}, not {wanted}")
    return Poll(shown, before, len(designs), differences)


def expected_tiles(report: RunReport) -> dict[str, str]:
    """By the store alone, without the dashboard's code."""
    designs, limit = report.designs, report.folder.config.budget.evaluations
    trained = [d.design for d in designs if d.design.evaluation.failure is None]
    trained = [d for d in trained if d.evaluation.stopped_at is None]
    tiles = {"evaluations": f"{len(designs):,}" + ("" if limit is None else f" of {limit:,}")}
    tiles["failed"] = f"{sum(d.design.evaluation.failure is not None for d in designs):,}"
    if trained:
        best = max(trained, key=lambda design: design.reward)
        accuracy = best.evaluation.val_accuracy
        assert accuracy is not None
        tiles |= {"reward": f"{best.reward:.4f}", "val. accuracy": f"{100 * accuracy:.2f} %"}
        tiles["parameters"] = show_count(best.evaluation.parameters)
    return tiles


def expected_rows(designs: Sequence[StoredDesign], most: int) -> list[list[str]]:
    """Number, accuracy, parameters of the newest designs."""
    numbered = list(enumerate(designs, start=1))[::-1][:most]
    return [
        [
            str(number),
            "–" if d.design.evaluation.val_accuracy is None else f"{d.design.evaluation.val_accuracy:.4f}",
            show_count(d.design.evaluation.parameters),
        ]
        for number, d in numbered
    ]


@dataclass
class Watched:
    """What a page's console and network said."""

    said: list[str]
    asked: list[str]

    def elsewhere(self, address: str) -> list[str]:
        """Requests to anything but the dashboard's own address."""
        own = re.escape(address.partition("/?")[0].partition("://")[2])
        return [url for url in self.asked if not re.match(rf"(http|ws)://{own}/|data:|blob:", url)]


def watched(page: Any) -> Watched:
    """Listens to a page of Playwright from now on."""
    found = Watched([], [])
    page.on("console", lambda message: found.said.append(message.text))
    page.on("pageerror", lambda error: found.said.append(str(error)))
    page.on("request", lambda request: found.asked.append(request.url))
    page.on("websocket", lambda websocket: found.asked.append(websocket.url))
    return found
