"""What the runs of a benchmark say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_designer.comparisons.agents import Summary, checkpoints, chosen_after, evaluations_to
from rl_designer.comparisons.estimators import interval_of_mean, mean_of, standard_error
from rl_designer.comparisons.records import AgentRun, PolicySamples, policy_samples


def record(*improvements: tuple[int, float], agent: str = "a", seed: int = 0, **others: object) -> AgentRun:
    """A run of 100 evaluations whose reported metric is the reward less 0.1."""
    told = tuple((done, reward, reward - 0.1) for done, reward in improvements)
    fields = {"evaluations": 100, "failures": 0, "seconds": 2.0, "own_seconds": 1.0, "policy": None, **others}
    return AgentRun(agent=agent, seed=seed, improvements=told, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "cap, steps",
    [(5, [5]), (10, [10]), (60, [10, 25, 50, 60]), (2000, [10, 25, 50, 100, 250, 500, 1000, 2000])],
)
def test_checkpoints_are_round_numbers_below_the_cap_and_the_cap(cap: int, steps: list[int]) -> None:
    assert checkpoints(cap) == steps


def test_the_best_so_far_is_the_last_improvement_and_nothing_before_the_first() -> None:
    rewards, reported = chosen_after([record((3, 0.5), (10, 0.7)), record()], [1, 3, 9, 10, 50])
    assert rewards[0].tolist()[1:] == [0.5, 0.5, 0.7, 0.7] and np.isnan(rewards[0, 0])
    assert reported[0].tolist()[1:] == pytest.approx([0.4, 0.4, 0.6, 0.6])
    assert np.isnan(rewards[1]).all()


def test_a_design_without_a_reported_metric_has_none_even_if_an_earlier_one_had() -> None:
    run = AgentRun("a", 0, 9, 0, ((1, 0.1, 0.5), (2, 0.2, None)), 1.0, 1.0, None)
    _, reported = chosen_after([run], [1, 2])
    assert reported[0, 0] == 0.5 and np.isnan(reported[0, 1])


def test_misses_count_as_the_cap_and_ties_with_the_optimum_as_found() -> None:
    counts, found = evaluations_to([record((3, 0.5), (10, 0.7)), record((7, 0.6))], optimum=0.7, cap=200)
    assert counts.tolist() == [10, 200] and found.tolist() == [True, False]


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=30))
def test_the_interval_lies_within_the_values_and_around_their_mean(values: list[float]) -> None:
    low, high = interval_of_mean(np.array(values)[:, None])
    assert min(values) - 1e-9 <= low[0] <= np.mean(values) + 1e-9
    assert np.mean(values) - 1e-9 <= high[0] <= max(values) + 1e-9


def test_the_interval_holds_the_true_mean_about_as_often_as_it_says() -> None:
    generator = np.random.Generator(np.random.PCG64(0))
    low, high = interval_of_mean(generator.normal(0, 1, (30, 400)))
    # A percentile bootstrap of 30 values covers 93–94 %; two standard errors of 400 such trials are 2.5 %.
    assert 0.90 <= ((low <= 0) & (high >= 0)).mean() <= 0.97


def test_the_interval_of_one_value_is_unknown_and_missing_values_are_left_out() -> None:
    low, high = interval_of_mean(np.array([[1.0, 1.0, np.nan], [np.nan, 3.0, np.nan]]))
    assert np.isnan(low[[0, 2]]).all() and np.isnan(high[[0, 2]]).all()
    assert (low[1], high[1]) == (1.0, 3.0)
    assert mean_of(np.array([[1.0, np.nan], [np.nan, np.nan]])).tolist()[0] == 1.0


def test_the_standard_error_is_the_deviation_over_the_root_of_the_number() -> None:
    assert standard_error([1, 2, 3]) == pytest.approx(1 / np.sqrt(3))
    assert standard_error([1]) is None


def summary(optimum: float | None = 0.9) -> Summary:
    records = {
        "a": [record((5, 0.5), (20, 0.9)), record((5, 0.9), seed=1)],
        "b": [record((5, 0.5), (40, 0.9), agent="b"), record((5, 0.8), agent="b", seed=1)],
    }
    return Summary(records, cap=100, optimum=optimum, worst=0.1)


def test_the_figures_of_agents_are_means_over_seeds() -> None:
    a, b = summary().to_dict().values()
    assert a["evaluations_to_optimum"] == {
        "mean": 12.5,
        "standard_error": 7.5,
        "median": 12.5,
        "found": 1.0,
        "per_seed": [20, 5],
    }
    assert (
        b["evaluations_to_optimum"]["per_seed"] == [40, 100] and b["evaluations_to_optimum"]["found"] == 0.5
    )
    assert a["best_reported"]["10"] == pytest.approx(0.6) and list(a["best_reported"]) == [
        "10",
        "25",
        "50",
        "100",
    ]
    assert b["simple_regret"]["100"] == pytest.approx(0.05)
    assert a["seconds_per_run"] == 2.0 and a["own_seconds_per_evaluation"] == 0.01


def test_differences_are_paired_and_against_the_first_agent() -> None:
    a, b = summary().to_dict().values()
    assert a["difference"] is None
    difference = b["difference"]
    assert difference["against"] == "a"
    assert difference["evaluations_to_optimum"] == {"mean": 57.5, "interval": [20.0, 95.0]}
    assert difference["best_reward"]["100"]["mean"] == pytest.approx(-0.05)
    assert difference["best_reported"]["10"]["mean"] == pytest.approx(-0.05)
    assert difference["best_reported"]["10"]["interval"] == pytest.approx([-0.1, 0.0])


def test_agents_are_judged_as_rewards_are_by_the_evaluations_that_they_need() -> None:
    better, worse = ([record((count, 0.9), seed=s) for s in range(8)] for count in (10, 40))
    judged = Summary({"a": worse, "b": better}, cap=100, optimum=0.9, worst=0.1)
    figures = judged.to_dict()["b"]
    assert figures["verdict"] == "better" and judged.best == "b"
    assert figures["difference"]["adjusted_p_value"] == pytest.approx(2 / 2**8)
    assert (
        judged.conclusions()[1]
        == "b is better than a: -30.0 [-30.0, -30.0] in evaluations to the best, p = 0.0078"
    )
    unknown = Summary({"a": better, "b": worse}, cap=100, optimum=None, worst=0.1)
    assert unknown.conclusions()[1] == "b and a are equal in every seed in reward"


def test_where_nobody_knows_the_optimum_there_is_no_count_to_it_and_no_regret() -> None:
    figures = summary(optimum=None).to_dict()["b"]
    assert figures["evaluations_to_optimum"] is None and figures["simple_regret"] is None
    assert figures["difference"]["evaluations_to_optimum"] is None
    assert {row["figure"] for row in summary(optimum=None).curves()} == {"best_reward", "best_reported"}


def test_before_the_first_success_the_worst_reward_counts() -> None:
    runs = {"a": [record((30, 0.9)), record(seed=1)]}
    figures = Summary(runs, cap=50, optimum=0.9, worst=0.1).to_dict()["a"]
    assert figures["best_reward"]["10"] == 0.1 and figures["simple_regret"]["10"] == pytest.approx(0.8)
    assert figures["best_reported"]["10"] is None


def test_curves_have_a_row_for_each_agent_figure_and_checkpoint() -> None:
    rows = summary().curves()
    assert len(rows) == 2 * 3 * 4
    row = next(r for r in rows if (r["agent"], r["figure"], r["evaluations"]) == ("b", "best_reward", 10))
    assert row["mean"] == pytest.approx(0.65) and row["low"] == pytest.approx(0.5)


def test_policy_samples_are_means_over_seeds_and_none_without_policies() -> None:
    sampled = [PolicySamples(0.5, 0.25, 10, 100), PolicySamples(1.0, 0.75, 30, 100)]
    runs = [record(policy=policy) for policy in sampled]
    found = policy_samples(runs)
    assert found is not None
    assert (found["top_1_percent"], found["top_0_1_percent"], found["distinct"]) == (0.75, 0.5, 20.0)
    assert found["top_1_percent_per_seed"] == [0.5, 1.0] and found["evaluations"] == 100
    assert policy_samples([record()]) is None
