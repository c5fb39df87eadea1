"""Finalists: the best designs of a search, trained longer before one of them is its winner."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rl_designer as rl
from rl_designer import setting
from rl_designer.config import make_config
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.datasets.dataset import SealedTest
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.metrics import ACCURACY, METRICS, Objective
from rl_designer.envs.problem import Design
from rl_designer.envs.rewards.reward import as_reward
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.errors import Error, Interrupted, WrongUsage
from rl_designer.reports.terminal import print_report, terminal
from rl_designer.retraining import training
from rl_designer.retraining.folder import load_retrained
from rl_designer.retraining.sources import find_winners
from rl_designer.runs.finalists import Finalist, told
from rl_designer.runs.reading import read_run, report_to_dict
from rl_designer.searches import finalists
from rl_designer.searches.finalists import Finals, Found
from rl_designer.searches.observers import Observer, observers_of
from rl_designer.searches.run import SearchResult
from rl_designer.searches.search import resume_search, run_search
from rl_designer.setting import make_setting
from tests.helpers.searches import Fake, digests
from tests.helpers.training_candidates import dense

WINE = {"data": "wine", "agent": "random", "max_parameters": 800, "epochs": 2, "folds": 1, "evaluations": 12}
OPTIONS = {**WINE, "control_share": 0.0, "finalists": 3, "finalist_epochs": 3, "tensorboard": False}
PRICE = 5  # three finalists of 3 epochs see as much as five designs of 2


@pytest.fixture(autouse=True)
def no_test_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(SealedTest, "open")
    monkeypatch.setattr(setting, "engine_of", lambda where: LocalEngine(0))  # trains in this process


class Quick(Fake):
    """Its designs are real ones of rows, which it doesn't train; gives up at no deadline."""

    def evaluate(self, architectures: Sequence[Architecture], *given: Any, **more: Any) -> list[Evaluation]:
        more.pop("deadline", None)
        return super().evaluate(architectures, *given, **more)


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch) -> Callable[..., SearchResult]:
    """A search whose finalists alone are trained for real."""

    def run(name: str, *observers: Observer, **options: Any) -> SearchResult:
        monkeypatch.setattr(setting, "training_evaluator", lambda *settings, **repeat: Quick())
        return run_search(make_config({**OPTIONS, **options}), Path(name), observers)

    return run


def lines(result: SearchResult) -> list[dict[str, Any]]:
    """Of the finalists in the run's file, but for what differs from one training to the same again."""
    summary = json.loads((result.folder.path / "summary.json").read_text())
    return [{**line, "seconds": None} for line in summary["finalists"]]


# -- what comes out --------------------------------------------------------------------------------


def test_the_best_designs_are_trained_and_the_best_of_them_is_the_runs_winner(
    search: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    result = search("a", *observers_of(True, False))
    progress = capsys.readouterr().err
    assert "at most 7 evaluations; then 3 finalists, trained for 3 epochs on 114 examples" in progress
    assert "3 finalists, 3 epochs each" in progress and "9/9 epochs" in progress
    by_reward = sorted(result.designs, key=lambda d: -d.reward)[:3]
    finals = lines(result)
    assert {f["digest"] for f in finals} == {d.architecture.digest for d in by_reward}
    assert [by_reward[f["place"] - 1].architecture.digest for f in finals] == [f["digest"] for f in finals]
    scores = [f["val_score"] for f in finals]
    assert scores == sorted(scores, reverse=True) and all(f["reward"] == f["val_score"] for f in finals)
    assert {(f["epochs"], f["examples"], f["failure"]) for f in finals} == {(3, 114, None)}
    run = rl.load_run("a")
    assert [f.digest for f in run.finalists] == [f["digest"] for f in finals]
    assert run.best is not None and run.best.architecture.digest == finals[0]["digest"]
    assert result.summary["best"]["digest"] == finals[0]["digest"]
    assert result.summary["agent_best"]["digest"] == by_reward[0].architecture.digest
    assert find_winners([Path("a")]).winners[0].architecture.digest == finals[0]["digest"]
    console = terminal()
    with console.capture() as shown:
        print_report(console, read_run(Path("a")))
    assert "as finalist" in shown.get() and result.summary["finalists_verdict"] in shown.get()
    report = report_to_dict([read_run(Path("a"))])
    assert report["best"]["digest"] == finals[0]["digest"] and len(report["designs"]) == 12 - PRICE
    trained = load_retrained(Path("a", *finals[0]["folders"]))
    assert trained.architecture.digest == finals[0]["digest"]
    assert trained.results is not None and trained.results["scored_on"] == "validation"
    page = run.report().read_text()
    assert result.summary["finalists_verdict"] in page and page.count("as finalist") == 3


def test_the_search_before_them_is_that_of_a_budget_without_them(search: Any) -> None:
    result, plain = search("a"), search("b", evaluations=12 - PRICE, finalists=None, finalist_epochs=None)
    assert digests(result) == digests(plain)
    assert "finalists" not in plain.summary and not Path("b", "finalists").exists()
    assert "finalist" not in Path("b", "config.toml").read_text()
    assert rl.load_run("b").finalists == []
    assert digests(search("c", evaluations=12 - PRICE, finalists=0, finalist_epochs=None)) == digests(plain)


def test_with_folds_each_is_trained_on_all_and_scored_by_the_mean(search: Any) -> None:
    [first, second] = lines(search("a", finalists=2, folds=2))
    assert first["folders"] == [f"finalists/fold-{k}/{first['digest'][:12]}-validation" for k in (0, 1)]
    results = [json.loads(Path("a", folder, "results.json").read_text()) for folder in first["folders"]]
    assert first["val_score"] == np.mean([line["val_accuracy"]["mean"] for line in results])
    assert results[0]["data"]["digest"] != results[1]["data"]["digest"] and second["val_score"] is not None


def test_rows_are_trained_by_the_recipe_that_learns_no_noise_and_signals_for_half_as_long() -> None:
    rows = Finals.of(
        config := make_config({**OPTIONS, "finalist_epochs": None, "evaluations": 80}), make_setting(config)
    )
    assert rows is not None
    assert (rows.plan.settings.epochs, rows.plan.settings.weight_decay, rows.price) == (30, 2.0, 45)
    some = make_config(
        {"examples": 800, "epochs": 8, "finalists": 4, "evaluations": "1k", "optimizer": "muon"}
    )
    signals = Finals.of(some, make_setting(some))
    assert signals is not None
    settings, whole = signals.plan.settings, len(signals.dataset.y_train)
    assert (settings.epochs, settings.augment, settings.optimizer, whole) == (47, "shift", "muon", 3200)
    assert signals.price == 4 * 47 * 3200 / (8 * 800)


# -- going on --------------------------------------------------------------------------------------


class Cut(Observer):
    """Stops a run after so many finalists."""

    def __init__(self, after: int) -> None:
        self.left = after

    def finalist_trained(self, job: Any, failure: str | None) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def test_what_was_trained_before_a_stop_is_not_trained_again(
    search: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = search("whole", store="other.sqlite")
    with pytest.raises(Interrupted, match="Go on with: rl-designer resume part"):
        search("part", Cut(2))
    assert (
        rl.load_run("part").finalists == [] and len(read_run(Path("part")).folder.summary["finalists"]) == 3
    )
    trained = []
    part = training.train_part
    monkeypatch.setattr(training, "train_part", lambda task, *rest: trained.append(task) or part(task, *rest))
    Path("part").rename("moved")
    result = resume_search(Path("moved"))
    assert result is not None and len(trained) == 1
    assert lines(result) == lines(whole) and result.summary["best"] == whole.summary["best"]
    assert result.summary["seconds"] >= result.summary["finalists_seconds"] > 0
    assert resume_search(Path("moved")) is None


class Late(Observer):
    """Lets the time go by once a finalist is trained."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def finalist_trained(self, job: Any, failure: str | None) -> None:
        self.now += 100


def test_a_quarter_of_the_time_is_theirs_and_what_is_not_trained_in_it_is_told(
    search: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = search("a", Late(monkeypatch), time_limit=60.0)
    first, *others = lines(result)
    assert first["place"] == 1 and first["val_score"] is not None
    assert [line["val_score"] for line in others] == [None, None]
    told_of = result.summary["finalists_verdict"]
    assert told_of.startswith("The winner is the one finalist that was trained for 3 epochs")
    assert told_of.endswith("2 of the 3 had not been trained when the time was over.")
    assert result.summary["best"]["digest"] == first["digest"]
    limited = Finals.of(make_config(OPTIONS), make_setting(make_config(OPTIONS)))
    assert limited is not None
    left = limited.left_of(make_config({**OPTIONS, "time_limit": 60.0}).budget)
    assert (left.evaluations, left.time_limit) == (12 - PRICE, 45.0)


# -- how they are judged ---------------------------------------------------------------------------


def judged(reward: Any, metric: str = "accuracy", value: float = 0.5, **known: Any) -> Finalist:
    results = {
        "seeds": [{"failure": None, "training_seconds": 1.0}],
        "folder": "finalists/x",
        "metric": metric,
        "val_figures": {metric: {"mean": value}},
        "guess": {metric: 4.0},
        "val_loss": {"mean": 0.25},
        "val_accuracy": {"mean": 0.5},
        "confusion_matrix": [[3, 1], [0, 4]],
        **known,
    }
    of = None if metric == "accuracy" else metric
    evaluation = Evaluation(0.9, 0.1, parameters=100, val_recalls=(1.0, 0.0), metric=of, val_score=0.0)
    folder = type("Folder", (), {"path": Path("a")})()
    found = Found(folder, [], as_reward(reward), Objective(metric, 4.0))
    design = Design(dense(4), evaluation, 0.9, 0)
    return finalists._judged(Finalist("x", 1, 3, 100), design, [{"x": results}], found)


def test_the_reward_is_paid_for_what_the_longer_training_measured() -> None:
    assert judged(lambda e: e.val_accuracy - e.parameters / 1000).reward == pytest.approx(0.4)
    assert judged(lambda e: -e.val_loss).reward == -0.25
    assert judged(lambda e: min(e.val_recalls)).reward == 0.75
    assert judged(lambda e, history: 1.0).reward is None and judged(lambda e: 1 / 0).reward is None
    assert judged(lambda e: e.score, "rmse", 1.0).val_score == METRICS["rmse"].score(1.0, 4.0) == 0.75
    failed = judged(lambda e: 1.0, seeds=[{"failure": "diverged", "training_seconds": None}])
    assert (failed.failure, failed.val_score) == ("diverged", None)


def test_the_best_comes_first_and_what_has_no_score_last() -> None:
    known = [Finalist(str(place), place, 3, 100, score, reward) for place, score, reward in (
        (1, None, None), (2, 0.5, 0.7), (3, 0.6, 0.6), (4, 0.6, 0.7),
    )]  # fmt: skip
    assert [f.place for f in sorted(known, key=finalists._order)] == [2, 4, 3, 1]
    by_score = [replace(finalist, reward=None) for finalist in known]
    assert [f.place for f in sorted(by_score, key=finalists._order)] == [3, 4, 2, 1]


def test_what_came_of_them_is_told() -> None:
    objective = Objective(ACCURACY.name, 0.1)
    one, two = Finalist("a", 2, 94, 3200, 0.93), Finalist("b", 1, 94, 3200, 0.91)
    assert told([one, two], 2, objective) == (
        "The best of 2 finalists, trained for 94 epochs on 3,200 examples each, was number 2 of the search: "
        "validation accuracy 0.9300, where number 1 has 0.9100."
    )
    assert told([replace(one, place=1), replace(two, place=2)], 2, objective).endswith(
        "was number 1 of the search: validation accuracy 0.9300."
    )
    failed = replace(one, val_score=None, failure="diverged")
    assert told([failed], 4, objective) == (
        "Only 1 design was trained in full, so there are fewer than 4 finalists. No finalist could be "
        "trained, so the search's best stays the winner. 1 of the 1 failed."
    )


# -- what can't be ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            {"table": "mnist1d-convnet1d", "finalists": 4},
            "--table and --finalists exclude each other: nothing",
        ),
        ({"data": "wine", "finalists": 1}, "--finalists must be at least 2, since of one alone nothing is"),
        ({"data": "wine", "finalist_epochs": 3}, "--finalist-epochs needs --finalists"),
    ],
)
def test_what_can_not_be_is_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(WrongUsage, match=reason):
        make_config(options)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"finalists": 20, "finalist_epochs": 2}, "count as 20 of the 12 evaluations, so that 0 are left"),
        (
            {"finalists": 4, "evaluations": 9},
            "4 finalists, trained for 3 epochs on 114 examples count as 6 of the 9 evaluations, so that 3 "
            "are left to search, fewer than 4: give more --evaluations",
        ),
        ({"finalist_epochs": 1}, "--finalist-epochs 1 would train finalists less than the search"),
    ],
)
def test_more_than_the_budget_allows_is_refused_before_anything_is_trained(
    search: Any, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(WrongUsage, match=reason):
        search("a", **options)
    assert not Path("a").exists()


def test_a_benchmark_has_none() -> None:
    with pytest.raises(Error, match="leave finalists away"):
        rl.compare_agents("random", data="wine", evaluations=8, finalists=2, progress=False)
