"""Which process a dashboard stops, asks and starts."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rl_designer.dashboard.process import LOG, Resumed, resume_command, searcher_of, stop_search
from rl_designer.dashboard.watch import STOPPED, RunWatch
from rl_designer.files import LOCK
from rl_designer.runs.folder import CONFIG, PROCESS, RunFolder
from tests.helpers.dashboard import announce, linux, run_folder, until, waiting_processes


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return run_folder(tmp_path)


@pytest.fixture
def other() -> Iterator[Callable[[Path | None], int]]:
    """Starts a process that has a file open, and ends it afterwards; its number."""
    with waiting_processes() as start:
        yield start


def alive(pid: int) -> bool:
    return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"


@linux
def test_the_process_that_searches_in_the_run_is_stopped(folder: RunFolder, other: Any) -> None:
    (folder.path / LOCK).touch()
    pid = other(folder.path / LOCK)
    announce(folder, pid=pid)
    assert stop_search(folder.path) == pid
    until(lambda: not alive(pid))
    with pytest.raises(ValueError, match="no process of this machine is searching in"):
        stop_search(folder.path)


@linux
def test_a_process_that_is_not_the_runs_is_never_stopped(folder: RunFolder, other: Any) -> None:
    """Its number may be in the folder: after a crash it was given anew, or a stranger wrote it."""
    stranger = other(None)
    announce(folder, pid=stranger)
    with pytest.raises(ValueError, match="no process of this machine is searching in"):
        stop_search(folder.path)
    assert alive(stranger)


@pytest.mark.parametrize("said", [b"", b"[1]", b'{"pid": 0, "host": ""}', b'{"pid": -1}', b'{"pid": "1"}'])
def test_what_is_no_announcement_names_nobody(folder: RunFolder, said: bytes) -> None:
    (folder.path / PROCESS).write_bytes(said)
    assert searcher_of(folder.path) is None


def test_a_process_that_is_gone_is_nobody(folder: RunFolder) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    announce(folder, pid=process.pid)
    assert searcher_of(folder.path) is None


def test_a_search_on_another_machine_is_told_of_and_left_alone(folder: RunFolder) -> None:
    announce(folder, pid=os.getpid(), host="elsewhere\n")
    watch = RunWatch(folder.path)
    assert watch.look().state == "searching on elsewhere\\n"
    with pytest.raises(ValueError, match=r"is searched in on elsewhere\\n; stop it there"):
        watch.stop()


def test_on_windows_no_process_is_stopped(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rl_designer.dashboard.process._WINDOWS", True)
    with pytest.raises(ValueError, match="on Windows a search is stopped by Ctrl-C"):
        stop_search(folder.path)


@pytest.mark.parametrize(
    ("error", "message"), [("NoSuchProcess", "has just ended"), ("AccessDenied", "is another user's")]
)
def test_a_process_that_can_not_be_asked_is_told(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, error: str, message: str
) -> None:
    import psutil

    class Process:
        pid = 2

        def send_signal(self, number: int) -> None:
            raise getattr(psutil, error)(2)

    from rl_designer.dashboard.process import Searcher

    monkeypatch.setattr("rl_designer.dashboard.process.searcher_of", lambda run: Searcher(Process(), "here"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        stop_search(folder.path)


def test_the_command_that_resumes_names_the_run_as_no_option_can(tmp_path: Path) -> None:
    command = resume_command(tmp_path / "--trust", "sqlite:///x")
    assert command[:4] == [sys.executable, "-P", "-m", "rl_designer"]
    assert command[4:] == ["resume", "--quiet", "--store", "sqlite:///x", "--", str(tmp_path / "--trust")]
    assert "--store" not in resume_command(tmp_path)


def test_a_search_that_goes_on_has_its_own_session_and_leaves_what_it_says(folder: RunFolder) -> None:
    code = "import os; print(os.getsid(0) == os.getpid()); print('no\\x1b[1m such data'); raise SystemExit(1)"
    resumed = Resumed(folder.path, command=[sys.executable, "-c", code])
    until(lambda: not resumed.going_on)
    assert (folder.path / LOG).read_text().startswith("True\n")
    assert resumed.failure() == "True no\\x1b[1m such data"


@pytest.mark.parametrize(("status", "failure"), [(0, None), (130, None), (3, "it ended with status 3")])
def test_only_an_end_that_is_none_is_a_failure(folder: RunFolder, status: int, failure: str | None) -> None:
    resumed = Resumed(folder.path, command=[sys.executable, "-c", f"raise SystemExit({status})"])
    until(lambda: not resumed.going_on)
    assert resumed.failure() == failure
    (folder.path / LOG).unlink()
    assert resumed.failure() == failure


def test_a_run_that_can_not_go_on_says_why_on_its_page(folder: RunFolder) -> None:
    folder.update_summary(state="interrupted")
    (folder.path / CONFIG).write_text((folder.path / CONFIG).read_text().replace("wine", "no-such-data"))
    watch = RunWatch(folder.path)
    assert watch.look().state == STOPPED
    watch.resume()
    with pytest.raises(ValueError, match="a search is going on in a run already"):
        watch.resume()
    view = until(lambda: (found := watch.look()).problem and found)
    assert view.state == STOPPED and view.problem.startswith("It could not go on. Error: ")
    assert "no-such-data" in view.problem and LOG in view.problem
