"""Ray on two nodes against the local engine: the same results, and nothing lost with a node.

Usage: python benchmarks/ray_cluster.py FOLDER [--part search] [--evaluations 28] [--epochs 60] [--seeds 4]
       [--retrain-epochs 1000] [--tasks 200]

Both nodes are real ones of Ray, on this machine, with one core each. A search, `retrain` and `benchmark
agents` are done by the local engine with two workers, by Ray, and by Ray with the second node's raylet killed
by `kill -9` while it works. Then one trivial task at a time is given to the local pool and to Ray's in turn.
"""

import argparse
import hashlib
import json
import operator
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

from faults_runs import Search, _children, _command, show, wait_for
from safetensors.numpy import load_file

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


@dataclass(frozen=True)
class Commanded:
    """A command that leaves results in a folder.

    Attributes:
        results: what there is of them so far, by name; equal where they are the same.
    """

    folder: Path
    arguments: tuple[str, ...]
    results: Callable[[Path], dict[str, Any]]

    def run(self, options: Sequence[str], node: Node | None = None) -> dict[str, Any]:
        """Gives the command; kills the node once it works and a result is there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(ROOT / "run.py"), *self.arguments, *options, "--output", "out"]
        began = time.monotonic()
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=subprocess.STDOUT)
        told: dict[str, Any] = {}
        while node is not None and not told and process.poll() is None:
            time.sleep(0.02)
            if (before := len(self.results(self.folder / "out"))) and node.trains:
                os.kill(node.raylet, signal.SIGKILL)
                told = {"killed_after": before}
        if process.wait() != 0:
            raise RuntimeError(f"{command} ended with {process.returncode}: see {self.folder / 'log'}")
        return {"seconds": round(time.monotonic() - began, 1), **told}


def weights_of(folder: Path) -> dict[str, Any]:
    """Digests of the weights of full trainings; their records tell seconds, too."""
    found = {}
    for path in sorted(folder.glob("*/seed-?.safetensors")):
        arrays = load_file(path)
        content = b"".join(name.encode() + arrays[name].tobytes() for name in sorted(arrays))
        found[path.stem] = hashlib.sha256(content).hexdigest()
    return found


def runs_of(folder: Path) -> dict[str, Any]:
    """A benchmark's finished runs, without their seconds."""
    path = folder / "runs.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {
        f"{run['agent']} {run['seed']}": {k: v for k, v in run.items() if "seconds" not in k} for run in lines
    }


def commands(folder: Path, name: str, arguments: tuple[str, ...], results: Callable[..., Any]) -> None:
    """The same command three times; each is compared with the first."""
    local = Commanded(folder / f"{name}-local", arguments, results)
    told = local.run(["--workers", "2"])
    reference = results(local.folder / "out")
    show(f"{name}, local", results=len(reference), **told)
    for what in ("ray", "ray, a node killed"):
        here = folder / f"{name}-{what.replace(', ', '-').replace(' ', '-')}"
        with cluster(here) as (address, node):
            options = ["--engine", "ray", "--ray-address", address]
            told = Commanded(here, arguments, results).run(options, node if "killed" in what else None)
        found = results(here / "out")
        lost = len(reference.keys() - found.keys())
        show(f"{name}, {what}", results=len(found), lost=lost, equal=found == reference, **told)


def retrainings(folder: Path, seeds: int, epochs: int) -> None:
    layers = [{"kind": "dense", "width": width} for width in (64, 32)]
    file = folder / "design.json"
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"format": "architecture/1", "space": "mlp", "layers": layers}))
    given = ("--data", "wine", "--seeds", str(seeds), "--epochs", str(epochs), "--device", "cpu")
    commands(folder, "retrain", ("retrain", str(file.absolute()), *given), weights_of)


def benchmarks(folder: Path, seeds: int) -> None:
    given = ("ppo", "local-search", "--table", "mnist1d-convnet1d", "--seeds", str(seeds))
    commands(folder, "benchmark", ("benchmark", "agents", *given), runs_of)


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
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--retrain-epochs", type=int, default=1000)
    parts = ("search", "retrain", "benchmark", "overhead")
    parser.add_argument("--part", choices=parts, action="append", help="All of them unless given.")
    given = parser.parse_args()
    options = {"data": "wine", "evaluations": given.evaluations, "epochs": given.epochs, "tensorboard": False}
    wanted: dict[str, Callable[[], None]] = {
        "search": lambda: searches(given.folder, {**options, "device": "cpu"}),
        "retrain": lambda: retrainings(given.folder, given.seeds, given.retrain_epochs),
        "benchmark": lambda: benchmarks(given.folder, given.seeds),
        "overhead": lambda: overhead(given.folder, given.tasks),
    }
    for part in given.part or parts:
        wanted[part]()


if __name__ == "__main__":
    main()
