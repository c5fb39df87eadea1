"""Ctrl-C and SIGTERM: what is being written is finished, and no interruption gets lost."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from rl_designer import cli, interruption
from rl_designer.interruption import clean_interruption, interruption_asked, uninterrupted

ROOT = Path(__file__).resolve().parents[2]


def work(seconds: float) -> None:
    """In Python, unlike a sleep."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def test_an_interruption_waits_for_the_write_at_hand() -> None:
    written = []
    with pytest.raises(KeyboardInterrupt), clean_interruption(), uninterrupted():
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            time.sleep(0.5)
            written.append(1)
        written.append(2)
    assert written == [1, 2]


def test_it_rises_at_the_end_of_the_next_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "_PATIENCE_SECONDS", 60.0)
    done = []
    with pytest.raises(KeyboardInterrupt), clean_interruption():
        signal.raise_signal(signal.SIGINT)
        done.append("more than the bytecode at hand")
        with uninterrupted():
            done.append("a write")
        pytest.fail("not interrupted")
    assert done == ["more than the bytecode at hand", "a write"]


@pytest.mark.parametrize("wait", [time.sleep, work, lambda seconds: threading.Event().wait(seconds)])
def test_where_nothing_is_written_it_rises_soon(wait: Any) -> None:
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), clean_interruption():
        signal.raise_signal(signal.SIGTERM)
        wait(30)
        pytest.fail("not interrupted")
    assert time.monotonic() - started < 10


class Swallows:
    """Loses what rises in its finalizer, as Python does in all of them."""

    def __del__(self) -> None:
        work(0.6)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_one_that_gets_lost_rises_again() -> None:
    with pytest.raises(KeyboardInterrupt), clean_interruption():
        signal.raise_signal(signal.SIGINT)
        Swallows()
        time.sleep(30)
        pytest.fail("not interrupted")


def test_cleaning_up_is_not_interrupted_again_however_long_it_takes() -> None:
    done = []
    with pytest.raises(InterruptedError), clean_interruption():
        try:
            try:
                signal.raise_signal(signal.SIGINT)
                work(30)
            finally:
                time.sleep(1.5)
                done.append("finally")
        except KeyboardInterrupt:
            with uninterrupted():
                done.append("a write")
            raise InterruptedError from None
    assert done == ["finally", "a write"]


def test_a_second_one_ends_the_process_at_once() -> None:
    code = (
        "import signal\n"
        "from rl_designer.interruption import clean_interruption, uninterrupted\n"
        "with clean_interruption(), uninterrupted():\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "    print('still here')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_who_heard_signals_before_hears_them_afterwards() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    heard = [signal.getsignal(number) for number in numbers]
    before = signal.setitimer(signal.ITIMER_REAL, 200)  # as a test's own time limit
    try:
        with clean_interruption():
            assert not interruption_asked()
        with pytest.raises(KeyboardInterrupt), clean_interruption():
            signal.raise_signal(signal.SIGINT)
            work(30)
        assert interruption_asked()
        assert [signal.getsignal(number) for number in numbers] == heard
        assert 190 < signal.getitimer(signal.ITIMER_REAL)[0] <= 200
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)


def test_other_threads_are_left_alone() -> None:
    def work() -> None:
        with clean_interruption(), uninterrupted():
            done.append(threading.current_thread().name)

    done: list[str] = []
    thread = threading.Thread(target=work, name="worker")
    thread.start()
    thread.join()
    assert done == ["worker"]


def test_an_error_that_a_library_makes_of_it_is_an_interruption(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def command(**options: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        try:
            work(30)
        except KeyboardInterrupt:
            raise TypeError("Cannot compare structured arrays") from None

    monkeypatch.setattr(cli.cli, "main", command)
    assert cli.run([]) == 130
    assert capsys.readouterr().err == "Interrupted: nothing was lost\n"
