"""The finalists of a search: its best designs, trained as `retrain` trains, but on the training part alone,
before the best of them on validation is the run's winner.
"""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, Self

import numpy as np

from rl_designer.config import SearchBudget, SearchConfig
from rl_designer.envs.datasets import Dataset
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.metrics import METRICS, Objective
from rl_designer.envs.problem import Design, rank
from rl_designer.envs.rewards import Reward, RewardError
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.errors import Interrupted, WrongUsage
from rl_designer.jobs.jobs import Job, JobObserver
from rl_designer.retraining.job import Winner, folder_of
from rl_designer.retraining.recipes import cautious
from rl_designer.retraining.retrain import AllFailed, retrain
from rl_designer.retraining.settings import Plan
from rl_designer.runs.architecture_files import ArchitectureFile
from rl_designer.runs.finalists import FINALISTS, Finalist, told
from rl_designer.runs.folder import RunFolder
from rl_designer.searches.observers import Observer
from rl_designer.setting import Setting

SECONDS = "finalists_seconds"  # in the summary: that they have taken over all starts
SHARE_OF_TIME = 0.25

Results = Mapping[str, dict[str, Any]]  # digest → what `results.json` has, and its folder in the run's


@dataclass(frozen=True)
class Finals:
    """How the finalists of a search are trained.

    Attributes:
        count: of them.
        dataset: with all training examples, without its test.
        folds: on which each is trained and scored.
        price: in evaluations of the search: as many whole ones see as many examples.
    """

    count: int
    dataset: Dataset
    folds: int
    plan: Plan
    price: int

    @classmethod
    def of(cls, config: SearchConfig, setting: Setting) -> Self | None:
        """None where a search has none.

        Raises:
            WrongUsage: where its budget leaves no search before them, and for too few epochs.
        """
        count, dataset = config.budget.finalists, setting.whole
        if not count or dataset is None:
            return None
        plan = _plan(config, setting, dataset)
        # Each fold is trained on in both, so that their number makes no difference.
        seen = (config.training.epochs or 1) * (config.training.examples or len(dataset.y_train))
        ratio = plan.settings.epochs * len(dataset.y_train) / seen
        finals = cls(count, dataset, setting.folds, plan, math.ceil(count * ratio))
        if ratio < 1:
            raise WrongUsage(
                f"--finalist-epochs {plan.settings.epochs} would train finalists less than the search "
                f"does, for {config.training.epochs} epochs: give it more, or leave it away"
            )
        finals._check(config.budget.evaluations)
        return finals

    def _check(self, evaluations: int | None) -> None:
        if evaluations is None or evaluations - self.price >= self.count:
            return
        left = max(evaluations - self.price, 0)
        raise WrongUsage(
            f"{self.told} count as {self.price:,} of the {evaluations:,} evaluations, so that {left:,} are "
            f"left to search, fewer than {self.count:,}: give more --evaluations, or fewer --finalists or "
            "--finalist-epochs"
        )

    @property
    def told(self) -> str:
        """In words: how many, and how they are trained."""
        epochs, examples = self.plan.settings.epochs, len(self.dataset.y_train)
        return f"{self.count:,} finalists, trained for {epochs:,} epochs on {examples:,} examples"

    def left_of(self, budget: SearchBudget) -> SearchBudget:
        """What a budget leaves to the search and its control."""
        evaluations, seconds = budget.evaluations, budget.time_limit
        left = {
            "evaluations": None if evaluations is None else evaluations - self.price,
            "time_limit": None if seconds is None else seconds * (1 - SHARE_OF_TIME),
        }
        return budget.model_copy(update=left)


def _plan(config: SearchConfig, setting: Setting, dataset: Dataset) -> Plan:
    """As `retrain` would train, by the search's settings where it has such; on rows and few examples by the
    recipe that learns no noise by heart, since choosing one for each design costs more than the search.
    """
    training = config.training
    given = {
        "augment": training.augment,
        "precision": training.precision or "float32",  # so that a run may go on on another machine
        "optimizer": training.optimizer,
        "class_weights": training.class_weights,
    }
    where = {"engine": setting.engine or LocalEngine(0), "device": config.where.device}
    plan = Plan.of(dataset, given, seeds=1, on_validation=True, metric=training.metric, **where)
    recipe = dict(cautious(dataset.kind)) if plan.free_recipe else {}
    # Half of a full training ranks designs about as well as a second full one (benchmarks/finalists.py).
    usual = max(int(recipe.get("epochs", plan.settings.epochs // 2)), training.epochs or 1)
    recipe |= {"epochs": config.budget.finalist_epochs or usual}
    return replace(plan, settings=replace(plan.settings, **recipe))


# -- once the search has ended -----------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """What a search leaves to its finalists.

    Attributes:
        designs: the search's and its control's.
        seconds: that are left to them, over all starts; None is without limit.
    """

    folder: RunFolder
    designs: Sequence[Design]
    reward: Reward
    objective: Objective
    seconds: float | None = None


def train_finalists(found: Found, finals: Finals, observer: Observer) -> Design | None:
    """Trains the best designs, and keeps in the run's summary what came of them, the best first.

    Returns:
        The best finalist; None where none was trained.

    Raises:
        KeyboardInterrupt: on Ctrl-C; what was trained is kept, and a training goes on from its checkpoint.
        OSError: where the run's folder can't be written.
    """
    chosen = _best(found.designs, found.reward)[: finals.count]
    size = finals.plan.settings.epochs, len(finals.dataset.fold(finals.folds - 1).y_train)
    finalists = [Finalist(d.architecture.digest, n, *size) for n, d in enumerate(chosen, start=1)]
    if FINALISTS not in found.folder.summary:  # from now on the search is over, whatever stops this
        found.folder.update_summary(**{FINALISTS: [finalist.to_dict() for finalist in finalists]})
    results = _trained(found, finals, chosen, observer)
    judged = [_judged(*pair, results, found) for pair in zip(finalists, chosen, strict=True)]
    if any(f.reward is None and f.val_score is not None for f in judged):  # then it can't be compared
        judged = [replace(finalist, reward=None) for finalist in judged]
    judged.sort(key=_order)
    told_of = told(judged, finals.count, found.objective)
    found.folder.update_summary(
        **{FINALISTS: [finalist.to_dict() for finalist in judged]}, finalists_verdict=told_of
    )
    first = judged[0] if judged and judged[0].val_score is not None else None
    return None if first is None else chosen[first.place - 1]


def _best(designs: Iterable[Design], reward: Reward) -> list[Design]:
    """Distinct ones that were trained in full, the best first."""
    ranked: dict[str, Design] = {}
    for design in sorted(designs, key=lambda design: rank(design, reward.best_by)):
        if design.evaluation.in_full:
            ranked.setdefault(design.architecture.digest, design)
    return list(ranked.values())


def _trained(found: Found, finals: Finals, chosen: Sequence[Design], observer: Observer) -> list[Results]:
    """By fold, those of the finalists that have ended: all folds in which all have, or else the first."""
    heard = _Heard(observer, found.folder, finals.plan.settings.epochs)
    deadline = None if found.seconds is None else time.monotonic() + found.seconds - heard.before
    by_fold: list[Results] = []
    for number in range(finals.folds):
        parent = found.folder.path / FINALISTS
        parent = parent if finals.folds == 1 else parent / f"fold-{number}"
        winners = [_winner(design, parent) for design in chosen]
        try:
            with suppress(AllFailed):
                retrain(
                    winners, finals.dataset.fold(number), finals.plan, heard, deadline=deadline, logs=False
                )
        except Interrupted:
            raise KeyboardInterrupt from None  # the search says how to go on
        known: dict[str, dict[str, Any]] = {}
        for winner in winners:
            folder = folder_of(winner, finals.plan)
            if (results := folder.results()) is not None:
                place = folder.path.relative_to(found.folder.path)  # it may have been written elsewhere
                known[winner.architecture.digest] = {**results, "folder": str(place)}
        by_fold.append(known)
    return [results for results in by_fold if len(results) == len(chosen)] or by_fold[:1]


def _winner(design: Design, parent: Path) -> Winner:
    note = f"reward {design.reward:.4f} in its run, of which it is a finalist"
    return Winner(ArchitectureFile(design.architecture, note=note), parent, str(parent.parent))


class _Heard(JobObserver):
    """Tells the search's observer, and keeps in the run's summary how long it has taken.

    Attributes:
        before: seconds, in earlier starts.
    """

    def __init__(self, observer: Observer, folder: RunFolder, epochs: int) -> None:
        self._observer, self._folder, self._epochs = observer, folder, epochs
        self._began = time.monotonic()
        self.before = float(folder.summary.get(SECONDS, 0.0))

    def started(self, jobs: Sequence[Job], known: int) -> None:
        self._observer.finalists_started(jobs, known, self._epochs)

    def advanced(self, job: Job, progress: Any) -> None:
        self._keep()
        self._observer.finalist_advanced(job, progress)

    def finished(self, job: Job, result: Any) -> None:
        self._keep()
        self._observer.finalist_trained(job, result)

    def _keep(self) -> None:
        seconds = self.before + time.monotonic() - self._began
        self._folder.update_summary(**{SECONDS: round(seconds, 3)})


def _judged(finalist: Finalist, design: Design, by_fold: Sequence[Results], found: Found) -> Finalist:
    """With its score, and what the search would have been paid for it."""
    results = [fold[finalist.digest] for fold in by_fold if finalist.digest in fold]
    if not results:
        return finalist
    seeds = [line["seeds"][0] for line in results]
    failure = next((line["failure"] for line in seeds if line["failure"] is not None), None)
    folders = tuple(line["folder"] for line in results)
    if failure is not None:
        return replace(finalist, failure=failure, folders=folders)
    score = fmean(_score(line) for line in results)
    try:
        paid = (
            None if found.reward.sees_history else found.reward(_measured(design.evaluation, results, score))
        )
    except RewardError:
        paid = None
    seconds = round(sum(line["training_seconds"] for line in seeds), 3)
    return replace(finalist, val_score=score, reward=paid, seconds=seconds, folders=folders)


def _score(results: Mapping[str, Any]) -> float:
    """As an evaluation has it, by the metric."""
    name = results["metric"]
    value = float(results["val_figures"][name]["mean"])
    metric = METRICS.get(name)
    return value if metric is None else metric.score(value, float(results["guess"].get(name, math.nan)))


def _measured(evaluation: Evaluation, results: Sequence[Mapping[str, Any]], score: float) -> Evaluation:
    """The search's evaluation with the longer training's figures; its curve stays what it was."""
    figures: dict[str, Any] = {"val_loss": fmean(line["val_loss"]["mean"] for line in results)}
    if evaluation.val_accuracy is not None:
        figures["val_accuracy"] = fmean(line["val_accuracy"]["mean"] for line in results)
    if evaluation.val_recalls and all(line["confusion_matrix"] for line in results):
        matrix = np.sum([line["confusion_matrix"] for line in results], axis=0)
        pairs = zip(matrix.diagonal().tolist(), matrix.sum(axis=1).tolist(), strict=True)
        figures["val_recalls"] = tuple(right / examples if examples else None for right, examples in pairs)
    return replace(evaluation, **figures).scored(score)


def _order(finalist: Finalist) -> tuple[float, int]:
    """The best first; of equals the one that was better in the search, and so those without a score."""
    merit = finalist.val_score if finalist.reward is None else finalist.reward
    return math.inf if merit is None else -merit, finalist.place
