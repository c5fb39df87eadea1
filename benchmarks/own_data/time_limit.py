"""Does a search end at its time limit, and is what it found what a longer search begins with?

    python benchmarks/own_data/time_limit.py --quick

Each setting is an agent, workers, a limit and about how long one training takes, which the epochs set. Three
searches as people start them, `run.py train`: one under the limit; one on the same store under half as much
time again, which goes on where the first had to end; one on an empty store that isn't limited in time, to as
many designs as the second had. The first one's designs must be the second's first ones, and the second's must
be the third's, each with the same reward. Prints one line of JSON a setting: `after_limit`, seconds from the
limit to the process's end, the limit counted from the search's beginning, and `command_after_limit`, from the
command's; designs, and designs that were given up. The exit status is 1 where any search ended more than 5
seconds after its limit or found something else.
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rl_designer.envs.datasets import load_dataset
from rl_designer.envs.evaluators.training import TrainingEvaluator, TrainingSettings
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.seeding import stream
from rl_designer.runs.reading import read_run

ROOT = Path(__file__).resolve().parents[2]

DATA = "mnist1d"
MOST_PARAMETERS = 20_000
LATEST_SECONDS = 5.0
_TIMED = 6  # designs, of which the mean time of an epoch is taken


@dataclass(frozen=True)
class Case:
    """One setting; `limit` and `training` in seconds."""

    agent: str
    workers: int
    limit: float
    training: float
    control: bool = True


QUICK = (
    Case("ppo", 1, 5, 2),
    Case("ppo", 2, 10, 2, control=False),
    Case("regularized-evolution", 2, 10, 3),
    Case("regularized-evolution", 1, 8, 20),
    Case("random", 2, 15, 4),
    Case("random", 1, 12, 3),
)
FULL = (
    *QUICK,
    Case("ppo", 2, 60, 5),
    Case("ppo", 1, 30, 10, control=False),
    Case("regularized-evolution", 2, 60, 60),
    Case("local-search", 1, 30, 10),
    Case("bananas", 2, 30, 3),
    Case("random", 2, 60, 20),
)


@click.command()
@click.option("--quick", is_flag=True, help="Six of the twelve settings, of limits up to 15 seconds.")
def main(quick: bool) -> None:
    """Searches under limits, and compares."""
    an_epoch, good = seconds_an_epoch(), True
    for case in QUICK if quick else FULL:
        epochs = max(1, round(case.training / an_epoch))
        with tempfile.TemporaryDirectory() as folder:
            found = outcome(case, epochs, Path(folder))
        print(json.dumps({**asdict(case), "epochs": epochs, **found}), flush=True)
        good &= bool(found["same"]) and float(found["after_limit"]) <= LATEST_SECONDS
    sys.exit(0 if good else 1)


def seconds_an_epoch() -> float:
    """Of random designs, in the mean, in this process."""
    data = load_dataset(DATA)
    space = make_space(None, data.input_shape, data.num_classes, max_parameters=MOST_PARAMETERS)
    designs = space.architectures(space.random_actions(_TIMED, stream(0, "time limit")))
    with TrainingEvaluator(data, settings=TrainingSettings(epochs=1), device="cpu") as evaluator:
        evaluator.evaluate(designs[:1])  # warms up
        times = [evaluation.training_seconds or 0.0 for evaluation in evaluator.evaluate(designs)]
    return sum(times) / len(times)


def outcome(case: Case, epochs: int, folder: Path) -> dict[str, float | bool]:
    """How late the limited search ended, and whether it found what the others did."""
    options = ["--epochs", epochs, "--agent", case.agent, "--workers", case.workers]
    control = [] if case.control else ["--no-control"]
    late = search(folder / "limited", *options, *control, "--store", folder / "a", limit=case.limit)
    search(folder / "longer", *options, *control, "--store", folder / "a", limit=1.5 * case.limit)
    limited, longer = agents(folder / "limited"), agents(folder / "longer")
    same = longer[: len(limited)] == limited
    if longer:
        whole = [*options, "--no-control", "--evaluations", len(longer)]
        search(folder / "whole", *whole, "--store", folder / "b")
        same &= agents(folder / "whole") == longer
    summary = json.loads((folder / "limited" / "summary.json").read_text())
    counts = {"evaluations": summary["evaluations"], "given_up": summary["given_up"], "longer": len(longer)}
    return {**late, **counts, "same": same}


def search(run: Path, *options: object, limit: float | None = None) -> dict[str, float]:
    """Searches into a run folder; how long after the limit it ended, in seconds."""
    limited = [] if limit is None else ["--time-limit", f"{limit}s"]
    fixed = ["--data", DATA, "--max-parameters", MOST_PARAMETERS, "--device", "cpu", "--quiet", "--run", run]
    command = [sys.executable, ROOT / "run.py", "train", *fixed, *options, *limited]
    called = begun = time.monotonic()
    process = subprocess.Popen([str(part) for part in command])
    while process.poll() is None:
        if not run.exists():
            begun = time.monotonic()
        time.sleep(0.02)
    ended = time.monotonic()
    if process.returncode:
        raise RuntimeError(f"a search ended with status {process.returncode}: {command}")
    late = {"after_limit": ended - begun, "command_after_limit": ended - called}
    return {name: round(seconds - (limit or 0.0), 2) for name, seconds in late.items()}


def agents(run: Path) -> list[tuple[str, float]]:
    """Digests and rewards of the agent's designs, in order."""
    found = [stored.design for stored in read_run(run).designs if stored.source == "agent"]
    return [(design.architecture.digest, design.reward) for design in found]


if __name__ == "__main__":
    main()
