"""How long is enough: how well shorter trainings rank designs as full ones do. A table, and JSON.

    python benchmarks/finalists.py

40 random designs of `mnist1d`'s space, of at most 20,000 parameters, are trained on 1,000 examples by the
recipe of full trainings, for an eighth, a quarter, half and all of the epochs, each with a learning rate that
falls to its own end, and once more for all of them with other weights and batches. For each length Spearman's
correlation with the scores of that last training, which no shorter one has seen, its 90 % interval over
designs drawn again, and what the design that it puts first of 20 random ones of them has there. Beside it
the same of the full training's own curve at that epoch: what stopping it there would have told.

Trainings are kept in the output folder, and each design is complete before the next: the command can be
stopped and given again, and ends by itself after `--minutes`, saying how many designs it has.
"""

import json
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from scipy.stats import ConstantInputWarning, spearmanr

from rl_designer.envs.datasets import Dataset, load_dataset
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.training import TrainingEvaluator
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.seeding import stream
from rl_designer.files import write_text
from rl_designer.retraining.settings import full_settings
from rl_designer.store.evaluator import StoredEvaluator
from rl_designer.store.store import Store

ROOT = Path(__file__).resolve().parents[1]
MAX_PARAMETERS = 20_000
PARTS = (8, 4, 2, 1)  # of all epochs, each is one through so many
CHOSEN_OF = 20
DRAWS = 1_000
Scores = NDArray[np.float64]


@click.command()
@click.option("--data", default="mnist1d", show_default=True)
@click.option("--designs", "count", default=40, show_default=True, help="Random designs to train.")
@click.option("--examples", default=1_000, show_default=True, help="That they are trained on.")
@click.option("--epochs", default=48, show_default=True, help="Of a full training; a multiple of 8.")
@click.option("--minutes", default=20.0, show_default=True, help="After which no further design is begun.")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "runs" / "finalists")
def main(data: str, count: int, examples: int, epochs: int, minutes: float, output: Path) -> None:
    """Train designs for parts of the epochs, and see how well that ranks them."""
    if epochs % PARTS[0]:
        sys.exit(f"--epochs must be a multiple of {PARTS[0]}, got {epochs}")
    output.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    dataset = load_dataset(data).with_examples(examples).without_test()
    with Store(output / "store.sqlite") as store:
        trained = train(dataset, store, count, epochs, started + 60 * minutes)
    kept = [{name: list(found.learning_curve) for name, found in design.items()} for design in trained]
    write_text(output / "curves.json", json.dumps(kept) + "\n")
    if len(trained) < 3:
        sys.exit(f"{len(trained)} designs were trained in time, too few to rank; give the same command again")
    result = {
        "data": data,
        "epochs": epochs,
        "examples": examples,
        "designs": len(trained),
        "seconds": round(sum(f.training_seconds or 0.0 for design in trained for f in design.values())),
        "cores": os.cpu_count(),
        "processor": platform.processor() or platform.machine(),
        "lengths": figures(trained, epochs),
    }
    write_text(output / "finalists.json", json.dumps(result, indent=2) + "\n")
    text = table(result)
    write_text(output / "finalists.md", text)
    click.echo(text, err=True)
    click.echo(json.dumps(result, indent=2))


def train(
    dataset: Dataset, store: Store, count: int, epochs: int, until: float
) -> list[dict[str, Evaluation]]:
    """By design its trainings: `12`, `24` … by their epochs, and `again`; what the store has isn't trained
    anew. Designs that aren't complete in time are left out.
    """
    space = make_space(None, dataset.input_shape, dataset.num_classes, max_parameters=MAX_PARAMETERS)
    drawn = space.canonical(space.random_actions(4 * count, stream(0, "finalists", dataset.name)))
    first = np.sort(np.unique(drawn, axis=0, return_index=True)[1])
    architectures = space.architectures(drawn[first[:count]])
    lengths = {str(epochs // part): (epochs // part, 0) for part in PARTS} | {"again": (epochs, 1)}
    evaluators = {
        name: TrainingEvaluator(dataset, settings=_settings(dataset, length), repeat=repeat)
        for name, (length, repeat) in lengths.items()
    }
    found: list[dict[str, Evaluation]] = []
    for number, architecture in enumerate(architectures, start=1):
        if time.monotonic() >= until:
            print(f"the time is over: {number - 1} of {count} designs", file=sys.stderr, flush=True)
            break
        stored = {name: StoredEvaluator(store, e, "finalists") for name, e in evaluators.items()}
        found.append({name: one.evaluate([architecture])[0] for name, one in stored.items()})
        print(f"{number}/{count} designs", file=sys.stderr, flush=True)
    for evaluator in evaluators.values():
        evaluator.close()
    return found


def _settings(dataset: Dataset, epochs: int) -> Any:
    shape, examples = dataset.input_shape, len(dataset.y_train)
    return full_settings(dataset.name, examples, shape, {"epochs": epochs})


# -- figures ---------------------------------------------------------------------------------------


def figures(trained: Sequence[dict[str, Evaluation]], epochs: int) -> list[dict[str, Any]]:
    """A line each length."""
    again = scores(trained, lambda design: design["again"].score)
    lines = []
    for part in PARTS:
        length = epochs // part
        short = scores(trained, lambda design, name=str(length): design[name].score)
        curve = scores(trained, lambda design, at=length: _at(design[str(epochs)], at))
        lines.append({"epochs": length, "training": compared(short, again), "curve": compared(curve, again)})
    return lines


def _at(evaluation: Evaluation, epoch: int) -> float | None:
    return None if evaluation.failure is not None else evaluation.learning_curve[epoch - 1]


def scores(
    trained: Sequence[dict[str, Evaluation]], of: Callable[[dict[str, Evaluation]], float | None]
) -> Scores:
    """Of each design, 0 after a failure."""
    return np.array([of(design) or 0.0 for design in trained])


def compared(short: Scores, full: Scores) -> dict[str, Any]:
    """The rank correlation with its 90 % interval, and the full score of the one that is first of some."""
    generator, count = stream(0, "finalists", "draws"), len(short)
    drawn = [generator.integers(count, size=count) for _ in range(DRAWS)]
    ranks = [rank_correlation(short[rows], full[rows]) for rows in drawn]
    size = min(CHOSEN_OF, count)
    some = [generator.choice(count, size, replace=False) for _ in range(DRAWS)]
    return {
        "rank_correlation": rank_correlation(short, full),
        "interval": np.quantile(ranks, (0.05, 0.95)).tolist(),
        "first_has": float(np.mean([full[rows[short[rows].argmax()]] for rows in some])),
        "best_has": float(np.mean([full[rows].max() for rows in some])),
    }


def rank_correlation(a: Scores, b: Scores) -> float:
    """Spearman's; 0 where all of one are equal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)
        return float(np.nan_to_num(spearmanr(a, b).statistic))


def table(result: dict[str, Any]) -> str:
    """As Markdown."""
    title = (
        f"{result['designs']} random designs on {result['data']}, {result['examples']:,} examples, full "
        f"trainings of {result['epochs']} epochs; rank correlation with a full training of other weights and "
        f"batches (90 % interval), and the score there of the one put first of "
        f"{min(CHOSEN_OF, result['designs'])}."
    )
    lines = [title, "", "| epochs | trained so long | first has | the curve there | first has |"]
    lines.append("|---|---|---|---|---|")
    for line in result["lengths"]:
        cells = [str(line["epochs"])]
        for name in ("training", "curve"):
            low, high = line[name]["interval"]
            cells += [f"{line[name]['rank_correlation']:.2f} ({low:.2f} to {high:.2f})"]
            cells += [f"{line[name]['first_has']:.4f}"]
        lines.append(f"| {' | '.join(cells)} |")
    best = result["lengths"][0]["training"]["best_has"]
    return "\n".join([*lines, "", f"The best of them has {best:.4f}."]) + "\n"


if __name__ == "__main__":
    main()
