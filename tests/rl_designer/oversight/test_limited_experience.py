"""Experience is built within an organisation's limit on parameters, or refused where too little is left."""

from pathlib import Path

import numpy as np
import pytest

from rl_designer.experience.building import LIMITS, PARTS, BuildPlan, train_part
from rl_designer.experience.trainings import Trainings
from tests.rl_designer.oversight.conftest import House

BUILD = ("experience", "build", "made", "--kind", "features", "--tasks", 3, "--designs", 2)


def test_parts_are_drawn_within_the_rule_and_told_so_and_apart_from_those_without(house: House) -> None:
    house.rule("max_parameters = 5_000")
    done = house.command(*BUILD)
    assert done.status == 0
    assert "designs of 2,000 to 5,000 parameters, not up to 200,000: " in done.err
    assert f"{house.file} (max_parameters)" in done.err
    limits = Trainings.load(Path("made/trainings.npz")).limit
    assert len(set(limits)) == 3 and limits.min() >= 2_000 and limits.max() <= 5_000
    house.rule("")
    plain = house.command(*BUILD)
    assert plain.status == 0 and "parameters, not up to" not in plain.err
    assert Trainings.load(Path("made/trainings.npz")).limit.max() > 5_000
    assert len(list(Path("made", PARTS).iterdir())) == 6


def test_a_rule_that_narrows_nothing_leaves_parts_as_they_are() -> None:
    free, ruled = (train_part(BuildPlan("features", 1, 2, most=most), 0, 0, 2) for most in (None, LIMITS[1]))
    assert np.array_equal(free.actions, ruled.actions) and np.array_equal(free.limit, ruled.limit)
    assert np.array_equal(free.curve, ruled.curve)


def test_where_too_little_is_left_nothing_is_built(house: House) -> None:
    house.rule("max_parameters = 3_999")
    done = house.command(*BUILD)
    assert done.status == 1 and not Path("made").exists()
    assert "at most 3,999, asked for were 4,000" in done.err and "(max_parameters)" in done.err


def test_a_task_that_no_network_within_the_rule_fits_is_no_larger_one() -> None:
    drawn = train_part(BuildPlan("features", 1, 1), 0, 0, 1).tasks[0]
    with pytest.raises(ValueError, match="max_parameters=9"):
        drawn.within(4, most=9)
    assert drawn.within(4).limits.max_parameters > 9
