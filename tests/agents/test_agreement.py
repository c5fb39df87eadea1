"""How a source's expectations and what is found agree by chance, and how several sources take turns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_designer.agents import memory
from rl_designer.agents.memory import agreement
from tests.helpers.strategies import many_examples, seeds


@many_examples
@given(seeds)
def test_agreement_is_a_rank_correlation_and_how_likely_chance_is_to_reach_it(seed: int) -> None:
    draws = np.random.default_rng(seed)
    expected = draws.normal(size=12)
    assert agreement(expected, np.exp(3 * expected)) == (pytest.approx(1), pytest.approx(0, abs=1e-9))
    assert agreement(expected, -expected) == (pytest.approx(-1), pytest.approx(1))
    found = agreement(expected, draws.normal(size=12))
    assert found is not None and -1 <= found[0] <= 1 and 0 <= found[1] <= 1
    assert agreement(expected, np.ones(12)) is None and agreement(np.ones(12), expected) is None


@pytest.mark.parametrize("n", [8, 16, 40])
def test_a_source_that_knows_nothing_is_kept_by_chance_as_rarely_as_stated(n: int) -> None:
    draws = np.random.default_rng(n)
    kept = [agreement(draws.normal(size=n), draws.normal(size=n)) for _ in range(400)]
    share = np.mean([chance <= memory.CHANCE for found in kept if found for chance in found[1:]])
    assert share == pytest.approx(memory.CHANCE, abs=0.05)


@many_examples
@given(st.lists(st.integers(0, 6), max_size=6), st.lists(st.integers(0, 6), max_size=6), st.integers(1, 9))
def test_taking_turns_leaves_nothing_out_and_repeats_nothing(a: list[int], b: list[int], most: int) -> None:
    lists = [np.array(values, dtype=np.int64).reshape(-1, 1) for values in (a, b)]
    turns = memory._in_turn(lists, most).reshape(-1).tolist()
    assert len(turns) == len(set(turns)) == min(most, len({*a, *b}))
    assert turns[:1] == (a or b)[:1]
    for values in (a, b):  # each in its own order, but for what the other had already
        alone = [turn for turn in turns if turn in values and turn not in (b if values is a else a)]
        assert alone == [value for value in dict.fromkeys(values) if value in alone]
