"""Rewards that see the run's history: rank and hypervolume, by definition and in long runs."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards import History, load_reward
from tests.helpers.strategies import many_examples

REFERENCE = 12

Points = list[tuple[int, int]]
points = st.lists(st.tuples(st.integers(1, 15), st.integers(0, 5)), max_size=9)


def evaluation(parameters: int, tenths: int) -> Evaluation:
    return Evaluation(val_accuracy=tenths / 10, parameters=parameters)


def paid(reward: str, run: Sequence[Evaluation]) -> list[float]:
    seen: list[Evaluation] = []
    history, values, loaded = History(seen), [], load_reward(reward)
    for design in run:
        values.append(loaded(design, history))
        seen.append(design)
    return values


def area(run: Points) -> float:
    """The hypervolume by its definition: for each unit of cost, the best accuracy for as little or less."""
    bests = (max((t for p, t in run if p <= cost), default=0) for cost in range(1, REFERENCE))
    return sum(bests) / 10


# -- rank --------------------------------------------------------------------------------------------


def test_rank_is_the_share_of_the_earlier_designs_that_it_beats() -> None:
    run = [evaluation(1, tenths) for tenths in (5, 7, 3, 6, 9, 9, 0)]
    assert paid("rank", run) == pytest.approx([0.5, 1, 0, 2 / 3, 1, 4.5 / 5, 0])


@many_examples
@given(st.lists(st.integers(0, 10), max_size=12))
def test_rank_counts_who_is_below_and_half_of_who_is_equal(tenths: list[int]) -> None:
    for index, value in enumerate(paid("rank", [evaluation(1, t) for t in tenths])):
        before = tenths[:index]
        beaten = sum((t < tenths[index]) + (t == tenths[index]) / 2 for t in before)
        assert value == pytest.approx(beaten / index if index else 0.5)


@many_examples
@given(st.lists(st.integers(0, 10), max_size=12))
def test_rank_is_the_same_for_every_monotone_rescaling_of_accuracy(tenths: list[int]) -> None:
    plain = [Evaluation(t / 10) for t in tenths]
    assert paid("rank", plain) == paid("rank", [Evaluation((t / 10) ** 3 / 2) for t in tenths])


# -- hypervolume -------------------------------------------------------------------------------------


@many_examples
@given(points)
def test_hypervolume_pays_by_how_much_the_dominated_area_grows(run: Points) -> None:
    values = paid(f"hypervolume:reference={REFERENCE},scale=linear", [evaluation(*point) for point in run])
    areas = [area(run[:count]) for count in range(len(run) + 1)]
    assert values == pytest.approx([after - before for before, after in pairwise(areas)])


@many_examples
@given(points)
def test_in_logarithms_too_the_growth_adds_up_to_an_area_that_no_order_changes(run: Points) -> None:
    designs = [evaluation(*point) for point in run]
    one, other = (sum(paid(f"hypervolume:reference={REFERENCE}", ds)) for ds in (designs, designs[::-1]))
    assert one == pytest.approx(other)


def test_in_logarithms_a_unit_of_cost_does_not_matter() -> None:
    small = paid("hypervolume:reference=12", [evaluation(2, 3), evaluation(3, 5)])
    large = paid("hypervolume:reference=12000", [evaluation(2_000, 3), evaluation(3_000, 5)])
    assert small == pytest.approx(large)


def test_a_design_that_another_dominates_or_that_is_beyond_the_reference_adds_nothing() -> None:
    run = [evaluation(5, 4), evaluation(6, 4), evaluation(5, 3), evaluation(12, 9), evaluation(5, 4)]
    assert paid("hypervolume:reference=12", run)[1:] == [0, 0, 0, 0]


# -- long runs ---------------------------------------------------------------------------------------


class _Sum:
    """A view that counts what it was given."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def add(self, evaluation: Evaluation) -> None:
        self.seen.append(evaluation.parameters or 0)


def test_a_view_takes_in_every_evaluation_once_and_in_order_whenever_it_is_asked() -> None:
    seen = [evaluation(0, 0)]
    history = History(seen)
    for count in range(1, 20):
        if count % 3:
            view = history.view(_Sum, "sum")
            assert view.seen == list(range(count)) and view is history.view(_Sum, "sum")
        seen.append(evaluation(count, 0))
    assert history.view(_Sum, "another").seen == list(range(20))


def test_a_history_is_a_sequence_of_evaluations() -> None:
    designs = [evaluation(n, n) for n in range(4)]
    history = History.of(designs)
    assert list(history) == designs and len(history) == 4
    assert (history[-1], history[1:3]) == (designs[3], designs[1:3])
    assert History.of(history) is history
    assert not hasattr(history, "append")  # which a reward might take for its own list


@pytest.mark.timeout(30)
@pytest.mark.parametrize("reward", ["rank", "hypervolume:reference=100000"])
def test_a_run_of_many_thousand_designs_stays_quick(reward: str) -> None:
    """Worst case of the front: every design is on it. Were each paid by all before it, this took minutes."""
    run = [Evaluation(val_accuracy=n / 20_000, parameters=n + 1) for n in range(20_000)]
    assert list(accumulate(paid(reward, run)))[-1] > 0
