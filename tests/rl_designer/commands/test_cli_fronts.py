"""A front on the command line: searched for with real trainings, sampled from, retrained, exported, used."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import rl_designer as rl
from rl_designer.cli import run
from rl_designer.envs.workers.local import InProcess, LocalEngine
from tests.helpers.command_line import Ended, runner

Command = Callable[..., Ended]

OBJECTIVES = ("--objective", "val_accuracy", "--objective", "parameters")
PPO = "ppo:updates=2,final_updates=12,final_share=0"
QUICK = ("--epochs", "1", "--seeds", "1", "--no-rivals", "--quiet")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a run on data, of designs that were trained, and one on a table."""
    folder = tmp_path_factory.mktemp("fronts")
    generator = np.random.default_rng(0)
    y = np.arange(60) % 3
    x = generator.normal(size=(60, 1, 12)) + 2 * y[:, None, None]
    np.savez(folder / "data.npz", x=x.astype(np.float32), y=y)
    np.savez(folder / "new.npz", x=x[:5].astype(np.float32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalEngine, "pool", lambda engine, workload: InProcess(workload))
        patch.chdir(folder)
        training = ("--data", "data.npz", "--max-parameters", "2k", "--epochs", "2", "--folds", "1")
        search = ("--agent", "nsga-ii", "--evaluations", "12", "--quiet")
        assert run(["train", *training, *search, *OBJECTIVES, "--run", "trained"]) == 0
        table = ("--table", "mnist1d-convnet1d", "--agent", PPO, "--evaluations", "12", "--quiet")
        assert run(["train", *table, *OBJECTIVES, "--run", "table"]) == 0
        yield folder


@pytest.fixture
def command(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(here)
    return runner(capsys)


def test_the_front_is_a_table_and_stands_in_json(command: Command) -> None:
    shown = command("report", "trained").out
    page = Path("trained/report.html").read_text()
    assert "Course of the front" in page and "of the hypervolume of all designs together" in page
    front = rl.load_run("trained").front
    assert f"The front: {len(front):,} design" in shown and "val. accuracy  parameters  found at" in shown
    told = command("report", "trained", "--json").json["runs"][0]
    assert [entry["digest"] for entry in told["front"]] == [each.digest for each in front]
    assert command("resume", "trained", "--json", "--quiet").json["front"] == told["front"]


def test_one_design_of_it_is_retrained_exported_and_used(command: Command) -> None:
    run_ = rl.load_run("trained")
    smallest = min(run_.front, key=lambda each: each.figures["parameters"])
    told = "wasn't trained in full; do so with: rl-designer retrain trained --within 100"
    assert told in command("predict", "trained", "new.npz", "--within", "100").err
    retrained = command("retrain", "trained", "--within", "100", *QUICK, "--json").json
    assert [design["digest"] for design in retrained["designs"]] == [smallest.digest]
    ended = command("export", "trained", "--within", "100", "--format", "python", "--output", "out", "--json")
    assert ended.json["digest"] == smallest.digest and ended.json["trained"] is True
    assert "the design with the fewest parameters within 100 percentage points" in ended.err
    assert command("predict", "trained", "new.npz", "--within", "100").out.count("\n") == 6
    assert len(rl.predict("trained", "new.npz", prefer={"parameters": 1})) == 5
    refused = command("export", "out", "--within", "100")
    assert refused.status != 0


def test_all_of_it_is_retrained(command: Command) -> None:
    front = rl.load_run("trained").front
    retrained = command("retrain", "trained", "--front", *QUICK, "--json").json["designs"]
    assert [design["digest"] for design in retrained] == [each.digest for each in front]
    refused = command("retrain", "trained", "--front", "--within", "1")
    assert refused.status == 2 and "--within and --front exclude each other" in refused.err


def test_designs_are_sampled_for_a_preference(command: Command) -> None:
    large, small = (
        command("sample", "table", "-n", 30, "--prefer", prefer, "--json")
        for prefer in ("accuracy=2", "parameters=1")
    )
    assert large.json["preference"] == {"val_accuracy": 1.0, "parameters": 0.0}
    assert "wanted: accuracy 1, parameters 0" in large.err
    sizes = [np.mean([a["parameters"] for a in each.json["architectures"]]) for each in (large, small)]
    assert sizes[0] > sizes[1]
    assert "preference" not in command("sample", "table", "-n", 2, "--json").json
    [sample] = rl.sample("table", 1, prefer={"accuracy": 0.5, "parameters": 0.5})
    assert sample.architecture.complete


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sample", "table", "--prefer", "size=1"], "unknown objective of the run 'size'. Legal: parameters"),
        (["sample", "--data", "wine", "--prefer", "accuracy=1"], "--prefer is for the policy of a RUN"),
        (["export", "new.npz", "--within", "1"], "choose among a run's designs, and new.npz is none"),
        (["retrain", "trained", "--within", "-1"], "--within"),
        (
            ["train", "--objective", "val_accuracy", "--table", "mnist1d-convnet1d"],
            "2 or 3 objectives, got 1",
        ),
        (["train", "--config", "theirs.toml"], "names the objectives mine.py:f.*yourself with --objective"),
    ],
)
def test_what_makes_no_sense_is_refused(command: Command, words: list[str], told: str) -> None:
    Path("theirs.toml").write_text('objectives = ["val_accuracy", "mine.py:f"]\n')
    ended = command(*words)
    assert ended.status == 2
    assert not ended.out
    assert re.search(told, ended.err)
