"""A belief's file: the same bit by bit, and that no bad file does harm."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rl_designer.agents.belief import DEEPEST, FILE, FORMAT, NUMBERS, Belief
from rl_designer.agents.reward_model import RewardModel
from rl_designer.envs.files import archives
from rl_designer.envs.files.archives import read_arrays, write_arrays
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from tests.helpers.beliefs import (
    BELIEFS,
    SIGNALS,
    SPACES,
    TABLE,
    WIRED,
    Arrays,
    changed,
    numbers_of,
    refusal,
    remembering,
    with_last,
    without,
    written,
)
from tests.helpers.strategies import walks
from tests.helpers.tables import synthetic_table


@SPACES
def test_it_comes_back_from_its_file_bit_by_bit(space: SearchSpace, tmp_path: Path) -> None:
    belief, designs = BELIEFS[space.name], walks(space, 30, seed=9)
    belief.predict(space, designs)  # what was worked out on the way is no part of the file
    belief.save(tmp_path)
    back = Belief.load(tmp_path, space)
    assert back is not None
    for name, array in numbers_of(belief).items():
        assert numbers_of(back)[name].tobytes() == array.tobytes(), name
    for ours, theirs in zip(belief.predict(space, designs), back.predict(space, designs), strict=True):
        assert ours.tobytes() == theirs.tobytes()
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_without_a_file_there_is_none(tmp_path: Path) -> None:
    assert Belief.load(tmp_path, TABLE) is None
    assert Belief.load(tmp_path / "nowhere", TABLE) is None


def test_it_is_good_for_the_same_space_with_other_data_and_other_limits(tmp_path: Path) -> None:
    BELIEFS[SIGNALS.name].save(tmp_path)
    other = make_space("convnet1d", (3, 128), 2, max_parameters=50_000)
    belief = Belief.load(tmp_path, other)
    assert belief is not None
    assert np.isfinite(belief.predict(other, walks(other, 10))).all()


NAMES = sorted(NUMBERS)
MUST = "must hold structured, centre, projection"
DAMAGE: dict[str, tuple[Callable[[Arrays], None], str]] = {
    **{f"no {name}": (without(name), MUST) for name in (*NAMES, "actions")},
    "one array too many": (lambda arrays: arrays.update(extra=np.zeros(1)), MUST),
    **{
        f"{name} of float32": (
            changed(name, lambda array: array.astype(np.float32)),
            "finite float64 numbers only",
        )
        for name in NAMES
    },
    **{
        f"{value} in {name}": (changed(name, with_last(value)), "finite float64 numbers only")
        for name in ("centre", "projection", "scales", "points", "targets", "facts")
        for value in (np.nan, np.inf, -np.inf)
    },
    **{
        f"{name} of one number too few": (changed(name, lambda array: array[:-1]), "must have the shape")
        for name in ("structured", "centre", "projection", "points", "scores", "rewards", "facts")
    },
    **{
        f"{name} of another rank": (changed(name, lambda array: array[None]), "must have the shape")
        for name in NAMES
    },
    **{
        f"{name} as a lone number": (changed(name, lambda _: np.array(1.0)), "must have the shape")
        for name in NAMES
        if name not in ("scales", "trend")  # of which there may be any number
    },
    "a projection of three axes": (
        changed("projection", lambda array: array[:, None, None]),
        "must have the shape",
    ),
    "a projection to other points": (
        changed("projection", lambda array: np.diag(array)[:, 1:]),
        "must have the shape",
    ),
    "neither structured nor step by step": (changed("structured", lambda _: np.full(1, 0.5)), "be 0 or 1"),
    "structured, of a space that knows of none": (
        changed("structured", lambda _: np.ones(1)),
        "'centre' must have the shape (0,)",
    ),
    "points of another width": (changed("points", lambda array: array[:, :-1]), "must have the shape"),
    "no designs": (
        lambda arrays: arrays.update(
            points=arrays["points"][:0], targets=np.zeros(0), known=np.zeros(0), actions=arrays["actions"][:0]
        ),
        "designs must have been fitted, got 0",
    ),
    "more designs than were evaluated": (
        lambda arrays: arrays.update(scores=np.zeros(3), rewards=np.zeros(3)),
        "from 1 to 3 designs must have been fitted, got 20",
    ),
    "noise below 0": (changed("known", lambda known: known - 99), "'known' must not be below 0"),
    "a weight for a source that isn't": (changed("memory_weights", lambda _: np.ones(2)), "'memory_weights'"),
    "an action that the space doesn't have": (
        changed("actions", lambda a: a + 9),
        "'actions' must be from -1",
    ),
    "actions below -1": (changed("actions", lambda a: a - 9), "'actions' must be from -1 to 3"),
    "actions of other steps": (changed("actions", lambda a: a[:, 1:]), "'actions' must have the shape"),
    "actions of other designs": (changed("actions", lambda a: a[1:]), "'actions' must have the shape"),
    "actions that aren't whole": (changed("actions", lambda a: a + 0.5), "actions of int64, got float64"),
    "a format to come": (changed("format", lambda f: f + 1), "a format that this version can't read: [7]"),
    "a format below 1": (changed("format", lambda f: f * 0), "a format that this version can't read: [0]"),
    "a format of two numbers": (changed("format", lambda f: np.append(f, f)), "can't read: [6, 6]"),
    "a format that isn't whole": (changed("format", lambda f: f + 0.5), "can't read: [6.5]"),
    "half of a source": (lambda arrays: arrays.update({"source-0.facts": np.ones(2)}), MUST),
    "so many designs that memory would not do": (
        lambda arrays: arrays.update(
            actions=arrays["actions"][:0],
            points=np.zeros((100_000, arrays["points"].shape[1])),
            targets=np.zeros(100_000),
            known=np.zeros(100_000),
            scores=np.zeros(100_000),
            rewards=np.zeros(100_000),
        ),
        "from 1 to 4,096 designs must have been fitted, got 100,000",
    ),
    "scores in no order": (changed("scores", lambda array: array[::-1]), "ascending order"),
    "rewards in no order": (changed("rewards", lambda array: array[::-1]), "ascending order"),
    "a variance of 0": (changed("facts", lambda _: np.array([0.0, 0.1])), "'facts' must be above 0"),
    "a trend of 0": (changed("trend", lambda _: np.zeros(1)), "'trend' must be above 0, got [0.0]"),
    "two trends": (changed("trend", lambda _: np.ones(2)), "'trend' must have the shape (1,), got (2,)"),
    "a negative noise": (changed("facts", lambda _: np.array([1.0, -1.0])), "'facts' must be above 0"),
    "numbers whose squares overflow": (changed("points", with_last(1e300)), "is damaged"),
}


@pytest.mark.parametrize("case", DAMAGE)
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_a_damaged_file_is_refused_in_one_line_that_names_it(tmp_path: Path, case: str) -> None:
    damage, reason = DAMAGE[case]
    arrays = written(BELIEFS[TABLE.name], tmp_path)
    damage(arrays)
    write_arrays(tmp_path / FILE, arrays)
    assert reason in refusal(tmp_path)


@pytest.mark.parametrize(
    "written, read",
    [
        (TABLE, TableSpace(synthetic_table((3, 4, 2)))),
        (TABLE, TableSpace(synthetic_table((3, 5, 2, 3)))),
        (TABLE, SIGNALS),
        (SIGNALS, TABLE),
        (SIGNALS, make_space("mlp", (8,), 2)),
        (WIRED, TableSpace(replace(WIRED.table, wiring=None))),
        (WIRED, TableSpace(synthetic_table((3, 4, 3, 2)))),
    ],
    ids=[
        "fewer steps",
        "more options",
        "variable length",
        "constant length",
        "other layers",
        "without its wiring",
        "other cells",
    ],
)
def test_a_file_of_another_space_is_refused(tmp_path: Path, written: SearchSpace, read: SearchSpace) -> None:
    BELIEFS[written.name].save(tmp_path)
    assert f"is damaged or not for space {read.name!r}" in refusal(tmp_path, read)


# -- with sources ------------------------------------------------------------------------------------


@SPACES
def test_with_its_sources_it_comes_back_from_its_file_bit_by_bit(space: SearchSpace, tmp_path: Path) -> None:
    designs = walks(space, 30, seed=9)
    belief = RewardModel(space, sources=[remembering(space)]).fit(designs, np.arange(30.0))
    belief.save(tmp_path)
    back = Belief.load(tmp_path, space)
    assert back is not None and back.depth == belief.depth == 3
    assert back.actions.tolist() == designs.tolist()
    assert [len(source.sources) for source in back.sources] == [2]
    for ours, theirs in zip(belief.predict(space, designs), back.predict(space, designs), strict=True):
        assert ours.tobytes() == theirs.tobytes()


def test_damage_in_a_source_is_noticed(tmp_path: Path) -> None:
    arrays = written(remembering(TABLE), tmp_path)
    for name, value, reason in (
        ("source-1.facts", np.zeros(2), "'facts' must be above 0"),
        ("source-0.points", np.zeros((20, 1)), "'points' must have the shape"),
        ("source-0.targets", np.full(20, np.nan), "finite float64 numbers only"),
        ("source-3.targets", np.zeros(20), MUST),
        ("memory_weights", np.ones(2), "'memory_weights' must have the shape"),
    ):
        write_arrays(tmp_path / FILE, {**arrays, name: value})
        assert reason in refusal(tmp_path)


def test_sources_in_one_another_have_an_end(tmp_path: Path) -> None:
    arrays = written(BELIEFS[TABLE.name], tmp_path)
    for depth in (DEEPEST, 200):
        inner = {f"{depth * 'source-0.'}{name}": array for name, array in arrays.items() if name != "format"}
        outer = {
            f"{level * 'source-0.'}{name}": array
            for level in range(depth)
            for name, array in arrays.items()
            if name != "format"
        }
        write_arrays(tmp_path / FILE, {"format": np.array([FORMAT]), **outer, **inner})
        assert f"more than {DEEPEST} sources lie in one another" in refusal(tmp_path)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    BELIEFS[TABLE.name].save(tmp_path)
    sound = (tmp_path / FILE).read_bytes()
    for length in (0, 4, 8, 100, len(sound) // 2, len(sound) - 1):
        (tmp_path / FILE).write_bytes(sound[:length])
        assert "is damaged" in refusal(tmp_path)


# -- files of arrays --------------------------------------------------------------------------------


def test_a_file_that_is_too_large_to_be_one_of_ours_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    BELIEFS[TABLE.name].save(tmp_path)
    monkeypatch.setattr(archives, "_MOST_BYTES", 1_000)
    assert "bytes; at most 1,000 are read" in refusal(tmp_path)


def test_a_missing_file_of_arrays_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"no kind of file: {tmp_path / 'none'} is missing"):
        read_arrays(tmp_path / "none", "kind of file")


def test_arrays_in_any_order_in_memory_come_back_as_they_were(tmp_path: Path) -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    arrays = {"columns": np.asfortranarray(array), "turned": array.T, "every other": array[:, ::2]}
    write_arrays(tmp_path / "arrays", arrays)
    for name, back in read_arrays(tmp_path / "arrays", "file").items():
        np.testing.assert_array_equal(back, arrays[name])
