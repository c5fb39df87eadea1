"""For `faults.py`: searches in processes of their own, what they report, and what they leave behind."""

import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.sharedctypes import RawArray, RawValue
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rl_designer.config import make_config
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.training import TrainingEvaluator
from rl_designer.envs.search_spaces.base import Actions
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.workers import pool as worker_pool
from rl_designer.interruption import clean_interruption
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.reading import read_run
from rl_designer.searches.observers import Observer
from rl_designer.searches.search import resume_search, run_search

QUICK_PPO = "ppo:warm=4,batch=4,updates=1,final_updates=1"


class Log(Observer):
    """Appends a line for each evaluation that a search reports, and for each that is asked to be trained."""

    def __init__(self, path: Path, hear: Callable[[int], None] = lambda count: None) -> None:
        self._path = path
        self._hear = hear
        self._count = 0

    def evaluated(
        self, architecture: Architecture, evaluation: Evaluation, reward: float | None, stored: bool
    ) -> None:
        self._count += 1
        if not stored:
            self.write("stored", architecture.digest)
        self._hear(self._count)

    def write(self, what: str, digest: str) -> None:
        with self._path.open("a") as file:
            file.write(f"{what} {digest}\n")


@dataclass(frozen=True)
class Search:
    """A search in a folder, done in processes of its own."""

    folder: Path
    options: dict[str, Any]
    log_folder: Path
    hear: Callable[[int], None] = lambda count: None

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def log(self) -> Path:
        return self.log_folder / "log"

    @property
    def finished(self) -> bool:
        return (self.run / "summary.json").exists() and RunFolder.open(self.run).summary[
            "state"
        ] == "finished"

    def start(self) -> multiprocessing.process.BaseProcess:
        """A process group that begins the search, or goes on with it."""
        process = multiprocessing.get_context("fork").Process(target=self._work)
        process.start()
        return process

    def end(self) -> None:
        """Does all that is left."""
        process = self.start()
        process.join()
        if process.exitcode != 0:
            raise RuntimeError(f"the search ended with {process.exitcode}: {self.message}")

    @property
    def message(self) -> str:
        path = self.log_folder / "message"
        return path.read_text() if path.exists() else ""

    def _work(self) -> None:
        os.setsid()
        log = Log(self.log, self.hear)
        train = TrainingEvaluator.evaluate

        def logged(
            self: Any, architectures: Sequence[Architecture], *more: Any, **named: Any
        ) -> list[Evaluation]:
            for architecture in architectures:
                log.write("asked", architecture.digest)
            return train(self, architectures, *more, **named)

        TrainingEvaluator.evaluate = logged  # type: ignore[method-assign,assignment]
        try:
            with clean_interruption():
                if (self.run / "config.toml").exists():
                    resume_search(self.run, [log])
                else:
                    run_search(make_config(self.options), self.run, [log])
        except (KeyboardInterrupt, ValueError, OSError) as error:
            (self.log_folder / "message").write_text(str(error))
            sys.exit(1)

    # -- what came of it ---------------------------------------------------------------------------

    def counts(self) -> dict[str, int]:
        """Reported evaluations, those of them that are not in the store, and those trained once more."""
        from rl_designer.store.store import Store

        reported, again = set(), 0
        for line in self.log.read_text().splitlines():
            what, digest = line.split()
            again += what == "asked" and digest in reported
            if what == "stored":
                reported.add(digest)
        folder = RunFolder.open(self.run)
        with Store(self.options.get("store") or folder.store_location) as store:
            keys = [folder.summary["evaluator"], f"{folder.summary['evaluator']}@{folder.id}"]
            known = store.evaluations(keys, reported)
        return {"reported": len(reported), "lost": len(reported - set(known)), "trained_again": again}

    def outcome(self) -> tuple[Any, ...]:
        """Designs, rewards and the policy's weights."""
        designs = read_run(self.run, self.options.get("store")).designs
        weights = self.run / "policy" / "policy.safetensors"
        return (
            [(d.source, d.design.index, d.design.architecture.digest, d.design.reward) for d in designs],
            weights.read_bytes() if weights.exists() else b"",
        )


class Marks:
    """What a search in a forked process has come to; an agent may end before the first mark.

    Attributes:
        evaluations: so far.
        memory: of the process at each mark, MB.
    """

    def __init__(self, agent: str, step: int) -> None:
        self.agent = agent
        self.step = step
        self.evaluations = RawValue("q")
        self.memory = RawArray("d", 11)  # MB at each mark
        self._proposed = 0
        self._before = (0.0, 0)

    @contextmanager
    def counting(self) -> Iterator[None]:
        """The architectures that agents make of actions, known ones included, are counted."""
        made = TableSpace.architectures

        def counted(space: TableSpace, actions: Actions) -> list[Architecture]:
            self._proposed += len(actions)
            return made(space, actions)

        with patch.object(TableSpace, "architectures", counted):
            yield

    def hear(self, count: int) -> None:
        self.evaluations.value = count
        if count % self.step:
            return
        now = (time.process_time(), self._proposed)
        seconds, proposed = (after - before for after, before in zip(now, self._before, strict=True))
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.memory[count // self.step - 1] = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        show(
            "long",
            agent=self.agent,
            evaluations=count,
            ms_each=round(seconds / self.step * 1e3, 3),
            made_for_each=round(proposed / self.step, 2),
            MB=round(self.memory[count // self.step - 1]),
        )
        self._before = now


def quick_workers() -> None:
    """Workers are forks of the search: not as they are shipped, but PyTorch is loaded once only."""
    import_module("rl_designer.agents.controller")
    import_module("rl_designer.envs.training.recipe")
    worker_pool._START_METHOD = "fork"


def kill(process: multiprocessing.process.BaseProcess, whom: str) -> str:
    """kill -9 of a search: of the whole `group`, of the `main` process (its workers end by themselves), or of
    one `worker`, after which the search goes on. Whom it was: where there is no worker, the main process.
    """
    assert process.pid is not None
    workers = _workers(process.pid) if whom == "worker" else []
    if workers:
        os.kill(workers[-1], signal.SIGKILL)
        return "worker"
    if whom == "group":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        whom = "main"
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    return whom


def _workers(pid: int) -> list[int]:
    """Processes that train: children of the server that they are forked from, or of the search itself."""
    children = _children(pid)
    grandchildren = [worker for child in children for worker in _children(child)]
    helpers = ("resource_tracker", "forkserver")
    return grandchildren or [
        child for child in children if not any(name in _command(child) for name in helpers)
    ]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _children(pid: int) -> list[int]:
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def wait_for(search: Search, evaluations: int, seconds: float = 600) -> None:
    """Until a search has reported so many evaluations."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if search.log.exists() and search.log.read_text().count("stored") >= evaluations:
            return
        time.sleep(0.01)
    raise RuntimeError(f"no {evaluations} evaluations in {seconds} s")


def show(part: str, **facts: Any) -> None:
    """A line of JSON."""
    print(json.dumps({"part": part, **facts}), flush=True)
