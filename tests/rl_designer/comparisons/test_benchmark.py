"""Agents side by side: runs, resuming, processes, files, the command."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from rl_designer.comparisons.agents import Benchmark, run_benchmark
from rl_designer.comparisons.benchmark import RUNS, BenchmarkLog
from rl_designer.comparisons.output import run_line, summary_table, write_files
from rl_designer.comparisons.records import AgentRun
from rl_designer.comparisons.trial import run_trial, table_rewards
from rl_designer.config import SearchConfig, make_config
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.errors import WrongUsage
from rl_designer.reports.benchmark_page import read_benchmark
from rl_designer.reports.page import page
from tests.helpers.command_line import Ended
from tests.helpers.jobs import Noted
from tests.helpers.tables import synthetic_table

AGENTS = ("local-search", "random")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "synthetic.npz"
    synthetic_table((4, 4, 3, 4), forbidden=0.1, missing=0.05).save(path)
    return path


@pytest.fixture(scope="module")
def config(table: Path) -> SearchConfig:
    return make_config({"table": str(table), "evaluations": 60})


def timeless(record: AgentRun) -> AgentRun:
    return replace(record, seconds=0.0, own_seconds=0.0)


def ran(config: SearchConfig, agent: str, seed: int = 0, samples: int = 0, sample_after: int = 0) -> AgentRun:
    (trial,) = Benchmark(config, (agent,), seed + 1, samples, sample_after).trials([seed])
    record = run_trial(trial)
    assert isinstance(record, AgentRun)
    return record


# -- one run -----------------------------------------------------------------------------------------


def test_a_run_ends_at_the_optimum_and_notes_every_improvement(config: SearchConfig) -> None:
    optimum = max(table_rewards(config) or ())
    record = ran(config, "local-search", seed=1)
    done, rewards = [i[0] for i in record.improvements], [i[1] for i in record.improvements]
    assert rewards[-1] == optimum and record.evaluations == done[-1] < 60
    assert done == sorted(set(done)) and rewards == sorted(set(rewards))
    assert all(reported is not None for _, _, reported in record.improvements)
    assert 0 < record.own_seconds < record.seconds


def test_a_run_that_does_not_find_the_optimum_spends_everything(config: SearchConfig) -> None:
    few = config.changed(evaluations=3)
    record = ran(few, "random")
    assert record.evaluations == 3 and record.policy is None


def test_an_agent_with_a_policy_goes_on_and_is_sampled(config: SearchConfig) -> None:
    record = ran(config, "ppo-model-free", samples=50, sample_after=60)
    assert record.evaluations == 60
    assert record.policy is not None and record.policy.samples == 50
    assert 0 <= record.policy.top_0_1_percent <= record.policy.top_1_percent <= 1
    assert AgentRun.from_dict(json.loads(json.dumps(record.to_dict()))) == record


def test_a_table_without_values_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.npz"
    synthetic_table((2, 2), missing=1.0).save(path)
    with pytest.raises(ValueError, match="the table has no value of the searched metric"):
        table_rewards(make_config({"table": str(path), "evaluations": 3}))


# -- all runs ----------------------------------------------------------------------------------------


def test_every_agent_runs_with_every_seed_and_the_number_of_workers_changes_nothing(
    config: SearchConfig,
) -> None:
    benchmark = Benchmark(config, AGENTS, seeds=3)
    one, two = (run_benchmark(benchmark, engine=LocalEngine(workers)) for workers in (1, 2))
    for agent in AGENTS:
        assert [record.seed for record in one.runs[agent]] == [0, 1, 2]
        assert list(map(timeless, one.runs[agent])) == list(map(timeless, two.runs[agent]))
    assert one.data["task"] == "synthetic/task" and one.data["designs"] < 4 * 4 * 3 * 4
    assert list(one.data["agents"]) == list(AGENTS)


def test_a_stopped_benchmark_goes_on_with_the_rest(config: SearchConfig, tmp_path: Path) -> None:
    benchmark, log = Benchmark(config, AGENTS, seeds=2), BenchmarkLog(tmp_path / RUNS)
    whole = run_benchmark(benchmark, log=log, engine=LocalEngine(1))
    lines = log.path.read_bytes().splitlines(keepends=True)
    # Two runs, and the third as a crash would leave it.
    log.path.write_bytes(b"".join(lines[:2]) + lines[2][:40])
    noted = Noted()
    again = run_benchmark(benchmark, log=log, engine=LocalEngine(1), observer=noted)
    assert (noted.known, noted.total, len(noted.results)) == (2, 4, 2)
    assert {a: list(map(timeless, r)) for a, r in again.runs.items()} == {
        a: list(map(timeless, r)) for a, r in whole.runs.items()
    }
    assert len(list(log.read())) == 4


def test_more_seeds_and_agents_take_over_what_is_there_and_another_problem_does_not(
    config: SearchConfig, tmp_path: Path
) -> None:
    log = BenchmarkLog(tmp_path / RUNS)
    run_benchmark(Benchmark(config, ("random",), seeds=1), log=log, engine=LocalEngine(1))

    def taken_over(benchmark: Benchmark) -> int:
        noted = Noted()
        run_benchmark(benchmark, log=log, engine=LocalEngine(1), observer=noted)
        return noted.known

    assert taken_over(Benchmark(config, AGENTS, seeds=2)) == 1
    fewer = config.changed(evaluations=10)
    assert taken_over(Benchmark(fewer, ("random",), seeds=1)) == 0


def test_a_damaged_log_is_not_passed_over(config: SearchConfig, tmp_path: Path) -> None:
    log = BenchmarkLog(tmp_path / RUNS)
    log.path.write_text('{"agent": "ra\n{}\n')
    with pytest.raises(ValueError, match=r"runs.jsonl is damaged in line 1"):
        run_benchmark(Benchmark(config, ("random",), seeds=1), log=log)


def test_a_line_that_is_no_run_is_not_passed_over(config: SearchConfig, tmp_path: Path) -> None:
    log = BenchmarkLog(tmp_path / RUNS)
    benchmark = Benchmark(config, ("random",), seeds=1)
    run_benchmark(benchmark, log=log, engine=LocalEngine(1))
    line = next(log.read())
    del line["improvements"]
    log.append(line)
    with pytest.raises(ValueError, match="holds a run that isn't one"):
        run_benchmark(benchmark, log=log)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"agents": ()}, "at least one agent"),
        ({"seeds": 0}, "at least one agent and one seed"),
        ({"agents": ("random", "random")}, "agent 'random' is named twice"),
        ({"agents": ("randon",)}, "Did you mean 'random'?"),
        ({"agents": ("local-search:batch=0",)}, "'batch' must be at least 1"),
    ],
)
def test_a_benchmark_that_cannot_be_is_refused(
    changes: dict[str, object], message: str, config: SearchConfig
) -> None:
    with pytest.raises(WrongUsage) as error:
        run_benchmark(replace(Benchmark(config, AGENTS, seeds=1), **changes))  # type: ignore[arg-type]
    assert message in str(error.value)


def test_a_budget_in_seconds_is_refused(table: Path) -> None:
    config = make_config({"table": str(table), "time_limit": 5.0})
    with pytest.raises(WrongUsage, match="give a number of them, and no time limit"):
        run_benchmark(Benchmark(config, AGENTS, seeds=1))


@pytest.mark.parametrize(
    "breaks, message",
    [
        ("raise RuntimeError('no more')", "random with seed 0 failed: .*: RuntimeError: no more"),
        ("__import__('os')._exit(3)", "a worker process died"),
    ],
)
def test_what_breaks_in_a_worker_is_told_here(
    breaks: str, message: str, config: SearchConfig, tmp_path: Path
) -> None:
    reward = tmp_path / "reward.py"
    reward.write_text(
        "import multiprocessing\ncalls = 0\n"
        "def broken(evaluation):\n    global calls\n    calls += 1\n"
        f"    if multiprocessing.parent_process() and calls > 30:\n        {breaks}\n"
        "    return evaluation.val_accuracy\n"
    )
    broken = config.changed(reward=f"{reward}:broken")
    with pytest.raises(ValueError, match=message):
        run_benchmark(Benchmark(broken, ("random",), seeds=1), engine=LocalEngine(1))


def test_real_training_is_compared_by_its_validation_accuracy(tmp_path: Path) -> None:
    options = {"data": "mnist1d", "epochs": 1, "max_parameters": 1_000, "evaluations": 2, "workers": 1}
    config = make_config({**options, "store": str(tmp_path / "store.sqlite")})
    result = run_benchmark(Benchmark(config, ("random",), seeds=1), engine=LocalEngine(1))
    assert result.data["task"] == "mnist1d/convnet1d" and result.data["optimum"] is None
    for figures in result.data["agents"].values():
        assert figures["evaluations_to_optimum"] is None and figures["policy_samples"] is None
        assert figures["best_reported"]["2"] == figures["best_reward"]["2"] > 0.1
    assert (tmp_path / "store.sqlite").is_file()


# -- what comes out ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def result(config: SearchConfig):  # type: ignore[no-untyped-def]
    return run_benchmark(Benchmark(config, AGENTS, seeds=2), engine=LocalEngine(1))


def test_json_and_csv_are_written_and_hold_the_figures(result, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    summary, agents, curves = write_files(result, tmp_path / "new" / "folder")
    assert json.loads(summary.read_text()) == result.data
    header, first, *_ = (line.split(",") for line in agents.read_text().splitlines())
    mean = first[header.index("evaluations_to_optimum_mean")]
    assert first[0] == AGENTS[0]
    assert float(mean) == result.data["agents"][AGENTS[0]]["evaluations_to_optimum"]["mean"]
    assert curves.read_text().startswith("agent,figure,evaluations,mean,low,high\n")


def test_the_table_for_people_fits_a_terminal_and_names_every_agent(result) -> None:  # type: ignore[no-untyped-def]
    from rich.console import Console

    console = Console(width=120, record=True, file=StringIO())
    console.print(summary_table(result.data))
    text = console.export_text()
    assert all(agent in text for agent in AGENTS) and "…" not in text
    assert "synthetic/task, 2 seeds, at most 60 evaluations" in text


def test_plots_are_one_file_that_needs_no_network(result, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    write_files(result, tmp_path)
    text = page([read_benchmark(tmp_path)])
    assert all(title in text for title in ("Simple regret", "Best reward so far", "Reported metric"))
    assert all(f"{agent}: " in text for agent in AGENTS) and "Shaded: 95 % intervals" in text
    assert text.count('class="band ') == 2 * 3 * len(AGENTS)
    assert "<script src=" not in text


def test_progress_says_what_a_run_found() -> None:
    record = AgentRun("random", 0, 60, 0, ((1, 0.5, 0.5),), 1.0, 0.5, None)
    assert run_line(record).startswith("random, seed 0: 60 evaluations, best 0.5, ")


# -- the command -------------------------------------------------------------------------------------

_DOOR = """
import sys
from rl_designer.cli import run
if __name__ == "__main__":
    sys.exit(run())
"""


def of_a_process(tmp_path: Path, *arguments: object) -> list[str]:
    door = tmp_path / "door.py"
    door.write_text(_DOOR)
    return [sys.executable, str(door), "benchmark", "agents", *map(str, arguments)]


def ended(tmp_path: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        of_a_process(tmp_path, *arguments), capture_output=True, text=True, env=environment(), check=False
    )


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}


def test_the_command_prints_one_json_object_and_writes_its_files(table: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    done = ended(tmp_path, *AGENTS, "--table", table, "--seeds", 2, "--output", output, "--json")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert data["seeds"] == 2 and data["evaluations"] == 100 and set(data["agents"]) == set(AGENTS)
    figures = data["agents"]["random"]
    promised = {"evaluations_to_optimum", "best_reported", "policy_samples", "seconds_per_run"}
    assert promised <= set(figures) and figures["policy_samples"] is None
    assert {"mean", "standard_error", "median", "found", "per_seed"} == set(figures["evaluations_to_optimum"])
    assert json.loads((output / "summary.json").read_text()) == data
    assert "4/4 runs" in done.stderr


@pytest.mark.parametrize(
    "arguments, status, message",
    [
        (("random", "--epochs", "2"), 2, "--epochs needs --data"),
        (("random", "--table", "{table}", "--plots"), 2, "--plots needs --output"),
        (("randon", "--table", "{table}"), 2, "Did you mean 'random'?"),
        (("random", "--table", "{table}", "--task", "tusk"), 2, "Did you mean 'task'?"),
        (("random", "--table", "nowhere.npz"), 1, "no such architecture table: nowhere.npz"),
        (("random", "--table", "{table}", "--seeds", "0"), 2, "--seeds must be a whole number of at least 1"),
    ],
)
def test_wrong_usage_is_one_line_that_helps(
    arguments: tuple[str, ...], status: int, message: str, table: Path, command: Callable[..., Ended]
) -> None:
    done = command("benchmark", "agents", *(argument.format(table=table) for argument in arguments))
    assert done.status == status and message in done.err
    assert done.out == "" and len(done.err.splitlines()) == 1


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_an_interrupted_benchmark_ends_its_workers_and_keeps_what_is_finished(
    table: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    arguments = [*AGENTS, "--table", table, "--seeds", 5_000, "--output", output, "--quiet"]
    with subprocess.Popen(
        of_a_process(tmp_path, *arguments), env=environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 60
        while not (output / RUNS).exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "runs are finished and kept; the same command goes on with the rest" in error.strip(), error
    assert len(error.strip().splitlines()) == 1
    finished = [AgentRun.from_dict(line) for line in BenchmarkLog(output / RUNS).read()]
    assert 1 <= len(finished) < 10_000
    assert np.unique([(r.agent, r.seed) for r in finished], axis=0).shape[0] == len(finished)
