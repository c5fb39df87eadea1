"""A run's log says who did what; whatever of it was changed is found, a crash costs no line, and what can't
be written is told.
"""

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rl_designer.errors import Error, Interrupted, Stopped
from rl_designer.oversight import audit
from rl_designer.oversight.audit import AUDIT, HEAD, digest_of, digests_of, entries_of, record, user, verify
from rl_designer.oversight.inspection import inspected
from rl_designer.runs.folder import SUMMARY, RunFolder
from rl_designer.searches.run import SearchResult
from tests.helpers.command_line import Ended
from tests.helpers.scripts import script
from tests.helpers.searches import Fake, runner


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SearchResult]:
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch)


def actions(run: str = "a") -> list[str]:
    folder = RunFolder.open(Path(run))
    return [entry.action for entry in entries_of(folder.path, folder.summary)]


def test_a_search_logs_its_start_its_stops_and_its_end_each_with_who_and_what(
    train: Callable[..., SearchResult],
) -> None:
    with pytest.raises(Interrupted):
        train("a", Fake(stop_at=5), evaluations=8)
    assert actions() == ["started", "stopped"]
    train("a", resume=True)
    assert actions() == ["started", "stopped", "resumed", "finished"]
    folder = RunFolder.open(Path("a"))
    start, stop, _, end = entries_of(folder.path, folder.summary)
    assert start.who == user() and start.facts["id"] == folder.id and "torch" in start.facts["versions"]
    assert stop.facts["why"] == "asked to stop"
    assert end.facts["best"] == folder.summary["best"]["digest"] and "config.toml" in end.facts["files"]
    assert inspected(folder).problems == inspected(folder).notes == []


def test_each_line_has_the_digest_of_the_line_before(train: Callable[..., SearchResult]) -> None:
    train("a", evaluations=8)
    first, second = Path("a", AUDIT).read_bytes().splitlines()
    assert json.loads(second)["before"] == digest_of(first)


def test_of_random_changes_all_are_found_but_those_at_the_very_end_of_an_unfinished_run() -> None:
    found = script("oversight").measured(210, seed=3)
    assert found["found"] + found["end"] == 210 and 0 < found["end"] < 15
    assert not any("end" in count for name, count in found["by_way"].items() if name.endswith(", finished"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda run: (run / "weights").write_text("others"), "weights is not what it was"),
        (lambda run: (run / "weights").unlink(), "weights is gone"),
        (lambda run: (run / "config.toml").write_text(""), "config.toml is not what it was"),
        (lambda run: other_best(run), "the summary's best design is not the one"),
        (lambda run: (run / AUDIT).unlink(), "the log is gone; it had 3 lines"),
        (lambda run: (run / AUDIT).write_bytes(b""), "line 1 isn't whole"),
    ],
)
def test_what_the_log_names_must_be_what_it_was(
    change: Callable[[Path], object], said: str, train: Callable[..., SearchResult]
) -> None:
    train("a", evaluations=8)
    folder = RunFolder.open(Path("a"))
    Path("a", "weights").write_text("some")
    folder.log("retrained", files=digests_of(folder.path, [Path("a", "weights")]))
    change(Path("a"))
    folder.summary = json.loads(Path("a", SUMMARY).read_text())
    [problem] = inspected(folder).problems
    assert said in problem


def other_best(run: Path) -> None:
    summary = json.loads((run / SUMMARY).read_text())
    summary["best"]["digest"] = "another"
    (run / SUMMARY).write_text(json.dumps(summary))


def test_the_command_tells_the_first_line_that_was_changed(
    train: Callable[..., SearchResult], command: Callable[..., Ended]
) -> None:
    train("a", evaluations=8)
    done = command("audit", "a")
    assert done.status == 0 and "All 2 lines are as they were written" in done.out
    path = Path("a", AUDIT)
    path.write_text(path.read_text().replace('"finished"', '"stopped"'))
    done = command("audit", "a", "--json")
    assert done.status == 1 and done.json["first_bad"] == 2 and not done.json["whole"]
    assert "Error: a is not what its log says: line 2 was changed" in done.err


def test_a_line_that_a_crash_has_torn_stays_and_the_next_says_so(tmp_path: Path) -> None:
    record(tmp_path, "started")
    whole = (tmp_path / AUDIT).read_bytes()
    (tmp_path / AUDIT).write_bytes(whole + b'{"action":"res')
    assert verify(tmp_path, {}).first_bad == 2
    record(tmp_path, "resumed")
    found = verify(tmp_path, {})
    assert [entry.action for entry in found.entries] == ["started", "mended", "resumed"]
    assert not found.problems and (tmp_path / AUDIT).read_bytes().startswith(whole)
    content = (tmp_path / AUDIT).read_bytes()
    (tmp_path / AUDIT).write_bytes(content.replace(b'"res\n', b'"rex\n'))
    assert verify(tmp_path, {}).first_bad == 2


def test_what_was_cut_off_is_not_forgotten_as_more_is_written(train: Callable[..., SearchResult]) -> None:
    train("a", evaluations=8)
    path = Path("a", AUDIT)
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    RunFolder.open(Path("a")).log("exported", design="b")
    assert "line 2 was cut off or is another one" in inspected(RunFolder.open(Path("a"))).problems[0]


def test_a_run_whose_log_cannot_be_written_says_so(
    train: Callable[..., SearchResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = audit._append

    def full(path: Path, content: bytes, **more: Any) -> None:
        if b'"finished"' in content:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, content, **more)

    monkeypatch.setattr(audit, "_append", full)
    with pytest.raises(Stopped, match=r"No space left on device: .*audit.jsonl .*Then go on with"):
        train("a", evaluations=8)
    assert RunFolder.open(Path("a")).summary["state"] == "interrupted"
    monkeypatch.undo()


def test_a_run_of_before_there_were_logs_has_none_and_nothing_is_said_against_it(
    train: Callable[..., SearchResult],
) -> None:
    train("a", evaluations=8)
    folder = RunFolder.open(Path("a"))
    Path("a", AUDIT).unlink()
    del folder.summary[HEAD]
    found = inspected(folder)
    assert not found.problems and "has no log" in found.notes[0]


def test_entries_of_a_changed_log_are_not_believed(train: Callable[..., SearchResult]) -> None:
    train("a", evaluations=8)
    path = Path("a", AUDIT)
    path.write_bytes(path.read_bytes().replace(b'"host"', b'"hosT"', 1))
    with pytest.raises(Error, match="can't be believed: line 1 was changed"):
        actions()


def test_a_link_in_the_place_of_a_log_leads_nobody_to_write_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("mine\n")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / AUDIT).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        record(tmp_path / "run", "exported")
    assert (tmp_path / "elsewhere").read_text() == "mine\n"
