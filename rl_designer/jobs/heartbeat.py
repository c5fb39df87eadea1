"""What is told or kept every few seconds while something else goes on."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def beating(beat: Callable[[], None], seconds: float) -> Iterator[None]:
    """Within it `beat` is called every so many seconds, in a thread of its own; it must not raise."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(seconds):
            beat()

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
