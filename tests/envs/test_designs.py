"""`Designs`: a list of designs, whose later ones are packed and made anew when they are asked for."""

import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_designer.agents.registry import agent_class
from rl_designer.envs import designs as designs_module
from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.designs import Design, Designs
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.packing import PackedTuples, Places
from rl_designer.envs.problem import Budget, Problem
from rl_designer.envs.rewards import RewardContext, accuracy, load_reward
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.testing.problems import Watched
from tests.helpers.strategies import many_examples
from tests.helpers.tables import synthetic_table

SPACE = TableSpace(synthetic_table((3, 3, 2, 3)))
FLOATS = st.floats(allow_nan=False)
COUNTS = st.integers(-(2**70), 2**70)
OPTIONS = st.sampled_from([0, 1, 300, -1, True, False, 0.0, -0.0, 1.0, "1", "relu", ""])
LAYERS = st.builds(
    lambda kind, options: Layer.of(kind, **options),
    st.sampled_from(["conv", "pool", "dénse"]),
    st.dictionaries(st.sampled_from(["width", "rate"]), OPTIONS),
)
EVALUATIONS = st.builds(
    Evaluation,
    st.none() | FLOATS,
    st.none() | FLOATS,
    st.lists(FLOATS, max_size=4).map(tuple),
    *[st.none() | COUNTS] * 2,
    *[st.none() | FLOATS] * 2,
    *[st.none() | COUNTS] * 2,
    st.none() | st.sampled_from(["cpu", "cuda:0"]),
    st.none() | st.text(max_size=8),
    st.none() | COUNTS,
)
KEPT_WHOLE = (0, 2, 10_000)  # designs that aren't packed


@pytest.fixture(params=KEPT_WHOLE)
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(designs_module, "_AS_THEY_ARE", request.param)
    yield request.param


def some(count: int = 12, failing: Sequence[int] = (0, 1, 4, 11)) -> list[Design]:
    rows = SPACE.architectures(SPACE.random_actions(200, np.random.default_rng(0)))
    distinct = list({architecture.digest: architecture for architecture in rows}.values())[:count]
    return [
        Design(a, Evaluation(i / 7, parameters=i, failure="no memory" if i in failing else None), i / 3, i)
        for i, a in enumerate(distinct)
    ]


# -- as a list ----------------------------------------------------------------------------------------


def test_designs_are_read_as_a_list_is(kept: int) -> None:
    expected = some()
    found = Designs(expected)
    assert len(found) == len(expected) and list(found) == expected and found == expected == found
    assert [*reversed(found)] == expected[::-1] and expected[7] in found and found.index(expected[7]) == 7
    for place in (0, 1, 2, 3, 11, -1, -12):
        assert found[place] == expected[place]
    for cut in (slice(None), slice(1, 5), slice(9, None), slice(None, None, -2), slice(20, 30)):
        assert found[cut] == expected[cut]
    for place in (12, -13):
        with pytest.raises(IndexError):
            found[place]


def test_other_designs_are_not_equal(kept: int) -> None:
    found = Designs(some())
    assert Designs(some()) == found
    assert found != some()[:-1] and found != [*some()[:-1], some()[0]] and found != "designs"


def test_a_design_is_found_by_its_digest(kept: int) -> None:
    found = Designs(some())
    for design in some():
        assert found.find(design.architecture.digest) == design.index
    assert found.find(some(13)[-1].architecture.digest) is None


def test_what_can_be_asked_of_all_at_once_is_what_each_one_says(kept: int) -> None:
    found, expected = Designs(), some()
    succeeded = found.succeeded
    assert len(succeeded) == 0 and found.rewards.shape == found.failed.shape == (0,)
    for count, design in enumerate(expected, start=1):
        found.append(design)
        known = expected[:count]
        assert found.rewards.tolist() == [d.reward for d in known]
        assert found.failed.tolist() == [d.evaluation.failure is not None for d in known]
        assert list(succeeded) == [d.evaluation for d in known if d.evaluation.failure is None]
    assert succeeded[-1] == expected[10].evaluation and succeeded[1:3] == list(succeeded)[1:3]
    with pytest.raises(IndexError):
        succeeded[len(succeeded)]


# -- packed -------------------------------------------------------------------------------------------


@many_examples
@given(
    st.lists(
        st.tuples(st.lists(LAYERS, max_size=4), st.booleans(), EVALUATIONS, FLOATS), min_size=1, max_size=6
    )
)
def test_a_packed_design_comes_back_as_it_was_to_the_last_bit_and_type(parts: list[Any]) -> None:
    expected = [
        Design(Architecture(f"space {i}", tuple(layers), complete), evaluation, reward, i)
        for i, (layers, complete, evaluation, reward) in enumerate(parts)
    ]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(designs_module, "_AS_THEY_ARE", 0)
        found = list(Designs(expected))
    # `repr` tells 1 from 1.0 from True and 0.0 from -0.0, which are equal.
    assert repr(found) == repr(expected)
    assert [d.architecture.digest for d in found] == [d.architecture.digest for d in expected]


def test_values_of_other_types_come_back_as_they_are() -> None:
    values = (np.float64(0.5), np.float32(0.25), np.int64(3), [1], {}, float("inf"), -3, 2**64, None)
    packed = PackedTuples()
    packed.append(values)
    packed.append(values)
    assert [type(value) for value in packed[1]] == [type(value) for value in values] and packed[0] == values


def test_more_different_texts_than_a_byte_or_two_can_number() -> None:
    packed = PackedTuples()
    for number in range(66_000):
        packed.append((str(number % 65_800), number))
    assert all(packed[number] == (str(number % 65_800), number) for number in (0, 255, 256, 65_535, 65_999))


@many_examples
@given(st.lists(st.integers(0, 2**80 - 1), unique=True, max_size=50), st.integers(0, 2**80 - 1))
def test_places_of_digests_are_found_though_many_want_the_same_slot(numbers: list[int], another: int) -> None:
    digests = [f"{number:020x}" for number in numbers]
    digests += [digest for i in range(50) if (digest := f"{i:020x}"[::-1]) not in digests]  # one slot
    places = Places()
    for digest in digests:
        assert places.find(digest) is None
        places.add(digest)
    assert [places.find(digest) for digest in digests] == list(range(len(digests)))
    if (last := f"{another:020x}") not in digests:
        assert places.find(last) is None


def test_places_are_found_after_the_table_has_grown() -> None:
    places, digests = Places(), [f"{number * 0x9E3779B97F4A7C15:020x}"[-20:] for number in range(5_000)]
    for digest in digests:
        places.add(digest)
    assert [places.find(digest) for digest in digests] == list(range(5_000))


def test_a_packed_design_takes_less_than_150_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(designs_module, "_AS_THEY_ARE", 100)
    space = TableSpace(synthetic_table((4,) * 7))
    problem = Problem(space, TableEvaluator(space), accuracy)
    actions = space.random_actions(2_000, np.random.default_rng(0))
    space.rows(actions)  # what the space keeps of itself
    problem.evaluate(space.architectures(actions[:1_000]))
    tracemalloc.start()
    try:
        before, known = tracemalloc.get_traced_memory()[0], len(problem.designs)
        for row in actions[1_000:]:
            problem.evaluate(space.architectures(row[None]))
            space._architectures.clear()
            space._memo.clear()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown / (len(problem.designs) - known) < 150


# -- searches -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "reward"),
    [
        ("random", "accuracy"),
        ("regularized-evolution:population=5,sample=2", "accuracy"),
        ("local-search", "accuracy"),
        ("reinforce", "accuracy"),
        ("ppo-model-free", "accuracy"),
        ("bananas", "accuracy"),
        ("ppo:warm=4,batch=4,updates=1,final_updates=1,final_share=0", "accuracy"),
        ("random", "rank"),
        ("bananas", "rank"),
    ],
)
def test_a_search_is_the_same_whether_designs_are_packed_or_not(
    agent: str, reward: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for kept in KEPT_WHOLE:
        monkeypatch.setattr(designs_module, "_AS_THEY_ARE", kept)
        problem = Problem(
            SPACE,
            Watched(TableEvaluator(SPACE), 0.2),
            load_reward(reward, RewardContext(SPACE)),
            Budget(evaluations=16),
        )
        agent_class(agent)(seed=1).search(problem)
        found.append([astuple(design) for design in problem.designs])
    assert len(found[0]) == 16 and found[0] == found[1] == found[2]
