"""Agents side by side by their fronts: runs, figures, files, page, command."""

import json
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from rl_designer.comparisons.benchmark import RUNS, BenchmarkLog, BenchmarkResult, key_of
from rl_designer.comparisons.front_figures import FrontSummary
from rl_designer.comparisons.front_records import FrontRun, near_front
from rl_designer.comparisons.fronts import FrontBenchmark, run_front_benchmark
from rl_designer.comparisons.output import run_line, summary_table, write_files
from rl_designer.config import SearchConfig, make_config
from rl_designer.envs.objectives import Objectives
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.errors import WrongUsage
from rl_designer.reports.benchmark_page import read_benchmark
from rl_designer.reports.page import page
from tests.helpers.command_line import Ended
from tests.helpers.jobs import Noted
from tests.helpers.quick_ppo import QUICK_PPO
from tests.helpers.tables import synthetic_table

OBJECTIVES = ("val_accuracy", "parameters")
AGENTS = (QUICK_PPO, "random")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> SearchConfig:
    path = tmp_path_factory.mktemp("tables") / "synthetic.npz"
    synthetic_table((4, 4, 3, 4), missing=0.05).save(path)
    return make_config({"table": str(path), "evaluations": 12, "objectives": OBJECTIVES})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("benchmark")


@pytest.fixture(scope="module")
def result(config: SearchConfig, folder: Path) -> BenchmarkResult:
    benchmark = FrontBenchmark(config, AGENTS, 2, samples=10)
    result = run_front_benchmark(benchmark, log=BenchmarkLog(folder / RUNS), engine=LocalEngine(1))
    write_files(result, folder)
    return result


def test_a_run_keeps_what_each_objective_gave_and_what_the_policy_samples(result: BenchmarkResult) -> None:
    run = result.runs[QUICK_PPO][0]
    assert run.evaluations == 12 and run.array.shape == (12, 2)
    assert np.isnan(run.array).any(axis=1).sum() == run.failures
    assert run.policy is not None and len(run.policy.near) == 5 and run.policy.samples == 10
    assert run.policy.preferences[0] == (1, 0) and all(0 <= share <= 1 for share in run.policy.near)
    assert FrontRun.from_dict(json.loads(json.dumps(run.to_dict()))) == run
    assert result.runs["random"][0].policy is None
    assert "12 evaluations" in run_line(run) and "on its front" in run_line(run)


def test_an_agent_that_leaves_no_policy_is_compared_by_its_designs(config: SearchConfig) -> None:
    agent = "ppo:updates=1,final_updates=0"
    [run] = run_front_benchmark(FrontBenchmark(config, (agent,), 1), engine=LocalEngine(1)).runs[agent]
    assert run.evaluations == 12 and run.policy is None


def test_what_is_there_is_not_run_again(config: SearchConfig, folder: Path, result: BenchmarkResult) -> None:
    observer = Noted()
    again = run_front_benchmark(
        FrontBenchmark(config, AGENTS, 2, samples=10),
        log=BenchmarkLog(folder / RUNS),
        engine=LocalEngine(1),
        observer=observer,
    )
    assert again.data == result.data
    other = config.changed(objectives=("val_accuracy", "accuracy-cubed"))
    trials = FrontBenchmark(other, ("random",), 1).trials()
    assert key_of(trials[0]) != key_of(FrontBenchmark(config, ("random",), 1).trials()[0])


def test_the_figures_say_what_the_runs_found(result: BenchmarkResult) -> None:
    data = result.data
    assert [o["name"] for o in data["objectives"]] == list(OBJECTIVES) and data["designs"] < 192
    for name in AGENTS:
        figures = data["agents"][name]
        along = [figures["hypervolume"][step] for step in ("10", "12")]
        assert 0 < along[0] <= along[1] <= 1 and figures["hypervolume"]["12"] == np.mean(figures["per_seed"])
    difference = data["agents"]["random"]["difference"]
    expected = data["agents"]["random"]["hypervolume"]["12"] - data["agents"][QUICK_PPO]["hypervolume"]["12"]
    assert (
        difference["mean"]
        == pytest.approx(expected)
        == pytest.approx(difference["hypervolume"]["12"]["mean"])
    )
    assert data["agents"][QUICK_PPO]["policy_samples"]["samples"] == 10
    assert data["conclusions"][-1] == "hypervolumes are shares of that of the front of the table"


def test_the_files_and_the_page_show_the_course_and_the_fronts(result: BenchmarkResult, folder: Path) -> None:
    report = read_benchmark(folder)
    assert {row["agent"] for row in report.tables["fronts"]} == {"", *AGENTS}
    last = [row for row in report.tables["curves"] if row["evaluations"] == "12"]
    assert [row["figure"] for row in last] == ["hypervolume"] * 2
    text = page([report])
    assert "by val_accuracy and parameters" in text and "Hypervolume of the front so far" in text
    assert "known front" in text and "the median run" in text
    console = Console(file=StringIO(), width=160)
    console.print(summary_table(result.data))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "hypervolume@12" in shown and "follows" in shown and "val_accuracy, parameters" in shown


def test_who_cant_is_refused_with_those_who_can(config: SearchConfig) -> None:
    with pytest.raises(
        WrongUsage, match=r"'bananas' can't search for several objectives .* those that can: ppo"
    ):
        FrontBenchmark(config, ("ppo", "bananas"), 1).check()
    with pytest.raises(WrongUsage, match="needs two or three objectives"):
        FrontBenchmark(config.changed(objectives=()), ("ppo",), 1).check()


# -- figures of known runs -----------------------------------------------------------------------------


def run_of(agent: str, seed: int, values: Sequence[tuple[float | None, ...]]) -> FrontRun:
    return FrontRun(agent, seed, tuple(values), 0, 1.0, 1.0, None)


def test_shares_are_of_the_known_front_and_grow_with_evaluations() -> None:
    known = np.array([[0.5, -1.0], [0.9, -3.0], [0.4, -2.0]])
    runs = {
        "all": [run_of("all", 0, [(0.5, -1.0), (0.9, -3.0)])],
        "half": [run_of("half", 0, [(None, None), (0.5, -1.0)])],
    }
    summary = FrontSummary(runs, 2, Objectives.of(OBJECTIVES), known)
    assert summary.shares["all"].tolist()[0][-1] == 1
    # In units the two ends of the front: (0, 1) alone dominates 0.1 · 1.1 of 2 · 0.1 · 1.1 − 0.1².
    assert summary.shares["half"][0].tolist() == pytest.approx([0, 0.11 / 0.21])
    assert summary.front_figures() == [[0.5, 10], [0.9, 1000]]


def test_on_real_training_the_front_of_all_runs_is_the_best_that_is_known() -> None:
    runs = {"a": [run_of("a", 0, [(0.5, -1.0)])], "b": [run_of("b", 0, [(0.9, -3.0)])]}
    summary = FrontSummary(runs, 1, Objectives.of(OBJECTIVES), None)
    assert summary.judged["a"].tolist() == pytest.approx([0.11 / 0.21])
    assert "nobody knows the true one" in summary.conclusions()[-1]


def test_near_the_front_is_where_nothing_is_better_by_much_in_every_objective() -> None:
    known = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]])
    values = np.array([[0.5, 0.5], [0.495, 0.495], [0.48, 0.5], [0.48, 0.48], [np.nan, np.nan], [0.3, 0.995]])
    assert near_front(values, known).tolist() == [True, True, True, False, False, True]


def test_the_command_compares_fronts(config: SearchConfig, command: Callable[..., Ended]) -> None:
    asked = ["random", "--table", str(config.subject.table), "--seeds", 1, "--evaluations", 5]
    objectives = ["--objective", "val_accuracy", "--objective", "parameters"]
    data = command("benchmark", "agents", *asked, *objectives, "--workers", 1, "--json").json
    assert data["evaluations"] == 5 and list(data["agents"]) == ["random"]
    assert data["agents"]["random"]["hypervolume"]["5"] > 0
