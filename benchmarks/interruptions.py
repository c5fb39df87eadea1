"""Ctrl-C at random moments of searches: does each end at once, with one line that says so?

    python benchmarks/interruptions.py --interruptions 100

Searches are started as people do, `run.py train`, on a table or with real trainings on `wine` in two workers;
SIGINT goes to the whole process group, as from a terminal. Prints one line of JSON for each kind; the exit
status is 1 where any search hung, missed it or said more than one line.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.helpers.tables import synthetic_table

ROOT = Path(__file__).resolve().parents[1]

_HUNG_SECONDS = 60.0
_REWARD = """\
from pathlib import Path

Path("begun").touch()


def score(evaluation):
    return evaluation.val_accuracy
"""
SEARCHES = {
    "table": ("--table", "t.npz", "--agent", "local-search", "--evaluations", "3000"),
    "wine": ("--data", "wine", "--epochs", "1", "--workers", "2", "--evaluations", "300"),
}
LATEST = {"table": 1.5, "wine": 8.0}
"""Seconds after the reward's file is read, within which the interruption comes; no search ends sooner."""


@click.command()
@click.option("--interruptions", default=50, help="Of each kind of search.")
@click.option("--seed", default=0)
def main(interruptions: int, seed: int) -> None:
    """Interrupts searches, and counts."""
    clean = True
    for kind, options in SEARCHES.items():
        waits = np.random.Generator(np.random.PCG64(seed)).uniform(0, LATEST[kind], interruptions)
        started = time.monotonic()
        ended = [_interrupted(options, wait) for wait in waits]
        counts = Counter(outcome for outcome, _ in ended)
        waited = [seconds for outcome, seconds in ended if outcome == "clean"] or [float("nan")]
        figures = {
            "median_seconds_to_end": round(float(np.median(waited)), 2),
            "longest": round(max(waited), 2),
            "seconds": round(time.monotonic() - started),
        }
        print(json.dumps({"search": kind, **counts, **figures}), flush=True)
        clean &= set(counts) == {"clean"}
    sys.exit(0 if clean else 1)


def _interrupted(options: tuple[str, ...], wait: float) -> tuple[str, float]:
    """How one search ended, and how long that took, seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        synthetic_table((12, 12, 12, 12)).save(folder / "t.npz")
        (folder / "reward.py").write_text(_REWARD)
        search = ["train", *options, "--reward", "reward.py:score", "--quiet", "--run", "a"]
        process = subprocess.Popen(
            [sys.executable, ROOT / "run.py", *search],
            cwd=folder,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        while not (folder / "begun").exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(wait)
        os.killpg(process.pid, signal.SIGINT)
        started = time.monotonic()
        try:
            _, said = process.communicate(timeout=_HUNG_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return "hung", _HUNG_SECONDS
        return _outcome(process.returncode, said), time.monotonic() - started


def _outcome(status: int, said: str) -> str:
    if status != 130:
        return "missed" if status == 0 else "another error"
    if len(said.strip().splitlines()) == 1 and said.strip().startswith("Interrupted: "):
        return "clean"
    print(said, file=sys.stderr)
    return "not in one line"


if __name__ == "__main__":
    main()
