"""The run folder: complete from the first moment, never overwritten, refused where it is damaged."""

import json
import os
import platform
from pathlib import Path

import pytest

from rl_designer.config import SearchConfig, make_config
from rl_designer.errors import WrongUsage
from rl_designer.files import write_text
from rl_designer.oversight.audit import head_of
from rl_designer.runs.folder import PROCESS, RunFolder, check_free, default_name, free_path


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def config() -> SearchConfig:
    return make_config({"seed": 3})


def names(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def test_what_is_created_can_be_opened(config: SearchConfig) -> None:
    made = RunFolder.create(Path("a/b"), config, {"title": "x"})
    opened = RunFolder.open(Path("a/b"))
    assert (opened.id, opened.config, opened.summary) == (made.id, config, made.summary)
    assert opened.summary["state"] == "running" and opened.summary["title"] == "x"
    assert names("a") == ["b"]
    assert names("a/b") == ["audit.jsonl", "config.toml", "summary.json"]


def test_the_store_lies_beside_the_run_and_moves_with_it(config: SearchConfig, tmp_path: Path) -> None:
    RunFolder.create(Path("a/b"), config, {})
    Path("a").rename("c")
    assert RunFolder.open(Path("c/b")).store_location == str(tmp_path / "c" / "store.sqlite")
    elsewhere = make_config({"store": "s.sqlite"})
    made, opened = RunFolder.create(Path("d"), elsewhere, {}), RunFolder.open(Path("d"))
    assert made.store_location == opened.store_location == str(tmp_path / "s.sqlite")
    assert (made.config, made.summary) == (opened.config, opened.summary)


def test_two_runs_have_different_ids(config: SearchConfig) -> None:
    assert RunFolder.create(None, config, {}).id != RunFolder.create(None, config, {}).id


def test_an_empty_folder_may_be_filled(config: SearchConfig) -> None:
    Path("a").mkdir()
    assert RunFolder.create(Path("a"), config, {}).path == Path("a")


def test_a_run_is_never_overwritten(config: SearchConfig) -> None:
    RunFolder.create(Path("a"), config, {})
    for attempt in (lambda: RunFolder.create(Path("a"), config, {}), lambda: check_free(Path("a"))):
        with pytest.raises(
            WrongUsage, match="a holds a run; go on with `rl-designer resume a`, or name another"
        ):
            attempt()
    assert names(".") == ["a"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_no_run_is_not_overwritten_either(config: SearchConfig, kind: str) -> None:
    if kind == "file":
        Path("a").touch()
    else:
        Path("a").mkdir()
        Path("a/precious").touch()
    with pytest.raises(WrongUsage, match="a exists and is no run; name another with --run"):
        RunFolder.create(Path("a"), config, {})
    assert names(".") == ["a"]


def test_a_folder_that_appears_meanwhile_is_not_overwritten(
    config: SearchConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = iter([Path("runs/a"), Path("runs/a-2")])
    RunFolder.create(Path("runs/a"), config, {})
    monkeypatch.setattr("rl_designer.runs.folder.free_path", lambda config: next(paths))
    assert RunFolder.create(None, config, {}).path == Path("runs/a-2")
    assert names("runs") == ["a", "a-2"]


def test_a_path_below_a_file_is_an_error_of_the_system(config: SearchConfig) -> None:
    Path("a").touch()
    with pytest.raises(OSError, match="a"):
        RunFolder.create(Path("a/b"), config, {})


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "mnist1d-ppo-0"),
        ({"data": "/some where/my data.csv", "agent": "ppo:warm=4", "seed": 2}, "my-data-ppo-2"),
        ({"table": "t/nas.npz", "task": "cifar10", "agent": "random"}, "nas-cifar10-random-0"),
        ({"table": "t/nas.npz", "agent": "random"}, "nas-random-0"),
        ({"data": "/"}, "ppo-0"),
    ],
)
def test_the_default_name_says_what_on_what_with_which_seed(options: dict[str, object], name: str) -> None:
    assert default_name(make_config(options)) == name
    assert free_path(make_config(options)) == Path("runs") / name


def test_a_summary_is_added_to(config: SearchConfig) -> None:
    run = RunFolder.create(Path("a"), config, {"x": 1})
    run.update_summary(state="finished", y=[1.5, None])
    assert json.loads(Path("a/summary.json").read_text()) == {
        "id": run.id,
        "state": "finished",
        "place": Path("a").stat().st_ino,
        "audit": head_of(Path("a"), None),
        "x": 1,
        "y": [1.5, None],
    }


def test_a_policy_takes_the_place_of_the_one_before(config: SearchConfig) -> None:
    run = RunFolder.create(Path("a"), config, {})
    run.save_policy(lambda folder: (folder / "old").touch())
    run.save_policy(lambda folder: (folder / "new").touch())
    assert names("a/policy") == ["new"]
    assert names("a") == ["audit.jsonl", "config.toml", "policy", "summary.json"]


def test_a_policy_that_can_not_be_saved_leaves_the_one_before(config: SearchConfig) -> None:
    def broken(folder: Path) -> None:
        raise OSError("disk full")

    run = RunFolder.create(Path("a"), config, {})
    run.save_policy(lambda folder: (folder / "old").touch())
    with pytest.raises(OSError, match="disk full"):
        run.save_policy(broken)
    assert names("a/policy") == ["old"]


def test_a_file_that_can_not_be_written_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    write_text(Path("a"), "old")
    monkeypatch.setattr(Path, "replace", lambda self, target: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_text(Path("a"), "new")
    assert names(".") == ["a"] and Path("a").read_text() == "old"


def test_what_holds_no_run_is_refused(config: SearchConfig) -> None:
    Path("empty").mkdir()
    for path, what in (
        (Path("nowhere"), "is no run folder"),
        (Path("empty"), r"holds no run \(no config.toml\)"),
    ):
        with pytest.raises(ValueError, match=f"{path} {what}; `rl-designer train --run {path}` makes one"):
            RunFolder.open(path)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.toml", "seed ="),
        ("config.toml", "sed = 1"),
        ("config.toml", "seed = -1"),
        ("summary.json", "{"),
        ("summary.json", "[]"),
        ("summary.json", "{}"),
        ("summary.json", '{"id": 3}'),
        ("summary.json", '{"id": "a", "state": "odd"}'),
        ("summary.json", '{"id": "a", "state": "running", "seconds": "many"}'),
        ("summary.json", '{"id": "a", "state": "running", "setting": []}'),
        ("summary.json", '{"id": "a", "state": "running", "control_plan": {"known": 3, "paid": null}}'),
        ("summary.json", None),
    ],
)
def test_a_damaged_run_is_refused_in_one_line(config: SearchConfig, file: str, content: str | None) -> None:
    RunFolder.create(Path("a"), config, {})
    if content is None:
        Path("a", file).unlink()
    else:
        Path("a", file).write_text(content)
    with pytest.raises(ValueError, match="the run a is damaged: ") as error:
        RunFolder.open(Path("a"))
    assert "\n" not in str(error.value) and not isinstance(error.value, WrongUsage)


def test_a_folder_says_which_process_searches_in_it_and_only_meanwhile(config: SearchConfig) -> None:
    run = RunFolder.create(Path("a"), config, {})
    with run.locked():
        said = json.loads(Path("a", PROCESS).read_text())
        assert said == {"pid": os.getpid(), "host": platform.node()}
    assert PROCESS not in names("a")


def test_a_search_whose_process_can_not_be_told_goes_on(
    config: SearchConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: object) -> None:
        raise OSError("no space left")

    run = RunFolder.create(Path("a"), config, {})
    monkeypatch.setattr("rl_designer.runs.folder.write_json", full)
    with run.locked():
        assert PROCESS not in names("a")
