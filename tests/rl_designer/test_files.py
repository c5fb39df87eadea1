import multiprocessing
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rl_designer.files import LOCK, locked

HOLD = """
import sys, time
from collections.abc import Iterator
from pathlib import Path
from rl_designer.files import locked
with locked(Path(sys.argv[1]), "searching"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock of `tmp_path`."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_process_is_refused_at_once(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    text = f"another process is searching in {tmp_path}; wait for its end"
    with pytest.raises(ValueError, match=text), locked(tmp_path, "searching"):
        pass


def test_the_lock_of_a_killed_process_locks_nothing(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    assert (tmp_path / LOCK).exists()
    with locked(tmp_path, "searching"):
        pass


def test_nothing_is_left_of_a_lock(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locked(tmp_path, "searching"):
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path, "searching"), pytest.raises(ValueError), locked(tmp_path, "searching"):
        pass
    assert list(tmp_path.iterdir()) == []


def count_alone(folder: Path, counted: Path, times: int) -> None:
    """Adds 1 to a number in a file, `times` times, each under the lock."""
    done = 0
    while done < times:
        try:
            with locked(folder, "counting"):
                counted.write_text(str(int(counted.read_text()) + 1))
        except ValueError:
            time.sleep(0.0005)  # in which others come and go
            continue
        done += 1


def test_processes_that_come_and_go_are_never_in_it_together(tmp_path: Path) -> None:
    """Each removes its lock's file, which others may have opened just before."""
    folder, counted = tmp_path / "folder", tmp_path / "counted"
    folder.mkdir()
    counted.write_text("0")
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    processes = [context.Process(target=count_alone, args=(folder, counted, 300)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert int(counted.read_text()) == 900
