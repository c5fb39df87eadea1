"""Searches that start with experience: from its designs, resumable without its file; and what is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import rl_designer as rl
from rl_designer.errors import Interrupted, WrongUsage
from rl_designer.runs.folder import RunFolder
from rl_designer.searches.run import SearchResult
from tests.helpers.experiences import made_experience
from tests.helpers.searches import Fake, digests, runner

OPTIONS = {"agent": "ppo:updates=1,final_updates=1,final_share=0", "evaluations": 12, "control_share": 0.0}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made_experience().save(Path("mine.npz"))


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Callable[..., SearchResult]:
    return runner(monkeypatch)


def test_its_first_designs_are_what_sample_proposes(train: Callable[..., SearchResult]) -> None:
    found = train("run", experience="mine.npz", **OPTIONS)
    proposed = rl.sample("mnist1d", 8, experience="mine.npz")
    # Both take the most promising of many samples, of other draws.
    largest = min(len(design.architecture.layers) for design in found.designs[:4])
    assert largest >= min(len(sample.architecture.layers) for sample in proposed) - 2
    assert found.summary["sources"][0]["run"].startswith("experience ")
    nothing = train("nothing", experience="none", **OPTIONS)
    assert digests(nothing) != digests(found)
    assert "sources" not in nothing.summary


def test_a_run_that_started_with_it_goes_on_without_the_file(train: Callable[..., SearchResult]) -> None:
    with pytest.raises(Interrupted, match="stopped after 9 evaluations"):
        train("stopped", Fake(stop_at=9), experience="mine.npz", **OPTIONS)
    whole = train("whole", experience="mine.npz", **OPTIONS)
    Path("mine.npz").unlink()
    assert digests(train("stopped", resume=True)) == digests(whole)


def test_a_search_starts_with_what_ships_unless_told_otherwise(train: Callable[..., SearchResult]) -> None:
    found = train("run", **OPTIONS)
    assert RunFolder.open(Path("run")).config.experience == "shipped"
    assert found.summary["sources"][0]["run"] == "experience shipped"
    assert digests(train("named", experience="shipped", **OPTIONS)) == digests(found)
    for number, other in enumerate(({"agent": "random"}, {"space": "cell1d"})):  # which it isn't for
        run = train(str(number), **{**OPTIONS, **other})
        assert run.folder.config.experience == "none" and "sources" not in run.summary


def test_where_nothing_ships_a_search_starts_from_nothing(
    train: Callable[..., SearchResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rl_designer.experience.shipped.FOLDER", "nowhere")
    with pytest.raises(WrongUsage, match="no experience ships for space 'convnet1d'"):
        train("shipped", experience="shipped", **OPTIONS)
    found = train("run", **OPTIONS)
    assert found.folder.config.experience == "none"
    assert RunFolder.open(Path("run")).config.experience == "none"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"experience": "mine.npz", "agent": "random"},
            "--experience .* needs an agent that can start from it: ppo; use --experience none",
        ),
        ({"experience": "shipped", "space": "cell1d"}, "no experience ships for space 'cell1d'"),
        ({"experience": "mine.npz", "space": "mlp"}, "isn't for space 'mlp' as it is here"),
    ],
)
def test_what_cannot_be_started_with_is_wrong_usage_and_leaves_no_run(
    train: Callable[..., SearchResult], settings: dict[str, str], message: str
) -> None:
    with pytest.raises(WrongUsage, match=message):
        train("run", **{**OPTIONS, **settings})
    assert not Path("run").exists()


def test_designs_for_data_in_memory_keep_the_limits_and_say_what_is_expected() -> None:
    draws = np.random.default_rng(0)
    x, y = draws.normal(size=(200, 2, 40)), draws.integers(3, size=200)
    proposed = rl.sample((x, y), 5, max_parameters=5_000, experience="mine.npz")
    assert len({sample.architecture.digest for sample in proposed}) == 5
    shares = [sample.better_than for sample in proposed]
    assert all(share is not None and share > 0.8 for share in shares)  # a random design's mean is 0.5
    again = rl.sample((x, y), 5, max_parameters=5_000, experience="mine.npz")
    assert [sample.architecture for sample in again] == [sample.architecture for sample in proposed]
    assert rl.sample((x, y), 5, max_parameters=5_000, experience="mine.npz", seed=1) != proposed


def test_a_setting_that_designs_for_data_do_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="max_parameter"):
        rl.sample("mnist1d", 2, max_parameter=5, experience="mine.npz")
