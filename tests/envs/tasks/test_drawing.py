"""Drawn tasks: any number gives one that can be made, the same again, and all families have their turn."""

import numpy as np
import pytest

from rl_designer.envs.tasks.drawing import VALIDATED, drawn_task
from rl_designer.envs.tasks.made import FAMILIES, Kind, make_task


@pytest.mark.parametrize("kind", ["signal", "image", "features"])
def test_every_drawn_task_can_be_made(kind: Kind) -> None:
    families = [name for name, family in FAMILIES.items() if family.kind == kind]
    drawn = [drawn_task(kind, number) for number in range(3 * len(families))]
    assert [task.family for task in drawn] == 3 * families
    assert len({task.text for task in drawn}) == len(drawn)
    for task in drawn:
        made = make_task(task.text)
        assert made.kind == kind
        assert len(made.y) >= VALIDATED + 100
    assert drawn == [drawn_task(kind, number) for number in range(len(drawn))]
    assert drawn[0] != drawn_task(kind, 0, seed=1)


def test_some_tables_have_a_number_to_predict() -> None:
    made = [make_task(drawn_task("features", number).text) for number in range(20)]
    assert {made_task.y.dtype.kind for made_task in made} == {"i", "f"}
    numbers = next(task.y for task in made if task.y.dtype.kind == "f")
    assert np.isfinite(numbers).all()
