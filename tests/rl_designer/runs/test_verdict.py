"""The verdict: exact where it can be, checked against counting and simulation."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_designer.runs.verdict import (
    best_of_random,
    chance_of_reaching,
    expected_best,
    judge_by_designs,
    judge_by_table,
    median_best,
    no_control,
    precedence_p_value,
    quarter_means,
)

few_values = st.lists(st.integers(0, 5).map(float), min_size=1, max_size=8)

# -- statistics ------------------------------------------------------------------------------------


@given(st.integers(1, 5), st.integers(1, 5), st.data())
def test_the_precedence_test_counts_all_orders_of_exchangeable_values(
    n: int, m: int, data: st.DataObject
) -> None:
    better = data.draw(st.integers(0, n))
    # Who holds which rank: every choice of the control's ranks is equally likely.
    orders = list(combinations(range(n + m), m))
    as_good = sum(n + m - 1 - max(controls) >= better for controls in orders)
    assert precedence_p_value(n, m, better) == pytest.approx(as_good / len(orders))


@pytest.mark.parametrize("spread", [10**9, 3])
def test_the_precedence_test_rejects_no_more_often_than_it_says(spread: int) -> None:
    generator = np.random.Generator(np.random.PCG64(0))
    values = generator.integers(spread, size=(4000, 64))  # with a small spread most values are equal
    better = (values[:, :48] > values[:, 48:].max(axis=1, keepdims=True)).sum(axis=1)
    p_values = np.array([precedence_p_value(48, 16, int(x)) for x in better])
    assert (p_values <= 0.05).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 4000)


@pytest.mark.parametrize(("n", "m", "better"), [(0, 1, 0), (1, 0, 0), (3, 3, 4), (3, 3, -1)])
def test_the_precedence_test_refuses_counts_out_of_range(n: int, m: int, better: int) -> None:
    with pytest.raises(ValueError, match="0 ≤ better ≤ designs, got"):
        precedence_p_value(n, m, better)


@given(few_values, st.integers(1, 10), st.integers(0, 6))
def test_the_best_of_random_draws_is_that_of_all_possible_draws(
    values: list[float], draws: int, bar: int
) -> None:
    bests = np.array([max(chosen) for chosen in combinations(values, min(draws, len(values)))])
    assert best_of_random(values, draws).sum() == pytest.approx(1)
    assert expected_best(values, draws) == pytest.approx(bests.mean())
    assert chance_of_reaching(values, draws, bar) == pytest.approx((bests >= bar).mean())
    median = median_best(values, draws)
    assert (bests <= median).mean() >= 0.5 - 1e-9
    assert median in values and (bests < median).mean() < 0.5 + 1e-9


def test_it_stays_exact_on_large_tables() -> None:
    chance = chance_of_reaching(np.arange(15_625), 100, 15_624)
    assert chance == pytest.approx(100 / 15_625, rel=1e-6)
    assert chance_of_reaching(np.arange(400), 40, 390) == pytest.approx(1 - comb(390, 40) / comb(400, 40))


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")]])
def test_draws_need_finite_values(values: list[float]) -> None:
    for function in (best_of_random, lambda v, n: chance_of_reaching(v, n, 0)):
        with pytest.raises(ValueError, match="needs finite values and at least 1 draw"):
            function(values, 1)
    with pytest.raises(ValueError, match="at least 1 draw"):
        best_of_random([1.0], 0)


def test_quarters_are_whole_and_at_the_ends() -> None:
    assert quarter_means([1, 2, 3]) is None
    assert quarter_means([1, 2, 3, 4]) == (1, 4)
    assert quarter_means([1, 3, 0, 0, 0, 0, 0, 5, 7]) == (2, 6)


# -- the verdict -----------------------------------------------------------------------------------


def test_on_a_table_the_best_of_all_after_few_designs_is_better_than_random() -> None:
    verdict = judge_by_table(list(range(1000)), "ppo", [3.0, 999.0])
    assert verdict.better is True
    assert verdict.p_value == pytest.approx(0.002)
    assert verdict.control is not None and verdict.control.evaluations == 2
    assert verdict.control.reward == pytest.approx(1000 * 2 / 3 - 1 / 3, abs=0.5)
    assert "ppo: better than random search" in verdict.sentence and "0.2 % of runs" in verdict.sentence


def test_on_a_table_what_half_of_the_random_searches_reach_is_no_better() -> None:
    values = list(range(1000))
    assert judge_by_table(values, "ppo", [400.0]).better is False
    assert judge_by_table(values, "ppo", [median_best(values, 1)]).better is False
    assert judge_by_table(values, "ppo", [700.0]).better is None


def test_a_table_that_was_searched_through_is_no_proof() -> None:
    verdict = judge_by_table([1.0, 2.0], "ppo", [1.0, 2.0])
    assert (verdict.better, verdict.p_value) == (False, 1.0)
    assert "100.0 % of runs" in verdict.sentence


def test_many_designs_above_the_best_random_one_are_better() -> None:
    verdict = judge_by_designs("ppo", [0.9] * 20 + [0.1] * 28, [0.5] * 16, 16)
    assert verdict.better is True
    assert verdict.p_value == pytest.approx(comb(48, 20) / comb(64, 20))
    assert verdict.sentence.startswith(
        "ppo: better than random search. Of its 48 designs 20 beat the best of 16"
    )
    assert "16 paid for by this run" in verdict.sentence and "earlier" not in verdict.sentence


def test_a_few_designs_above_the_best_random_one_tell_too_little() -> None:
    verdict = judge_by_designs("ppo", [0.9] + [0.1] * 47, [0.5] * 16, 6)
    assert verdict.better is None
    assert "too little is known" in verdict.sentence
    assert "6 paid for by this run, 10 from earlier runs" in verdict.sentence


def test_an_equal_best_is_no_better() -> None:
    verdict = judge_by_designs("ppo", [0.5, 0.1], [0.5], 0)
    assert (verdict.better, verdict.p_value) == (False, 1.0)
    assert verdict.control is not None and verdict.control.to_dict() == {
        "agent": "random",
        "evaluations": 1,
        "reward": 0.5,
        "paid": 0,
    }
    assert "Of its 2 designs none beats the best of 1 design of random search" in verdict.sentence


def test_nothing_is_said_without_designs() -> None:
    assert judge_by_designs("ppo", [0.5], [], 0).better is None
    assert "for want of designs" in judge_by_designs("ppo", [], [0.5], 0).sentence
    assert judge_by_table([1.0], "ppo", []).better is None


def test_random_search_is_the_control_itself() -> None:
    verdict = no_control("random", [0.1, 0.7])
    assert verdict.better is None and "control itself" in verdict.sentence
    assert verdict.control is not None and (verdict.control.reward, verdict.control.evaluations) == (0.7, 2)
    assert no_control("ppo", [0.1]).control is None
    assert no_control("random", []).control is None
