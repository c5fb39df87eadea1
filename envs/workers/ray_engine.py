"""`RayEngine`: a cluster of machines, by Ray, which an extra brings."""

import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any

from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.workers.devices import MOST_ON_A_GPU, cores
from rl_designer.envs.workers.engines import Workload
from rl_designer.envs.workers.ray_pool import RayPool

_DEVICES = ("auto", "cpu", "cuda")

# Nothing is told to Ray's makers; and a busy machine may take its time to start processes.
_OF_OWN_RAY = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_raylet_start_wait_time_s": "600",
    "RAY_worker_register_timeout_seconds": "600",
}

_REACH_SECONDS = 10.0
_ADDRESS = re.compile(r"(\[[^\]]+\]|[^:/\[\]]+):(\d{1,5})")


class RayEngine:
    """A cluster that `address` names, or Ray on this machine alone.

    It is joined, or started, when it is first asked for something. `close` leaves a cluster as it was found,
    and ends a Ray that was started here.

    Args:
        workers: tasks at the same time, at most; None for as many as the cluster has cores or shares of GPUs.
        address: HOST:PORT of the cluster's head, or `auto` for the cluster that has a node here; this machine
            must be a node of it. None for the environment's RAY_ADDRESS; without one, Ray is started here.
        gpus_per_candidate: share of a GPU for each task, 0 (then the CPU trains) to 1; None for the cluster's
            GPUs divided by its cores, at least 1/8.

    Raises:
        ValueError: for a share out of range, and what is no address.
        ImportError: where Ray isn't installed.
    """

    def __init__(
        self,
        workers: int | None = None,
        address: str | None = None,
        gpus_per_candidate: float | None = None,
    ) -> None:
        if find_spec("ray") is None:
            raise ImportError("--engine ray needs Ray, which isn't installed: pip install 'rl-designer[ray]'")
        if gpus_per_candidate is not None and not 0 <= gpus_per_candidate <= 1:
            raise Error(f"a candidate's share of a GPU must be 0 to 1, got {gpus_per_candidate:g}")
        if address not in (None, "auto") and not _ADDRESS.fullmatch(str(address)):
            raise Error(f"the address of a Ray cluster is HOST:PORT or auto, got {address!r}")
        self._workers = workers
        self._address = address
        self._share = gpus_per_candidate
        self._joined_here = False
        self._printer: Any = None
        self._pools = 0

    def device(self, name: str) -> str:
        """`cuda:0` where tasks get a share of a GPU, the only one that they see; else `cpu`.

        Args:
            name: `auto` is CUDA where the cluster has GPUs.

        Raises:
            ValueError: for another name than `auto`, `cpu` and `cuda`, and what the cluster doesn't have.
            ConnectionError: where there is no cluster at the address.
        """
        if name not in _DEVICES:
            raise Error(f"{unknown_name('device', name, _DEVICES)} Ray chooses which GPU.")
        self.join()
        gpus, share = self._total("GPU"), self._share
        if name == "cpu" and share:
            raise Error(f"a share of a GPU needs --device cuda or auto, got {share:g} with cpu")
        if (name == "cuda" or share) and not gpus:
            raise Error("the Ray cluster has no GPU: leave out the share of a GPU, and --device cuda")
        if name == "cuda" and share == 0:
            raise Error("--device cuda needs a share of a GPU above 0, got 0")
        return "cuda:0" if gpus and name != "cpu" and share != 0 else "cpu"

    def at_once(self, device: str) -> int:
        """Tasks that the cluster has room for now, others' work aside, at most `workers`."""
        needed = self.resources(device)
        self.join()
        room = sum(
            min(int(found.get(name, 0.0) / amount + 1e-9) for name, amount in needed.items())
            for found in _nodes()
        )
        return room if self._workers is None else min(room, self._workers)

    def resources(self, device: str) -> dict[str, float]:
        """What Ray sets aside for each task: a core, and a share of a GPU where it needs one."""
        if device == "cpu":
            return {"CPU": 1.0}
        self.join()
        share = self._share or self._total("GPU") / max(1.0, self._total("CPU"))
        return {"CPU": 1.0, "GPU": self._share or min(1.0, max(1 / MOST_ON_A_GPU, share))}

    def pool(self, workload: Workload) -> RayPool:
        return RayPool(self, workload)

    def join(self) -> None:
        """Joins the cluster, or starts Ray; nothing where this process is in one.

        Raises:
            ConnectionError: where there is no cluster at the address.
        """
        import ray

        if not ray.is_initialized():
            self._printer = _print_with(_print_nothing)
            try:
                with _undisturbed():
                    self._join()
            except BaseException:
                _print_with(self._printer)
                raise
            self._joined_here = True

    def pool_opened(self) -> None:
        """As `join`, for a pool that calls `pool_closed` in the end."""
        self.join()
        self._pools += 1

    def pool_closed(self) -> None:
        self._pools -= 1

    def close(self) -> None:
        """Ends a Ray that was started here; leaves a cluster that was joined. Not while a pool is open."""
        if self._joined_here and self._pools == 0:
            import ray

            ray.shutdown()
            _print_with(self._printer)
            self._joined_here = False

    def _join(self) -> None:
        import ray

        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        address = self._address or os.environ.get("RAY_ADDRESS") or "local"
        if address == "local":
            for name, value in _OF_OWN_RAY.items():
                os.environ.setdefault(name, value)
            ray.init("local", num_cpus=self._workers or cores(), include_dashboard=False, **quiet)
            return
        try:
            _check_reached(address)
            ray.init(address, **quiet)
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            line = " ".join(str(error).split())[:300]
            raise ConnectionError(
                f"can't join the Ray cluster at {address}: {line} (the head is started by `ray start --head "
                f"--port=6379`; this machine must be a node of it, by `ray start --address=HOST:6379`)"
            ) from error

    def _total(self, resource: str) -> float:
        return sum(found.get(resource, 0.0) for found in _nodes())


def _nodes() -> list[dict[str, float]]:
    """Resources of each node that is alive."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _print_nothing(*arguments: Any, **options: Any) -> None:
    pass


def _print_with(printer: Any) -> Any:
    """Sets who prints for a thread of Ray's that tells of lost nodes on stdout, whatever `ray.init` is asked
    for; stdout is for `--json` alone. Returns who did before.
    """
    from ray._private import worker

    before = getattr(worker, "print_to_stdstream", printer)
    worker.print_to_stdstream = printer
    return before


def _check_reached(address: str) -> None:
    """Ray would try for a minute."""
    if found := _ADDRESS.fullmatch(address):
        with socket.create_connection((found[1].strip("[]"), int(found[2])), timeout=_REACH_SECONDS):
            pass


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Puts back what Ray changes of this process as it starts: who hears SIGTERM, and the process group,
    without which Ctrl-C would not get here.
    """
    heard: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        heard = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    group = os.getpgrp() if sys.platform != "win32" else None
    try:
        yield
    finally:
        for number, handler in heard.items():
            signal.signal(number, handler)
        if group is not None:
            with suppress(OSError):
                os.setpgid(0, group)
