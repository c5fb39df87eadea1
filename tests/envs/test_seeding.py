"""Named streams of randomness: independent, the same everywhere, and none of them global."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_designer.envs.seeding import seed_of, stream
from tests.helpers.strategies import many_examples

texts = st.text(st.characters(exclude_characters="\x1f", exclude_categories=["Cs"]), min_size=1)
parts = st.lists(st.integers() | texts, max_size=3)


@many_examples
@given(parts, parts)
def test_the_same_parts_give_the_same_seed_and_others_another(one: list[object], other: list[object]) -> None:
    assert (seed_of(*one) == seed_of(*other)) == (list(map(str, one)) == list(map(str, other)))
    assert 0 <= seed_of(*one) < 2**63


def test_a_seed_is_the_same_on_every_machine_and_in_every_version() -> None:
    """Stored evaluations were made with it."""
    assert seed_of("a design", 3) == 7831851535743451840
    assert stream(7, "walks", 1).integers(2**63) == 6842702614274468821


def test_streams_of_other_names_or_seeds_are_others() -> None:
    drawn = [
        tuple(stream(seed, *names).random(3)) for seed in (0, 1) for names in ((), ("a",), ("b",), ("a", 1))
    ]
    assert len(set(drawn)) == len(drawn)
    assert tuple(stream(0, "a").random(3)) in drawn


def test_a_stream_touches_no_global_generator() -> None:
    before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    stream(0, "a").random(100)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # type: ignore[index]  # noqa: NPY002


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="non-negative"):
        stream(-1)
