"""How much memory a process has taken, how much there is; `MemoryGuard` ends one that takes too much."""

import ctypes
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import resource

# A worker that ends itself with this exit status has taken more than its limit.
OVER_LIMIT = 119

_CHECK_EVERY_SECONDS = 0.05
_LEAST_DEFAULT = 10**9
# Of glibc's malloc.h; blocks above the largest threshold always come from the system.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_MMAP_THRESHOLD = 2**25
# In a container the machine has more than the container may take.
_CONTROL_GROUP = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def peak_memory() -> int | None:
    """The most bytes that this process ever had in memory, shared ones included; None on Windows."""
    if sys.platform == "win32":
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def machine_memory() -> int | None:
    """Bytes that the machine has, or that its container may take; None where the system doesn't tell."""
    try:
        found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    except (AttributeError, ValueError, OSError):
        return None
    for path in _CONTROL_GROUP:
        with suppress(OSError, ValueError):
            found.append(int(Path(path).read_text(encoding="ascii")))
    return min(found)


def keep_freed_memory() -> None:
    """From now on this process keeps freed blocks of up to 32 MB for itself, where the C library is glibc.

    Otherwise large tensors come from the system anew in each step of a training, which clears their memory
    page by page: up to a third of the time of wide networks.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def default_memory_limit() -> int | None:
    """Bytes that a candidate's process may take where nobody says: half of the machine's memory, but not less
    than 1 GB; None where memory isn't measured. It doesn't depend on the number of workers, since results
    must not.
    """
    memory = machine_memory()
    return None if memory is None or peak_memory() is None else max(memory // 2, _LEAST_DEFAULT)


def show_bytes(number: int) -> str:
    """For people: `2 GB`, where a GB is 10^9 bytes."""
    return f"{number / 10**9:.3g} GB"


class MemoryGuard:
    """Ends this process, with the exit status `OVER_LIMIT`, once a task has taken more memory than the limit.

    A thread looks every 0.05 s, and the task's end is a last look: since the process's peak is what counts,
    nothing slips through between two looks, and the next task doesn't pay for it. On Linux the system also
    refuses, at once, what would take twice the limit: a single large allocation could fill the machine before
    the next look, or keep the thread from looking.

    Outside of a task the process is never ended: it could hold a lock that other processes wait for.

    Args:
        limit: bytes, at least 1, of the whole process.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # Held while looking and ending, so that a task can't be over in between.
        self._lock = threading.Lock()
        self._in_task = False
        if sys.platform == "linux":
            _refuse_beyond(2 * limit)
        threading.Thread(target=self._watch, daemon=True).start()

    @contextmanager
    def task(self) -> Iterator[None]:
        """Around each task."""
        with self._lock:
            self._in_task = True
        try:
            yield
        finally:
            with self._lock:
                self._end_if_over()
                self._in_task = False

    def _watch(self) -> None:
        while True:
            time.sleep(_CHECK_EVERY_SECONDS)
            with self._lock:
                if self._in_task:
                    self._end_if_over()

    def _end_if_over(self) -> None:
        if (peak_memory() or 0) > self._limit:
            os._exit(OVER_LIMIT)


def _refuse_beyond(more: int) -> None:
    """Allocations fail that would give this process so many bytes of data more than it has now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = pages * resource.getpagesize() + more
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
