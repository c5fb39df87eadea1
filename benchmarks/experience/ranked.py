"""How much better the reward model ranks designs on real trainings when it starts with experience.

    python benchmarks/ranks.py --output runs/ranks
    rl-designer experience build trainings/signal --kind signal
    python benchmarks/experience/ranked.py trainings runs/ranks --kind signal --output left-out

The tasks, trainings, splits and correlations of `ranks.py`. For made tasks experience is learned without
their family and those that are left out with it, as in `left_out.py` (the same output folder shares what
was learned); for real data from all. *Experience alone* ranks before anything was trained on the task.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from left_out_tasks import REAL, families_of, group_of, learned_without
from ranks import DESIGNS, EXAMPLES, FITTED, Scores, Trained, rank_correlation, read
from ranks_tasks import TASKS, Task

from rl_designer.agents.experience import Experience
from rl_designer.agents.memory import Memory, Source
from rl_designer.envs.datasets import load_dataset
from rl_designer.envs.datasets.dataset import Kind
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.seeding import stream
from rl_designer.envs.tasks.facts import facts_of
from rl_designer.experience.trainings import Trainings

COLUMNS = ("reward model", "with experience", "experience alone")


def source_for(task: Task, trained: Trained, trainings: Trainings, folder: Path) -> Source:
    """What was learned elsewhere, of this task."""
    family = task.name if task.name in families_of(task.kind) else REAL
    path = learned_without(group_of(family, task.kind), trainings, folder)
    dataset = load_dataset(task.data, kind=task.kind)
    dataset = dataset.with_examples(min(EXAMPLES, len(dataset.y_train))).without_test()
    return Experience.load(path).source(trained.space, facts_of(dataset), task.name)


def correlations(trained: Trained, source: Source, splits: int) -> Scores:
    """Of each split, [splits, 3], in the order of `COLUMNS`."""
    space, actions, scores = trained.space, trained.actions, trained.scores[0]
    evaluations = [Evaluation(score, val_examples=trained.examples[1]) for score in scores.tolist()]
    deviations = np.array([evaluation.val_deviation for evaluation in evaluations])
    found = []
    for split in range(splits):
        order = stream(0, "ranks", "split", split).permutation(DESIGNS)
        fitted, others = order[:FITTED], order[FITTED:]
        beliefs = [
            Memory(sources).model(space).fit(actions[fitted], scores[fitted], deviations[fitted])
            for sources in ((), (source,))
        ]
        expected = [belief.mean(space, actions[others]) for belief in beliefs]
        expected.append(source.expects(space, actions[others]))
        found.append([rank_correlation(of_one, scores[others]) for of_one in expected])
    return np.array(found)


def lines(means: dict[str, Scores]) -> Iterator[str]:
    """Markdown: a row a task, and what all say together."""
    yield f"| task | {' | '.join(COLUMNS)} |"
    yield "|---|" + "---|" * len(COLUMNS)
    for name, row in means.items():
        yield f"| {name} | " + " | ".join(f"{value:.2f}" for value in row) + " |"
    rows = np.array(list(means.values()))
    yield f"| **all {len(rows)}** | " + " | ".join(f"{value:.3f}" for value in rows.mean(axis=0)) + " |"
    for name, other in (("with experience", 1), ("experience alone", 2)):
        gaps = rows[:, other] - rows[:, 0]
        error = gaps.std(ddof=1) / np.sqrt(len(gaps)) if len(gaps) > 1 else np.nan
        yield f"{name}: ahead of the reward model by {gaps.mean():+.3f} ± {error:.3f}"


@click.command(help=__doc__)
@click.argument("folder", metavar="TRAININGS", type=click.Path(path_type=Path, exists=True))
@click.argument("ranks", metavar="RANKS", type=click.Path(path_type=Path, exists=True))
@click.option("--kind", type=click.Choice(("signal", "features", "image")), required=True)
@click.option("--splits", default=10, show_default=True)
@click.option("--output", type=click.Path(path_type=Path), default=Path("left-out"), show_default=True)
def main(folder: Path, ranks: Path, kind: Kind, splits: int, output: Path) -> None:
    trainings = Trainings.load(folder / kind / "trainings.npz")
    (output / kind).mkdir(parents=True, exist_ok=True)
    means: dict[str, Scores] = {}
    for task in (task for task in TASKS if task.kind == kind):
        kept = ranks / f"{task.name.replace(' ', '-')}.npz"
        if not kept.exists():
            print(f"left out: {task.name}: no {kept}", file=sys.stderr)
            continue
        trained = read(kept)
        source = source_for(task, trained, trainings, output / kind)
        means[task.name] = correlations(trained, source, splits).mean(axis=0)
    print("\n".join(lines(means)))


if __name__ == "__main__":
    main()
