"""`best_recipe`: on rows and texts, and where examples are few, how long and how hard a full training presses
is chosen on validation. One recipe for all learns noisy tables by heart.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from rl_designer.envs.datasets import Dataset
from rl_designer.envs.datasets.dataset import TEXT, Kind
from rl_designer.envs.evaluators.training import TrainingEvaluator
from rl_designer.envs.metrics import metric_of
from rl_designer.retraining.folder import TRAINING
from rl_designer.retraining.job import Winner, folder_of
from rl_designer.retraining.settings import CHOSEN, FullSettings, Plan
from rl_designer.text import training_words

# What differs from the usual settings; these come first, since of equals the first is taken. Rows are never
# varied; signals that all begin at the same place are spoilt by it.
RECIPES: Sequence[Mapping[str, Any]] = (
    {},
    {"augment": False},
    {"weight_decay": 2.0},
    {"epochs": 30, "weight_decay": 2.0},
    {"epochs": 30, "weight_decay": 2.0, "learning_rate": 0.004},
)
# Of texts besides: what few examples let a network learn by heart are single words.
_OF_TEXTS: Sequence[Mapping[str, Any]] = (
    {"augment": "drop-symbols", "epochs": 15, "weight_decay": 0.3},
    {"augment": "drop-symbols", "epochs": 30, "weight_decay": 0.3},
)


def cautious(kind: Kind) -> Mapping[str, Any]:
    """For designs that are to be compared, before a recipe is chosen for one of them."""
    return RECIPES[3 if kind == "features" else 1]


@dataclass(frozen=True)
class Chosen:
    """A plan with the best recipe, and what is said of the choice; "" where there was none."""

    plan: Plan
    told: str = ""


def best_recipe(winners: Sequence[Winner], dataset: Dataset, plan: Plan) -> Chosen:
    """The recipe by which networks on features, texts or few examples are best on the validation part, or on
    several folds where that is small: the mean over the winners, each trained once a fold. What was trained
    before goes on as it was. Other plans, and those with settings of their own, stay what they are; and what
    all designs say of their training themselves is not tried.

    Raises:
        WrongUsage: for a device that isn't there.
    """
    if not plan.free_recipe or not winners:
        return Chosen(plan)
    if (before := _begun(winners, plan)) is not None:
        return Chosen(replace(plan, settings=before))
    tried = [name for name in CHOSEN if any(name not in each.architecture.training for each in winners)]
    every = [*RECIPES, *(_OF_TEXTS if dataset.kind == TEXT else ())]
    recipes = [{name: value for name, value in recipe.items() if name in tried} for recipe in every]
    # Of equal ones the first.
    candidates = list(dict.fromkeys(replace(plan.settings, **recipe) for recipe in recipes))
    part = plan.part_of(dataset)
    scores = [_score(winners, part, plan, settings) for settings in candidates]
    known = [(score, -place) for place, score in enumerate(scores) if score is not None]
    if not known:
        return Chosen(plan)  # the trainings will say what is wrong
    place = -max(known)[1]
    metric, chosen = metric_of(plan.metric, dataset.predicts).name, candidates[place]
    decided = {"weight_decay": chosen.weight_decay, "learning_rate": chosen.learning_rate}
    words = [f"{name.replace('_', ' ')} {value:g}" for name, value in decided.items() if name in tried]
    if len({settings.augment for settings in candidates}) > 1:
        words.append(f"augmentation {chosen.augment or 'none'}")
    told = (
        f"of {len(candidates)} recipes {chosen.epochs} epochs{' with ' * bool(words)}{', '.join(words)} "
        f"are best on validation (score by {metric} "
        f"{scores[place]:.4f}{'' if scores[0] is None else f', {scores[0]:.4f} with the usual one'})"
    )
    return Chosen(replace(plan, settings=chosen), told)


def _begun(winners: Sequence[Winner], plan: Plan) -> FullSettings | None:
    """The settings of a training that has begun in a winner's folder, where only the recipe differs; not what
    a design says of its own.
    """
    for winner in sorted(winners, key=lambda winner: len(winner.architecture.training)):
        folder = folder_of(winner, plan)
        if (folder.path / TRAINING).exists():
            there, own = folder.training().settings, winner.architecture.training
            begun: dict[str, Any] = {name: there[name] for name in CHOSEN if name not in own}
            return replace(plan.settings, **begun)
    return None


def told_of(winners: Sequence[Winner], chosen: Chosen) -> Iterator[str]:
    """What is to be said before the trainings: what designs say of theirs, and the choice; a line each."""
    for winner in winners:
        if words := training_words(winner.architecture):
            yield f"{winner.name} says how it is trained, which wins over the recipe: {words}"
    if chosen.told:
        yield chosen.told


def _score(winners: Sequence[Winner], dataset: Dataset, plan: Plan, settings: FullSettings) -> float | None:
    """The winners' mean; None where a training failed."""
    evaluator = TrainingEvaluator(
        dataset, settings=settings, device=plan.device, metric=plan.metric, folds=dataset.usual_folds
    )
    with closing(evaluator):
        found = evaluator.evaluate([winner.architecture for winner in winners])
    scores = [evaluation.score for evaluation in found if evaluation.score is not None]
    return fmean(scores) if len(scores) == len(found) else None
