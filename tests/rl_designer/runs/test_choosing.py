"""Which design of a run is taken: the best, one nearly as good, one for a preference, the whole front."""

from pathlib import Path
from typing import Any

import pytest

from rl_designer.config import make_config
from rl_designer.errors import WrongUsage
from rl_designer.runs.choosing import Choice, weights_of
from rl_designer.runs.reading import RunReport, read_run
from rl_designer.searches.search import run_search
from tests.helpers.tables import synthetic_table


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunReport]:
    """Of the same designs: `front` with objectives, `reward` without, `error` scored by an error."""
    folder = tmp_path_factory.mktemp("runs")
    synthetic_table().save(folder / "table.npz")
    options = {"table": str(folder / "table.npz"), "agent": "random", "evaluations": 40, "tensorboard": False}
    objectives = {"objectives": ("val_accuracy", "parameters")}
    run_search(make_config({**options, **objectives}), folder / "front")
    run_search(make_config(options), folder / "reward")
    error = run_search(make_config({**options, **objectives, "seed": 0}), folder / "error").folder
    error.update_summary(objective={"metric": "rmse", "guess": 10.0, "is_error": True})
    return {name: read_run(folder / name) for name in ("front", "reward", "error")}


def figures(found: Any) -> tuple[float, int]:
    evaluation = found.design.evaluation
    return evaluation.val_accuracy, evaluation.parameters


@pytest.mark.parametrize("name", ["front", "reward"])
@pytest.mark.parametrize("within", [0.0, 0.5, 4, 200])
def test_within_takes_the_cheapest_of_those_near_the_best(
    reports: dict[str, RunReport], name: str, within: float
) -> None:
    report = reports[name]
    known = [figures(found) for found in report.winners]
    best = max(accuracy for accuracy, _ in known)
    near = [pair for pair in known if pair[0] >= best - within / 100 - 1e-9]
    taken = Choice(within=within).of(report)
    assert figures(taken[0])[1] == min(parameters for _, parameters in near)
    assert len(taken) == len(near)
    costs = [figures(found)[1] for found in taken]
    assert costs == sorted(costs)
    told = Choice(within=within).told(report)
    assert told.startswith("the design with the fewest parameters within ")
    assert told.endswith(f"{within:g} percentage points of the best validation accuracy, {best:.4f}")


def test_within_is_in_the_unit_of_an_error(reports: dict[str, RunReport]) -> None:
    report = reports["error"]
    best = max(figures(found)[0] for found in report.winners)
    # A score of 0.01 more is an error of 0.1 less, where guessing has 10.
    taken = Choice(within=0.4).of(report)
    assert {figures(f) for f in taken} == {
        figures(f) for f in report.winners if figures(f)[0] >= best - 0.04 - 1e-9
    }
    assert "within 0.4 of the best validation rmse" in Choice(within=0.4).told(report)


def test_a_preference_takes_the_end_or_the_middle_of_the_front(reports: dict[str, RunReport]) -> None:
    report = reports["front"]
    front = [each.found for each in report.front]
    assert Choice(prefer="accuracy=1").of(report)[0] == front[0]
    assert Choice(prefer={"parameters": 2}).of(report)[0] == front[-1]
    middle = Choice(prefer="accuracy=0.5,parameters=0.5").of(report)
    assert middle[0] in front[1:-1] and len(middle) == len(front)
    assert Choice(prefer="accuracy=7,parameters=3").told(report) == (
        "the front's best by accuracy 0.7, parameters 0.3"
    )


def test_the_front_is_all_of_it_and_the_best_comes_first(reports: dict[str, RunReport]) -> None:
    report = reports["front"]
    front = Choice(front=True).of(report)
    assert front == [each.found for each in report.front] == Choice().of(report)[: len(front)]
    assert Choice().told(report) == "" and not Choice().is_made


@pytest.mark.parametrize(
    ("prefer", "told"),
    [
        ("size=1", "unknown objective of the run 'size'. Legal: parameters, val_accuracy"),
        ("0.3,0.7", "--prefer must be as accuracy=0.7,parameters=0.3, got '0.3,0.7'"),
        ("accuracy=a lot", "--prefer must be as"),
        ("accuracy=1,accuracy=2", "names accuracy twice"),
        ("accuracy=-1,parameters=2", "needs weights of 0 or more, at least one above 0, got -1, 2"),
        ("accuracy=0", "at least one above 0, got 0, 0"),
        ("accuracy=inf", "at least one above 0, got inf, 0"),
    ],
)
def test_a_preference_that_is_none_is_refused(reports: dict[str, RunReport], prefer: str, told: str) -> None:
    with pytest.raises(WrongUsage, match=told):
        weights_of(reports["front"].folder.summary, prefer)


@pytest.mark.parametrize("choice", [Choice(prefer="accuracy=1"), Choice(front=True)])
def test_a_run_without_a_front_says_how_to_find_one(reports: dict[str, RunReport], choice: Choice) -> None:
    with pytest.raises(
        WrongUsage, match=r"reward has no front: it searched by a reward; --objective, given twice"
    ):
        choice.of(reports["reward"])


def test_only_one_choice_is_made_and_only_among_a_runs_designs() -> None:
    with pytest.raises(WrongUsage, match="--prefer and --within exclude each other"):
        Choice(prefer="accuracy=1", within=1)
    with pytest.raises(WrongUsage, match="--within must be a number of 0 or more, got -1"):
        Choice(within=-1)
    with pytest.raises(WrongUsage, match=r"choose among a run's designs, and design\.json is none"):
        Choice(within=0.5).check_for_runs(Path("design.json"))
    Choice().check_for_runs(Path("design.json"))
