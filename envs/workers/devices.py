"""Where trainings run: on which device (`auto`, `cpu`, `cuda` or `cuda:N`), on how many cores and threads."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from threadpoolctl import ThreadpoolController

from rl_designer.envs.errors import Error, unknown_name

# Trainings at a time, unless asked otherwise: small networks leave most of a GPU idle, but each process takes
# some hundred megabytes of it.
MOST_ON_A_GPU = 8


def device_name(name: str) -> str:
    """The device that a name means here: `cpu`, or `cuda:N`.

    Args:
        name: `auto` is the first CUDA device, or the CPU where there is none; `cuda` is `cuda:0`.

    Raises:
        ValueError: for an unknown name, and a device that this machine doesn't have.
    """
    if name == "cpu":
        return name  # without the second that the import of torch takes
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    devices = {f"cuda:{index}": f"cuda:{index}" for index in range(count)}
    devices["auto"] = "cuda:0" if count else "cpu"
    if count:
        devices["cuda"] = "cuda:0"
    if name not in devices:
        lack = " PyTorch finds no CUDA device on this machine." if not count else ""
        raise Error(unknown_name("device", name, ["cpu", *devices]) + lack)
    return devices[name]


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def one_thread() -> Iterator[None]:
    """torch and NumPy's BLAS work with one thread inside, and as before afterwards. May be nested.

    More threads would give other bits, are slower on small networks, and the cores are better used by more
    candidates at once.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with one_blas_thread():
            yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """As `one_thread`, where there is no torch: NumPy's BLAS alone."""
    with _libraries(len(sys.modules)).limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _libraries(modules: int) -> ThreadpoolController:
    """Of BLAS. Finding them takes milliseconds, and new ones come with new modules alone."""
    return ThreadpoolController()
