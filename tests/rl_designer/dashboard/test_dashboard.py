"""The dashboard without a browser: what its pages are told, samples, the command."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rl_designer.agents.policy import Policy
from rl_designer.cli import run
from rl_designer.dashboard.sample_page import MOST, Wanted, draw_samples
from rl_designer.dashboard.server import listen
from rl_designer.dashboard.watch import (
    BROKEN_OFF,
    FINISHED,
    SEARCHING,
    STOPPED,
    STOPPING,
    UNREADABLE,
    Catalogue,
    RunWatch,
    design_rows,
    key_of,
    progress,
    run_row,
    runs_in,
    seconds_of,
    tiles,
)
from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.problem import Design
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.search_spaces.registry import space_definition
from rl_designer.files import LOCK
from rl_designer.reports.run_page import run_data
from rl_designer.runs.architecture_files import read_architecture
from rl_designer.runs.folder import CONFIG, POLICY, RunFolder
from rl_designer.runs.reading import RunReport, read_run
from rl_designer.store.store import Store, StoredDesign, StoredRun
from tests.helpers.command_line import Ended, runner
from tests.helpers.dashboard import (
    announce,
    expected_rows,
    expected_tiles,
    linux,
    run_folder,
    until,
    waiting_processes,
)
from tests.helpers.policies import random_weights


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return run_folder(tmp_path)


# -- what the pages are told ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the embedded table, with a control that was computed."""
    parent = tmp_path_factory.mktemp("runs")
    search = ["--table", "mnist1d-convnet1d", "--agent", "local-search", "--evaluations", "40"]
    rest = ["--no-tensorboard", "--quiet", "--run", str(parent / "run")]
    assert run(["train", *search, *rest]) == 0
    return parent / "run"


def test_tiles_and_rows_are_what_the_store_has_at_every_moment(searched: Path) -> None:
    report = read_run(searched)
    for count in (1, 7, len(report.designs)):
        then = RunReport(report.folder, report.designs[:count], report.controls)
        shown = {name: value for name, value, _ in tiles(then, run_data(then, "run"))}
        expected = expected_tiles(then)
        assert {name: shown[name] for name in expected} == expected
        rows = [[str(r["number"]), r["accuracy"], r["parameters"]] for r in design_rows(then)]
        assert rows == expected_rows(then.designs, 200)
        assert seconds_of(RunReport(report.folder, [])) == report.folder.summary["seconds"]


def designs_of(*evaluations: Evaluation) -> list[StoredDesign]:
    architecture = Architecture("mlp", (Layer.of("dense", width=8),), True)
    return [
        StoredDesign(Design(architecture, evaluation, 0.5, number), "agent", 10.0 * (number + 1))
        for number, evaluation in enumerate(evaluations)
    ]


def test_what_failed_or_was_stopped_says_so(folder: RunFolder) -> None:
    failed, stopped = Evaluation(failure="worker\x1b died" + "x" * 300), Evaluation(0.5, stopped_at=2)
    report = RunReport(folder, designs_of(Evaluation(0.9, parameters=1_000), failed, stopped))
    ended = [row["ended"] for row in design_rows(report)]
    assert ended[0] == "stopped after 2 epochs" and ended[2] == "in full"
    assert ended[1].startswith("failed: worker\\x1b died") and len(ended[1]) < 150
    shown = {name: (value, note) for name, value, note in tiles(report, run_data(report, "run"))}
    assert shown["failed"] == ("1", "1 stopped early")
    assert shown["evaluations"] == ("3 of 4", "3 of the agent, 0 random")
    assert shown["time used"] == ("30.0 s", "until the last design")
    assert progress(report) == 0.75


def test_progress_is_of_what_runs_out_first_and_is_unknown_without_a_budget(folder: RunFolder) -> None:
    def share(**settings: Any) -> float | None:
        config = folder.config.changed(**settings)
        return progress(
            RunReport(RunFolder(folder.path, config, folder.summary), designs_of(Evaluation(0.9)))
        )

    assert share(time_limit=20.0) == 0.5 and share(time_limit=1.0) == 1.0
    assert share(evaluations=None) is None
    folder.summary["state"] = "finished"
    assert share(evaluations=None) == 1.0


def test_a_run_is_read_again_only_when_something_was_written(searched: Path) -> None:
    watch = RunWatch(searched)
    view = watch.look()
    assert view.state == FINISHED and view.problem == "" and view.report is not None
    assert watch.look().report is view.report
    assert watch.figures(view.report) is watch.figures(view.report)
    folder = view.report.folder
    folder.update_summary(verdict="another")
    again = watch.look().report
    assert again is not None and again.folder.summary["verdict"] == "another"


@linux
def test_states_follow_the_folder_and_the_process(folder: RunFolder) -> None:
    watch = RunWatch(folder.path)
    assert watch.look().state == BROKEN_OFF  # it says that it is running, and no process is
    with waiting_processes() as start:
        with Store(folder.store_location) as store:
            store.add_run(StoredRun(folder.id, str(folder.path), "ppo", "s", "e"))
            (folder.path / LOCK).touch()
            announce(folder, pid=start(folder.path / LOCK))
            assert watch.look().state == SEARCHING
            found = designs_of(Evaluation(0.9))[0].design
            store.add_evaluations({(found.architecture.digest, "e"): found.evaluation})
            store.add_designs(folder.id, "agent", [(found, "e", 1.0)])
            report = watch.look().report
            assert report is not None and len(report.designs) == 1
        with pytest.raises(ValueError, match="a search is going on in a run already"):
            watch.resume()
        watch.stop()
        assert until(lambda: watch.look().state != STOPPING) is True
    folder.update_summary(state="interrupted")
    assert watch.look().state == STOPPED
    (folder.path / CONFIG).write_text("evaluations = 0")
    view = watch.look()
    assert view.state == UNREADABLE and "is damaged" in view.problem and view.report is None
    assert run_row("k", view)["about"] == view.problem


@linux
def test_a_search_is_asked_to_stop_once(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second time would end it at once."""
    watch, asked = RunWatch(folder.path), []
    monkeypatch.setattr(
        "rl_designer.dashboard.watch.stop_search", lambda run: asked.append(run) or os.getpid()
    )
    with folder.locked():
        watch.stop()
        assert watch.look().state == STOPPING
        with pytest.raises(ValueError, match="it has been asked to stop"):
            watch.stop()
    assert asked == [folder.path]


def test_runs_are_found_by_keys_of_what_is_there_and_by_nothing_else(
    folder: RunFolder, searched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = folder.path.parent
    (parent / "no run").mkdir()
    (parent / ".hidden").mkdir()
    (parent / ".hidden" / CONFIG).touch()
    assert runs_in(parent) == [folder.path] and runs_in(parent / "nowhere") == []
    all_of = Catalogue(parent=parent)
    assert list(all_of.watches()) == [key_of(folder.path)]
    assert all_of.find(key_of(folder.path)) is all_of.find(key_of(folder.path)) is not None
    assert all_of.find("../a run") is None and all_of.find(key_of(searched)) is None
    given = Catalogue([searched, folder.path])
    assert [watch.name for watch in given.watches().values()] == ["run", "a run"]


def test_a_line_among_others_has_the_best_and_what_it_took(searched: Path) -> None:
    row = run_row("k", RunWatch(searched).look())
    report = read_run(searched)
    best = report.winners[0].design
    assert (row["reward"], row["parameters"]) == (best.reward, best.evaluation.parameters)
    assert row["evaluations"] == len(report.designs) and row["found"] == best.index + 1


# -- samples -------------------------------------------------------------------------------------------


@pytest.fixture
def trained(folder: RunFolder) -> RunFolder:
    """A run with a policy."""
    space = LayerSpace(space_definition("mlp"), (13,), 3)
    (folder.path / POLICY).mkdir()
    Policy(random_weights(space, hidden=4), space.name, {"agent": "ppo"}).save(folder.path / POLICY)
    folder.update_summary(state="finished")
    return folder


def test_samples_keep_their_limit_and_each_can_be_taken_away(trained: RunFolder, tmp_path: Path) -> None:
    samples = draw_samples(trained.path, None, Wanted(5, max_parameters="1k"))
    assert len(samples.rows) == len(samples.files) == 5 and samples.no_files == ""
    for row, content in zip(samples.rows, samples.files, strict=True):
        (tmp_path / "architecture.json").write_bytes(content)
        file = read_architecture(tmp_path / "architecture.json")
        assert (file.input_shape, file.num_classes) == ((13,), 3)
        assert int(row["parameters"].replace(",", "")) <= 1_000 and row["seen"] == "no"
    again = draw_samples(trained.path, None, Wanted(5, max_parameters="1k", seed=1))
    assert again.files != samples.files
    assert draw_samples(trained.path, str(tmp_path / "none"), Wanted(1)).rows[0]["seen"] == "–"


def test_where_there_is_no_policy_it_is_told(folder: RunFolder, searched: Path) -> None:
    with pytest.raises(ValueError, match="has no policy yet"):
        draw_samples(folder.path, None, Wanted())
    with pytest.raises(ValueError, match="leaves no policy"):
        draw_samples(searched, None, Wanted())


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Wanted(None), "Designs must be a number"),
        (Wanted(MOST + 1), f"Designs must be a whole number from 1 to {MOST}, got {MOST + 1}"),
        (Wanted(1.5), "Designs must be a whole number"),
        (Wanted(True), "Designs must be a number"),
        (Wanted(temperature=0), "Temperature must be more than 0 and at most 100, got 0"),
        (Wanted(temperature=float("nan")), "Temperature must be more than 0"),
        (Wanted(max_parameters="many"), "At most parameters must be a whole number of at least 1"),
        (Wanted(max_macs="-1"), "At most multiply-adds must be a whole number"),
        (Wanted(max_ram="much"), "At most RAM must be an amount of memory"),
    ],
)
def test_a_wish_that_can_not_be_is_told_by_its_field(wanted: Wanted, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wanted.draw()


# -- the command ---------------------------------------------------------------------------------------


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    return runner(capsys)


def test_without_the_extra_one_line_says_what_brings_it(
    command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rl_designer.commands.dashboard.find_spec", lambda name: None)
    ended = command("dashboard", "--no-open")
    assert ended.status == 1 and ended.err.count("\n") == 1
    assert "nicegui and psutil" in ended.err and "pip install 'rl-designer[dashboard]'" in ended.err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("nowhere",), 1, "nowhere is no run folder"),
        (("--port", "0"), 2, "--port"),
        (("--host", "0.0.0.0"), 2, "No such option"),
    ],
)
def test_mistakes_are_one_line(
    command: Callable[..., Ended], arguments: tuple[str, ...], status: int, message: str
) -> None:
    ended = command("dashboard", "--no-open", *arguments)
    assert ended.status == status and message in ended.err and ended.err.count("\n") == 1


def test_a_port_that_is_taken_is_told(command: Callable[..., Ended], searched: Path) -> None:
    with listen(None) as taken:
        ended = command("dashboard", "--no-open", "--port", taken.getsockname()[1], searched)
    assert ended.status == 1 and "name another with --port" in ended.err
