"""`train` and `resume`, as people and scripts use them."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rl_designer.oversight.audit import AUDIT
from rl_designer.runs.folder import RunFolder
from tests.helpers.command_line import Ended, runner
from tests.helpers.tables import synthetic_table

ROOT = Path(__file__).resolve().parents[3]
QUICK_PPO = "ppo:warm=4,batch=4,updates=1,final_updates=1,final_share=0"

Command = Callable[..., Ended]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    synthetic_table().save(tmp_path / "t.npz")
    return runner(capsys)


def on_table(*more: object) -> tuple[object, ...]:
    return ("train", "--table", "t.npz", "--agent", "random", "--evaluations", 10, *more)


def names(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


# -- what comes out --------------------------------------------------------------------------------


def test_json_is_alone_on_stdout_and_keeps_its_promise(command: Command) -> None:
    ended = command(*on_table("--json", "--run", "a"))
    assert ended.status == 0
    assert set(ended.json) >= {
        "run", "agent", "evaluations", "failures", "seconds", "best", "control", "better_than_control",
        "verdict",
    }  # fmt: skip
    assert set(ended.json["best"]) >= {"digest", "layers", "reward", "val_accuracy", "parameters", "macs"}
    assert set(ended.json["control"]) >= {"agent", "evaluations", "reward"}
    assert (ended.json["run"], ended.json["agent"], ended.json["evaluations"]) == ("a", "random", 10)
    assert ended.json["better_than_control"] is None and "control" in ended.json["verdict"]
    assert "10/10 evaluations" in ended.err and "The best design" in ended.err


def test_people_get_progress_winners_the_best_design_and_the_verdict(command: Command) -> None:
    ended = command(*on_table("--agent", "regularized-evolution"))
    assert (ended.status, ended.out) == (0, "")
    for shown in (
        "A table made for a test",
        "10/10 evaluations",
        "reward",
        "decision 0",
        "first quarter",
        "random search",
    ):
        assert shown in ended.err


def test_quiet_is_quiet(command: Command) -> None:
    assert command(*on_table("--quiet")) == Ended(0, "", "")
    ended = command(*on_table("--quiet", "--json"))
    assert ended.err == "" and ended.json["evaluations"] == 10


def test_the_run_folder_has_what_a_person_takes_away(command: Command) -> None:
    assert command(*on_table("--agent", QUICK_PPO, "--quiet", "--run", "a")).status == 0
    assert set(names("a")) == {AUDIT, "config.toml", "policy", "report.html", "summary.json", "tensorboard"}
    assert names("a/policy") == ["policy.json", "policy.safetensors", "reward_model.safetensors"]
    assert [name for name in names(".") if "sqlite" in name] == ["store.sqlite"]


def test_without_tensorboard_there_are_no_scalars(command: Command) -> None:
    command(*on_table("--quiet", "--run", "a", "--no-tensorboard"))
    assert names("a") == [AUDIT, "config.toml", "report.html", "summary.json"]


def test_a_config_file_says_all_and_options_win(command: Command) -> None:
    Path("c.toml").write_text('table = "t.npz"\nagent = "random"\nevaluations = 10\nseed = 4\n')
    ended = command("train", "--config", "c.toml", "--evaluations", "6", "--json", "--run", "a")
    assert ended.json["evaluations"] == 6
    assert "seed = 4" in Path("a/config.toml").read_text()


def test_a_runs_own_config_does_it_again(command: Command) -> None:
    first = command(*on_table("--seed", 5, "--json", "--run", "a"))
    again = command("train", "--config", "a/config.toml", "--json", "--run", "b")
    assert again.json["best"] == first.json["best"]


def test_the_store_may_be_elsewhere(command: Command) -> None:
    command(*on_table("--quiet", "--run", "a", "--store", "deep/all.sqlite"))
    assert Path("deep/all.sqlite").is_file() and not Path("store.sqlite").exists()


# -- what can be typed wrong -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "unknown command 'trian'. Did you mean 'train'?"),
        (["train", "--evaluation", "3"], "No such option '--evaluation'"),
        (["train", "--evaluations", "0"], "--evaluations must be a whole number of at least 1"),
        (["train", "--evaluations", "many"], "--evaluations must be a whole number of at least 1"),
        (["train", "--max-parameters", "20 thousand"], "--max-parameters must be a whole number"),
        (["train", "--time-limit", "soon"], "--time-limit must be a duration"),
        (["train", "--seed", "-1"], "Invalid value for '--seed': -1 is not in the range 0<=x<=4294967295"),
        (["train", "--seed", "x"], "Invalid value for '--seed'"),
        (["train", "--control-share", "2"], "Invalid value for '--control-share'"),
        (["train", "--failure-reward", "nan"], "Invalid value for '--failure-reward': 'nan' is not"),
        (["train", "--table", "t.npz", "--data", "digits"], "--table and --data exclude each other"),
        (["train", "--table", "t.npz", "--epochs", "3"], "--table and --epochs exclude each other"),
        (["train", "--task", "task"], "--task needs --table"),
        (["train", "--target", "y"], "--target needs --data"),
        (
            ["train", "--no-control", "--control-share", "0.5"],
            "--no-control and --control-share exclude each other",
        ),
        (
            ["train", "--table", "t.npz", "--task", "tusk"],
            "unknown task of table 'synthetic' 'tusk'. Did you mean 'task'?",
        ),
        (["train", "--table", "t.npz", "--max-parameters", "1"], "max_parameters=1 leaves no design"),
        (["train", "--agent", "pop"], "unknown agent 'pop'. Did you mean 'ppo'?"),
        (["train", "--reward", "acuracy"], "unknown reward 'acuracy'. Did you mean 'accuracy'?"),
        (["train", "--reward", "nowhere.py:score"], "no such reward file: nowhere.py"),
        (["train", "--data", "mnist2d"], "unknown data set 'mnist2d'. Did you mean 'mnist1d'?"),
        (["train", "--space", "convnet2d"], "unknown space 'convnet2d'. Did you mean 'convnet1d'?"),
        (["train", "--space", "nowhere.toml"], "can't read the space file nowhere.toml"),
        (["train", "--config", "nowhere.toml"], "can't read the config file nowhere.toml"),
        (["train", "--run", "t.npz"], "t.npz exists and is no run"),
        (["train", "extra"], "Got unexpected extra argument"),
        (["resume"], "Missing argument 'RUN'"),
        ([*map(str, on_table("--max-macs", 5))], "max_macs=5 needs the metric"),
    ],
)
def test_wrong_usage_gets_one_line_and_status_2(command: Command, arguments: list[str], message: str) -> None:
    ended = command(*arguments, *(["--json"] if arguments[0] != "trian" else []))
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(f"Error: {message}") and ended.err.count("\n") == 1
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--table", "nowhere.npz"], "no such architecture table: nowhere.npz"),
        (["train", "--table", "c.toml"], "c.toml is no sound architecture table"),
        (["train", "--data", "nowhere.npz"], ""),
        (["train", "--data", "nowhere/images"], ""),
        ([*map(str, on_table("--store", "c.toml"))], "the store c.toml failed: file is not a database"),
        ([*map(str, on_table("--store", "nosuch://x/y"))], "the store 'nosuch://x/y' can't be opened"),
        ([*map(str, on_table("--run", "c.toml/a"))], "the store '/"),
        (["resume", "nowhere"], "nowhere is no run folder"),
        (["resume", "."], ". holds no run"),
    ],
)
def test_what_can_not_be_done_gets_one_line_and_status_1(
    command: Command, arguments: list[str], message: str
) -> None:
    Path("c.toml").write_text("seed = 1\n" * 100)
    ended = command(*arguments, "--json")
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith(f"Error: {message}") and ended.err.count("\n") == 1
    assert not Path("runs").exists() or names("runs") == ["store.sqlite"]


def test_a_wrong_setting_in_a_config_file_is_named(command: Command) -> None:
    Path("c.toml").write_text("sed = 3\n")
    ended = command("train", "--config", "c.toml")
    assert ended.status == 2
    assert ended.err.startswith("Error: c.toml: unknown setting 'sed'. Did you mean 'seed'?")


def test_a_run_is_not_overwritten_by_another_search(command: Command) -> None:
    command(*on_table("--quiet", "--run", "a"))
    ended = command(*on_table("--run", "a", "--seed", 3, "--max-macs", 10))
    assert ended.status == 2
    assert ended.err == (
        "Error: a holds another run (max_macs: None, now 10; seed: 0, now 3); go on with it as it is by "
        "`rl-designer resume a`, or name another folder with --run\n"
    )


def test_the_same_search_in_the_same_folder_is_left_as_it_is(command: Command) -> None:
    first = command(*on_table("--json", "--run", "a"))
    again = command(*on_table("--json", "--run", "a", "--no-tensorboard"))
    assert (again.status, again.json) == (0, first.json)
    assert again.err.startswith("a is finished already; nothing was left to do\n")


def test_names_from_outside_can_not_write_on_the_terminal(command: Command) -> None:
    ended = command("train", "--agent", "\x1b[31mred\nError: none")
    assert "\x1b" not in ended.err and ended.err.count("\n") == 1


def test_a_traceback_is_shown_where_it_is_asked_for(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RL_DESIGNER_DEBUG", "1")
    ended = command("train", "--agent", "pop")
    assert ended.status == 2 and "Traceback" in ended.err


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("no workers"), "no workers (RL_DESIGNER_DEBUG=1 shows where)"),
        (MemoryError(), "MemoryError (RL_DESIGNER_DEBUG=1 shows where)"),
        (ImportError("the extra `optuna` is missing"), "the extra `optuna` is missing"),
        (PermissionError(13, "Permission denied", "a/b"), "Permission denied: a/b"),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
)
def test_what_the_machine_can_not_do_gets_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def fails(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("rl_designer.searches.search.run_search", fails)
    assert command(*on_table()) == Ended(1, "", f"Error: {message}\n")


# -- resume ----------------------------------------------------------------------------------------


def test_a_finished_run_says_so_and_gives_its_summary(command: Command) -> None:
    first = command(*on_table("--json", "--run", "a"))
    ended = command("resume", "a", "--json")
    assert (ended.status, ended.json) == (0, first.json)
    assert ended.err.startswith("a is finished already")


def test_a_store_that_was_moved_can_be_named(command: Command) -> None:
    command(*on_table("--quiet", "--run", "a"))
    Path("store.sqlite").rename("moved.sqlite")
    missing = command("resume", "a")
    assert missing.status == 1 and "name the right one with --store" in missing.err
    assert command("resume", "a", "--store", "moved.sqlite", "--quiet").status == 0


def test_a_copied_run_goes_on_with_the_store_that_is_named(command: Command) -> None:
    command(*on_table("--quiet", "--run", "a"))
    shutil.copytree("a", "copies/a")
    RunFolder.open(Path("copies/a")).update_summary(state="interrupted")
    ended = command("resume", "copies/a", "--store", "store.sqlite", "--quiet", "--json")
    assert (ended.status, ended.json["evaluations"]) == (0, 10)
    assert "store.sqlite" not in names("copies")


# -- signals and real training, in processes of their own ------------------------------------------

SLOW_REWARD = (
    "import time\n\ndef score(evaluation):\n    time.sleep(0.1)\n    return evaluation.val_accuracy\n"
)


def start(folder: Path, *arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, str(ROOT / "run.py"), *map(str, arguments)]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_designs(folder: Path, count: int) -> None:
    from rl_designer.runs.reading import read_run

    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        time.sleep(0.1)
        try:
            if len(read_run(folder).designs) >= count:
                return
        except ValueError:
            continue
    pytest.fail(f"no {count} designs in time")


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_stopped_by_a_signal_goes_on(command: Command, tmp_path: Path, number: int) -> None:
    (tmp_path / "slow.py").write_text(SLOW_REWARD)
    options = on_table("--evaluations", 30, "--agent", "local-search", "--reward", "slow.py:score", "--quiet")
    process = start(tmp_path, *options, "--run", "a")
    wait_for_designs(tmp_path / "a", 3)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    if number == signal.SIGKILL:
        assert process.returncode == -number
    else:
        assert (process.returncode, out) == (130, "")
        assert "Go on with: rl-designer resume a" in err and "Traceback" not in err
    assert 3 <= len(command("report", "a", "--json").json["designs"]) < 30
    (tmp_path / "slow.py").write_text(SLOW_REWARD.replace("0.1", "0"))
    resumed = command("resume", "a", "--json")
    assert (resumed.status, resumed.json["evaluations"]) == (0, 30)
    whole = command(*options, "--run", "b", "--json")
    same = ("best", "verdict", "improvement")
    assert [resumed.json[key] for key in same] == [whole.json[key] for key in same]


def test_real_training_is_the_same_for_one_and_two_workers(command: Command) -> None:
    options = ["--max-parameters", "2k", "--epochs", "1", "--evaluations", "6", "--agent", QUICK_PPO]
    options += ["--examples", "400"]
    found = []
    for workers in ("1", "2"):
        more = ["--quiet", "--json", "--workers", workers, "--run", workers, "--store", f"{workers}.sqlite"]
        ended = command("train", *options, *more)
        assert (ended.status, ended.err) == (0, "")
        policy = Path(workers, "policy", "policy.safetensors").read_bytes()
        found.append((ended.json["best"], ended.json["verdict"], policy))
    assert found[0] == found[1]
