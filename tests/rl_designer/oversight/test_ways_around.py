"""Ways to get around an organisation's limits, each of which is refused and told whose rule it was."""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rl_designer as rl
from rl_designer.envs.limits import FILE, VARIABLE
from rl_designer.errors import OverLimit
from rl_designer.oversight.work import USED
from rl_designer.runs.folder import RunFolder
from tests.helpers.command_line import Ended
from tests.rl_designer.oversight import ways_of_approval  # noqa: F401 - its ways are collected
from tests.rl_designer.oversight.conftest import SMALL, House
from tests.rl_designer.oversight.ways import RULES, WAYS, way, write

WIDE = "trainings = 1_000\nhours = 99\nmax_parameters = 1_000_000\n"
ROWS = "a,b,kind\n" + "".join(f"{i % 7},{i % 5},{'xy'[i % 2]}\n" for i in range(60))


def train(house: House, *options: object) -> Ended:
    evaluations = () if "--evaluations" in options else ("--evaluations", 3)
    data = () if "--data" in options else ("--data", "wine")
    return house.command("train", *data, *evaluations, "--epochs", 1, "--run", "runs/new", *options)


def interrupted(house: House, **facts: Any) -> Path:
    """The run as if it had been stopped."""
    folder = RunFolder.open(Path("runs/a"))
    folder.update_summary(state="interrupted", **facts)
    return folder.path


def data_folder(house: House) -> Path:
    return house.file.parent / "data"


# -- numbers -----------------------------------------------------------------------------------------


@way("trainings")
def more_evaluations_by_option(house: House, _: Any) -> Ended:
    return train(house, "--evaluations", 5)


@way("max_parameters")
def larger_networks_by_option(house: House, _: Any) -> Ended:
    return train(house, "--max-parameters", "2k")


@way("hours")
def more_time_by_option(house: House, _: Any) -> Ended:
    return train(house, "--time-limit", "2h")


@way("engines")
def another_engine_by_option(house: House, _: Any) -> Ended:
    return train(house, "--engine", "ray")


@way("trainings")
def a_config_file(house: House, _: Any) -> Ended:
    write(Path("c.toml"), '[subject]\ndata = "wine"\n[budget]\nevaluations = 50\n')
    return house.command("train", "--config", "c.toml", "--run", "runs/new")


@way("trainings")
def a_config_file_with_wider_limits(house: House, _: Any) -> Ended:
    write(Path("c.toml"), 'limits = ["wide.toml"]\ndata = "wine"\nevaluations = 50\n')
    write(Path("wide.toml"), WIDE)
    return house.command("train", "--config", "c.toml", "--run", "runs/new")


@way("max_parameters")
def wider_limits_by_option(house: House, _: Any) -> Ended:
    write(Path("wide.toml"), WIDE)
    return train(house, "--limits", "wide.toml", "--max-parameters", "1M")


@way("trainings")
def wider_limits_by_variable(house: House, patch: pytest.MonkeyPatch) -> Ended:
    patch.setenv(VARIABLE, str(write(Path("wide.toml"), WIDE)))
    return train(house, "--evaluations", 50)


@way("trainings")
def an_empty_variable_and_another_home(house: House, patch: pytest.MonkeyPatch) -> Ended:
    for name in (VARIABLE, "HOME", "XDG_CONFIG_HOME"):
        patch.setenv(name, "")
    return train(house, "--evaluations", 50)


@way("trainings")
def ones_own_limits_in_ones_own_folder(house: House, patch: pytest.MonkeyPatch) -> Ended:
    write(Path(os.environ["XDG_CONFIG_HOME"]) / FILE, WIDE)
    return train(house, "--evaluations", 50)


@way("trainings")
def another_working_folder(house: House, patch: pytest.MonkeyPatch) -> Ended:
    Path("elsewhere").mkdir()
    patch.chdir("elsewhere")
    return train(house, "--evaluations", 50)


@way("trainings")
def python(house: House, _: Any) -> None:
    rl.search("wine", evaluations=50, run="runs/new", **SMALL)


@way("max_parameters")
def python_with_wider_limits(house: House, _: Any) -> None:
    wide = str(write(Path("wide.toml"), WIDE))
    rl.search("wine", evaluations=3, max_parameters=5_000, limits=wide, run="runs/new", **SMALL)


@way("trainings")
def a_benchmark_of_many_searches(house: House, _: Any) -> Ended:
    few = ("--data", "wine", "--seeds", 2, "--evaluations", 3, "--workers", 1, "--epochs", 1)
    return house.command("benchmark", "agents", "random", *few)


@way("trainings")
def a_benchmark_in_python(house: House, _: Any) -> None:
    rl.compare_rewards("accuracy", data="wine", evaluations=5, seeds=1, epochs=1, progress=False)


@way("trainings")
def a_table(house: House, _: Any) -> Ended:
    many = ("--designs", 3, "--seeds", 2, "--max-parameters", "1k", "--output", "t.npz")
    return house.command("table", "build", "--data", "wine", *many, "--epochs", 1)


@way("datasets")
def experience_of_made_tasks(house: House, _: Any) -> Ended:
    return house.command("experience", "build", "e", "--kind", "features", "--tasks", 1, "--designs", 2)


@way("max_parameters")
def the_environment_alone(house: House, _: Any) -> None:
    env = rl.DesignEnv(data="wine", epochs=1)
    env.reset()
    while not env.step(env.action_masks().nonzero()[0][-1])[2]:
        pass


# -- data --------------------------------------------------------------------------------------------


@way("datasets")
def another_data_set(house: House, _: Any) -> Ended:
    return train(house, "--data", "digits")


@way("data_folders")
def a_file_elsewhere(house: House, _: Any) -> Ended:
    return train(house, "--data", write(Path("rows.csv"), ROWS), "--target", "kind")


@way("data_folders")
def a_link_out_of_an_allowed_folder(house: House, _: Any) -> Ended:
    data_folder(house).mkdir()
    (data_folder(house) / "rows.csv").symlink_to(write(Path("rows.csv"), ROWS).absolute())
    return train(house, "--data", data_folder(house) / "rows.csv", "--target", "kind")


@way("data_folders")
def a_link_inside_a_folder_of_data(house: House, _: Any) -> Ended:
    for name in ("cat", "dog"):
        write(data_folder(house) / "texts" / name / "a.txt", name * 9)
    secret = write(Path("secret.txt"), "secret " * 9).absolute()
    (data_folder(house) / "texts" / "cat" / "b.txt").symlink_to(secret)
    return train(house, "--data", data_folder(house) / "texts")


@way("data_folders")
def a_path_that_leads_up(house: House, _: Any) -> Ended:
    data_folder(house).mkdir()
    write(house.file.parent / "rows.csv", ROWS)
    return train(house, "--data", data_folder(house) / ".." / "rows.csv", "--target", "kind")


@way("data_folders")
def a_function_that_reads_what_it_likes(house: House, _: Any) -> Ended:
    write(Path("mine.py"), "def read():\n    raise AssertionError\n")
    return train(house, "--data", "mine.py:read")


@way("data_folders")
def other_files_under_an_allowed_name(house: House, _: Any) -> Ended:
    Path("others").mkdir()
    return train(house, "--data", "mnist", "--data-folder", "others")


@way("data_folders")
def data_in_memory(house: House, _: Any) -> None:
    rl.search((np.ones((60, 3)), np.arange(60) % 2), evaluations=3, run="runs/new", **SMALL)


@way("datasets")
def an_estimator(house: House, _: Any) -> None:
    rl.NetworkClassifier(evaluations=2, epochs=1).fit(np.ones((60, 3)), np.arange(60) % 2)


@way("datasets")
def designs_for_other_data(house: House, _: Any) -> Ended:
    return house.command("sample", "--data", "digits", "-n", 1)


# -- going on ----------------------------------------------------------------------------------------


@way("trainings")
def a_run_that_was_begun_before_the_limits(house: House, _: Any) -> Ended:
    house.rule("trainings = 2")
    return house.command("resume", interrupted(house))


@way("max_parameters")
def a_copy_of_such_a_run(house: House, _: Any) -> Ended:
    house.rule("max_parameters = 500")
    interrupted(house)
    shutil.copytree("runs", "others")
    return house.command("resume", "others/a")


@way("hours")
def stopping_and_going_on_with_the_clock_set_back(house: House, patch: pytest.MonkeyPatch) -> Ended:
    write(interrupted(house) / USED, json.dumps({"seconds": 3_600.0}))
    patch.setattr(time, "time", lambda: 0.0)
    return house.command("resume", "runs/a")


@way("hours")
def removing_what_counts_the_hours(house: House, _: Any) -> Ended:
    run = interrupted(house, used={"seconds": 3_600.0})
    assert not (run / USED).exists()
    return house.command("resume", run)


@way("trainings")
def leaving_out_the_limits_that_a_run_was_begun_with(house: House, _: Any) -> Ended:
    house.file.unlink()
    run = interrupted(house, limits=[{"file": str(house.path / "limits.toml"), "rules": {"trainings": 2}}])
    return house.command("resume", run)


@way("engines")
def going_on_elsewhere(house: House, _: Any) -> Ended:
    return house.command("resume", interrupted(house), "--engine", "ray")


@pytest.mark.parametrize("name", WAYS)
def test_no_way_leads_around(name: str, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    key, attempt = WAYS[name]
    house.rule(RULES)
    before = set(house.path.glob("runs/*/*"))
    try:
        ended = attempt(house, monkeypatch)
    except OverLimit as error:
        said = str(error)
    else:
        assert ended is not None and ended.status == 1, "it went through"
        said = ended.err
    assert "limits.toml" in said and key in said, said
    assert "Traceback" not in said and before <= set(house.path.glob("runs/*/*"))
    assert not (house.path / "runs" / "new").exists()
    assert not name.startswith("exporting") or not (house.path / "out").exists()


def test_these_are_as_many_as_results_md_says() -> None:
    assert len(WAYS) == 50


def test_within_the_limits_everything_goes_as_it_did(house: House) -> None:
    house.rule(RULES)
    done = train(house, "--agent", "random", "--folds", 1, "--no-control", "--no-tensorboard", "--workers", 1)
    assert done.status == 0 and "at most 1,500 parameters" in done.err
    config = RunFolder.open(Path("runs/new")).config
    assert (config.subject.max_parameters, config.budget.time_limit) == (1_500, 3_600)
    assert json.loads(Path("runs/new", USED).read_text())["trainings"] == 3
