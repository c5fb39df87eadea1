"""A search that comes to the end of an organisation's hours ends with what it has, and says by whose rule."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rl_designer.envs.datasets import load_dataset
from rl_designer.errors import Interrupted, OverLimit
from rl_designer.oversight.work import USED
from rl_designer.retraining.retrain import retrain
from rl_designer.retraining.settings import Plan
from rl_designer.runs.folder import RunFolder
from rl_designer.searches.run import SearchResult
from tests.helpers.command_line import Ended
from tests.helpers.searches import Fake, Slow, runner


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SearchResult]:
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch)


def test_it_ends_by_the_rule_and_the_report_says_so(
    train: Callable[..., SearchResult], command: Callable[..., Ended]
) -> None:
    Path("limits.toml").write_text("hours = 0.25")
    with pytest.MonkeyPatch.context() as patch:
        result = train("a", Slow(patch, 100), limits="limits.toml", control_share=0, evaluations=64)
    assert 0 < len(result.designs) <= 9 and result.summary["state"] == "finished"
    assert json.loads(Path("a", USED).read_text())["seconds"] <= 900
    assert result.summary["stopped_by"] == f"{Path('limits.toml').resolve()} (hours)"
    assert "Ended by a limit: " in command("report", "a").out
    page = Path("a/report.html").read_text()
    assert "Ended by a limit: " in page and "limits.toml (hours)" in page


def test_a_search_within_its_limits_was_ended_by_none(train: Callable[..., SearchResult]) -> None:
    Path("limits.toml").write_text("hours = 1\ntrainings = 16\nmax_parameters = 9_000")
    assert "stopped_by" not in train("a", limits="limits.toml").summary


def test_trainings_of_all_starts_count_and_rules_that_were_narrowed_since_hold(
    train: Callable[..., SearchResult],
) -> None:
    Path("limits.toml").write_text("trainings = 16")
    with pytest.raises(Interrupted):
        train("a", Fake(stop_at=6), limits="limits.toml")
    assert json.loads(Path("a", USED).read_text())["trainings"] == 6
    assert RunFolder.open(Path("a")).summary["used"]["trainings"] == 6
    Path("limits.toml").write_text("trainings = 8")
    with pytest.raises(OverLimit, match=r"its evaluations: .*\(trainings\) allows at most 8, .* 16"):
        train("a", resume=True)
    Path("limits.toml").write_text("trainings = 16")
    assert len(train("a", resume=True).designs) == 16


def test_where_there_is_nothing_to_train_in_full_nothing_is_asked() -> None:
    wine = load_dataset("wine")
    assert retrain([], wine, Plan.of(wine, {}, workers=0)) == []
