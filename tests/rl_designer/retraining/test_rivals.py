"""What people would use instead: trained on the same, scored alike, kept, and the network judged by it."""

from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from sklearn.dummy import DummyClassifier

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.datasets import Dataset, SealedTest
from rl_designer.envs.datasets.preparation import RawData, prepare
from rl_designer.envs.datasets.targets import TargetScale
from rl_designer.errors import Error, Interrupted
from rl_designer.exporting.card import card
from rl_designer.exporting.find import find_subject
from rl_designer.retraining import contest as contests
from rl_designer.retraining.contest import Contest
from rl_designer.retraining.folder import RetrainedFolder
from rl_designer.retraining.job import Winner
from rl_designer.retraining.output import print_comparison, print_retrained
from rl_designer.retraining.retrain import retrain
from rl_designer.retraining.rival import QUICK_SECONDS, Rival, Setup, Size
from rl_designer.retraining.rivals import RIVALS
from rl_designer.retraining.settings import FullSettings, Plan
from rl_designer.retraining.verdicts import against_rivals
from rl_designer.runs.architecture_files import ArchitectureFile

SETTINGS = FullSettings(epochs=1, batch_size=32)
PLAN = Plan(SETTINGS, seeds=2, workers=0, device="cpu", rivals=None)
NAMES = ("common", "rare", "never")


def parts(generator: np.random.Generator, n: int, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Two classes, of which one is rare, that the mean tells apart; the third has no example."""
    y = (np.arange(n) % 6 == 0).astype(np.int64)
    x = generator.normal(size=(n, *shape)) + 2.0 * y.reshape(n, *(1 for _ in shape))
    return x.astype(np.float32), y


def data(*shape: int) -> Dataset:
    generator = np.random.default_rng(4)
    train, val, test = (parts(generator, n, shape) for n in (60, 24, 24))
    return Dataset("own", *train, *val, NAMES, SealedTest(*test))


def numbers() -> Dataset:
    """y is x's first number and noise, with 10 as unit."""

    def of(dataset: Dataset, x: Any, seed: int) -> Any:
        noise = np.random.default_rng(seed).normal(size=len(x))
        return (x[:, 0] / x[:, 0].std() + 0.1 * noise).astype(np.float32)

    rows = data(3)
    assert rows.sealed_test is not None
    x, _ = rows.sealed_test.open()
    return replace(
        rows,
        y_train=of(rows, rows.x_train, 1),
        y_val=of(rows, rows.x_val, 2),
        sealed_test=SealedTest(x, of(rows, x, 3)),
        class_names=(),
        target_scale=TargetScale(100.0, 10.0),
    )


def winner(folder: Path, origin: str = "somewhere") -> Winner:
    return Winner(ArchitectureFile(Architecture("mlp", (), complete=True)), folder, origin)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Two rivals that guess, one of them by its seed; of each fit its name and seed."""
    fits: list[tuple[str, int]] = []

    def guesser(name: str) -> Callable[[Any], Any]:
        def build(setup: Any) -> Any:
            fits.append((name, setup.seed))
            return DummyClassifier(strategy="prior")

        return build

    def rival(name: str, **more: Any) -> Rival:
        return Rival(name, "guesses", ("features",), guesser(name), lambda model: 3, lambda size: 0.1, **more)

    put(monkeypatch, rival("always"), rival("drawn", seeded_above=0))
    return fits


def put(monkeypatch: pytest.MonkeyPatch, *rivals: Rival) -> None:
    monkeypatch.setattr(contests, "RIVALS", {rival.name: rival for rival in rivals})


# -- what they are ------------------------------------------------------------------------------------


def test_each_kind_of_data_has_its_rivals() -> None:
    def names(dataset: Dataset, rivals: bool | None) -> list[str]:
        contest = Contest.of(dataset, replace(PLAN, rivals=rivals), dataset.x_train, dataset.y_train)
        return [rival.name for rival in contest.entrants]

    rows = ["linear model", "gradient boosting", "random forest", "RBF machine"]
    assert names(data(3), None) == names(data(3), True) == rows
    assert names(data(1, 12), None) == ["linear model", "random kernels"]
    assert names(data(1, 4, 4), True) == ["linear model", "RBF machine"]
    assert names(data(1, 4, 4), None) == names(data(3), False) == []  # images only where they are asked for


def test_they_learn_classes_with_probabilities_in_our_order(tmp_path: Path) -> None:
    [result] = retrain([winner(tmp_path)], data(6), PLAN)
    assert [line["name"] for line in result["rivals"]] == [
        name for name, rival in RIVALS.items() if "features" in rival.kinds
    ]
    for line in result["rivals"]:
        figures = line["test_figures"]
        assert line["failure"] is None and line["metric"] == "accuracy", line
        # Classes that are swapped, or a third one that is taken for likely, would show.
        assert figures["accuracy"]["mean"] > 0.9 and figures["auroc"]["mean"] > 0.9, line
        assert len(figures["accuracy"]["per_seed"]) == 2
        assert line["seconds"] >= 0 and line["size"] > 0 and line["what"]
    by_name = {line["name"]: line for line in result["rivals"]}
    assert by_name["linear model"]["size"] == 7 and by_name["random forest"]["size_of"] == "nodes"
    assert [len(line["seeds"]) for line in result["rivals"]] == [1, 1, 2, 1]  # a forest is drawn
    assert "log-loss" not in by_name["RBF machine"]["test_figures"]
    assert by_name["linear model"]["test_figures"]["log-loss"]["mean"] < result["guess"]["log-loss"]


def test_they_predict_numbers_in_the_targets_unit(tmp_path: Path) -> None:
    [result] = retrain([winner(tmp_path)], numbers(), replace(PLAN, seeds=1, metric="rmse"))
    figures = {line["name"]: line["test_figures"] for line in result["rivals"]}
    assert figures["linear model"]["rmse"]["mean"] == pytest.approx(1, abs=0.4)  # of 10 times noise of 0.1
    for name, values in figures.items():
        assert 0.5 < values["r2"]["mean"] < 1, name
        assert values["rmse"]["mean"] < result["guess"]["rmse"], name
    assert (
        result["better_than_rivals"] is False and "is worse than its best rival" in result["rivals_verdict"]
    )


def test_on_validation_they_train_on_the_training_part_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    class Watched(DummyClassifier):
        def fit(self, x: Any, y: Any, sample_weight: Any = None) -> Any:
            seen.append(len(x))
            return super().fit(x, y, sample_weight)

    rival = Rival("w", "w", ("features",), lambda setup: Watched(), lambda model: 1, lambda size: 0.1)
    put(monkeypatch, rival)
    sealed = replace(data(3), sealed_test=None)
    [result] = retrain([winner(tmp_path)], sealed, replace(PLAN, on_validation=True))
    assert seen == [60] and "val_figures" in result["rivals"][0]
    retrain([winner(tmp_path)], data(3), PLAN)
    assert seen == [60, 84]


def test_balanced_class_weights_are_theirs_too() -> None:
    setup = Setup(2, models_metric(), True, False, None, 0, 1)
    for rival in RIVALS.values():
        if rival.needs is None:
            model = rival.build(setup)
            last = model[-1] if hasattr(model, "steps") else model
            assert last.class_weight == "balanced", rival.name


def test_cross_validation_keeps_examples_of_a_group_together() -> None:
    groups = np.arange(72) // 6  # of which the class is a property, so that examples of one give it away
    draws = np.random.default_rng(0)
    x = np.repeat(draws.normal(size=(12, 4)), 6, axis=0) + 0.01 * draws.normal(size=(72, 4))
    raw = RawData("g", {"train": x}, {"train": groups % 2}, "g", "features", groups=groups)
    dataset = prepare(raw, None, 0, sealed=True)
    assert dataset.grouped
    both = np.concatenate([dataset.x_train, dataset.x_val]), np.concatenate([dataset.y_train, dataset.y_val])
    for x_fit, y_fit in (both, (dataset.x_train, dataset.y_train)):
        contest = Contest.of(dataset, PLAN, x_fit, y_fit)
        group_of = [tuple(np.round(row, 0)) for row in x_fit]
        for train, val in contest.splits.split():
            assert len(train) + len(val) == len(y_fit)
            assert not {group_of[i] for i in train} & {group_of[i] for i in val}
        assert contest.searches(RIVALS["linear model"])
    too_few = replace(dataset, folds=np.empty(0, np.int8))
    assert not Contest.of(too_few, PLAN, *both).searches(RIVALS["linear model"])
    alone = replace(dataset, grouped=False)
    assert Contest.of(alone, PLAN, *both).splits.get_n_splits() == 5


def models_metric() -> Any:
    from rl_designer.envs.metrics import ACCURACY

    return ACCURACY


# -- what is left out ---------------------------------------------------------------------------------


def test_signals_without_aeon_have_the_linear_model_and_are_told_of_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rl_designer.retraining.rival.find_spec", lambda name: None)
    [result] = retrain([winner(tmp_path)], data(1, 12), PLAN)
    assert [line["name"] for line in result["rivals"]] == ["linear model"]
    [left] = result["rivals_left_out"]
    assert left["name"] == "random kernels" and "pip install 'rl-designer[rivals]'" in left["reason"]
    text = StringIO()
    print_retrained(Console(file=text, width=120), [result], "own")
    assert "no random kernels: it needs aeon, which isn't installed" in text.getvalue()


def test_what_takes_too_long_is_left_out_before_it_begins() -> None:
    large = Size(60_000, 784, 10)
    lack = RIVALS["RBF machine"].lack(large, QUICK_SECONDS)
    assert lack is not None and "60,000 examples of 784 numbers take it about 1:34 h" in lack
    assert "--rivals allows more" in lack
    assert RIVALS["linear model"].lack(large, QUICK_SECONDS) is None
    assert not RIVALS["linear model"].searches(large, QUICK_SECONDS)
    assert "that is usual" in RIVALS["linear model"].told(searched=False)
    assert all(rival.searches(Size(1000, 20, 2), QUICK_SECONDS) for rival in RIVALS.values() if rival.choice)


def test_one_that_is_slow_gets_fewer_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: list[tuple[str, int]]
) -> None:
    put(monkeypatch, replace(contests.RIVALS["drawn"], seconds=lambda size: QUICK_SECONDS / 2.5))
    retrain([winner(tmp_path)], data(3), replace(PLAN, seeds=3))
    assert counted == [("drawn", 0), ("drawn", 1)]


# -- kept ---------------------------------------------------------------------------------------------


def test_what_is_known_is_not_made_again_and_more_seeds_make_the_missing_ones(
    tmp_path: Path, counted: list[tuple[str, int]]
) -> None:
    told: list[str] = []
    [first] = retrain([winner(tmp_path)], data(3), PLAN, told=told.append)
    assert counted == [("always", 0), ("drawn", 0), ("drawn", 1)]
    assert len(told) == 3 and told[0].startswith("always: trained, after")
    assert retrain([winner(tmp_path)], data(3), PLAN, told=told.append) == [first]
    assert retrain([winner(tmp_path)], data(3), replace(PLAN, rivals=False)) == [first]
    [more] = retrain([winner(tmp_path)], data(3), replace(PLAN, seeds=3))
    assert counted[3:] == [("drawn", 2)] and len(told) == 3
    assert [len(line["test_figures"]["accuracy"]["per_seed"]) for line in more["rivals"]] == [3, 3]


def test_several_winners_have_the_same_rivals(tmp_path: Path, counted: list[tuple[str, int]]) -> None:
    wide = ArchitectureFile(Architecture.from_dict({"space": "mlp", "layers": [
        {"kind": "dense", "width": 4, "activation": "relu"}], "complete": True}))  # fmt: skip
    [alone] = retrain([winner(tmp_path)], data(3), PLAN)
    results = retrain([winner(tmp_path), Winner(wide, tmp_path, "another")], data(3), PLAN)
    assert len(counted) == 3
    for result in results:
        assert result["rivals"] == alone["rivals"]
        kept = RetrainedFolder(Path(result["folder"])).results()
        assert kept is not None and kept["rivals"] == alone["rivals"]


def test_a_rival_that_fails_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(setup: Any) -> Any:
        raise RuntimeError("out of luck")

    rival = Rival("broken", "b", ("features",), broken, lambda model: 1, lambda size: 0.1)
    put(monkeypatch, rival)
    [result] = retrain([winner(tmp_path)], data(3), PLAN)
    assert "out of luck" in result["rivals"][0]["failure"] and result["rivals_verdict"] == ""
    text = StringIO()
    print_retrained(Console(file=text, width=120), [result], "own")
    assert "broken failed: error: RuntimeError: out of luck" in text.getvalue()
    put(monkeypatch, replace(rival, build=lambda setup: DummyClassifier()))
    [again] = retrain([winner(tmp_path)], data(3), PLAN)
    assert again["rivals"][0]["failure"] is None and again["rivals_verdict"]


def test_an_interruption_keeps_what_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: list[tuple[str, int]]
) -> None:
    def interrupted(setup: Any) -> Any:
        raise KeyboardInterrupt

    always, drawn = contests.RIVALS.values()
    put(monkeypatch, always, replace(drawn, build=interrupted))
    with pytest.raises(Interrupted, match="give the same command again, or with --no-rivals"):
        retrain([winner(tmp_path)], data(3), PLAN)
    put(monkeypatch, always, drawn)
    [result] = retrain([winner(tmp_path)], data(3), PLAN)
    assert counted == [("always", 0), ("drawn", 0), ("drawn", 1)] and len(result["rivals"]) == 2


def test_damaged_rivals_are_refused(tmp_path: Path, counted: list[tuple[str, int]]) -> None:
    [result] = retrain([winner(tmp_path)], data(3), PLAN)
    folder = RetrainedFolder(Path(result["folder"]))
    for damage in ("no list", [{"name": "x"}], [{**result["rivals"][0], "seeds": [1]}]):
        folder.write_results({**result, "rivals": damage})
        with pytest.raises(Error, match="is no rival's result"):
            folder.results()


# -- judged -------------------------------------------------------------------------------------------


def line(mean: float, deviation: float | None, seeds: int = 2, name: str = "forest") -> dict[str, Any]:
    spread = {"mean": mean, "standard_deviation": deviation, "per_seed": [mean] * seeds}
    return {"name": name, "metric": "accuracy", "test_figures": {"accuracy": spread}, "seeds": []}


@pytest.mark.parametrize(
    ("network", "rival", "better", "words"),
    [
        (line(0.96, 0.01), line(0.90, 0.0), True, "is better than its best rival, forest (0.9000): +0.0600"),
        (line(0.96, 0.01), line(0.955, 0.01), None, "is level with its best rival"),
        (line(0.90, 0.0), line(0.90, 0.0), None, "is level with its best rival"),
        (line(0.80, 0.01), line(0.90, 0.0), False, "is worse than its best rival, forest (0.9000): -0.1000"),
        (line(0.96, None, 1), line(0.90, None, 1), None, "is perhaps better than its best rival"),
        (line(0.80, None, 1), line(0.90, None, 1), False, "is worse than its best rival"),
    ],
)
def test_without_what_each_example_got_two_standard_errors_over_seeds_judge_against_the_best_rival(
    network: dict[str, Any], rival: dict[str, Any], better: bool | None, words: str
) -> None:
    found = against_rivals(network, [line(0.5, 0.0, name="weak"), rival])
    assert found["better_than_rivals"] is better and words in found["rivals_verdict"]
    assert found["rivals_difference"] is None


def test_people_see_them_in_the_table_best_first_and_in_the_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, replace(RIVALS["random forest"], name="guess", build=lambda _: DummyClassifier(),
        size=lambda model: 1), RIVALS["linear model"])  # fmt: skip
    [result] = retrain([winner(tmp_path)], data(3), PLAN)
    text = StringIO()
    print_retrained(Console(file=text, width=120), [result], "own")
    shown = text.getvalue()
    assert shown.index("linear model  ") < shown.index("guess  ") < shown.index("guessing")
    assert "1 nodes" in shown and result["rivals_verdict"] in shown.replace("\n", " ")
    compared = {"data": "own", "references": [{**result, "name": "mlp"}], "designs": [result], "verdict": "",
                "rivals": result["rivals"], "rivals_left_out": []}  # fmt: skip
    print_comparison(Console(file=text, width=120), compared)
    assert "linear model  " in text.getvalue().removeprefix(shown)
    told = card(find_subject(Path(result["folder"]), {}))
    assert "What people would use instead" in told and "| linear model: logistic or ridge regression" in told
