"""A search that starts with what an earlier one learned on other data, for real trainings: `train --from`.

    python benchmarks/transfer_real.py

`digits` → 4,000 training and 1,000 validation examples of `fashion-mnist` (`convnet`), and `breast-cancer` →
`wine` (`mlp`). For each seed `ppo` searches the first data set with another seed, and then the second from
nothing and from that run, beside random search. Trainings are kept in the output folder: a stopped benchmark
goes on with the same command.
"""

import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from rl_designer.config import make_config
from rl_designer.envs.datasets import load_dataset
from rl_designer.files import write_text
from rl_designer.runs.folder import SUMMARY, RunFolder
from rl_designer.runs.reading import read_run
from rl_designer.searches.search import resume_search, run_search

ROOT = Path(__file__).resolve().parents[1]
NOTHING, SOURCE, RANDOM = "`ppo` from nothing", "`ppo --from`", "`random`"
STARTS = (NOTHING, SOURCE, RANDOM)
STEPS = (4, 8, 16)
RESAMPLES = 10_000


@dataclass(frozen=True)
class Pair:
    """From which data to which, under the same limits.

    Attributes:
        learned: what differs for the earlier search.
        searched: what differs for the later ones.
    """

    name: str
    seeds: int
    common: Mapping[str, Any]
    learned: Mapping[str, Any]
    searched: Mapping[str, Any]


PAIRS = (
    Pair(
        "`breast-cancer` → `wine`",
        seeds=8,
        common={"max_parameters": 1_000, "epochs": 1},  # with more, one random design in five is perfect
        learned={"data": "breast-cancer", "evaluations": 48},
        searched={"data": "wine", "evaluations": 16},
    ),
    Pair(
        "`digits` → `fashion-mnist`",
        seeds=4,
        common={"max_parameters": 20_000, "max_macs": 1_000_000},
        learned={"data": "digits", "evaluations": 48, "epochs": 6},
        searched={"data": "fashion-mnist-4000.npz", "evaluations": 16, "epochs": 2},
    ),
)


@click.command()
@click.option("--workers", type=int, help="Trainings at the same time.  [default: one a core]")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "runs" / "transfer-real")
def main(workers: int | None, output: Path) -> None:
    """Prints a table a pair as Markdown."""
    started = time.time()
    output.mkdir(parents=True, exist_ok=True)
    os.chdir(output)
    make_subset(Path("fashion-mnist-4000.npz"))
    parts = [markdown(pair, rewards_of(pair, workers)) for pair in PAIRS]
    commit = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    made = subprocess.run(commit, capture_output=True, text=True, check=False).stdout.strip()
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
    text = "\n".join([*parts, f"At {made}, {machine}, {time.time() - started:.0f} s."]) + "\n"
    write_text(Path("transfer-real.md"), text)
    click.echo(text)


def make_subset(path: Path) -> None:
    """The first 4,000 training and 1,000 validation examples of fashion-mnist."""
    if path.exists():
        return
    data = load_dataset("fashion-mnist")
    np.savez(
        path,
        x_train=data.x_train[:4_000],
        y_train=data.y_train[:4_000],
        x_val=data.x_val[:1_000],
        y_val=data.y_val[:1_000],
    )


def rewards_of(pair: Pair, workers: int | None) -> dict[str, NDArray[np.float64]]:
    """Start → the rewards of its designs in order, float64 [seeds, evaluations]."""
    found: dict[str, list[list[float]]] = {start: [] for start in STARTS}
    name = f"{pair.learned['data']}-{Path(pair.searched['data']).stem}"
    for seed in range(pair.seeds):
        common = {
            **pair.common,
            "workers": workers,
            "control_share": 0.0,
            "tensorboard": False,
            "fidelity": "full",
            "experience": "none",
        }
        source = f"{name}/source-{seed}"
        searched(Path(source), {**common, **pair.learned, "seed": seed + 1_000})
        options = {**common, **pair.searched, "seed": seed}
        for start, own in (
            (NOTHING, {}),
            (SOURCE, {"sources": (source,)}),
            (RANDOM, {"agent": "random"}),
        ):
            folder = Path(f"{name}/{STARTS.index(start)}-{seed}")
            found[start].append(searched(folder, {**options, **own}))
        click.echo(f"{pair.name}, seed {seed}", err=True)
    return {start: np.array(rewards) for start, rewards in found.items()}


def searched(folder: Path, options: Mapping[str, Any]) -> list[float]:
    """The rewards of a run, which is made or finished where need be."""
    if not (folder / SUMMARY).exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        run_search(make_config(options), folder)
    else:
        resume_search(folder)
    for source in RunFolder.open(folder).summary.get("sources", []):
        click.echo(f"  {folder}: {source['reason']}", err=True)
    return [found.design.reward for found in read_run(folder).designs]


def markdown(pair: Pair, rewards: Mapping[str, NDArray[np.float64]]) -> str:
    """A row a start: the best and the mean reward after so many evaluations; against `ppo` from nothing."""
    lines = [
        f"{pair.name}, {pair.seeds} seeds: validation accuracy of the best of the first n designs, and their",
        "mean. Means over seeds ± standard error; behind them the paired difference to `ppo` from nothing,",
        "with its 95 % bootstrap interval.",
        "",
        "| start | " + " | ".join(f"best of {n} | mean of {n}" for n in STEPS) + " |",
        "|---|" + "---|" * (2 * len(STEPS)),
    ]
    for start in STARTS:
        cells = []
        for n in STEPS:
            for figure in (np.max, np.mean):
                own, first = (figure(rewards[name][:, :n], axis=1) for name in (start, NOTHING))
                cells.append(_cell(own, None if start == NOTHING else own - first))
        lines.append(f"| {start} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(values: NDArray[np.float64], difference: NDArray[np.float64] | None) -> str:
    error = values.std(ddof=min(1, len(values) - 1)) / len(values) ** 0.5
    text = f"{values.mean():.4f} ± {error:.4f}"
    if difference is None:
        return text
    low, high = interval(difference)
    return f"{text}; {difference.mean():+.4f} [{low:+.4f}, {high:+.4f}]"


def interval(values: Sequence[float] | NDArray[np.float64]) -> tuple[float, float]:
    """95 % percentile-bootstrap interval of the mean."""
    means = np.random.default_rng(0).choice(values, (RESAMPLES, len(values))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()
