"""`benchmark rewards` on the command line, its energy and what it refuses."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rl_designer.comparisons.benchmark import RUNS, BenchmarkLog, config_of_runs
from rl_designer.comparisons.records import reward_run
from rl_designer.comparisons.rewards import (
    RewardBenchmark,
    run_reward_benchmark,
)
from rl_designer.comparisons.trial import Trial, run_trial
from rl_designer.config import SearchConfig, make_config
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.errors import WrongUsage
from tests.helpers.command_line import Ended, runner
from tests.helpers.jobs import Noted
from tests.helpers.reward_runs import folder_of_rewards


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of_rewards(tmp_path_factory.mktemp("rewards"))


@pytest.fixture(scope="module")
def config(folder: Path) -> SearchConfig:
    return make_config({"table": str(folder / "table.npz"), "agent": "local-search", "evaluations": 40})


# -- what can't be -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"rewards": ()}, "at least one reward and one seed"),
        ({"seeds": 0}, "at least one reward and one seed"),
        ({"rewards": ("accuracy", "accuracy")}, "the reward 'accuracy' is there twice"),
        ({"rewards": ("mnasnet:target=120", "mnasnet:target=120.0")}, "'mnasnet:target=120' is there twice"),
        ({"rewards": ("accurancy",)}, "Did you mean 'accuracy'?"),
        ({"rewards": ("own.py:mine",)}, "no such reward file: own.py"),
        ({"yardstick": "raported"}, "Did you mean 'reported'?"),
        ({"yardstick": "hypervolume:cost=latency"}, "which table 'synthetic' lacks; it has parameters"),
    ],
)
def test_a_benchmark_that_cannot_be_is_wrong_usage(
    changes: dict[str, object], message: str, config: SearchConfig
) -> None:
    benchmark = replace(RewardBenchmark(config, ("accuracy",), 1), **changes)  # type: ignore[arg-type]
    with pytest.raises(WrongUsage) as error:
        run_reward_benchmark(benchmark)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"agent": "rando"}, "Did you mean 'random'?"),
        ({"time_limit": 5.0}, "give a number of them, and no time limit"),
        ({"task": "tusk"}, "Did you mean 'task'?"),
    ],
)
def test_a_config_that_cannot_be_is_wrong_usage(
    changes: dict[str, object], message: str, config: SearchConfig
) -> None:
    benchmark = RewardBenchmark(config.changed(**changes), ("accuracy",), 1)
    with pytest.raises(WrongUsage, match=message.replace("?", r"\?")):
        run_reward_benchmark(benchmark)


@pytest.mark.parametrize(
    "reward, message",
    [
        ("mnasnet:target=5,cost=macs", "the reward 'mnasnet' failed: it needs `macs`"),
        ("negative-loss", "the reward 'negative-loss' failed: it needs `val_loss`"),
        ("{own}:silent", "it must give a finite number, got None"),
        ("{own}:broken", "ZeroDivisionError: "),
    ],
)
def test_a_reward_that_cannot_be_paid_stops_before_anything_runs(
    reward: str, message: str, config: SearchConfig, folder: Path
) -> None:
    benchmark = RewardBenchmark(config, ("accuracy", reward.format(own=folder / "own.py")), 1)
    noted = Noted()
    with pytest.raises(ValueError) as error:
        run_reward_benchmark(benchmark, observer=noted)
    assert noted.events == []
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_reward_that_fails_in_a_run_is_told_with_its_design(config: SearchConfig, tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text(
        "import multiprocessing\n"
        "def late(evaluation):\n"
        "    if multiprocessing.parent_process():\n"
        "        raise RuntimeError('not today')\n"
        "    return evaluation.val_accuracy\n"
    )
    benchmark = RewardBenchmark(config, (f"{tmp_path / 'late.py'}:late",), 1)
    with pytest.raises(ValueError) as error:
        run_reward_benchmark(benchmark, engine=LocalEngine(1))
    for part in ("with seed 0 failed: ", "on the design decision 0(option=option", "not today", "line 4"):
        assert part in str(error.value)


# -- energy ------------------------------------------------------------------------------------------


def test_a_run_keeps_its_energy(config: SearchConfig) -> None:
    pytest.importorskip("codecarbon", reason="the extra `energy` is not installed")
    run = run_trial(Trial(config, 0, reward_run, energy=True))
    assert run.energy_kwh is not None and run.energy_kwh >= 0


# -- the command -------------------------------------------------------------------------------------


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    return runner(capsys)


def arguments(folder: Path, *more: str) -> list[str]:
    options = ["--table", str(folder / "table.npz"), "--agent", "random", "--evaluations", "10"]
    return ["benchmark", "rewards", "--reward", "accuracy", *options, *more]


def test_the_command_prints_one_json_object_and_writes_its_files(
    command: Callable[..., Ended], folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    ended = command(
        *arguments(
            folder, "--reward", "mnasnet", "--seeds", "2", "--json", "--plots", "--output", str(output)
        )
    )
    assert ended.status == 0, ended.err
    data = ended.json
    assert {"yardstick", "seeds", "rewards", "best"} <= set(data) and data["seeds"] == 2
    promised = {"iqm", "interval", "probability_of_improvement", "per_seed", "hacked"}
    for figures in data["rewards"].values():
        assert promised <= set(figures)
    assert json.loads((output / "summary.json").read_text()) == data
    assert (output / "report.html").is_file() and "4/4 runs" in ended.err
    assert "yardstick: reported-within-limit" in ended.err


@pytest.mark.parametrize(
    "more, status, message",
    [
        (("--reward", "accuracy"), 2, "the reward 'accuracy' is there twice"),
        (("--seeds", "0"), 2, "--seeds must be a whole number of at least 1"),
        (("--yardstick", "rewarded"), 2, "unknown yardstick 'rewarded'. Did you mean 'reported'?"),
        (("--plots",), 2, "--plots needs --output"),
        (("--task", "tusk"), 2, "Did you mean 'task'?"),
        (("--reward", "blockqnn"), 1, "the reward 'blockqnn' failed: it needs `macs`"),
    ],
)
def test_wrong_usage_is_one_line_that_helps(
    more: tuple[str, ...], status: int, message: str, command: Callable[..., Ended], folder: Path
) -> None:
    ended = command(*arguments(folder, *more))
    assert ended.status == status and message in ended.err
    assert ended.out == "" and len(ended.err.splitlines()) == 1


def test_trainings_are_kept_in_the_output_folder_or_where_runs_are() -> None:
    options = {"table": None, "data": "digits", "store": None}
    assert config_of_runs(dict(options), None).store == str(Path("runs") / "store.sqlite")
    assert config_of_runs(dict(options), Path("out")).store == str(Path("out") / "store.sqlite")
    assert config_of_runs({**options, "store": "mine.sqlite"}, Path("out")).store == "mine.sqlite"


def test_without_a_reward_it_says_which_option_is_missing(command: Callable[..., Ended]) -> None:
    ended = command("benchmark", "rewards")
    assert ended.status == 2 and "--reward" in ended.err


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_an_interrupted_benchmark_says_how_to_go_on(config: SearchConfig, tmp_path: Path) -> None:
    log = BenchmarkLog(tmp_path / RUNS)
    with pytest.raises(
        KeyboardInterrupt, match="1 of 6 runs are finished and kept; the same command goes on"
    ):
        run_reward_benchmark(
            RewardBenchmark(config, ("accuracy",), 6), log=log, observer=Noted(stop=1), engine=LocalEngine(1)
        )
    assert len(list(log.read())) == 1
