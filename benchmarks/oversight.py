"""Random changes to the logs of runs: how many does `rl-designer audit` find?

A log of a finished run and one of a run that isn't, each changed in one of seven ways, anywhere in it. And
processes that write one are killed at random moments: is every line still there, and does it go on?

    python benchmarks/oversight.py --changes 1000 --kills 40
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rl_designer.oversight import audit
from rl_designer.oversight.audit import AUDIT, FINISHED, HEAD, RETRAINED, STARTED, head_of, record, verify

_RESUMED = 6  # lines of each log that say so
_AFTER = 4  # lines that other commands add


def make_log(folder: Path, finished: bool) -> dict[str, Any]:
    """A log as a run leaves it, and the run's summary: of one that isn't finished, it doesn't know the lines
    that other commands have added since.
    """
    folder.mkdir()
    record(folder, STARTED, id="a", data_content="b")
    for start in range(_RESUMED):
        record(folder, audit.RESUMED, used={"seconds": 10.5 * start})
        record(folder, audit.STOPPED, why="asked to stop", evaluations=8 * start)
    summary: dict[str, Any] = {"state": FINISHED if finished else "interrupted"}
    if finished:
        record(folder, FINISHED, best="c", files={"config.toml": "d"})
    else:
        summary[HEAD] = head_of(folder, None)
    for line in range(_AFTER):
        record(folder, RETRAINED, design=str(line))
    return {HEAD: head_of(folder, None)} | summary


# -- the ways, each with what is left of a log's bytes ------------------------------------------------


def flipped(content: bytes, draw: np.random.Generator) -> bytes:
    """One bit of one byte."""
    place = int(draw.integers(len(content)))
    return content[:place] + bytes([content[place] ^ (1 << int(draw.integers(8)))]) + content[place + 1 :]


def removed(content: bytes, draw: np.random.Generator) -> bytes:
    """A line."""
    lines = content.splitlines(keepends=True)
    del lines[int(draw.integers(len(lines)))]
    return b"".join(lines)


def swapped(content: bytes, draw: np.random.Generator) -> bytes:
    """Two lines."""
    lines = content.splitlines(keepends=True)
    one, other = draw.choice(len(lines), 2, replace=False)
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def duplicated(content: bytes, draw: np.random.Generator) -> bytes:
    """A line, behind itself or anywhere."""
    lines = content.splitlines(keepends=True)
    lines.insert(int(draw.integers(len(lines) + 1)), lines[int(draw.integers(len(lines)))])
    return b"".join(lines)


def cut(content: bytes, draw: np.random.Generator) -> bytes:
    """Lines from the end, perhaps all."""
    lines = content.splitlines(keepends=True)
    return b"".join(lines[: int(draw.integers(len(lines)))])


def torn(content: bytes, draw: np.random.Generator) -> bytes:
    """Bytes from the end, perhaps all."""
    return content[: int(draw.integers(len(content)))]


def edited(content: bytes, draw: np.random.Generator) -> bytes:
    """A fact, with the line's own SHA-256 made anew, as by somebody who knows the format."""
    lines = content.splitlines()
    number = int(draw.integers(len(lines)))
    said = json.loads(lines[number])
    del said["sha256"]
    said["facts"]["why"] = f"another reason {draw.integers(1_000_000)}"
    lines[number] = audit.Entry(**said).line()
    return b"\n".join(lines) + b"\n"


WAYS: tuple[Callable[[bytes, np.random.Generator], bytes], ...] = (
    flipped,
    removed,
    swapped,
    duplicated,
    cut,
    torn,
    edited,
)


def outcome(folder: Path, summary: dict[str, Any], before: bytes, after: bytes) -> str:
    """`found`, `not found`, or, where only lines that the summary doesn't know of are touched, `end`."""
    (folder / AUDIT).write_bytes(after)
    if verify(folder, summary).problems:
        return "found"
    known = before.splitlines(keepends=True)[: summary[HEAD]["lines"]]
    at_the_end = summary["state"] != FINISHED and after.startswith(b"".join(known))
    return "end" if at_the_end else "not found"


def measured(changes: int, seed: int = 0) -> dict[str, Any]:
    """So many changes, half of them to each log: by way and state, how many were found."""
    draw = np.random.default_rng(seed)
    counts: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as place:
        made = {state: Path(place) / state for state in ("finished", "unfinished")}
        logs = [(state, folder, make_log(folder, state == "finished")) for state, folder in made.items()]
        contents = {state: (folder / AUDIT).read_bytes() for state, folder in made.items()}
        assert not any(verify(folder, summary).problems for _, folder, summary in logs)
        for number in range(changes):
            state, folder, summary = logs[number % 2]
            way, before = WAYS[int(draw.integers(len(WAYS)))], contents[state]
            after = before
            while after == before:
                after = way(before, draw)
            count = counts.setdefault(f"{way.__name__}, {state}", Counter())
            count[outcome(folder, summary, before, after)] += 1
    total = sum(counts.values(), Counter())
    return {"changes": changes, **total, "by_way": {name: dict(count) for name, count in counts.items()}}


# -- kill -9 as lines are written ---------------------------------------------------------------------

_WRITES = """
import sys
from pathlib import Path
from rl_designer.oversight.audit import record
folder = Path(sys.argv[1])
while True:
    line = record(folder, "resumed", why="x" * 20_000)
    print(line.number, flush=True)
"""


def killed(times: int, seed: int = 0) -> dict[str, Any]:
    """So many processes, one after the other, that write one log and are killed."""
    draw = np.random.default_rng(seed)
    lost, torn, bad = 0, 0, 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for _ in range(times):
            command = [sys.executable, "-c", _WRITES, str(folder)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                process.stdout.readline()
                time.sleep(float(draw.uniform(0, 0.5)))
                process.kill()
                told = [int(line) for line in process.stdout.read().split()]
            torn += not (folder / AUDIT).read_bytes().endswith(b"\n")
            record(folder, "resumed")
            found = verify(folder, {})
            bad += bool(found.problems)
            lost += bool(told) and found.entries[-1].number <= told[-1]
        lines = len((folder / AUDIT).read_bytes().splitlines())
    return {"kills": times, "lines": lines, "torn": torn, "lost": lost, "not sound afterwards": bad}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--changes", type=int, default=1_000)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(json.dumps(measured(given.changes, given.seed), indent=2))
    if given.kills:
        print(json.dumps(killed(given.kills, given.seed), indent=2))


if __name__ == "__main__":
    main()
