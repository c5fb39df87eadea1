"""Ctrl-C and SIGTERM end a command cleanly, the write at hand finished; a second one ends it at once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130

_writing = 0  # depth of `uninterrupted` in the main thread
_pending = False


@contextmanager
def clean_interruption() -> Iterator[None]:
    """Within it, the first SIGINT or SIGTERM raises KeyboardInterrupt once no write is at hand; the second
    ends the process at once with status 130. Does nothing outside the main thread, where no signals arrive.
    """
    global _pending
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _pending = False
    before = {number: signal.signal(number, _first) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
        if _pending and _writing == 0:
            _raise()


def _first(number: int, frame: FrameType | None) -> None:
    global _pending
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, _second)
    _pending = True
    if _writing == 0:
        _raise()


def _second(number: int, frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


def _raise() -> None:
    global _pending
    _pending = False
    raise KeyboardInterrupt
