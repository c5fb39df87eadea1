"""Does one search space have better designs than another? Random designs of each, trained. A table, and JSON.

    python benchmarks/spaces.py --space convnet1d --space my-space.toml --data mnist1d --data task:motifs

For each data set and seed as many distinct random designs of each space are trained as a search trains them;
a seed draws other designs, and where the data are cut up by one, other parts. Told are the best validation
score, the mean of the best few, and by how much each space is ahead of the first one, with its 95 % interval
over pairs of one data set and seed. All spaces have the same limit, examples and epochs.

With `--of-experience` the designs are the first ones that a search with experience would try in each space.

Trainings are kept in the output folder: the command can be stopped and given again, and with more seeds, data
or spaces trains what is new. What a data set is called may be all that `train --data` takes.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.memory import various
from rl_designer.comparisons.estimators import interval_of_mean
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.datasets import Dataset, load_dataset
from rl_designer.envs.evaluators.training import TrainingEvaluator, TrainingSettings
from rl_designer.envs.search_spaces.registry import kind_of, make_space
from rl_designer.envs.seeding import stream
from rl_designer.envs.tasks.facts import facts_of
from rl_designer.experience.shipped import SHIPPED, experience_for
from rl_designer.files import write_text
from rl_designer.store.evaluator import StoredEvaluator
from rl_designer.store.store import Store

ROOT = Path(__file__).resolve().parents[1]
FIRST = 5  # of the best designs, whose mean is told
_MOST_DRAWS = 20  # for each design

Figures = NDArray[np.float64]  # [seeds, 2], the best score and the mean of the best few
OF_A_RUN = ("best", "best few")


@click.command()
@click.option("--data", "names", multiple=True, required=True, help="Data to train on; several times.")
@click.option("--space", "spaces", multiple=True, required=True, help="A space; the first is compared with.")
@click.option("--designs", "count", default=48, show_default=True, help="Random designs of each space.")
@click.option("--examples", default=1_000, show_default=True, help="That they are trained on, at most.")
@click.option("--epochs", default=8, show_default=True)
@click.option("--max-parameters", default=20_000, show_default=True)
@click.option("--seeds", default=2, show_default=True)
@click.option("--usual-folds", is_flag=True, help="Score as a search does: on folds where data are few.")
@click.option("--of-experience", is_flag=True, help="Designs that experience proposes, not random ones.")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "runs" / "spaces")
def main(
    names: tuple[str, ...],
    spaces: tuple[str, ...],
    count: int,
    examples: int,
    epochs: int,
    max_parameters: int,
    seeds: int,
    usual_folds: bool,
    of_experience: bool,
    output: Path,
) -> None:
    """Compare spaces by the best of their random designs."""
    if len(set(map(label, spaces))) < max(2, len(spaces)) or len(set(map(kind_of, spaces))) > 1:
        sys.exit("name two or more spaces of different names for the same kind of data: --space A --space B")
    output.mkdir(parents=True, exist_ok=True)
    limits = {"designs": count, "examples": examples, "epochs": epochs, "max_parameters": max_parameters}
    limits |= {"usual_folds": usual_folds, "of_experience": of_experience}
    seconds = dict.fromkeys(map(label, spaces), 0.0)
    figures: dict[str, dict[str, Figures]] = {}
    with Store(output / "store.sqlite") as store:
        for name in names:
            runs: dict[str, list[list[float]]] = {label(space): [] for space in spaces}
            for seed, space in product(range(seeds), spaces):
                scores, took = trained(name, space, limits, seed, store)
                runs[label(space)].append([scores[0], float(np.mean(scores[:FIRST]))])
                seconds[label(space)] += took
                line = f"best {scores[0]:.4f}, best {FIRST} {runs[label(space)][-1][1]:.4f}, {took:.0f} s"
                print(f"{label(name)}, seed {seed}, {label(space)}: {line}", file=sys.stderr, flush=True)
            figures[label(name)] = {space: np.array(found) for space, found in runs.items()}
    first, *others = map(label, spaces)
    result = (
        _facts()
        | limits
        | {
            "seeds": seeds,
            "training_seconds": {space: round(took) for space, took in seconds.items()},
            "scores": {name: {s: f.tolist() for s, f in found.items()} for name, found in figures.items()},
            "ahead of the first": {space: ahead(figures, first, space) for space in others},
        }
    )
    write_text(output / "spaces.json", json.dumps(result, indent=2) + "\n")
    text = table(figures, result["ahead of the first"])
    write_text(output / "spaces.md", text)
    click.echo(text, err=True)
    click.echo(json.dumps(result, indent=2))


def label(name: str) -> str:
    """What data or a space are called in tables: a path without its folders."""
    return Path(name).name


def trained(
    name: str, space: str, limits: Mapping[str, int], seed: int, store: Store
) -> tuple[list[float], float]:
    """Validation scores of a space's designs, the best first, 0 after a failure, and the seconds of all
    trainings. What the store has isn't trained anew.
    """
    dataset = load_dataset(name, kind=kind_of(space), seed=seed)
    dataset = dataset.with_examples(min(limits["examples"], len(dataset.y_train))).without_test()
    find = proposed if limits["of_experience"] else drawn
    designs = find(space, dataset, limits["max_parameters"], limits["designs"], seed)
    settings = TrainingSettings(epochs=limits["epochs"])
    folds = dataset.usual_folds if limits["usual_folds"] else 1
    with TrainingEvaluator(dataset, settings=settings, folds=folds) as evaluator:
        found = StoredEvaluator(store, evaluator, "spaces").evaluate(designs)
    scores = [0.0 if evaluation.failure else float(evaluation.score or 0.0) for evaluation in found]
    return sorted(scores, reverse=True), sum(evaluation.training_seconds or 0.0 for evaluation in found)


def drawn(space: str, dataset: Dataset, max_parameters: int, count: int, seed: int) -> list[Architecture]:
    """Distinct random designs within the limit, or all that so many draws find."""
    made = make_space(space, dataset.input_shape, dataset.num_classes, max_parameters=max_parameters)
    generator = stream(seed, "spaces", "designs")
    found: dict[str, Architecture] = {}
    for _ in range(_MOST_DRAWS):
        for architecture in made.architectures(made.random_actions(count, generator)):
            found.setdefault(architecture.digest, architecture)
        if len(found) >= count:
            break
    return list(found.values())[:count]


def proposed(space: str, dataset: Dataset, max_parameters: int, count: int, seed: int) -> list[Architecture]:
    """As many as the shipped experience proposes first, as a search begins with them."""
    made = make_space(space, dataset.input_shape, dataset.num_classes, max_parameters=max_parameters)
    source = experience_for(SHIPPED, made).source(made, facts_of(dataset), SHIPPED)
    ranked = source.proposals(made, stream(seed, "spaces", "experience"))
    return made.architectures(various(made, ranked, count))


def ahead(figures: Mapping[str, Mapping[str, Figures]], first: str, space: str) -> dict[str, Any]:
    """By how much a space is ahead of the first, over all pairs of one data set and seed, and by data set."""
    leads = {name: found[space] - found[first] for name, found in figures.items()}
    pairs = np.concatenate(list(leads.values()))
    low, high = interval_of_mean(pairs)
    return {
        what: {
            "mean": float(pairs[:, column].mean()),
            "interval_95": [float(low[column]), float(high[column])],
            "pairs": len(pairs),
            "wins": int((pairs[:, column] > 0).sum()),
            "losses": int((pairs[:, column] < 0).sum()),
            "by_data": {name: float(lead[:, column].mean()) for name, lead in leads.items()},
        }
        for column, what in enumerate(OF_A_RUN)
    }


def table(figures: Mapping[str, Mapping[str, Figures]], leads: Mapping[str, Any]) -> str:
    """Markdown: a row a data set, a column a space with the means over seeds; the leads in the last row."""
    spaces = list(next(iter(figures.values())))
    lines = [f"| data | {' | '.join(spaces)} |", "|---|" + "---|" * len(spaces)]
    for name, found in figures.items():
        means = [found[space].mean(axis=0) for space in spaces]
        lines.append(f"| {name} | {' | '.join(f'{best:.4f}, {few:.4f}' for best, few in means)} |")
    ends = [", ".join(_lead(lead[what]) for what in OF_A_RUN) for lead in leads.values()]
    lines.append(f"| **ahead of {spaces[0]}** | | {' | '.join(ends)} |")
    return "\n".join(lines) + f"\n\nIn each cell: the best, and the mean of the best {FIRST}.\n"


def _lead(lead: Mapping[str, Any]) -> str:
    low, high = lead["interval_95"]
    return f"{lead['mean']:+.4f} [{low:+.4f}, {high:+.4f}] ({lead['wins']} of {lead['pairs']} won)"


def _facts() -> dict[str, Any]:
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
    return {"commit": commit, "machine": machine, "date": time.strftime("%Y-%m-%d")}


if __name__ == "__main__":
    main()
