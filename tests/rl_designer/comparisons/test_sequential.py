"""Seeds until a question is decided: a sequential test that errs no more often than one of fixed seeds."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from rl_designer.comparisons import sequential
from rl_designer.comparisons.agents import Benchmark, run_benchmark
from rl_designer.comparisons.benchmark import RUNS, BenchmarkLog
from rl_designer.comparisons.estimators import SIGNIFICANCE
from rl_designer.comparisons.records import RewardRun
from rl_designer.comparisons.rewards import RewardBenchmark, run_reward_benchmark
from rl_designer.comparisons.sequential import (
    FUTILE,
    Looks,
    UntilDecided,
    decided,
    parse_seeds,
    predictive_power,
    run_seeds,
    sequential_p_value,
)
from rl_designer.config import SearchConfig, make_config
from rl_designer.envs.workers.local import InProcess, LocalEngine
from rl_designer.errors import WrongUsage
from tests.helpers.command_line import runner
from tests.helpers.jobs import Noted
from tests.helpers.reward_runs import folder_of_rewards

LOOKS = tuple(UntilDecided(30).looks(1))


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


# -- how many ----------------------------------------------------------------------------------------


def test_looks_begin_where_something_could_be_told_and_end_with_the_most() -> None:
    assert UntilDecided(60).looks(1) == [10, 12, 15, 18, 22, 27, 33, 40, 48, 58, 60]
    assert UntilDecided(60).looks(5)[0] > 10 and UntilDecided(60).looks(5)[-1] == 60
    assert UntilDecided(1).looks(1) == [1] and UntilDecided(5).looks(3) == [5]


def test_seeds_are_a_number_or_as_many_as_it_takes() -> None:
    assert parse_seeds("20") == parse_seeds(20) == 20
    assert parse_seeds("auto") == UntilDecided(60) and parse_seeds("auto:40") == UntilDecided(40)
    for wrong in ("0", "many", "auto:0", "auto:", "auto:x", 1.5):
        with pytest.raises(ValueError, match="must be a whole number"):
            parse_seeds(wrong)


# -- the test ----------------------------------------------------------------------------------------


def test_with_one_look_at_the_end_it_is_the_exact_test() -> None:
    from rl_designer.comparisons.estimators import signed_rank

    sample = generator(3).normal(0.6, 1, 14)
    assert sequential_p_value(sample, [14], 14) == pytest.approx(signed_rank(sample)[1], rel=0.15)


def test_looking_again_and_again_errs_in_no_more_cases_than_allowed() -> None:
    # Skewed sizes and ties, signs by chance: 2.5 % allowed, and of sixty three at most.
    sizes = np.round(generator(0).exponential(1, (60, 30)), 1)
    signs = generator(1).choice([-1, 1], (60, 30))
    told = [sequential_p_value(row, LOOKS, 30) <= SIGNIFICANCE for row in sizes * signs]
    assert np.mean(told) <= 0.05


def test_a_difference_that_is_there_is_told_and_a_large_one_soon() -> None:
    large = generator(2).normal(3, 1, (10, 30))
    assert all(sequential_p_value(row[:11], LOOKS[:2], 30) <= SIGNIFICANCE for row in large)


def test_the_p_value_never_rises_from_look_to_look() -> None:
    sample = generator(5).normal(0.4, 1, 30)
    p_values = [sequential_p_value(sample[:look], LOOKS[: i + 1], 30) for i, look in enumerate(LOOKS)]
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(p_values))


def test_predictive_power_is_what_the_rest_would_bring() -> None:
    strong, none = np.arange(1.0, 13.0), np.tile([1.0, -1.0], 6)
    assert predictive_power(strong, 40, 1) > 0.9 and predictive_power(none, 40, 1) < FUTILE
    assert predictive_power(strong, 12, 1) == 0.0 and predictive_power(np.zeros(12), 40, 1) == 0.0


def test_it_is_decided_where_each_side_is_told_or_hardly_would_be() -> None:
    first = generator(7).normal(0, 1, 15)
    better, same = first + np.linspace(0.5, 1, 15), first.copy()
    looks = Looks((10, 12, 15), 60)
    assert decided({"first": first, "better": better, "same": same}, looks)
    close = first + generator(8).normal(0.45, 1, 15)
    assert not decided({"first": first, "close": close}, looks)


# -- in a benchmark ----------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SearchConfig:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(LocalEngine, "pool", lambda self, workload: InProcess(workload))
    folder_of_rewards(tmp_path)
    return make_config({"table": "table.npz", "agent": "local-search", "evaluations": 12})


def test_rewards_have_as_many_seeds_as_it_takes_and_that_is_said(config: SearchConfig) -> None:
    log = BenchmarkLog(Path(RUNS))
    benchmark = RewardBenchmark(config, ("accuracy", "own.py:negative"), UntilDecided(40))
    data = run_reward_benchmark(benchmark, log=log).data
    assert data["seeds"] == data["sequential"]["looks"][-1] < 40 and data["sequential"]["most"] == 40
    assert data["rewards"]["own.py:negative"]["verdict"] == "worse"
    assert data["conclusions"][0] == (
        f"{data['seeds']} of at most 40 seeds: they tell all that was asked "
        f"(sequential test, looks after {', '.join(map(str, data['sequential']['looks']))})"
    )
    noted = Noted()
    again = run_reward_benchmark(benchmark, log=log, observer=noted).data
    assert again == data and noted.results == []


def test_equal_sides_end_at_the_first_look(config: SearchConfig) -> None:
    data = run_reward_benchmark(RewardBenchmark(config, ("accuracy", "own.py:rescaled"), UntilDecided())).data
    assert data["seeds"] == 10 and data["rewards"]["own.py:rescaled"]["verdict"] == "indistinguishable"
    assert "more would hardly tell the rest" in data["conclusions"][0]


def test_agents_have_as_many_seeds_as_it_takes(config: SearchConfig) -> None:
    data = run_benchmark(Benchmark(config, ("local-search", "random"), UntilDecided(14))).data
    assert data["seeds"] <= 14 and data["sequential"]["looks"][0] == 8
    assert "of at most 14 seeds: " in data["conclusions"][0]


def test_a_yardstick_that_changes_with_every_seed_cannot_be_looked_at(tmp_path: Path) -> None:
    config = make_config({"data": "wine", "agent": "random", "evaluations": 4, "store": str(tmp_path / "s")})
    benchmark = RewardBenchmark(config, ("accuracy",), UntilDecided(), yardstick="hypervolume")
    with pytest.raises(WrongUsage, match="values change with every seed"):
        run_reward_benchmark(benchmark)


def test_limits_on_trainings_go_by_the_most_that_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(sequential, "run_trials", lambda *given: asked.append(given[-1]) or {})
    sides = ["one", "other", "third"]
    run_seeds(UntilDecided(30), lambda seeds: [s for _ in seeds for s in sides], dict, RewardRun)  # type: ignore[arg-type, misc]
    assert asked == [90]


def test_what_is_no_number_of_seeds_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    done = runner(capsys)("benchmark", "rewards", "--reward", "accuracy", "--seeds", "some")
    assert done.status == 2 and "--seeds must be a whole number" in done.err and "auto:40" in done.err
