"""What work has used of its hours, energy and trainings adds up over its starts, whatever the clock says."""

import time
from pathlib import Path

import pytest

from rl_designer.envs.limits import Limits, Rules
from rl_designer.errors import Error, OverLimit
from rl_designer.jobs.jobs import Job
from rl_designer.oversight.work import USED, Used, Watched, Work, read_used, working


def rules(**limits: object) -> Rules:
    return Rules((("house.toml", Limits.of(limits, Path("house.toml"))),))


def test_hours_add_up_over_starts_and_a_clock_that_was_set_back_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "time", lambda: 0.0)
    file, hour = tmp_path / "new" / USED, rules(hours=1)
    with working(file, hour, "it") as work:
        now[0] += 3_000
        assert work.over() is None and work.deadline == 100 + 3_600
    now[0] = 5.0  # after another boot
    with working(file, hour, "it") as work:
        assert work.deadline == 605
        now[0] += 600
        with pytest.raises(OverLimit, match=r"it is stopped: house.toml \(hours\) allows 1; what has ended"):
            work.check()
    with pytest.raises(OverLimit, match="hours"), working(file, hour, "it"):
        pass
    assert read_used(file).seconds == 3_600


def test_what_is_known_elsewhere_counts_where_the_file_is_gone(tmp_path: Path) -> None:
    with (
        pytest.raises(OverLimit, match="hours"),
        working(tmp_path / USED, rules(hours=1), "it", before=Used(seconds=3_601)),
    ):
        pass


def test_a_damaged_count_is_told(tmp_path: Path) -> None:
    (tmp_path / USED).write_text('{"seconds": -5}')
    with (
        pytest.raises(Error, match=r"used.json is damaged: seconds"),
        working(tmp_path / USED, rules(), "it"),
    ):
        pass


def test_nothing_is_kept_without_rules_and_work_within_work_is_a_part_of_it(tmp_path: Path) -> None:
    with working(tmp_path / USED, rules(), "it") as work, working(None, rules(hours=1), "its part") as part:
        assert part is work
    assert list(tmp_path.iterdir()) == []


def test_trainings_and_engines_that_are_asked_for_are_checked_before_anything(tmp_path: Path) -> None:
    with pytest.raises(OverLimit, match=r"trainings of it: house.toml \(trainings\) allows at most 3, .* 4"):
        working(tmp_path / USED, rules(trainings=3), "it", trainings=4).__enter__()
    with pytest.raises(OverLimit, match=r"engine 'ray': house.toml \(engines\) allows local"):
        working(tmp_path / USED, rules(engines=["local"]), "it", engine="ray").__enter__()
    assert list(tmp_path.iterdir()) == []


def test_jobs_end_once_the_energy_is_used_and_what_has_ended_is_kept() -> None:
    class Kept:
        def __init__(self) -> None:
            self.results: list[object] = []

        def known(self, jobs: object) -> dict[object, object]:
            return {}

        def keep(self, job: Job, result: object) -> object:
            self.results.append(result)
            return result

        def how_to_go_on(self, done: int, total: int) -> str:
            return "again"

    journal, job = Kept(), Job("a", "a", print)
    Watched(journal, Work(None, rules(energy_kwh=1), "it", Used(energy_kwh=0.5))).keep(job, 1)
    with pytest.raises(OverLimit, match="energy_kwh"):
        Watched(journal, Work(None, rules(energy_kwh=1), "it", Used(energy_kwh=1.5))).keep(job, 2)
    assert journal.results == [1, 2]
