"""Whole searches that stop trainings: done again, gone on with, and compared with a control."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from rl_designer.config import make_config
from rl_designer.runs.reading import read_run
from rl_designer.runs.verdict import judge_by_designs
from rl_designer.searches.run import SearchResult
from rl_designer.searches.search import resume_search, run_search


def trained(name: str, **options: Any) -> SearchResult:
    settings = {
        "data": "wine",
        "epochs": 4,
        "folds": 2,
        "evaluations": 24,
        "max_parameters": 500,
        "agent": "random:batch=4",
    }
    return run_search(make_config({**settings, "tensorboard": False, **options}), Path(name))


@pytest.fixture(scope="module")
def random(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    """A random search by one worker, with a store of its own."""
    folder = tmp_path_factory.mktemp("random")
    return trained(str(folder / "run"), workers=1, store=str(folder / "store.sqlite"))


def stops(result: SearchResult) -> list[tuple[str, float, int | None]]:
    return [(d.architecture.digest, d.reward, d.evaluation.stopped_at) for d in result.designs]


class Cut:
    """Stops a search after so many evaluations."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None

    def evaluated(self, *arguments: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def test_a_run_stops_the_same_designs_again_for_any_workers_and_reports_them(
    random: SearchResult,
) -> None:
    one = random
    assert one.folder.config.training.fidelity == "quarters"
    two = trained("two", workers=2, store="other.sqlite")
    assert stops(one) == stops(two)
    stopped = [design for design in one.designs if design.evaluation.stopped_at is not None]
    assert stopped
    assert one.summary["stopped_early"] == len(stopped)
    assert (one.summary["failures"], one.summary["evaluations"]) == (0, 24)
    assert one.summary["best"]["stopped_at"] is None
    report = read_run(one.folder.path)
    assert [found.design for found in report.designs] == one.designs
    assert len(report.winners) == 24 - len(stopped)


def test_a_run_goes_on_after_a_stop_with_the_same_designs_stopped(random: SearchResult) -> None:
    cut = Cut(12)
    with pytest.raises(KeyboardInterrupt):
        run_search(random.folder.config.changed(store="cut.sqlite"), Path("cut"), [cut])
    resumed = resume_search(Path("cut"))
    assert resumed is not None
    assert stops(resumed) == stops(random)


def test_the_control_is_trained_in_full_and_survivors_of_random_search_are_no_control_of_others(
    random: SearchResult,
) -> None:
    shutil.copy(random.folder.path.parent / "store.sqlite", "copy.sqlite")
    own: dict[str, Any] = {"workers": 1, "store": "copy.sqlite"}
    result = trained("evolved", **own, agent="regularized-evolution:population=8,sample=4")
    assert len(result.controls) == 6
    assert all(design.evaluation.in_full for design in result.controls)
    later = trained("later", **own, agent="local-search", seed=1)
    assert later.verdict.control is not None
    assert later.verdict.control.evaluations == 12  # six from before, six of its own


def test_a_stopped_design_does_not_beat_the_control() -> None:
    verdict = judge_by_designs("mine", [-float("inf")] * 30 + [0.8], [0.7] * 10, 10)
    assert verdict.better is None
