"""Searches that begin with networks designed by hand against searches that don't, paired by seed.

    python benchmarks/references_first.py

Each pair has the same seed, budget and store, so that a design that both propose is trained once. Told are,
for each task, the best validation accuracy after 8, 16 and 32 evaluations, by how much those that begin with
the references are ahead, and how many of the others end below the best reference, which those that begin with
it can't. No run is begun after so many minutes; the same command goes on.
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from rl_designer.comparisons.estimators import interval_of_mean
from rl_designer.config import make_config
from rl_designer.files import write_text
from rl_designer.runs.folder import CONFIG
from rl_designer.runs.reading import RunReport, read_run
from rl_designer.searches.search import resume_search, run_search

ROOT = Path(__file__).resolve().parents[1]
TASKS: dict[str, dict[str, Any]] = {
    "mnist1d": {"data": "mnist1d", "max_parameters": 5_000},
    "digits": {"data": "digits", "max_parameters": 20_000},
}
USUAL = {"epochs": 8, "examples": 1_000, "workers": 1, "control_share": 0.0, "tensorboard": False}
WAYS: dict[str, dict[str, Any]] = {"without": {}, "with": {"references": "all"}}


@click.command()
@click.option("--task", "names", multiple=True, type=click.Choice(list(TASKS)), help="[default: all]")
@click.option("--agent", default="ppo", show_default=True)
@click.option("--experience", help="As `train` takes it.  [default: as there]")
@click.option("--evaluations", default=32, show_default=True, help="Distinct designs a run.")
@click.option("--seeds", default=6, show_default=True, help="Pairs of runs on each task.")
@click.option("--minutes", default=15.0, show_default=True, help="After which no run is begun any more.")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "runs" / "references-first")
def main(
    names: tuple[str, ...],
    agent: str,
    experience: str | None,
    evaluations: int,
    seeds: int,
    minutes: float,
    output: Path,
) -> None:
    """Compare searches with and without `--references all`."""
    ends = time.monotonic() + 60 * minutes
    settings = USUAL | {"agent": agent, "experience": experience, "evaluations": evaluations}
    pairs = dict[str, list[Mapping[str, RunReport]]]()
    for seed in range(seeds):
        for task in names or TASKS:
            pair = dict[str, RunReport]()
            for way, more in WAYS.items():
                if time.monotonic() < ends:
                    run = output / task / f"{seed}-{way}"
                    pair[way] = searched(run, settings | TASKS[task] | more | {"seed": seed})
            if len(pair) == len(WAYS):
                pairs.setdefault(task, []).append(pair)
                click.echo(f"{task}, seed {seed}: {json.dumps(figures([pair], evaluations))}", err=True)
    if sum(map(len, pairs.values())) < seeds * len(names or TASKS):
        click.echo("the time was over before all pairs were done; the same command goes on", err=True)
    results = {task: figures(found, evaluations) for task, found in pairs.items()}
    write_text(output / "results.json", json.dumps(results, indent=2) + "\n")
    click.echo(json.dumps(results, indent=2))


def searched(run: Path, settings: Mapping[str, Any]) -> RunReport:
    """A search, gone on with where it was begun."""
    if (run / CONFIG).is_file():
        resume_search(run)
    else:
        run_search(make_config(settings), run)
    return read_run(run)


def figures(pairs: Sequence[Mapping[str, RunReport]], evaluations: int) -> dict[str, Any]:
    """Of one task: the best accuracies after some evaluations, and the lead of those with references."""
    counts = sorted({count for count in (8, 16, 32) if count < evaluations} | {evaluations})
    found: dict[str, Any] = {"pairs": len(pairs)}
    best = {way: np.array([[best_after(pair[way], n) for n in counts] for pair in pairs]) for way in WAYS}
    lead = best["with"] - best["without"]
    low, high = interval_of_mean(lead)
    for column, count in enumerate(counts):
        found[f"after {count}"] = {way: rounded(array[:, column].mean()) for way, array in best.items()} | {
            "ahead by": rounded(lead[:, column].mean()),
            "interval": [rounded(low[column]), rounded(high[column])],
        }
    references = np.array([best_reference(pair["with"]) for pair in pairs])
    found["best reference"] = rounded(references.mean())
    for way, array in best.items():
        found[f"below the best reference, {way}"] = int((array[:, -1] < references).sum())
    return found


def best_after(run: RunReport, count: int) -> float:
    """The best validation accuracy of the first designs that were trained in full."""
    return _best(run, lambda index, digest: index < count)


def best_reference(run: RunReport) -> float:
    """That of the references."""
    return _best(run, lambda index, digest: digest in run.references)


def _best(run: RunReport, taken: Any) -> float:
    designs = [found.design for found in run.designs if found.design.evaluation.in_full]
    scores = [d.evaluation.score or 0.0 for d in designs if taken(d.index, d.architecture.digest)]
    return max(scores, default=float("nan"))


def rounded(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


if __name__ == "__main__":
    main()
