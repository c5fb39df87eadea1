"""The process that searches in a run's folder: which it is, how it is stopped, how another goes on."""

import os
import platform
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import rl_designer
from rl_designer.envs.files.untrusted import bounded_bytes, json_of
from rl_designer.errors import Error
from rl_designer.files import LOCK
from rl_designer.interruption import INTERRUPTED
from rl_designer.runs.folder import PROCESS
from rl_designer.text import cut, printable

LOG = "resume.log"
_WINDOWS = os.name == "nt"
_MOST_BYTES = 4_096
_LONGEST = 1_500  # characters of what a failed start said


class _Announced(BaseModel):
    model_config = ConfigDict(strict=True)

    pid: int = Field(gt=1)
    host: str = Field(max_length=300)


@dataclass(frozen=True)
class Searcher:
    """Who searches in a run.

    Attributes:
        process: None where it is one of another machine.
        host: the machine's name.
    """

    process: psutil.Process | None
    host: str


def searcher_of(run: Path) -> Searcher | None:
    """Who searches in a run just now; None where no process is known to.

    What the folder says is believed only of a process that has the folder's lock open, as a search
    has from beginning to end: after a crash its number may be another's, and a folder may be a stranger's.
    """
    try:
        said = _Announced.model_validate(json_of(bounded_bytes(run / PROCESS, _MOST_BYTES)))
    except (OSError, ValueError, ValidationError):
        return None
    if said.host != platform.node():
        return Searcher(None, printable(said.host))
    try:
        process = psutil.Process(said.pid)
        files = process.open_files()
    except (psutil.Error, OSError):
        return None
    return Searcher(process, said.host) if any(_same(file.path, run / LOCK) for file in files) else None


def stop_search(run: Path) -> int:
    """Asks the process that searches in a run to stop, as Ctrl-C does; its number. Nothing is lost.

    Raises:
        ValueError: where no process searches in it, or not one of this machine that may be stopped.
    """
    if _WINDOWS:
        raise Error("on Windows a search is stopped by Ctrl-C where it was started")
    searcher = searcher_of(run)
    if searcher is None:
        raise Error(f"no process of this machine is searching in {printable(run)}")
    if searcher.process is None:
        raise Error(f"{printable(run)} is searched in on {searcher.host}; stop it there")
    try:
        searcher.process.send_signal(signal.SIGTERM)  # never to another process that got the number since
    except psutil.NoSuchProcess:
        raise Error(f"the search in {printable(run)} has just ended") from None
    except psutil.AccessDenied:
        raise Error(f"the search in {printable(run)} is another user's") from None
    return int(searcher.process.pid)


def resume_command(run: Path, store: str | None = None) -> list[str]:
    """The command line that goes on with a run; `-P`, so that nothing in the working folder is imported."""
    rest = [] if store is None else ["--store", store]
    return [sys.executable, "-P", "-m", "rl_designer", "resume", "--quiet", *rest, "--", str(run.absolute())]


class Resumed:
    """A search that goes on by itself: in a session of its own, so that neither the end of the dashboard nor
    Ctrl-C reaches it. What it says is in `resume.log` in the run's folder.

    Raises:
        OSError: where it can't be started.
    """

    def __init__(self, run: Path, store: str | None = None, command: Sequence[str] | None = None) -> None:
        self.log = run / LOG
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                resume_command(run, store) if command is None else command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=_environment(),
            )

    @property
    def going_on(self) -> bool:
        return self._process.poll() is None

    def failure(self) -> str | None:
        """What it said in the end where it failed; None where it goes on, is done, or was stopped."""
        status = self._process.poll()
        if status in (None, 0, INTERRUPTED):
            return None
        try:
            with self.log.open("rb") as log:
                log.seek(max(self.log.stat().st_size - 4 * _LONGEST, 0))
                lines = log.read().decode(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        said = " ".join(printable(line) for line in lines[-5:]) or f"it ended with status {status}"
        return cut(said, _LONGEST)


def _environment() -> dict[str, str]:
    """Ours; from a checkout, which isn't installed, with the place that we come from."""
    home = str(Path(str(rl_designer.__file__)).resolve().parents[1])
    if home in sysconfig.get_paths().values():
        return dict(os.environ)
    before = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": home if not before else f"{home}{os.pathsep}{before}"}


def _same(path: str, other: Path) -> bool:
    try:
        return other.samefile(path)
    except OSError:
        return False
