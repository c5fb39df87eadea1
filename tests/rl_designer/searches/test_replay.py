"""A run that goes on is the search that it was: its config, its code, its designs and their rewards."""

import json
from pathlib import Path
from typing import Any

import pytest

from rl_designer.config import make_config
from rl_designer.errors import Stopped
from rl_designer.runs.folder import RunFolder
from rl_designer.searches import replay
from rl_designer.searches.observers import Observer
from rl_designer.searches.replay import began, changed_code, changed_settings, code_version, other_than_asked
from rl_designer.searches.search import resume_search, run_search
from rl_designer.store.evaluator import StoredEvaluator
from rl_designer.store.store import StoreError
from tests.helpers.command_line import runner
from tests.helpers.tables import synthetic_table

REWARD = "def score(evaluation):\n    return evaluation.val_accuracy\n"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    synthetic_table().save(tmp_path / "t.npz")
    Path("mine.py").write_text(REWARD)


class Stop(Observer):
    """Interrupts a search after so many designs."""

    def __init__(self, after: int) -> None:
        self.left = after

    def designed(self, design: Any, source: str) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def stopped_run(**options: Any) -> Path:
    config = {
        "table": "t.npz",
        "agent": "local-search",
        "evaluations": 20,
        "reward": "mine.py:score",
        **options,
    }
    with pytest.raises(KeyboardInterrupt):
        run_search(make_config(config), Path("a"), [Stop(6)])
    return Path("a")


def edit_summary(run: Path, **changes: Any) -> None:
    path = run / "summary.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_an_edited_config_is_told_and_not_gone_on_with() -> None:
    run = stopped_run()
    text = (run / "config.toml").read_text()
    (run / "config.toml").write_text(text.replace("seed = 0", "seed = 5").replace("= 20", "= 30"))
    with pytest.raises(ValueError, match=r"a can't go on: its config.toml is not what it was") as error:
        resume_search(run)
    assert "(evaluations: 20, now 30; seed: 0, now 5)" in str(error.value)
    assert "`rl-designer train --config a/config.toml --run NEW`" in str(error.value)
    (run / "config.toml").write_text(text)
    assert resume_search(run) is not None


def test_how_fast_it_goes_and_where_things_lie_may_be_edited() -> None:
    run = stopped_run()
    Path("t.npz").rename("moved.npz")
    text = (run / "config.toml").read_text()
    (run / "config.toml").write_text(text.replace("t.npz", "moved.npz").replace("tensorboard = true", ""))
    result = resume_search(run)
    assert result is not None and len(result.designs) == 20


def test_a_reward_that_pays_otherwise_than_before_is_told_and_nothing_is_overwritten() -> None:
    run = stopped_run()
    Path("mine.py").write_text(REWARD.replace("return", "return 2 *"))
    for _ in range(2):
        with pytest.raises(
            ValueError, match=r"a can't go on: its design 0 is paid \S+ and was paid \S+, so the reward"
        ):
            resume_search(run)
    Path("mine.py").write_text(REWARD)
    assert resume_search(run) is not None


def test_designs_that_come_out_otherwise_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from rl_designer.agents.local_search import LocalSearch

    run = stopped_run()
    begin = LocalSearch.__init__

    def otherwise(self: LocalSearch, *, seed: int = 0) -> None:
        begin(self, seed=seed + 1)

    monkeypatch.setattr(LocalSearch, "__init__", otherwise)
    with pytest.raises(ValueError, match=r"a can't go on: its design \d is another one than before"):
        resume_search(run)


def test_other_code_is_told_kept_and_gone_on_with(capsys: pytest.CaptureFixture[str]) -> None:
    run = stopped_run()
    summary = RunFolder.open(run).summary
    code = {**summary["began"]["code"], "numpy": "1.0"}
    edit_summary(run, began={**summary["began"], "code": code})
    ended = runner(capsys)("resume", "a")
    assert ended.status == 0
    assert ended.err.startswith("a began with other code (numpy: 1.0, now 2.")
    assert RunFolder.open(run).summary["code_changed"][0].startswith("numpy: 1.0")


def test_train_goes_on_with_the_same_search_that_was_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    stopped_run()
    same = ("--table", "t.npz", "--agent", "local-search", "--evaluations", 20, "--reward", "mine.py:score")
    ended = runner(capsys)("train", *same, "--run", "a", "--json", "--quiet")
    assert (ended.status, ended.json["evaluations"], ended.json["state"]) == (0, 20, "finished")


def test_a_run_from_before_any_of_this_was_kept_goes_on() -> None:
    run = stopped_run()
    summary = RunFolder.open(run).summary
    del summary["began"]
    (run / "summary.json").write_text(json.dumps(summary))
    config = RunFolder.open(run).config
    assert (changed_settings(summary, config), changed_code(summary)) == ([], [])
    assert other_than_asked(summary, config, config) == []
    assert resume_search(run) is not None


def test_a_setting_that_came_later_counts_as_its_default() -> None:
    config = make_config({"seed": 3})
    kept = began(config, config)
    del kept["config"]["failure_reward"], kept["asked"]["failure_reward"]
    assert changed_settings({"began": kept}, config.to_keep()) == []
    assert other_than_asked({"began": kept}, make_config({"seed": 3, "failure_reward": -2.0}), config) == [
        "failure_reward: -1.0, now -2.0"
    ]


def test_a_library_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_LIBRARIES", ("numpy", "no-such-library"))
    assert set(code_version()) == {"rl-designer", "its source", "python", "numpy"}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StoreError("the store s failed: disk I/O error"), "the store s failed: disk I/O error"),
        (OSError(28, "No space left on device", "a/b"), "No space left on device: a/b"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("odd"), "odd"),
    ],
)
def test_what_can_not_be_written_stops_a_search_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    run = stopped_run()

    def fails(*arguments: object) -> None:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(StoredEvaluator, "evaluate", fails)
        with pytest.raises(Stopped) as stopped:
            resume_search(run)
    assert str(stopped.value) == (
        f"{reason} (stopped after 0 evaluations; all of them are stored. "
        "Then go on with: rl-designer resume a)"
    )
    assert RunFolder.open(run).summary["state"] == "interrupted"
    assert resume_search(run) is not None
