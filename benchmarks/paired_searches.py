"""Searches that differ in one thing, paired by task and seed: does it pay?

    python benchmarks/paired_searches.py references
    python benchmarks/paired_searches.py hyperparameters
    python benchmarks/paired_searches.py wider

`references`: searches that begin with networks designed by hand, against searches that don't.
`hyperparameters`: searches of structure and training together, against structure alone, and against training
alone, which is searched by Optuna's TPE on one network designed by hand, as wide as the limit allows
(`tuned_by_hand.py`).
`wider`: searches of a space with more kinds of layers, `convnet1d-wide` or `mlp-wide`, against the usual one.

All of a seed have the same budget and setting. Told are, over tasks and seeds, the best score on validation
after 8, 16 and so on evaluations, and what the best design has when it is trained once more with other
weights and batches, where luck isn't counted; with the leads in standard deviations of random designs on that
task, so that tasks weigh alike, and their 95 % intervals over all pairs. No run is begun after so many
minutes; the same command goes on.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from rl_designer.comparisons.estimators import interval_of_mean
from rl_designer.comparisons.trial import setting_of
from rl_designer.config import make_config
from rl_designer.files import write_text
from rl_designer.runs.folder import CONFIG
from rl_designer.runs.reading import RunReport, read_run
from rl_designer.searches.search import resume_search, run_search

ROOT = Path(__file__).resolve().parents[1]
USUAL = {"epochs": 8, "examples": 1_000, "workers": 1, "control_share": 0.0, "tensorboard": False}
TUNED = f"{Path(__file__).with_name('tuned_by_hand.py')}:TunedByHand:reference="
SPREAD = 24  # random designs of which a task's spread is known

Settings = Mapping[str, Any]


OF_TASK = ("by_hand", "wide")  # what is known of a task, and is no setting of a search


def limited(data: str, max_parameters: int, by_hand: str, wide: str = "") -> dict[str, Any]:
    return {"data": data, "max_parameters": max_parameters, "by_hand": by_hand, "wide": wide}


_SIGNAL, _ROWS = ("resnet-8", "convnet1d-wide"), ("mlp", "mlp-wide")
TASKS: Mapping[str, Settings] = {
    "mnist1d": limited("mnist1d", 5_000, *_SIGNAL),
    "motifs": limited("task:motifs:classes=5,seed=901", 10_000, *_SIGNAL),
    "orders": limited("task:orders:seed=902", 10_000, *_SIGNAL),
    "digits": limited("digits", 20_000, "resnet-8"),
    "breast-cancer": {**limited("breast-cancer", 10_000, *_ROWS), "examples": None},  # it has fewer
    "trees": limited("task:trees:seed=903", 10_000, *_ROWS),
}


@dataclass(frozen=True)
class Question:
    """What is compared.

    Attributes:
        ways: by name, from the task's settings what a search has beside them; leads are over the first one.
        tasks: on which.
    """

    ways: Mapping[str, Any]
    tasks: Sequence[str] = field(default=tuple(TASKS))


QUESTIONS: Mapping[str, Question] = {
    "references": Question(
        {"without": lambda task: {}, "with": lambda task: {"references": "all"}}, ("mnist1d", "digits")
    ),
    "hyperparameters": Question(
        {
            "structure": lambda task: {},
            "training": lambda task: {"agent": TUNED + task["by_hand"], "hyperparameters": True},
            "both": lambda task: {"hyperparameters": True},
        }
    ),
    "wider": Question(
        {"usual": lambda task: {}, "wide": lambda task: {"space": task["wide"]}},
        tuple(name for name, task in TASKS.items() if task["wide"]),
    ),
}


@click.command()
@click.argument("question", type=click.Choice(list(QUESTIONS)))
@click.option("--task", "names", multiple=True, type=click.Choice(list(TASKS)), help="[default: all]")
@click.option("--agent", default="ppo", show_default=True)
@click.option("--experience", help="As `train` takes it.  [default: as there]")
@click.option("--evaluations", default=32, show_default=True, help="Distinct designs a run.")
@click.option("--seeds", default=3, show_default=True, help="Runs of each on each task.")
@click.option("--minutes", default=45.0, show_default=True, help="After which no run is begun any more.")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "runs" / "paired-searches")
def main(
    question: str, names: tuple[str, ...], seeds: int, minutes: float, output: Path, **given: Any
) -> None:
    """Compare searches that differ in one thing."""
    asked, ends = QUESTIONS[question], time.monotonic() + 60 * minutes
    tasks = names or asked.tasks
    found: list[dict[str, Any]] = []
    for seed in range(seeds):
        for task in tasks:
            settings = {**USUAL, **given, **TASKS[task], "seed": seed}
            runs = compared(asked, settings, output / question / task, ends)
            if runs:
                found.append({"task": task, "seed": seed, **runs})
                click.echo(json.dumps(found[-1]), err=True)
    if len(found) < seeds * len(tasks):
        click.echo("the time was over before all were done; the same command goes on", err=True)
    if found:
        result = {"runs": found, "leads": dict(leads(found, list(asked.ways)))}
        write_text(output / f"{question}.json", json.dumps(result, indent=2) + "\n")
        click.echo(json.dumps(result["leads"], indent=2))


def compared(asked: Question, settings: Settings, folder: Path, ends: float) -> dict[str, Any] | None:
    """What each way came to in one setting; None where the time is over."""
    own = {name: value for name, value in settings.items() if name not in OF_TASK}
    spread = partial(spread_of, {**own, "seed": 0}, folder)
    told: dict[str, Any] = {}
    for way, more in asked.ways.items():
        if time.monotonic() >= ends:
            return None
        run = folder / f"{settings['seed']}-{way}"
        told[way] = figures(searched(run, own | more(settings)), own | more(settings), run)
    return {**told, "spread": spread()}


def searched(run: Path, settings: Settings) -> RunReport:
    """A search, gone on with where it was begun."""
    if (run / CONFIG).is_file():
        resume_search(run)
    else:
        run_search(make_config(settings), run)
    return read_run(run)


def spread_of(settings: Settings, folder: Path) -> float:
    """The standard deviation of a task's random designs."""
    random = {"agent": "random", "evaluations": SPREAD, "experience": None}
    run = searched(folder / "random", {**settings, **random})
    return float(np.std([design.evaluation.score or 0.0 for design in in_full(run)]))


def in_full(run: RunReport) -> list[Any]:
    return [found.design for found in run.designs if found.design.evaluation.in_full]


def figures(run: RunReport, settings: Settings, folder: Path) -> dict[str, Any]:
    """The best scores after so many designs, and the best one's in another training, which is kept."""
    designs = in_full(run)
    scores = [design.evaluation.score or 0.0 for design in designs]
    most = int(settings["evaluations"])
    counts = [count for count in (8, 16, 32, 64, 128) if count < most] + [most]
    kept = folder / "again.json"
    if not kept.exists():
        winner = designs[int(np.argmax(scores))].architecture
        with setting_of(make_config(settings)).open_judge() as judge:
            write_text(kept, json.dumps(judge.evaluate([winner])[0].score or 0.0))
    best = {f"after {count}": max(scores[:count]) for count in counts}
    return {**best, "again": json.loads(kept.read_text())}


def leads(found: Sequence[Mapping[str, Any]], ways: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Of each way over the first one, over all pairs."""
    for way in ways[1:]:
        for at in found[0][way]:
            plain = np.array([one[way][at] - one[ways[0]][at] for one in found])
            spread = np.array([one["spread"] for one in found])
            low, high = interval_of_mean((plain / spread)[:, None])
            yield (
                f"{way}, {at}",
                {
                    "pairs": len(found),
                    "mean score": [
                        round(float(np.mean([one[w][at] for one in found])), 4) for w in (ways[0], way)
                    ],
                    "lead in spreads": mean_of(plain / spread),
                    "interval": [mean_of(low), mean_of(high)],
                    "ahead": mean_of((plain > 0) + 0.5 * (plain == 0)),
                },
            )


def mean_of(values: Any) -> float:
    return round(float(np.mean(values)), 4)


if __name__ == "__main__":
    main()
