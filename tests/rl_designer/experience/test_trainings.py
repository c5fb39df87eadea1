"""Files of trainings: read as they were written, put together, and refused where they are damaged."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rl_designer.experience.building import DESIGNS, BuildPlan
from rl_designer.experience.trainings import Trainings
from tests.helpers.experiences import made_trainings


def same(a: Trainings, b: Trainings) -> bool:
    arrays = ("task", "actions", "limit", "curve")
    return a.tasks == b.tasks and all(np.array_equal(getattr(a, n), getattr(b, n)) for n in arrays)


def test_what_was_saved_is_read_again(tmp_path: Path) -> None:
    made_trainings().save(tmp_path / "a.npz")
    assert same(Trainings.load(tmp_path / "a.npz"), made_trainings())


def test_parts_are_put_together_by_task_and_taken_apart_again() -> None:
    whole = made_trainings()
    parts = [whole.chosen([task]) for task in range(4)]
    assert same(Trainings.merged(parts), whole)
    twice = Trainings.merged([*parts, parts[0]])
    assert len(twice.tasks) == 4
    assert len(twice) == len(whole) + len(parts[0])


def test_as_many_designs_are_built_as_were_asked_for_the_first_parts_of_all_tasks_first() -> None:
    assert BuildPlan("features", tasks=2, designs=DESIGNS + 4).parts == [
        (0, 0, DESIGNS),
        (1, 0, DESIGNS),
        (0, 1, 4),
        (1, 1, 4),
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": np.full(160, 9, np.int32)}, "'task' must be from 0 to 3"),
        ({"actions": np.full((160, 9), 5_000, np.int16)}, "'actions' must be from -1"),
        ({"limit": np.ones(3, np.float32)}, "'limit' must have the shape"),
        ({"curve": np.full((160, 2), 2, np.float32)}, "scores up to 1"),
        ({"curve": np.zeros((160, 0), np.float32)}, "no training"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_that_names_the_file(
    tmp_path: Path, changes: dict[str, np.ndarray], message: str
) -> None:
    assert len(made_trainings()) == 160
    path = tmp_path / "a.npz"
    replace(made_trainings(), **changes).save(path)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message) as refused:
        Trainings.load(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_no_such_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK no archive")
    for path in (tmp_path / "a.npz", tmp_path / "missing.npz"):
        with pytest.raises(ValueError, match="no file of trainings"):
            Trainings.load(path)
