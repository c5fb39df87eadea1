"""Ctrl-C and SIGTERM end a command cleanly, the write at hand finished; a second one ends it at once."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

INTERRUPTED = 130

# What rises just anywhere may leave a library's lock closed for good, or get lost in a finalizer. So it rises
# at the end of a write, elsewhere only where none ends for a while, and again where it got lost.
_PATIENCE_SECONDS = 0.3
_AGAIN_SECONDS = 1.0


@dataclass
class _Interruption:
    """One that was asked for.

    Attributes:
        alarm: who heard SIGALRM before, and what it was set to; None on Windows, which has none.
        raised: the latest exception.
        over: whether the command has ended.
    """

    alarm: tuple[Any, tuple[float, float]] | None = None
    raised: KeyboardInterrupt | None = None
    over: bool = False


_writing = 0  # depth of `uninterrupted` in the main thread
_asked: _Interruption | None = None


@contextmanager
def clean_interruption() -> Iterator[None]:
    """Within it, the first SIGINT or SIGTERM raises KeyboardInterrupt once the next write is done, or after
    0.3 seconds without one; the second ends the process at once with status 130. Does nothing outside the
    main thread, where no signals arrive.
    """
    global _asked
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _asked = None
    before = {number: signal.signal(number, _first) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if _asked is not None:
            _end(_asked)


def interruption_asked() -> bool:
    """Whether a signal came within the latest `clean_interruption`."""
    return _asked is not None


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Around a write: an interruption waits for its end. May be nested; never interrupts other threads."""
    global _writing
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _writing += 1
    try:
        yield
    finally:
        _writing -= 1
        _raise_if_due()


def _first(number: int, frame: FrameType | None) -> None:
    global _asked
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, _second)
    _asked = _Interruption()
    if sys.platform == "win32":
        _raise_if_due()
    else:
        handler = signal.signal(signal.SIGALRM, lambda number, frame: _raise_if_due())
        timer = signal.setitimer(signal.ITIMER_REAL, _PATIENCE_SECONDS, _AGAIN_SECONDS)
        _asked.alarm = handler, timer


def _end(asked: _Interruption) -> None:
    asked.over, asked.raised = True, None  # it holds the frames that it went through
    if asked.alarm is not None:
        handler, timer = asked.alarm
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)


def _second(number: int, frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


def _raise_if_due() -> None:
    if _asked is None or _asked.over or _writing > 0 or _is_handled(_asked.raised):
        return
    _asked.raised = KeyboardInterrupt()
    raise _asked.raised


def _is_handled(raised: KeyboardInterrupt | None) -> bool:
    """Whether what runs now was called to clean up after it, or after what it was turned into."""
    error = sys.exception()
    while error is not None and error is not raised:
        error = error.__context__
    return error is not None
