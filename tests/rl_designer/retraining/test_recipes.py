"""The recipe of a full training on little data: chosen on validation, once, and never on the test."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.datasets import Dataset, load_dataset
from rl_designer.envs.datasets.preparation import RawData, prepare
from rl_designer.retraining import recipes
from rl_designer.retraining.job import Winner
from rl_designer.retraining.recipes import RECIPES, best_recipe, told_of
from rl_designer.retraining.retrain import retrain
from rl_designer.retraining.settings import CHOSEN, FullSettings, Plan
from rl_designer.runs.architecture_files import ArchitectureFile
from tests.helpers.training_candidates import dense

GENERATOR = np.random.default_rng(1)
X = GENERATOR.normal(size=(1300, 20))
NOISY = X[:, 0] + 1.5 * GENERATOR.normal(size=1300)  # a third of it can be known


def noisy() -> Dataset:
    x, y = ({"train": values[:300], "test": values[300:]} for values in (X, NOISY))
    return prepare(RawData("noisy", x, y, "noisy"), None, 0)


def winner(parent: Path) -> Winner:
    return Winner(ArchitectureFile(dense(64, 64)), parent, "somewhere")


def test_a_noisy_table_is_not_learned_by_heart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "RECIPES", (RECIPES[0], RECIPES[3]))
    dataset = noisy()
    plan = Plan.of(dataset, {"batch_size": 32}, seeds=1, workers=0, device="cpu")
    chosen = best_recipe([winner(tmp_path)], dataset, plan)
    assert chosen.plan.settings.weight_decay > plan.settings.weight_decay
    assert chosen.plan.settings.batch_size == 32
    assert "of 2 recipes" in chosen.told and "with the usual one" in chosen.told
    usual = retrain([winner(tmp_path / "usual")], dataset, plan)[0]
    best = retrain([winner(tmp_path / "best")], dataset, chosen.plan)[0]
    assert best["test_figures"]["r2"]["mean"] > usual["test_figures"]["r2"]["mean"]


def test_where_a_part_of_the_examples_is_trained_on_the_choice_sees_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []

    def score(winners: object, part: Dataset, *_: object) -> float:
        seen.append((len(part.y_train), len(part.y_val)))
        return 0.5

    monkeypatch.setattr(recipes, "_score", score)
    dataset = noisy()
    plan = Plan.of(dataset, {}, seeds=1, workers=0, device="cpu", examples=100)
    best_recipe([winner(tmp_path)], dataset, plan)
    assert set(seen) == {(80, 20)}
    many = Plan.of(load_dataset("digits"), {}, examples=300)
    assert many.free_recipe and many.settings.epochs == 100  # as for data that are as small


def test_the_choice_sees_no_test_and_what_has_begun_goes_on_as_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = replace(noisy(), sealed_test=None)  # whoever opened it would fail
    plan = Plan.of(dataset, {}, seeds=1, workers=0, device="cpu", on_validation=True)
    quick = replace(plan, settings=replace(plan.settings, epochs=2))
    monkeypatch.setattr(recipes, "RECIPES", ({}, {"epochs": 3, "weight_decay": 2.0}))
    chosen = best_recipe([winner(tmp_path)], dataset, quick).plan
    retrain([winner(tmp_path)], dataset, chosen)
    monkeypatch.setattr(recipes, "_score", lambda *_: pytest.fail("it is chosen again"))
    again = best_recipe([winner(tmp_path)], dataset, quick)
    assert again.plan.settings == chosen.settings and again.told == ""


def test_what_all_designs_say_of_their_training_is_not_tried_and_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"learning_rate": 0.1, "weight_decay": 0.5, "optimizer": "sgd"}
    training = tuple(Layer.of("training", **{name: value}) for name, value in said.items())
    design = Architecture("mlp", (*training, *dense(4).layers), True)
    says = Winner(ArchitectureFile(design), tmp_path, "somewhere")
    dataset = noisy()
    plan = Plan.of(dataset, {"batch_size": 32}, seeds=1, workers=0, device="cpu", on_validation=True)
    plan = replace(plan, settings=replace(plan.settings, epochs=2))
    monkeypatch.setattr(recipes, "RECIPES", ({}, {"weight_decay": 2.0}, {"epochs": 1, "weight_decay": 2.0}))
    chosen = best_recipe([says], dataset, plan)
    said_line, choice = told_of([says], chosen)
    assert "which wins over the recipe: learning rate 0.1, weight decay 0.5, optimizer sgd" in said_line
    assert choice.startswith("of 2 recipes") and "learning rate" not in choice
    results = retrain([says], dataset, chosen.plan)[0]
    assert results["settings"].items() >= {**said, "batch_size": 32}.items()
    again = best_recipe([says, winner(tmp_path)], dataset, plan).plan.settings
    assert again == chosen.plan.settings  # what has begun goes on; what the design says is its own


@pytest.mark.parametrize(
    "given", [{"epochs": 5}, {"weight_decay": 0.1}, {"learning_rate": 0.01}, {"augment": False}]
)
def test_settings_of_ones_own_are_kept(given: dict[str, float], tmp_path: Path) -> None:
    dataset = noisy()
    plan = Plan.of(dataset, given, seeds=1, workers=0, device="cpu")
    assert best_recipe([winner(tmp_path)], dataset, plan).plan == plan


def test_of_texts_recipes_that_drop_symbols_are_tried_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[FullSettings] = []

    def score(winners: object, part: object, plan: object, settings: FullSettings) -> float:
        tried.append(settings)
        return float(settings.augment == "drop-symbols")

    monkeypatch.setattr(recipes, "_score", score)
    names = load_dataset("names")
    chosen = best_recipe([winner(tmp_path)], names, Plan.of(names, {}, device="cpu"))
    assert [settings.augment for settings in tried] == [*[False] * 4, "drop-symbols", "drop-symbols"]
    assert chosen.plan.settings == tried[-2] and "augmentation drop-symbols" in chosen.told
    asked = Plan.of(names, {"augment": "drop-symbols"}, device="cpu")
    assert asked.settings.augment == "drop-symbols" and not asked.free_recipe


def test_signals_with_examples_enough_have_the_usual_recipe() -> None:
    x, y = GENERATOR.normal(size=(1500, 1, 8)), np.arange(1500) % 2
    dataset = prepare(RawData("signals", {"train": x}, {"train": y}, "signals"), None, 0)
    assert not Plan.of(dataset, {}, seeds=1, device="cpu").free_recipe


def test_the_usual_recipe_comes_first_so_that_of_equals_it_is_taken() -> None:
    assert RECIPES[0] == {}
    assert all(set(recipe) <= set(CHOSEN) for recipe in RECIPES)


def test_few_signals_may_be_trained_as_they_are_and_rows_are_in_any_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = GENERATOR.normal(size=(120, 1, 24)), np.arange(120) % 4
    signals = prepare(RawData("signals", {"train": x}, {"train": y}, "signals"), None, 0)
    tried: list[bool | str] = []

    def spoilt_by_shifts(winners: object, dataset: object, plan: object, settings: FullSettings) -> float:
        tried.append(settings.augment)
        return 0.5 if settings.augment else 0.9

    monkeypatch.setattr(recipes, "_score", spoilt_by_shifts)
    plan = Plan.of(signals, {}, seeds=1, workers=0, device="cpu", on_validation=True)
    chosen = best_recipe([winner(tmp_path)], signals, plan)
    assert plan.settings.augment == "shift" and chosen.plan.settings.augment is False
    assert tried.count(False) == 1 and len(tried) == len(RECIPES)
    assert "of 5 recipes" in chosen.told and "augmentation none are best" in chosen.told
    rows = best_recipe([winner(tmp_path)], noisy(), Plan.of(noisy(), {}, seeds=1, workers=0, device="cpu"))
    assert "of 4 recipes" in rows.told and "augmentation" not in rows.told
