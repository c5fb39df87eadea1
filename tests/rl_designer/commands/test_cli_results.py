"""`sample`, `report` and `list`."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rl_designer.cli import run
from rl_designer.envs.architecture import Architecture
from rl_designer.runs.folder import RunFolder
from tests.helpers.command_line import Ended, runner
from tests.helpers.tables import synthetic_table

QUICK_PPO = "ppo:warm=4,batch=4,updates=1,final_updates=1,final_share=0"

Command = Callable[..., Ended]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs on a table: `ppo` with a policy, `random` without."""
    folder = tmp_path_factory.mktemp("trained")
    synthetic_table(missing=0.05).save(folder / "t.npz")
    for name, agent in (("ppo", QUICK_PPO), ("random", "random")):
        options = [
            "--table",
            folder / "t.npz",
            "--agent",
            agent,
            "--evaluations",
            20,
            "--run",
            folder / name,
            "--quiet",
        ]
        assert run(["train", *map(str, options)]) == 0
    return folder


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture[str], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    shutil.copytree(trained, tmp_path / "w")
    monkeypatch.chdir(tmp_path / "w")
    return runner(capsys)


# -- a run's folder ---------------------------------------------------------------------------------


SAME = ("train", "--table", "t.npz", "--agent", QUICK_PPO, "--evaluations", "20")


@pytest.mark.parametrize(
    "arguments",
    [
        (*SAME, "--run", "ppo"),
        ("resume", "ppo"),
        ("sample", "ppo"),
        ("report", "ppo"),
        ("retrain", "ppo"),  # there is nothing to train on a table, which the folder says
    ],
    ids=lambda arguments: str(arguments[0]),
)
@pytest.mark.parametrize("state", ["finished", "interrupted"])
def test_a_command_opens_a_runs_folder_once(
    command: Command, trained: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], state: str
) -> None:
    arguments = tuple(str(trained / "t.npz") if given == "t.npz" else given for given in arguments)
    RunFolder.open(Path("ppo")).update_summary(state=state)
    opened: list[Path] = []
    really = RunFolder.open

    def counted(path: Path) -> RunFolder:
        opened.append(path)
        return really(path)

    monkeypatch.setattr(RunFolder, "open", counted)
    ended = command(*arguments, "--store", "store.sqlite", "--quiet", "--json")
    assert ended.status == (1 if arguments[0] == "retrain" else 0)
    assert opened == [Path("ppo")]


# -- sample ----------------------------------------------------------------------------------------


def test_samples_have_what_scripts_are_promised(command: Command) -> None:
    ended = command("sample", "ppo", "-n", 50, "--json")
    assert (ended.status, ended.err) == (0, "")
    assert set(ended.json) >= {"architectures", "distinct", "entropy"}
    samples = ended.json["architectures"]
    assert len(samples) == 50
    for sample in samples:
        assert set(sample) >= {
            "digest", "layers", "log_probability", "parameters", "macs", "seen", "predicted_reward",
        }  # fmt: skip
        assert sample["log_probability"] <= 0 and sample["parameters"] > 0 and sample["macs"] is None
    assert ended.json["distinct"] == len({sample["digest"] for sample in samples})
    mean = np.mean([sample["log_probability"] for sample in samples])
    assert ended.json["entropy"] == pytest.approx(-mean)


def test_seen_says_whether_the_run_evaluated_it(command: Command) -> None:
    known = {design["digest"] for design in command("report", "ppo", "--json").json["designs"]}
    samples = command("sample", "ppo", "-n", 50, "--temperature", 3, "--json").json["architectures"]
    assert [sample["seen"] for sample in samples] == [sample["digest"] in known for sample in samples]
    assert {sample["seen"] for sample in samples} == {True, False}


def test_the_same_seed_gives_the_same_samples(command: Command) -> None:
    first, second, other = (command("sample", "ppo", "--json", "--seed", seed) for seed in (1, 1, 2))
    assert first == second != other


def test_deterministic_samples_are_all_alike(command: Command) -> None:
    ended = command("sample", "ppo", "-n", 5, "--deterministic", "--json")
    assert (ended.json["distinct"], ended.json["entropy"]) == (1, 0.0)
    assert len(ended.json["architectures"]) == 5


def test_unique_samples_are_all_different(command: Command) -> None:
    ended = command("sample", "ppo", "-n", 10, "--unique", "--json")
    assert ended.json["distinct"] == len(ended.json["architectures"]) == 10


def test_unique_says_when_there_are_fewer(command: Command) -> None:
    ended = command("sample", "ppo", "-n", 1000, "--unique", "--json")
    found = ended.json["distinct"]
    assert ended.status == 0 and 10 <= found <= 72  # as many as there are
    assert ended.err == f"only {found} distinct designs were found; a higher --temperature finds more\n"
    alike = command("sample", "ppo", "-n", 3, "--unique", "--deterministic", "--json", "--quiet")
    assert (alike.json["distinct"], alike.err) == (1, "")


def test_a_higher_temperature_is_more_various(command: Command) -> None:
    cold, hot = (command("sample", "ppo", "-n", 200, "--json", "--temperature", t).json for t in (0.2, 5))
    assert cold["distinct"] < hot["distinct"] and cold["entropy"] < hot["entropy"]


def test_limits_hold_for_every_sample(command: Command) -> None:
    samples = command("sample", "ppo", "-n", 50, "--max-parameters", 120, "--json").json["architectures"]
    assert max(sample["parameters"] for sample in samples) <= 120


def test_people_get_a_table(command: Command) -> None:
    ended = command("sample", "ppo", "-n", 3)
    assert (ended.status, ended.err) == (0, "")
    assert "log-probability" in ended.out and "option" in ended.out and "nats" in ended.out


def test_a_run_without_its_store_can_be_sampled(command: Command) -> None:
    Path("store.sqlite").unlink()
    ended = command("sample", "ppo", "--json")
    assert {sample["seen"] for sample in ended.json["architectures"]} == {None}
    assert ended.err.startswith("which designs were seen before is not known: no such store")
    assert command("sample", "ppo", "--store", "nowhere.sqlite").status == 1
    assert not Path("store.sqlite").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["random"], 1, "the agent 'random' of random leaves no policy"),
        (["nowhere"], 1, "nowhere is no run folder"),
        (["ppo", "-n", "0"], 2, "-n must be a whole number of at least 1"),
        (["ppo", "--temperature", "0"], 2, "Invalid value for '--temperature': 0.0 is not in the range x>0"),
        (["ppo", "--temperature", "nan"], 2, "Invalid value for '--temperature': 'nan' is not"),
        (
            ["ppo", "--temperature", "2", "--deterministic"],
            2,
            "--deterministic and --temperature exclude each other",
        ),
        (["ppo", "--seed", "-1"], 2, "Invalid value for '--seed'"),
        (["ppo", "--max-parameters", "1"], 2, "max_parameters=1 leaves no design"),
    ],
)
def test_what_can_not_be_sampled_gets_one_line(
    command: Command, arguments: list[str], status: int, message: str
) -> None:
    ended = command("sample", *arguments, "--json")
    assert (ended.status, ended.out) == (status, "")
    assert ended.err.startswith(f"Error: {message}") and ended.err.count("\n") == 1


def test_a_policy_that_is_missing_or_damaged_is_refused(command: Command) -> None:
    Path("ppo/policy/policy.safetensors").write_bytes(b"damaged")
    damaged = command("sample", "ppo")
    assert damaged.status == 1 and "policy.safetensors" in damaged.err
    shutil.rmtree("ppo/policy")
    missing = command("sample", "ppo")
    assert missing.err == "Error: ppo has no policy yet; finish it with: rl-designer resume ppo\n"


# -- report ----------------------------------------------------------------------------------------


def test_a_report_has_every_design_and_the_best(command: Command) -> None:
    ended = command("report", "ppo", "--json")
    assert (ended.status, ended.err) == (0, "")
    designs = ended.json["designs"]
    assert [design["index"] for design in designs] == list(range(20))
    for design in designs:
        assert set(design) >= {"index", "digest", "reward", "val_accuracy", "parameters", "macs", "failure"}
        layers = {"space": "table:synthetic", "layers": design["layers"], "complete": True}
        assert Architecture.from_dict(layers).digest == design["digest"]
    trained = [design for design in designs if design["failure"] is None]
    assert ended.json["best"] == max(trained, key=lambda design: design["reward"])
    assert ended.json["runs"][0]["agent"] == "ppo"


def test_several_runs_make_one_report(command: Command) -> None:
    ended = command("report", "ppo", "random", "--json")
    assert len(ended.json["designs"]) == 40
    assert [run["run"] for run in ended.json["runs"]] == ["ppo", "random"]
    assert ended.json["best"]["reward"] == max(design["reward"] for design in ended.json["designs"])


def test_people_get_winners_a_drawing_and_the_verdict(command: Command) -> None:
    ended = command("report", "ppo", "random")
    assert (ended.status, ended.err) == (0, "The page: report.html\n")
    for shown in (
        "ppo: ppo:warm=4",
        "finished, 20 evaluations",
        "found at",
        "The best design",
        "first quarter",
        "ppo: ",
    ):
        assert shown in ended.out
    assert "Random search is the control itself" in ended.out


def test_a_run_that_never_got_anywhere_can_be_reported(command: Command) -> None:
    from rl_designer.config import make_config
    from rl_designer.runs.folder import RunFolder

    RunFolder.create(Path("new"), make_config({}), {"title": "t\x1b[1m"})
    ended = command("report", "new")
    assert ended.status == 0
    assert "new: ppo on t\\x1b[1m, running, 0 evaluations" in ended.out and "No design" in ended.out
    assert command("report", "new", "--json").json["best"] is None


def test_a_run_in_which_everything_failed_says_why(command: Command) -> None:
    synthetic_table(missing=1.0).save(Path("none.npz"))
    command(
        "train", "--table", "none.npz", "--agent", "random", "--evaluations", 5, "--run", "failed", "--quiet"
    )
    ended = command("report", "failed")
    assert "All 5 designs failed; the first: the table has no value" in ended.out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["nowhere"], 1, "nowhere is no run folder"),
        ([], 2, "Missing argument 'RUN...'"),
        (
            ["ppo", "--store", "nowhere.sqlite"],
            1,
            "no such store: nowhere.sqlite; name the right one with --store",
        ),
    ],
)
def test_what_can_not_be_reported_gets_one_line(
    command: Command, arguments: list[str], status: int, message: str
) -> None:
    ended = command("report", *arguments)
    assert (ended.status, ended.out) == (status, "")
    assert ended.err.startswith(f"Error: {message}") and ended.err.count("\n") == 1


def test_a_store_with_damaged_contents_is_refused(command: Command) -> None:
    for column, table in (("evaluation", "evaluations"), ("architecture", "designs")):
        for content in ("{", "[]", '{"layers": 3}', "3"):
            shutil.copy("store.sqlite", "copy.sqlite")
            with sqlite3.connect("copy.sqlite") as connection:
                connection.execute(f"UPDATE {table} SET {column} = ?", (content,))
            ended = command("report", "ppo", "--store", "copy.sqlite")
            if ended.status == 0:  # an evaluation without any known field is one of which nothing is known
                assert (column, content) == ("evaluation", '{"layers": 3}')
            else:
                assert ended.status == 1 and ended.err.startswith("Error: the store holds a damaged ")


def test_a_summary_that_does_not_name_the_space_is_refused(command: Command) -> None:
    summary = json.loads(Path("ppo/summary.json").read_text())
    for setting in ({}, {"space": 3}, {"space": {"name": "x"}}):
        Path("ppo/summary.json").write_text(json.dumps({**summary, "setting": setting}))
        ended = command("sample", "ppo")
        assert ended.status == 1 and ended.err.startswith("Error: ") and ended.err.count("\n") == 1


# -- list ------------------------------------------------------------------------------------------


def test_everything_that_can_be_named_is_listed_with_a_line(command: Command) -> None:
    ended = command("list", "--json")
    assert list(ended.json) == ["spaces", "agents", "rewards", "objectives", "metrics", "datasets", "tables"]
    for lines in ended.json.values():
        assert lines and all(isinstance(line, str) and line and "\n" not in line for line in lines.values())
    assert {"ppo", "random"} <= set(ended.json["agents"]) and "mnist1d" in ended.json["datasets"]
    people = command("list").out
    assert all(name in people for lines in ended.json.values() for name in lines)


def test_one_kind_alone_can_be_listed(command: Command) -> None:
    assert list(command("list", "rewards", "--json").json) == ["rewards"]
    ended = command("list", "rewards")
    assert ended.out.startswith("  accuracy") and "ppo" not in ended.out
    assert command("list", "reward").status == 2
