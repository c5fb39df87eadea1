"""Designs by several figures at once, against counting by hand."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_designer.envs.rewards.dominance import hypervolume, improvements, non_dominated

Rows = list[tuple[int, ...]]


def rows_of(figures: int, most: int = 8) -> st.SearchStrategy[Rows]:
    """Whole numbers from 0 to 4, so that ties and equal rows are common."""
    return st.lists(st.tuples(*[st.integers(0, 4)] * figures), max_size=most)


def array(rows: Rows, figures: int) -> np.ndarray:
    return np.array(rows, dtype=np.float64).reshape(len(rows), figures)


def counted(rows: Rows, figures: int) -> int:
    """The unit cells between 0 and 4 that some row dominates."""
    cells = product(range(4), repeat=figures)
    return sum(any(all(v > c for v, c in zip(row, cell, strict=True)) for row in rows) for cell in cells)


@pytest.mark.parametrize("figures", [1, 2, 3])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_nothing_beats_the_volume_and_its_growth_are_those_by_counting(
    figures: int, data: st.DataObject
) -> None:
    rows, more = data.draw(rows_of(figures)), data.draw(rows_of(figures, 3))
    values, origin = array(rows, figures), np.zeros(figures)

    def beats(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
        return one != other and all(a >= b for a, b in zip(one, other, strict=True))

    front = [i for i, row in enumerate(rows) if not any(beats(o, row) for o in rows) and row not in rows[:i]]
    assert non_dominated(values).tolist() == front
    assert hypervolume(values, origin) == counted(rows, figures)
    grown = improvements(array(more, figures), values, origin)
    assert grown.tolist() == [counted([*rows, row], figures) - counted(rows, figures) for row in more]


def test_a_row_with_a_gap_is_left_out_and_one_below_the_reference_dominates_nothing() -> None:
    values = np.array([[np.nan, 9.0], [1.0, 1.0], [-1.0, 5.0]])
    assert non_dominated(values).tolist() == [1, 2]
    assert hypervolume(values, np.zeros(2)) == 1
    assert improvements(np.array([[2.0, 2.0], [-3.0, 9.0]]), values[1:], np.zeros(2)).tolist() == [3, 0]


def test_equal_fronts_have_equal_volumes_whatever_lies_below_them() -> None:
    draws = np.random.default_rng(0)
    values = draws.random((200, 3))
    front = values[non_dominated(values)]
    assert hypervolume(values, np.full(3, -0.1)) == hypervolume(front, np.full(3, -0.1))
    assert 1 < len(front) < 200
