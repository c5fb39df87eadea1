"""Architecture tables: what a file must hold, how it is read and written, and that no bad file does harm."""

import io
import json
import os
import random
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from rl_designer.envs.tables import table as architecture_table
from rl_designer.envs.tables.table import FORMAT, ArchitectureTable, Task
from tests.helpers.strategies import few_examples, tables
from tests.helpers.tables import synthetic_table

TABLE = synthetic_table((3, 4, 2, 3))
ROWS = 72
SHARED = Path(os.environ.get("RL_DESIGNER_TABLES", Path(__file__).resolve().parents[4] / "shared" / "tables"))

Arrays = dict[str, np.ndarray[Any, Any]]


def parts(folder: Path) -> tuple[dict[str, Any], Arrays]:
    """What a sound file holds: the object in `meta`, and the arrays."""
    TABLE.save(folder / "sound.npz")
    with np.load(folder / "sound.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return json.loads(str(arrays.pop("meta"))), arrays


def file_with(
    folder: Path, facts: Mapping[str, Any] | None = None, arrays: Mapping[str, Any] | None = None
) -> Path:
    """A file that is sound but for `facts` of its `meta` and some `arrays`; None leaves an array out."""
    meta, sound = parts(folder)
    changed: dict[str, Any] = {
        "meta": np.array(json.dumps({**meta, **(facts or {})})),
        **sound,
        **(arrays or {}),
    }
    np.savez(folder / "table.npz", **{name: array for name, array in changed.items() if array is not None})
    return folder / "table.npz"


def refusal(path: Path) -> str:
    """Why a file is refused: a ValueError of one line that names the file, and no other error."""
    with pytest.raises(
        ValueError, match=r"is no sound architecture table|no such architecture table"
    ) as caught:
        ArchitectureTable.load(path)
    text = str(caught.value)
    assert "\n" not in text and str(path) in text
    return text


def assert_equal(one: ArchitectureTable, other: ArchitectureTable) -> None:
    for name in ("name", "title", "source", "decisions", "tasks", "metric_facts"):
        assert getattr(one, name) == getattr(other, name)
    for first, second in [
        (one.architectures, other.architectures),
        (one.canonical, other.canonical),
        *((one.metrics[name], other.metrics[name]) for name in one.metrics),
    ]:
        assert first.dtype == second.dtype
        np.testing.assert_array_equal(first, second)
    assert list(one.metrics) == list(other.metrics)


# -- reading and writing ---------------------------------------------------------------------------


@few_examples
@given(tables())
def test_a_table_comes_back_from_its_file_as_it_was(table: ArchitectureTable) -> None:
    with TemporaryDirectory() as folder:
        table.save(Path(folder) / "table.npz")
        assert_equal(ArchitectureTable.load(Path(folder) / "table.npz"), table)


def test_a_file_is_written_beside_and_renamed(tmp_path: Path) -> None:
    (tmp_path / "table.npz").write_bytes(b"an older one")
    TABLE.save(tmp_path / "table.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["table.npz"]
    assert_equal(ArchitectureTable.load(str(tmp_path / "table.npz")), TABLE)


def test_rows_are_all_different_networks_where_the_file_does_not_say_otherwise(tmp_path: Path) -> None:
    table = ArchitectureTable.load(file_with(tmp_path, arrays={"canonical": None}))
    assert table.canonical.dtype == np.int32
    assert table.canonical.tolist() == list(range(ROWS))


def test_title_and_source_may_be_left_out(tmp_path: Path) -> None:
    meta, _ = parts(tmp_path)
    kept = {name: value for name, value in meta.items() if name not in ("title", "source")}
    path = file_with(tmp_path, arrays={"meta": np.array(json.dumps(kept))})
    assert (ArchitectureTable.load(path).title, ArchitectureTable.load(path).source) == ("synthetic", "")


# -- values and tasks ------------------------------------------------------------------------------


def with_metric(values: Any, facts: Mapping[str, Any]) -> ArchitectureTable:
    """A table of three rows with one metric."""
    return ArchitectureTable(
        name="small",
        title="",
        source="",
        decisions=(("d", ("a", "b", "c")),),
        architectures=np.array([[0], [1], [2]], dtype=np.uint8),
        metrics={"m": np.asarray(values, dtype=np.float32)},
        metric_facts={"m": facts},
        tasks={"t": Task("m", "m")},
    )


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, [50, 60, 70]),
        ({"unit": "percent"}, [0.5, 0.6, 0.7]),
        ({"unit": "percent", "maximize": False}, [-0.5, -0.6, -0.7]),
        ({"unit": "nats", "maximize": False}, [-50, -60, -70]),
        ({"unit": "count", "maximize": False}, [50, 60, 70]),
    ],
)
def test_percentages_become_fractions_and_what_is_minimized_changes_its_sign_unless_it_is_a_count(
    facts: Mapping[str, Any], expected: list[float]
) -> None:
    np.testing.assert_allclose(with_metric([[50], [60], [70]], facts).values("m"), expected)


def test_a_rows_value_is_the_mean_over_its_repeats_and_missing_where_one_of_them_is() -> None:
    values = with_metric([[1, 3], [2, 2], [1, np.nan]], {}).values("m")
    np.testing.assert_array_equal(values, [2, 2, np.nan])


def test_a_task_is_named_or_the_only_one() -> None:
    assert TABLE.task("task") == TABLE.task(None) == Task("search", "report")


def test_an_unknown_task_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ValueError, match=r"unknown task of table 'synthetic' 'tusk'. Did you mean 'task'\?"):
        TABLE.task("tusk")


def test_where_there_are_several_tasks_one_must_be_named() -> None:
    table = replace(TABLE, tasks={"b": Task("search", "report"), "a": Task("report", "report")})
    with pytest.raises(ValueError, match=r"table 'synthetic' has several tasks; choose one of \['a', 'b'\]"):
        table.task(None)


# -- what is refused -------------------------------------------------------------------------------


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.npz") == f"no such architecture table: {tmp_path / 'none.npz'}"
    assert "no such architecture table" in refusal(tmp_path)


@pytest.mark.parametrize("left_out", ["meta", "architectures", "metric/search"])
def test_a_file_that_lacks_an_array_is_refused(tmp_path: Path, left_out: str) -> None:
    assert refusal(file_with(tmp_path, arrays={left_out: None})).endswith(f"it lacks '{left_out}'")


BAD_ARRAYS = {
    "architectures of another dtype": ({"architectures": TABLE.architectures.astype(int)}, "must be uint8"),
    "architectures of another rank": ({"architectures": TABLE.architectures[0]}, "must be uint8"),
    "too few decisions": ({"architectures": TABLE.architectures[:, :3]}, "must be uint8"),
    "no rows": ({"architectures": TABLE.architectures[:0]}, "with N ≥ 1"),
    "a row twice": ({"architectures": TABLE.architectures[[0, *range(71)]]}, "must not have a row twice"),
    "an option out of range": (
        {"architectures": TABLE.architectures + np.uint8(1)},
        "decision 'decision 0' has 3 options, but a row takes option 3",
    ),
    "too few values": ({"metric/search": np.zeros(7)}, "metric 'search' must be [N] or [N, repeats]"),
    "twice as many values": ({"metric/search": np.zeros(2 * ROWS)}, "must be [N] or [N, repeats]"),
    "no repeats": ({"metric/search": np.zeros((ROWS, 0))}, "must be [N] or [N, repeats], got [72, 0]"),
    "a value alone": ({"metric/search": np.array(3.0)}, "must be [N] or [N, repeats], got []"),
    "infinite values": ({"metric/search": np.full(ROWS, np.inf)}, "must be finite, or NaN where"),
    "values too large": ({"metric/search": np.full(ROWS, 1e300)}, "must be finite, or NaN where"),
    "texts for values": ({"metric/search": np.full(ROWS, "a")}, "metric 'search' must be float32, got <U1"),
    "complex values": ({"metric/search": np.full(ROWS, 1j)}, "must be float32, got complex128"),
    "canonical of another dtype": ({"canonical": np.full(ROWS, np.nan)}, "`canonical` must be int32 [72]"),
    "canonical of another length": ({"canonical": np.zeros(3, np.int32)}, "got int32 [3]"),
    "meta that is no JSON": ({"meta": np.array("{")}, "Expecting property name"),
    "meta that is no object": ({"meta": np.array("[]")}, f"`format` must be '{FORMAT}', got None"),
    "meta nested without end": ({"meta": np.array("[" * 100_000)}, "nested too deeply"),
    "a pickle for meta": (
        {"meta": np.array({"format": FORMAT}, dtype=object)},
        "which only pickle could read",
    ),
    "a pickle for architectures": (
        {"architectures": np.array([[print] * 4], dtype=object)},
        "which only pickle could read",
    ),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_a_file_with_a_bad_array_is_refused(tmp_path: Path, case: str) -> None:
    arrays, reason = BAD_ARRAYS[case]
    assert reason in refusal(file_with(tmp_path, arrays=arrays))


def decisions(*options: Any) -> dict[str, Any]:
    return {"decisions": [{"name": f"d{i}", "options": list(o)} for i, o in enumerate(options)]}


BAD_FACTS: dict[str, tuple[dict[str, Any], str]] = {
    "another format": ({"format": "architecture-table/2"}, "`format` must be 'architecture-table/1', got"),
    "no decisions": ({"decisions": []}, "a table must have at least one decision"),
    "a decision without options": (decisions("abc", "abcd", "ab", ""), "decision 'd3' must have options"),
    "an option twice": (decisions("abb", "abcd", "ab", "abc"), "decision 'd0' must have options, each once"),
    "decisions that are no list": ({"decisions": 3}, "`decisions`: Input should be a valid list, got '3'"),
    "a decision without a name": ({"decisions": [{"options": ["a"]}] * 4}, "it lacks 'name'"),
    "no tasks": ({"tasks": {}}, "a table must have at least one task"),
    "a task with an unknown metric": (
        {"tasks": {"t": {"search": "serch", "report": "report"}}},
        "unknown metric in task 't': 'serch'. Did you mean 'search'?",
    ),
    "a task that reports an unknown metric": ({"tasks": {"t": {"search": "search", "report": "x"}}}, "'x'"),
    "a task that reports nothing": ({"tasks": {"t": {"search": "search"}}}, "it lacks 'report'"),
    "a task of numbers": (
        {"tasks": {"t": {"search": 3, "report": 3}}},
        "`tasks.t.search`: Input should be a valid",
    ),
    "a metric without values": ({"metrics": {"search": {}, "more": {}}}, "it lacks 'metric/more'"),
    "a metric without facts": (
        {"metrics": {"search": 3, "report": {}}},
        "`metrics.search`: Input should be a valid dictionary",
    ),
    "metrics that are no object": (
        {"metrics": ["search", "report"]},
        "`metrics`: Input should be a valid dictionary",
    ),
}


@pytest.mark.parametrize("case", BAD_FACTS)
def test_a_file_with_bad_facts_is_refused(tmp_path: Path, case: str) -> None:
    facts, reason = BAD_FACTS[case]
    assert reason in refusal(file_with(tmp_path, facts))


def test_a_table_made_in_python_is_held_to_the_same_rules() -> None:
    with pytest.raises(ValueError, match="`architectures` must not have a row twice"):
        replace(TABLE, architectures=np.zeros_like(TABLE.architectures))
    with pytest.raises(ValueError, match="`canonical` must be int32"):
        replace(TABLE, canonical=np.arange(ROWS))


# -- files that somebody made to do harm, or that the disk damaged -----------------------------------


def array_file(header: str) -> bytes:
    """A `.npy` file that holds a header and nothing else."""
    padded = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded


def of_shape(shape: str) -> bytes:
    return array_file(f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}")


def archive(members: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as writer:
        for name, content in members.items():
            writer.writestr(name, content)
    return file.getvalue()


HOSTILE = {
    "empty": b"",
    "text": b"not a table",
    "a lone array": of_shape("(1,)"),
    "an archive of nothing": archive({}),
    "an archive of something else": archive({"meta": b"abc"}),
    "a huge shape": archive({"meta.npy": of_shape("(1000000000000000,)")}),
    "a shape beyond any machine": archive({"meta.npy": of_shape(f"({10**30},)")}),
    "a negative shape": archive({"meta.npy": of_shape("(-1,)")}),
    "a shape with nothing behind it": archive({"meta.npy": of_shape("(4,)")}),
    "a shape that never closes": archive({"meta.npy": of_shape("(" * 200)}),
    "a long header": archive({"meta.npy": of_shape("(1,)" + " " * 20_000)}),
    "a shape that is code": archive({"meta.npy": of_shape("__import__('os').abort()")}),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused(tmp_path: Path, case: str) -> None:
    (tmp_path / "table.npz").write_bytes(HOSTILE[case])
    refusal(tmp_path / "table.npz")


def test_a_file_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    TABLE.save(tmp_path / "table.npz")
    monkeypatch.setattr(architecture_table, "_MOST_BYTES", 1_000)
    monkeypatch.setattr(np, "load", None)
    assert "bytes; at most 1,000 are read" in refusal(tmp_path / "table.npz")


def test_a_truncated_or_changed_file_is_refused_or_read_but_nothing_else_happens(tmp_path: Path) -> None:
    TABLE.save(tmp_path / "table.npz")
    sound = (tmp_path / "table.npz").read_bytes()
    chance, path = random.Random(0), tmp_path / "damaged.npz"
    for case in range(600):
        damaged = bytearray(sound)
        if case % 3 == 0:
            del damaged[chance.randrange(len(damaged)) :]
        for _ in range(case % 3):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            ArchitectureTable.load(path)
        except ValueError as error:
            assert "\n" not in str(error)


# -- published tables ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rows", "metric", "best"),
    [
        ("nas-bench-201", 15_625, "cifar10_valid_accuracy_12", 0.84892),
        ("nas-bench-201", 15_625, "cifar100_valid_accuracy_12", 0.6132),
        ("nas-bench-macro", 6_561, "cifar10_test_accuracy", 0.9313),
    ],
)
def test_a_published_table_has_its_published_optimum(name: str, rows: int, metric: str, best: float) -> None:
    path = SHARED / f"{name}.npz"
    if not path.is_file():
        pytest.skip(f"no {path}; RL_DESIGNER_TABLES names the folder of published tables")
    table = ArchitectureTable.load(path)
    assert len(table.architectures) == rows
    assert table.values(metric).max() == pytest.approx(best, abs=5e-5)
