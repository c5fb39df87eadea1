"""How well models of the reward rank designs by real trainings of others: a table, and JSON.

    python benchmarks/ranks.py

For each task 64 random designs of the built-in space, of at most 20,000 parameters, are trained as a search
trains them (8 epochs, at most 800 examples). Each model is fitted to 40 of them and ranks the other 24:
Spearman's correlation with their validation accuracy, mean of ten splits. Beside it, how well trainings of 24
designs with other weights and batches rank them, which no model can beat by much. Tasks that are held out are
for the end alone: nothing may be chosen by them.

Trainings are kept in the output folder: the command can be stopped and given again. Real data come from
`packaged_data.py`, which says how to get them; a task whose data aren't there is left out, and said so.
"""

import json
import os
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from ranks_tasks import BY_NAME, TASKS, Task
from scipy.stats import ConstantInputWarning, spearmanr

from rl_designer.agents.reward_model import RewardModel, RewardModelSettings, normal_scores
from rl_designer.envs.datasets import Dataset, DatasetError, load_dataset
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.training import TrainingEvaluator, TrainingSettings
from rl_designer.envs.search_spaces.base import Actions, SearchSpace
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.seeding import stream
from rl_designer.files import write_text
from rl_designer.store.evaluator import StoredEvaluator
from rl_designer.store.store import Store

ROOT = Path(__file__).resolve().parents[1]
MAX_PARAMETERS, EPOCHS, EXAMPLES = 20_000, 8, 800
DESIGNS, FITTED, AGAIN = 64, 40, 24  # trained; of which a model sees; trained once more
TREES = 200
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Trained:
    """A task's designs and what became of them.

    Attributes:
        actions: int64 [designs, max_steps].
        scores: [2, designs], validation accuracies, 0 after a failure; the second row with other weights and
            batches, NaN where a design wasn't trained again.
        examples: of the training and of the validation part.
    """

    space: SearchSpace
    actions: Actions
    scores: Scores
    examples: tuple[int, int]


@click.command()
@click.argument("names", metavar="[TASK]...", nargs=-1)
@click.option("--splits", default=10, show_default=True, help="Of the designs into fitted and ranked ones.")
@click.option("--development", is_flag=True, help="Only tasks that settings may be chosen by.")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "runs" / "ranks")
def main(names: tuple[str, ...], splits: int, development: bool, output: Path) -> None:
    """Rank designs on TASKs (default: all)."""
    if unknown := set(names) - set(BY_NAME):
        sys.exit(f"no task {', '.join(sorted(unknown))}; legal: {', '.join(BY_NAME)}")
    tasks = [BY_NAME[name] for name in names] or [t for t in TASKS if not (development and t.held_out)]
    output.mkdir(parents=True, exist_ok=True)
    started = time.time()
    datasets = _loaded(tasks)
    with Store(output / "store.sqlite") as store:
        for again in (0, AGAIN):  # all tasks once, before one of them is trained again
            trained = {task.name: train(task, data, store, again, output) for task, data in datasets.items()}
    figures = {name: compared(of_task, splits) for name, of_task in trained.items()}
    result = _facts(splits, time.time() - started) | {
        "tasks": {task.name: _about(task, trained[task.name]) | figures[task.name] for task in datasets},
        "kinds": summary(figures),
    }
    write_text(output / "ranks.json", json.dumps(result, indent=2) + "\n")
    text = table(figures) + "\n" + kinds_table(result["kinds"])
    write_text(output / "ranks.md", text)
    click.echo(text, err=True)
    click.echo(json.dumps(result, indent=2))


# -- trainings -------------------------------------------------------------------------------------


def _loaded(tasks: list[Task]) -> dict[Task, Dataset]:
    found = {}
    for task in tasks:
        try:
            dataset = load_dataset(task.data, kind=task.kind)
        except DatasetError as error:
            print(f"left out: {task.name}: {error}", file=sys.stderr, flush=True)
            continue
        found[task] = dataset.with_examples(min(EXAMPLES, len(dataset.y_train))).without_test()
    return found


def train(task: Task, dataset: Dataset, store: Store, again: int, output: Path) -> Trained:
    """The task's designs trained, the first of them `again`; what the store has isn't trained anew."""
    space = space_of(dataset.input_shape, dataset.num_classes)
    actions = designs(space, task.name)
    scores, seconds = np.full((2, DESIGNS), np.nan), 0.0
    for repeat, count in enumerate((DESIGNS, again)):
        with TrainingEvaluator(dataset, settings=TrainingSettings(epochs=EPOCHS), repeat=repeat) as evaluator:
            stored = StoredEvaluator(store, evaluator, "ranks")
            found = stored.evaluate(space.architectures(actions[:count]))
        scores[repeat, :count] = [0.0 if design.failure else design.val_accuracy for design in found]
        seconds += sum(design.training_seconds or 0.0 for design in found)
    print(f"{task.name}: {DESIGNS} + {again} trainings, {seconds:.0f} s", file=sys.stderr, flush=True)
    examples = len(dataset.y_train), len(dataset.y_val)
    known = {"actions": actions, "scores": scores, "examples": examples, "held_out": task.held_out}
    shape = {"input_shape": dataset.input_shape, "num_classes": dataset.num_classes, "kind": task.kind}
    np.savez(output / f"{task.name.replace(' ', '-')}.npz", **known, **shape)
    return Trained(space, actions, scores, examples)


def space_of(input_shape: tuple[int, ...], num_classes: int) -> SearchSpace:
    """The built-in one for such data, within the limit."""
    return make_space(None, input_shape, num_classes, max_parameters=MAX_PARAMETERS)


def designs(space: SearchSpace, name: str) -> Actions:
    """Distinct random ones, int64 [DESIGNS, max_steps]."""
    drawn = space.canonical(space.random_actions(4 * DESIGNS, stream(0, "ranks", name, "designs")))
    first = np.sort(np.unique(drawn, axis=0, return_index=True)[1])
    return drawn[first[:DESIGNS]]


def read(path: Path) -> Trained:
    """What `train` wrote: `TASK.npz` in the output folder."""
    with np.load(path, allow_pickle=False) as file:
        space = space_of(tuple(file["input_shape"].tolist()), int(file["num_classes"]))
        return Trained(space, file["actions"], file["scores"], tuple(file["examples"].tolist()))


# -- models ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """What a model is fitted to.

    Attributes:
        scores: [fitted].
        deviations: [fitted], standard deviations that the validation part's size leaves in the scores.
    """

    space: SearchSpace
    actions: Actions
    scores: Scores
    deviations: Scores


def by_reward_model(known: Known, others: Actions) -> Scores:
    """As `ppo` has it."""
    fitted = RewardModel(known.space).fit(known.actions, known.scores, known.deviations)
    return fitted.mean(known.space, others)


def step_by_step(known: Known, others: Actions) -> Scores:
    """As `ppo` had it before there was a structure."""
    model = RewardModel(known.space, settings=RewardModelSettings(structure=False))
    return model.fit(known.actions, known.scores).mean(known.space, others)


def by_forest(known: Known, others: Actions) -> Scores:
    """Regression trees on the space's structure."""
    from sklearn.ensemble import RandomForestRegressor

    described = [
        np.concatenate([*known.space.structure(a).values()], axis=1) for a in (known.actions, others)
    ]
    forest = RandomForestRegressor(TREES, random_state=0).fit(described[0], normal_scores(known.scores))
    return forest.predict(described[1])


MODEL, BEFORE, FOREST, CEILING = "reward model", "step by step", "forest", "trained again"
# Expected scores of designs, from what is known of others, [others].
MODELS = {MODEL: by_reward_model, BEFORE: step_by_step, FOREST: by_forest}


def compared(trained: Trained, splits: int) -> dict[str, dict[str, Any]]:
    """Each model's rank correlations, and that of the designs trained again."""
    found: dict[str, list[float]] = {name: [] for name in MODELS}
    first, again = trained.scores
    evaluations = [Evaluation(score, val_examples=trained.examples[1]) for score in first.tolist()]
    deviations = np.array([evaluation.val_deviation for evaluation in evaluations])
    for split in range(splits):
        order = stream(0, "ranks", "split", split).permutation(DESIGNS)
        fitted, others = order[:FITTED], order[FITTED:]
        known = Known(trained.space, trained.actions[fitted], first[fitted], deviations[fitted])
        for name, model in MODELS.items():
            found[name].append(rank_correlation(model(known, trained.actions[others]), first[others]))
    both = np.isfinite(again)
    found[CEILING] = [rank_correlation(again[both], first[both])]
    return {name: _spread(values) | {"splits": values} for name, values in found.items()}


def rank_correlation(a: Scores, b: Scores) -> float:
    """Spearman's; 0 where all of one are equal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)
        return float(np.nan_to_num(spearmanr(a, b).statistic))


def _spread(values: list[float]) -> dict[str, Any]:
    error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "standard_error": error, "n": len(values)}


# -- what is told ----------------------------------------------------------------------------------


def summary(figures: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Means over the tasks of a kind, all of them and either half, with the reward model's lead."""
    found = {}
    halves = {"development": (False,), "held out": (True,), "all": (False, True)}
    for kind, (half, either) in product(("signal", "image", "features"), halves.items()):
        names = [n for n in figures if BY_NAME[n].kind == kind and BY_NAME[n].held_out in either]
        if names:
            means = {m: np.array([figures[n][m]["mean"] for n in names]) for m in (*MODELS, CEILING)}
            leads = {f"{MODEL} - {m}": means[MODEL] - means[m] for m in (BEFORE, FOREST)}
            found[f"{kind}, {half}"] = {m: _spread(values.tolist()) for m, values in (means | leads).items()}
    return found


def table(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown: a row a task, a column a model."""
    return _markdown("task", {f"{n}{' (held out)' * BY_NAME[n].held_out}": f for n, f in figures.items()})


def kinds_table(kinds: Mapping[str, Any]) -> str:
    """Markdown: a row a kind of data and half of its tasks, a column a model or a difference."""
    return _markdown("tasks", {f"{name} ({f[MODEL]['n']})": f for name, f in kinds.items()})


def _markdown(what: str, rows: Mapping[str, Mapping[str, Any]]) -> str:
    columns = list(next(iter(rows.values()), {}))
    lines = [f"| {what} | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    lines += [f"| {name} | " + " | ".join(map(_cell, row.values())) + " |" for name, row in rows.items()]
    return "\n".join(lines) + "\n"


def _cell(figure: Mapping[str, Any]) -> str:
    error = figure["standard_error"]
    return f"{figure['mean']:.2f}" + (f" ± {error:.2f}" if error is not None else "")


def _about(task: Task, trained: Trained) -> dict[str, Any]:
    quartiles = np.quantile(trained.scores[0], [0, 0.25, 0.5, 0.75, 1]).round(4).tolist()
    about = {"data": task.data.rpartition("/")[2], "kind": task.kind, "held_out": task.held_out}
    return about | {"examples": list(trained.examples), "accuracy_quartiles": quartiles}


def _facts(splits: int, seconds: float) -> dict[str, Any]:
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    sizes = {"designs": DESIGNS, "fitted": FITTED, "splits": splits, "trained_again": AGAIN}
    limits = {"max_parameters": MAX_PARAMETERS, "epochs": EPOCHS, "most_examples": EXAMPLES}
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
    return {"commit": commit, "machine": machine, "seconds": round(seconds), **sizes, **limits}


if __name__ == "__main__":
    main()
