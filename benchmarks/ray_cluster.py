"""A search by Ray on two nodes against the local engine: the same designs, and nothing lost with a node.

Usage: python benchmarks/ray_cluster.py FOLDER [--evaluations 28] [--epochs 60] [--tasks 200]

Both nodes are real ones of Ray, on this machine, with one core each. The search is done by the local engine
with two workers, by Ray, and by Ray with the second node's raylet killed by `kill -9` while it trains. Then
one trivial task at a time is given to the local pool and to Ray's in turn.
"""

import argparse
import json
import operator
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

from faults_runs import Search, _children, _command, show, wait_for

from rl_designer.envs.workers.engines import Workload, make_engine

ROOT = Path(__file__).resolve().parents[1]
KILL_AFTER = 8  # evaluations
_START_SECONDS = 600.0


class Node:
    """One node of a cluster on this machine, with one core; what it says is kept in `log`."""

    def __init__(self, log: Path, *options: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"}
        for patience in ("RAY_raylet_start_wait_time_s", "RAY_worker_register_timeout_seconds"):
            environment[patience] = str(int(_START_SECONDS))  # on a busy machine
        command = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--num-cpus=1"]
        with log.open("wb") as said:
            self._process = subprocess.Popen(
                [*command, "--object-store-memory=100000000", *options],
                env=environment,
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    @property
    def raylet(self) -> int:
        """Its process; 0 where there is none."""
        found = [p for p in _children(self._process.pid) if Path(_command(p).split("\0")[0]).name == "raylet"]
        return found[0] if found else 0

    @property
    def trains(self) -> bool:
        """Whether one of its slots has a task."""
        return any("Slot.call" in _command(process) for process in _children(self.raylet))

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, Node]]:
    """Its address, and the node that may be killed."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    port = f"--port={address.rpartition(':')[2]}"
    nodes = [Node(folder / "head.log", "--head", port, "--include-dashboard=false")]
    try:
        wait_until_reached(address)
        nodes.append(Node(folder / "node.log", f"--address={address}"))
        wait_until_joined(nodes[1])
        yield address, nodes[1]
    finally:
        for node in reversed(nodes):
            node.stop()


def wait_until_reached(address: str) -> None:
    host, _, port = address.rpartition(":")
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError("the head doesn't start")


def wait_until_joined(node: Node) -> None:
    until = time.monotonic() + _START_SECONDS
    while not node.raylet:
        if time.monotonic() > until:
            raise RuntimeError("the second node doesn't start")
        time.sleep(0.5)
    time.sleep(10)  # it has to tell the head


def killed_in_mid_run(search: Search, node: Node) -> dict[str, Any]:
    """Runs the search, and kills the node while it trains."""
    process = search.start()
    wait_for(search, KILL_AFTER)
    until = time.monotonic() + 300
    while not (trained := node.trains) and time.monotonic() < until:
        time.sleep(0.02)
    before = search.log.read_text().count("stored")
    os.kill(node.raylet, signal.SIGKILL)
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"the search ended with {process.exitcode}: {search.message}")
    return {"killed_after": before, "it_was_training": trained}


def searches(folder: Path, options: dict[str, Any]) -> None:
    """The same search three times; each is compared with the first."""
    local = Search(folder / "local", {**options, "workers": 2}, folder / "local")
    timed("local", local, None)
    for name in ("ray", "ray, a node killed"):
        here = folder / name.replace(", ", "-").replace(" ", "-")
        with cluster(here) as (address, node):
            search = Search(here, {**options, "engine": "ray", "ray_address": address}, here)
            timed(name, search, local, node if "killed" in name else None)


def timed(name: str, search: Search, reference: Search | None, node: Node | None = None) -> None:
    search.folder.mkdir(parents=True, exist_ok=True)
    search.options["store"] = str(search.folder / "store.sqlite")
    more: dict[str, Any] = {}
    if node is not None:
        more = killed_in_mid_run(search, node)
    elif not search.finished:
        search.end()
    designs, weights = search.outcome()
    told = {line.split()[1] for line in search.log.read_text().splitlines() if line.startswith("stored")}
    kept = {digest for _, _, digest, _ in designs}
    if reference is not None:
        same_designs, same_weights = reference.outcome()
        more |= {"designs_equal": designs == same_designs, "policy_equal": weights == same_weights}
    trained = {"evaluations": len(designs), "lost": len(told - kept)}
    summary = summary_of(search)
    show(name, seconds=summary["seconds"], **trained, failures=summary["failures"], **more)


def summary_of(search: Search) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((search.run / "summary.json").read_text())
    return found


def overhead(folder: Path, tasks: int) -> None:
    """Seconds of one trivial task at a time, by both pools in turn: medians and quartiles."""
    with cluster(folder / "overhead") as (address, _):
        engines = {"local": make_engine("local", workers=2), "ray": make_engine("ray", address=address)}
        pools = {name: engine.pool(Workload(os.fspath, {})) for name, engine in engines.items()}
        seconds: dict[str, list[float]] = {name: [] for name in pools}
        for index in range(tasks + 5):
            for name, pool in pools.items():
                started = time.perf_counter()
                pool.run(operator.neg, [(index,)], lambda index, result: None)
                if index >= 5:  # the first ones start what there is to start
                    seconds[name].append(time.perf_counter() - started)
        for name in pools:
            pools[name].close()
            engines[name].close()
    for name, measured in seconds.items():
        low, middle, high = (round(value, 4) for value in quantiles(measured, n=4))
        show(f"a trivial task, {name}", n=len(measured), median=middle, quartiles=[low, high])


def main() -> None:
    # The nodes and the searches inherit it: nobody else on the network may use the cluster.
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--evaluations", type=int, default=28)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--tasks", type=int, default=200)
    given = parser.parse_args()
    options = {"data": "wine", "evaluations": given.evaluations, "epochs": given.epochs, "tensorboard": False}
    searches(given.folder, {**options, "device": "cpu"})
    overhead(given.folder, given.tasks)


if __name__ == "__main__":
    main()
