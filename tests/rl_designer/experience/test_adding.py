"""Finished runs become part of an experience of one's own, which more can be added to."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rl_designer.agents.experience import Experience
from rl_designer.errors import Interrupted, WrongUsage
from rl_designer.experience import adding
from rl_designer.experience.adding import OWN, add_runs
from rl_designer.experience.settings import PolicySettings
from rl_designer.experience.trainings import Trainings
from rl_designer.searches.run import SearchResult
from tests.helpers.experiences import made_trainings
from tests.helpers.searches import Fake, runner

QUICK = PolicySettings(updates=1, tasks=2, episodes=4, hidden=8)
OPTIONS = {"agent": "random", "evaluations": 12, "experience": "none"}


@pytest.fixture(autouse=True)
def on_a_small_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(adding, "shipped_trainings", lambda space: made_trainings())


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Callable[..., SearchResult]:
    return runner(monkeypatch)


def test_a_run_is_added_to_what_ships_and_the_next_one_to_that(train: Callable[..., SearchResult]) -> None:
    first = train("first", **OPTIONS)
    train("second", seed=1, **OPTIONS)
    made = add_runs([Path("first")], Path("ours/mine.npz"), QUICK)
    before = made_trainings()
    assert made.about["trainings"] == len(before) + 12
    assert made.about["families"] == sorted({OWN, *(task.family for task in before.tasks)})
    kept = Trainings.load(Path("ours/mine-trainings.npz"))
    own = kept.of(len(kept.tasks) - 1)
    assert kept.tasks[-1].content == first.folder.summary["data_content"]
    np.testing.assert_allclose(
        np.sort(kept.curve[own, -1]), np.sort([d.evaluation.score for d in first.designs]), rtol=1e-6
    )
    for runs in (["second"], ["second", "first"]):  # again is once
        add_runs([Path(run) for run in runs], Path("ours/mine.npz"), QUICK)
        assert len(Trainings.load(Path("ours/mine-trainings.npz"))) == len(before) + 24
    assert Experience.load(Path("ours/mine.npz")).about["tasks"] == len(before.tasks) + 2


def test_a_search_starts_with_what_was_added(train: Callable[..., SearchResult]) -> None:
    train("first", **OPTIONS)
    add_runs([Path("first")], Path("mine.npz"), QUICK)
    found = train(
        "next",
        **{**OPTIONS, "agent": "ppo:updates=1,final_updates=1", "experience": "mine.npz"},
    )
    assert found.summary["sources"][0]["run"].endswith("mine.npz")


def test_what_tells_nothing_is_refused_and_writes_nothing(train: Callable[..., SearchResult]) -> None:
    train("few", **{**OPTIONS, "evaluations": 4})
    train("cells", **{**OPTIONS, "space": "cell1d"})
    with pytest.raises(Interrupted):
        train("stopped", Fake(stop_at=9), seed=5, **OPTIONS)
    for run, error, message in (
        ("few", ValueError, "few has 4 distinct designs; at least 8"),
        ("cells", WrongUsage, "was on space 'cell1d'; experience is for mlp, convnet1d, convnet"),
        ("stopped", ValueError, "stopped isn't finished; finish it with `resume`"),
        ("nowhere", ValueError, "nowhere is no run folder"),
    ):
        with pytest.raises(error, match=message):
            add_runs([Path(run)], Path("mine.npz"), QUICK)
    assert not list(Path().glob("mine*"))
