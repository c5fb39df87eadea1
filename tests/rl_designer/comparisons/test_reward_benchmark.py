"""`benchmark rewards`: runs, resuming, verdicts where the truth is known, files."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from rl_designer.comparisons.benchmark import RUNS, BenchmarkLog, BenchmarkResult
from rl_designer.comparisons.output import run_line, summary_table, write_files
from rl_designer.comparisons.records import RewardRun, reward_run
from rl_designer.comparisons.rewards import (
    RewardBenchmark,
    run_reward_benchmark,
)
from rl_designer.comparisons.trial import Trial, loaded_reward, run_trial
from rl_designer.comparisons.verdicts import Verdict, sentences
from rl_designer.config import SearchConfig, make_config
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.reports.benchmark_page import read_benchmark
from rl_designer.reports.page import page
from tests.helpers.jobs import Noted
from tests.helpers.reward_runs import OWN_REWARDS, folder_of_rewards

SEEDS = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of_rewards(tmp_path_factory.mktemp("rewards"))


@pytest.fixture(scope="module")
def config(folder: Path) -> SearchConfig:
    return make_config({"table": str(folder / "table.npz"), "agent": "local-search", "evaluations": 40})


@pytest.fixture(scope="module")
def names(folder: Path) -> tuple[str, ...]:
    own = (f"{folder / 'own.py'}:{name}" for name in ("negative", "small", "rescaled"))
    return ("accuracy", *own, "mnasnet", "rank", "hypervolume")


@pytest.fixture(scope="module")
def log(folder: Path) -> BenchmarkLog:
    return BenchmarkLog(folder / RUNS)


@pytest.fixture(scope="module")
def result(config: SearchConfig, names: tuple[str, ...], log: BenchmarkLog) -> BenchmarkResult:
    return run_reward_benchmark(RewardBenchmark(config, names, SEEDS), log=log, engine=LocalEngine(2))


def timeless(run: RewardRun) -> RewardRun:
    return replace(run, seconds=0.0)


# -- one run -----------------------------------------------------------------------------------------


def test_a_run_notes_every_design_that_it_evaluates(config: SearchConfig) -> None:
    run = run_trial(Trial(config, 3, reward_run))
    assert run.evaluations == 40 == len(set(run.digests)) and run.seconds > 0
    trained = ~run.failed
    assert trained.any() and not trained.all()  # the table has holes
    assert (run.column("reward") == run.column("accuracy"))[trained].all()
    assert (run.column("reported") != run.column("accuracy"))[trained].all()
    assert run.training_seconds is None and run.energy_kwh is None


def test_a_run_goes_on_when_it_has_found_the_best(config: SearchConfig) -> None:
    every = config.changed(evaluations=150)
    assert run_trial(Trial(every, 0, reward_run)).evaluations == 150


# -- verdicts where the truth is known ---------------------------------------------------------------


def test_a_reward_for_being_wrong_is_worse_and_one_for_few_parameters_is_hacked(
    result: BenchmarkResult,
) -> None:
    figures = {name.rpartition(":")[2]: figures for name, figures in result.data["rewards"].items()}
    assert figures["negative"]["verdict"] == "worse" and figures["negative"]["hacked"]
    assert figures["small"]["verdict"] == "worse" and figures["small"]["hacked"]
    assert figures["small"]["hacking"]["designs"]
    assert not figures["accuracy"]["hacked"] and figures["accuracy"]["verdict"] is None


def test_a_rescaling_of_accuracy_is_not_told_from_it(result: BenchmarkResult) -> None:
    first, rescaled = (
        figures for name, figures in result.data["rewards"].items() if name.endswith(("accuracy", "rescaled"))
    )
    assert rescaled["verdict"] == "indistinguishable" and rescaled["per_seed"] == first["per_seed"]
    assert rescaled["probability_of_improvement"] == 0.5 and rescaled["difference"]["seeds_to_tell"] is None
    assert result.data["best"] is None


def test_the_default_agent_does_the_same_for_a_rescaling(config: SearchConfig, folder: Path) -> None:
    ppo = config.changed(agent="ppo:updates=2,final_updates=1,final_share=0", evaluations=20)
    rescaled = ppo.changed(reward=f"{folder / 'own.py'}:rescaled")
    one, other = (run_trial(Trial(of, 1, reward_run)) for of in (ppo, rescaled))
    assert one.digests == other.digests and one.choice() == other.choice()


def test_the_figures_are_those_of_the_yardstick(result: BenchmarkResult) -> None:
    data = result.data
    assert data["yardstick"].startswith("reported-within-limit:cost=parameters,limit=")
    assert data["cost_drawn"] == "parameters"
    assert "'mnasnet'" in data["yardstick_chosen"] and data["higher_is_better"]
    assert data["seeds"] == SEEDS and data["task"] == "synthetic/task" and data["agent"] == "local-search"
    for name, figures in data["rewards"].items():
        assert len(figures["per_seed"]) == SEEDS and figures["trainings"] == SEEDS * 40
        low, high = figures["interval"]
        assert low <= figures["iqm"] <= high
        for value, chosen in zip(figures["per_seed"], figures["chosen"], strict=True):
            assert value == chosen["reported"] and chosen["parameters"] <= 1e9, name


def test_seeds_are_paired_and_rewards_of_one_seed_begin_alike(
    result: BenchmarkResult, names: tuple[str, ...]
) -> None:
    for seed in range(SEEDS):
        runs = [result.summary.runs[name][seed] for name in names]
        assert {run.seed for run in runs} == {seed} and len({run.digests[0] for run in runs}) == 1


# -- many runs ---------------------------------------------------------------------------------------


def test_a_stopped_benchmark_goes_on_with_the_rest(
    config: SearchConfig,
    names: tuple[str, ...],
    result: BenchmarkResult,
    log: BenchmarkLog,
    tmp_path: Path,
) -> None:
    lines = log.path.read_bytes().splitlines(keepends=True)
    rest = BenchmarkLog(tmp_path / RUNS)
    # All but two runs, and one more as a crash would leave it.
    rest.path.write_bytes(b"".join(lines[:-2]) + lines[-2][:60])
    noted = Noted()
    again = run_reward_benchmark(RewardBenchmark(config, names, SEEDS), log=rest, observer=noted)
    total = len(names) * SEEDS
    assert (noted.known, noted.total, len(noted.results)) == (total - 2, total, 2)
    for name in names:
        whole = list(map(timeless, result.summary.runs[name]))
        assert list(map(timeless, again.summary.runs[name])) == whole


def test_another_yardstick_fewer_seeds_and_other_rewards_take_over_what_is_there(
    config: SearchConfig, names: tuple[str, ...], result: BenchmarkResult, log: BenchmarkLog
) -> None:
    told, noted = list[str](), Noted()
    fewer = RewardBenchmark(config, (names[1], names[0]), 6, yardstick="front-regret")
    other = run_reward_benchmark(fewer, log=log, observer=noted, told=told.append)
    assert noted.results == [] and noted.known == noted.total
    assert told[0] == "yardstick: front-regret:cost=parameters"
    assert len(told) == 2 and told[1].startswith(f"accuracy and {names[1]}: rank correlation -1.00")
    assert list(other.data["rewards"]) == [names[1], names[0]] and not other.data["higher_is_better"]
    assert other.data["yardstick_chosen"] is None
    first, second = (figures["per_seed"] for figures in other.data["rewards"].values())
    less = [(b < a) + 0.5 * (a == b) for a in first for b in second]
    chance = other.data["rewards"]["accuracy"]["probability_of_improvement"]
    assert chance == pytest.approx(sum(less) / 36)


def test_an_edited_reward_another_budget_and_another_agent_run_anew(
    config: SearchConfig,
    names: tuple[str, ...],
    result: BenchmarkResult,
    log: BenchmarkLog,
    folder: Path,
) -> None:
    def taken_over(benchmark: RewardBenchmark) -> int:
        noted = Noted(stop=0)
        with pytest.raises(KeyboardInterrupt):
            run_reward_benchmark(benchmark, log=log, observer=noted)
        return noted.known

    own = RewardBenchmark(config, names[:2], SEEDS)
    assert taken_over(own) == 2 * SEEDS
    for changes in ({"evaluations": 39}, {"agent": "random"}, {"failure_reward": -2.0}):
        assert taken_over(replace(own, config=config.changed(**changes))) == 0
    (folder / "own.py").write_text(OWN_REWARDS + "\n# edited\n")
    loaded_reward.cache_clear()
    assert taken_over(own) == SEEDS  # those of `accuracy`
    (folder / "own.py").write_text(OWN_REWARDS)
    loaded_reward.cache_clear()


def test_one_seed_is_shown_and_said_to_tell_nothing(
    config: SearchConfig, names: tuple[str, ...], result: BenchmarkResult, log: BenchmarkLog
) -> None:
    single = run_reward_benchmark(RewardBenchmark(config, names, 1), log=log)
    for figures in single.data["rewards"].values():
        assert figures["interval"] is None and figures["verdict"] is None and figures["hacked"] is None
    assert single.data["best"] is None
    assert single.data["conclusions"] == [
        "one seed tells nothing of 6 comparisons: at least 9 are needed, 20 are a good start"
    ]
    json.dumps(single.data, allow_nan=False)


def test_real_training_reports_a_second_training(tmp_path: Path) -> None:
    options = {"data": "mnist1d", "epochs": 1, "max_parameters": 1_000, "evaluations": 3, "workers": 1}
    config = make_config({**options, "agent": "random", "store": str(tmp_path / "store.sqlite")})
    rewards = ("accuracy", "mnasnet")
    result = run_reward_benchmark(RewardBenchmark(config, rewards, 1, "hypervolume"), engine=LocalEngine(1))
    assert result.data["task"] == "mnist1d/convnet1d" and result.data["designs"] is None
    run = result.summary.runs["accuracy"][0]
    chosen = run.choice()
    assert chosen is not None and run.training_seconds is not None and run.training_seconds > 0
    assert run.column("reported")[chosen] != run.column("accuracy")[chosen]
    assert 0 < result.data["rewards"]["accuracy"]["iqm"] <= 1


# -- what comes out ----------------------------------------------------------------------------------


def test_json_and_csv_hold_the_figures(result: BenchmarkResult, tmp_path: Path) -> None:
    files = {path.name: path.read_text() for path in write_files(result, tmp_path / "new" / "folder")}
    assert json.loads(files["summary.json"]) == result.data
    expected = {"rewards": 7, "seeds": 7 * SEEDS, "designs": 7 * SEEDS * 40, "profiles": 7 * 101}
    for name, rows in expected.items():
        assert len(files[f"{name}.csv"].splitlines()) == rows + 1
    assert files["fronts.csv"].startswith("reward,cost,reported,low,high\n")
    assert files["courses.csv"].startswith("reward,evaluations,chosen_by,reported\n")


def test_the_table_for_people_says_what_was_found(result: BenchmarkResult) -> None:
    console = Console(width=120, record=True, file=StringIO())
    console.print(summary_table(result.data))
    text = console.export_text()
    assert "synthetic/task, local-search, 12 seeds, 40 evaluations" in text
    words = " ".join(text.split())
    for part in ("IQM [95 %]", "worse", "indistinguishable", "looks hacked: the reward rises", "rank"):
        assert part in words
    for line in result.data["conclusions"]:
        assert " ".join(line.split()[-3:]) in words


def test_the_page_has_every_figure_needs_no_network_and_escapes_names(
    result: BenchmarkResult, tmp_path: Path
) -> None:
    evil = "<script>alert(1)</script>"
    summary = result.summary
    runs = {(evil if name == "mnasnet" else name): of for name, of in summary.runs.items()}
    renamed = type(summary)(runs, summary.yardstick, summary.landscape, summary.space)
    data = {**result.data, "rewards": renamed.to_dict()}
    data |= {"conclusions": renamed.conclusions()}
    write_files(BenchmarkResult(runs, renamed, data), tmp_path)
    text = page([read_benchmark(tmp_path)])
    assert evil not in text and "&lt;script&gt;" in text and "<script src=" not in text
    for title in ("Interquartile mean of the", "Share of seeds that do", "Reported metric by the most"):
        assert f"<h3>{title}" in text
    assert "known front" in text and "Shaded: quartiles." in text
    assert "How the rewards order the table" in text and "not known: it sees the history" in text
    # Of each reward a drawing in one size, and what it says beside it.
    assert text.count("Means over seeds of the design chosen so far: reward from") == 2 * len(runs)


def test_progress_says_what_a_run_found(result: BenchmarkResult) -> None:
    run = result.summary.runs["rank"][2]
    best = run.column("accuracy")[run.choice()]
    assert run_line(run).startswith(f"rank, seed 2: 40 evaluations, best {best:.4g}, ")
    failed = replace(run, figures=tuple((None,) * 6 for _ in run.figures))
    assert "all failed" in run_line(failed)


def test_conclusions_are_honest_about_what_is_not_told() -> None:
    def verdict(mean: float, interval: tuple[float, float], word: str, needed: int | None) -> Verdict:
        return Verdict(word, mean, interval, 0.00001, 0.00001, needed)

    verdicts = {
        "close": verdict(0.001, (-0.002, 0.003), "indistinguishable", 250),
        "tiny": verdict(0.00001, (-0.002, 0.003), "indistinguishable", None),
        "equal": verdict(0.0, (0.0, 0.0), "indistinguishable", None),
        "good": verdict(0.1, (0.05, 0.15), "better", None),
    }
    opening, close, tiny, equal, good = sentences(["first", *verdicts], verdicts, "good", 20, "reward")
    assert opening == "best: good, better than every other"
    assert close.endswith("about 250 seeds would tell a difference as large as that, if it is there")
    assert "1,000 seeds would not tell so small a difference" in tiny
    assert equal == "equal and first are equal in every seed"
    assert good == "good is better than first: +0.1000 [+0.0500, +0.1500], p < 0.0001"
    assert sentences(["first"], {}, None, 20, "reward") == ["one reward: nothing to compare it with"]
