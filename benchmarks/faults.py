"""Nothing lost: kill -9, a full disk, a locked store and others, in the middle of searches.

    python benchmarks/faults.py kill faults processes speed long

Each part prints lines of JSON; the exit status is 1 where anything was lost or came out otherwise.
`kill`: kill -9 at random moments, workers included, and on. `faults`: full disk, read-only folder, locked
store, PostgreSQL restarted, clock set back. `processes`: several on one store. `speed`: of the store as it
grows. `long`: memory and time of one long run. The file systems need root and `mount`; PostgreSQL must be
installed.
"""

import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.faults_runs import QUICK_PPO, Marks, Search, kill, quick_workers, show, wait_for
from rl_designer.envs.evaluation import Evaluation
from rl_designer.store.store import Store
from tests.helpers.postgresql import missing, private_postgres
from tests.helpers.tables import synthetic_table

_SETTLED = 10_000  # evaluations, after which the memory of a long run must stay as it is
_MOST_GROWTH = 0.1
WHOM = ("group", "main", "group", "worker")


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(["kill", "faults", "processes", "speed", "long"]))
@click.option("--kills", default=50, help="Of `kill`.")
@click.option("--data", default="wine", help="Of `kill`; `table` for one in place of training.")
@click.option("--evaluations", default=40, help="Of each search of `kill` and `faults`.")
@click.option("--quick-workers", "quick", is_flag=True, help="Workers are forks of the search.")
@click.option("--locked-seconds", default=30.0, help="Of `faults`.")
@click.option("--processes", default=8, help="Of `processes`.")
@click.option("--designs", default=10_000, help="Of each process of `processes`, and of `long`.")
@click.option("--rows", default=1_000_000, help="Of `speed`.")
@click.option("--agent", default="random:batch=8", help="Of `processes` and `long`.")
@click.option("--seed", default=0)
def main(parts: tuple[str, ...], quick: bool, **options: Any) -> None:
    """Injects faults, and counts."""
    if quick:
        quick_workers()
    sound = True
    for part in parts:
        with tempfile.TemporaryDirectory() as folder:
            sound &= PARTS[part](Path(folder), options)
    sys.exit(0 if sound else 1)


# -- kill -9 ---------------------------------------------------------------------------------------


def kills(folder: Path, options: dict[str, Any]) -> bool:
    generator = np.random.Generator(np.random.PCG64(options["seed"]))
    done, rounds, sound, whom_killed = 0, 0, True, dict.fromkeys(WHOM, 0)
    totals = {"reported": 0, "lost": 0, "trained_again": 0}
    while done < options["kills"]:
        whole, part = (
            _search(folder / f"{rounds}" / name, options, seed=rounds, agent=QUICK_PPO)
            for name in ("whole", "part")
        )
        started = time.monotonic()
        whole.end()
        seconds = time.monotonic() - started
        while not part.finished:
            process, met = part.start(), ""
            if done < options["kills"]:
                process.join(generator.uniform(0, seconds))
                whom = WHOM[done % len(WHOM)]
                if process.is_alive():
                    met = kill(process, whom)
                    whom_killed[met] += 1
                    done += 1
            process.join()
            if process.exitcode != 0 and met in ("", "worker"):
                raise RuntimeError(f"the search ended with {process.exitcode}: {part.message}")
        same = part.outcome() == whole.outcome()
        counts = part.counts()
        totals = {name: totals[name] + counts[name] for name in totals}
        sound &= same and counts["lost"] == counts["trained_again"] == 0
        rounds += 1
        show(
            "kill",
            round=rounds,
            kills=done,
            same_as_uninterrupted=same,
            **counts,
            designs=len(whole.outcome()[0]),
        )
    show("kill", searches=rounds, killed=whom_killed, **totals, sound=sound)
    return sound


def _search(folder: Path, options: dict[str, Any], **more: Any) -> Search:
    folder.mkdir(parents=True, exist_ok=True)
    common = {"evaluations": options["evaluations"], "tensorboard": False, **more}
    if options["data"] == "table":
        synthetic_table((4,) * 6).save(folder / "table.npz")
        return Search(folder, {"table": str(folder / "table.npz"), **common}, folder)
    training = {
        "data": options["data"],
        "epochs": 1,
        "workers": 2,
        "max_parameters": 5000,
        "fidelity": "full",
    }
    return Search(folder, {**training, **common}, folder)


# -- other faults ----------------------------------------------------------------------------------


def faults(folder: Path, options: dict[str, Any]) -> bool:
    slow = folder / "slow.py"
    slow.write_text(
        "import time\n\n\ndef score(evaluation):\n    time.sleep(0.02)\n    return evaluation.val_accuracy\n"
    )
    options = {**options, "data": "table", "evaluations": max(options["evaluations"], 200)}
    common: dict[str, Any] = {"agent": "regularized-evolution:population=10,sample=5"}
    common |= {"reward": f"{slow}:score", "control_share": 0.0}
    whole = _search(folder / "whole", options, **common)
    whole.end()

    def judged(fault: str, search: Search, stopped: bool) -> bool:
        counts = search.counts() if search.log.exists() else {}
        if not search.finished:
            search.end()
        same = search.outcome() == whole.outcome()
        show(fault, stopped=stopped, message=search.message, **counts, same_as_uninterrupted=same)
        return same and counts["lost"] == 0

    def run(
        fault: str, act: Callable[[Search], None], where: Path, undo: Callable[[], None], **more: Any
    ) -> bool:
        (folder / fault).mkdir()
        base = _search(where, options, **common, **more)
        search = Search(base.folder, base.options, folder / fault, more.get("hear", lambda count: None))
        process = search.start()
        wait_for(search, 20)
        act(search)
        process.join()
        undo()
        return judged(fault, search, process.exitcode != 0)

    sound = True
    if os.geteuid() == 0:
        with _file_system(folder) as (mounted, remount):

            def fill(search: Search) -> None:
                with suppressed(), (mounted / "filler").open("wb", buffering=0) as file:
                    while True:
                        file.write(b"\0" * 4096)

            sound &= run("full disk", fill, mounted, lambda: (mounted / "filler").unlink(missing_ok=True))
        with _file_system(folder) as (mounted, remount):
            sound &= _read_only(mounted, remount, _search(mounted, options, **common), judged)

    def locked(search: Search) -> None:
        lock = sqlite3.connect(search.folder / "store.sqlite", isolation_level=None, timeout=60)
        lock.execute("BEGIN EXCLUSIVE")
        time.sleep(options["locked_seconds"])
        lock.close()

    sound &= run(f"locked for {options['locked_seconds']:g} s", locked, folder / "locked", lambda: None)
    sound &= _clock_set_back(folder, options, common, judged)
    if missing() is None:
        with private_postgres() as server:

            def restart(search: Search) -> None:
                server.stop("immediate")
                time.sleep(3)
                server.start()

            sound &= run("PostgreSQL restarted", restart, folder / "pg", lambda: None, store=server.url)
    return sound


def _clock_set_back(folder: Path, options: Any, common: Any, judged: Callable[..., bool]) -> bool:
    base = _search(folder / "clock", options, **common)
    now = time.time

    def set_back(count: int) -> None:
        if count == 20:
            time.time = lambda: now() - 86_400.0

    search = Search(base.folder, base.options, base.folder, set_back)
    process = search.start()
    wait_for(search, 60)
    kill(process, "group")
    return judged("clock set back by a day, and killed", search, True)


@contextmanager
def suppressed() -> Iterator[None]:
    try:
        yield
    except OSError:
        return


@contextmanager
def _file_system(folder: Path) -> Iterator[tuple[Path, Callable[[str], None]]]:
    mounted = Path(tempfile.mkdtemp(dir=folder))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", mounted], check=True)

    def remount(how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", mounted], check=True, stderr=subprocess.DEVNULL)

    try:
        yield mounted, remount
    finally:
        subprocess.run(["umount", "-l", mounted], check=True)


def _read_only(
    mounted: Path, remount: Callable[[str], None], base: Search, judged: Callable[..., bool]
) -> bool:
    """A file system can't become read-only while files are open, so the search is killed before."""
    search = Search(base.folder, base.options, Path(tempfile.mkdtemp()))
    process = search.start()
    wait_for(search, 20)
    kill(process, "group")
    remount("ro")
    process = search.start()
    process.join()
    remount("rw")
    return judged("read-only", search, process.exitcode != 0)


# -- many, and much --------------------------------------------------------------------------------


def processes(folder: Path, options: dict[str, Any]) -> bool:
    synthetic_table((4,) * 9).save(folder / "table.npz")
    sound = _processes(folder, "sqlite", str(folder / "store.sqlite"), options)
    if missing() is None:
        with private_postgres() as server:
            sound &= _processes(folder, "postgresql", server.url, options)
    return sound


def _processes(folder: Path, kind: str, store: str, options: dict[str, Any]) -> bool:
    started = time.monotonic()
    common = {
        "table": str(folder / "table.npz"),
        "agent": options["agent"],
        "evaluations": options["designs"],
    }
    searches = []
    for seed in range(options["processes"]):
        place = folder / f"{kind}-{seed}"
        place.mkdir()
        search = {**common, "seed": seed, "store": store, "tensorboard": False}
        searches.append(Search(place, search, place))
    running = [search.start() for search in searches]
    for process in running:
        process.join()
    designs = [len(search.outcome()[0]) for search in searches]
    lost = sum(search.counts()["lost"] for search in searches)
    messages = [search.message for search in searches if search.message]
    seconds = time.monotonic() - started
    show("processes", store=kind, designs=designs, lost=lost, messages=messages, seconds=round(seconds, 1))
    return set(designs) == {options["designs"]} and lost == 0 and not messages


def speed(folder: Path, options: dict[str, Any]) -> bool:
    generator = np.random.Generator(np.random.PCG64(options["seed"]))
    found = {}
    with Store(folder / "store.sqlite") as store:
        stored = 0
        for size in (1_000, options["rows"]):
            while stored < size:
                count = min(5_000, size - stored)
                store.add_evaluations(_some(range(stored, stored + count)))
                stored += count
            found[size] = _timed(store, size, generator)
            show("speed", evaluations=size, **found[size])
    small, large = found.values()
    ratios = {name: round(large[name] / small[name], 2) for name in small}
    show("speed", ratios=ratios)
    return max(ratios.values()) <= 2


def _some(numbers: range | list[int]) -> dict[tuple[str, str], Evaluation]:
    curve = tuple(i / 20 for i in range(12))
    return {
        (_digest(n), "training:wine:0123456789abcdef"): Evaluation(
            0.5, 0.7, curve, n, n, None, 1.5, 12, n, "cpu"
        )
        for n in numbers
    }


def _digest(number: int) -> str:
    import hashlib

    return hashlib.sha256(str(number).encode()).hexdigest()[:20]


def _timed(store: Store, size: int, generator: np.random.Generator) -> dict[str, float]:
    """Medians over 200 batches of 8, milliseconds of the processor and the wall."""
    look, insert = [], []
    for batch in range(200):
        wanted = [_digest(int(n)) for n in generator.integers(0, size, 8)]
        started = time.perf_counter()
        store.evaluations(["training:wine:0123456789abcdef"], wanted)
        look.append(time.perf_counter() - started)
        new = _some(range(10**9 + size * 10 + 8 * batch, 10**9 + size * 10 + 8 * batch + 8))
        started = time.perf_counter()
        store.add_evaluations(new)
        insert.append(time.perf_counter() - started)
    return {"look_up_ms": statistics.median(look) * 1e3, "insert_ms": statistics.median(insert) * 1e3}


def long(folder: Path, options: dict[str, Any]) -> bool:
    """Ten marks, each printed as it is reached. Sound where memory grows by no more than a tenth once there
    are 10,000 evaluations, or half of all where there are fewer.
    """
    synthetic_table((4,) * 9).save(folder / "table.npz")
    search = {
        "table": str(folder / "table.npz"),
        "agent": options["agent"],
        "evaluations": options["designs"],
        "tensorboard": False,
    }
    marks = Marks(options["agent"], max(options["designs"] // 10, 1))
    with marks.counting():
        Search(folder, search, folder, marks.hear).end()
    evaluations, memory = int(marks.evaluations.value), list(marks.memory)
    reached = [megabytes for megabytes in memory if megabytes]
    settled = min(_SETTLED, evaluations / 2)
    later = [megabytes for number, megabytes in enumerate(reached, 1) if number * marks.step >= settled]
    grown = max(later) / later[0] - 1 if later else 0.0
    show("long", agent=options["agent"], evaluations=evaluations, memory_grown_by=round(grown, 3))
    return grown <= _MOST_GROWTH


PARTS = {"kill": kills, "faults": faults, "processes": processes, "speed": speed, "long": long}

if __name__ == "__main__":
    main()
