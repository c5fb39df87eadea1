"""Data that changed after a search are refused by every command that reads them again; moved ones are not."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rl_designer.config import make_config
from rl_designer.envs.datasets.dividing import split
from rl_designer.errors import WrongUsage
from rl_designer.exporting.find import find_subject
from rl_designer.retraining.sources import find_winners, load_data
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.same_data import ChangedData, data_of_run
from rl_designer.searches.search import resume_search, run_search
from rl_designer.setting import setting_on, training_data
from tests.helpers.command_line import Ended

ROWS, CLASSES = 60, ("calm", "loud", "wild")
COMMANDS = (("resume",), ("retrain",), ("export", "--format", "card"), ("benchmark", "references"))

Cells = list[list[str]]


def table() -> Cells:
    """A header and 60 rows of four numbers and a class."""
    x = np.random.default_rng(0).normal(size=(ROWS, 4)).round(3)
    labels = [CLASSES[index % 3] for index in range(ROWS)]
    return [["a", "b", "c", "d", "kind"], *([*map(str, row), y] for row, y in zip(x, labels, strict=True))]


def write(path: Path, cells: Cells) -> None:
    path.write_text("".join(f"{','.join(row)}\n" for row in cells))


def lines_of() -> dict[str, int]:
    """A line of each part of the split, for people who change one."""
    y = np.arange(ROWS) % 3
    kept, test = split(y, 0, "test")
    train, val = split(y[kept], 0, "val")
    return {"train": 1 + int(kept[train][0]), "val": 1 + int(kept[val][0]), "test": 1 + int(test[0])}


LINES = lines_of()


def with_cell(line: int, column: int, value: str) -> Callable[[Cells], Any]:
    def change(cells: Cells) -> None:
        cells[line][column] = value

    return change


def with_order(*columns: int) -> Callable[[Cells], Any]:
    def change(cells: Cells) -> None:
        cells[:] = [[row[column] for column in columns] for row in cells]

    return change


def with_class(old: str, new: str) -> Callable[[Cells], Any]:
    def change(cells: Cells) -> None:
        cells[1:] = [[*row[:-1], new if row[-1] == old else row[-1]] for row in cells[1:]]

    return change


def swap(first: int, second: int) -> Callable[[Cells], Any]:
    def change(cells: Cells) -> None:
        cells[first], cells[second] = cells[second], cells[first]

    return change


def swap_labels(cells: Cells) -> None:
    cells[1][-1], cells[2][-1] = cells[2][-1], cells[1][-1]


def scale_a_column(cells: Cells) -> None:
    """All that a network sees of it stays the same: it is standardised."""
    cells[1:] = [[str(float(row[0]) * 2), *row[1:]] for row in cells[1:]]


CHANGES: dict[str, Callable[[Cells], Any]] = {
    "a row added": lambda cells: cells.append(["0.1", "0.2", "0.3", "0.4", "calm"]),
    "a row repeated": lambda cells: cells.append(cells[LINES["train"]]),
    "a test row repeated": lambda cells: cells.insert(LINES["test"], cells[LINES["test"]]),
    "a row removed": lambda cells: cells.pop(LINES["train"]),
    "a test row removed": lambda cells: cells.pop(LINES["test"]),
    "half of the rows removed": lambda cells: cells.__delitem__(slice(ROWS // 2, None)),
    "two rows swapped": swap(1, 2),
    "a test row and a training row swapped": swap(LINES["test"], LINES["train"]),
    "all rows the other way round": lambda cells: cells.__setitem__(slice(1, None), cells[:0:-1]),
    "a column renamed": with_cell(0, 1, "B"),
    "two columns' names swapped": lambda cells: cells.__setitem__(0, ["b", "a", "c", "d", "kind"]),
    "the target renamed": with_cell(0, 4, "sort"),
    "columns in another order": with_order(1, 0, 2, 3, 4),
    "a column removed": with_order(0, 1, 2, 4),
    "a column scaled": scale_a_column,
    "a cell of the training part": with_cell(LINES["train"], 0, "7.5"),
    "a cell of the validation part": with_cell(LINES["val"], 2, "-7.5"),
    "a cell of the test part": with_cell(LINES["test"], 3, "7.5"),
    "text in a cell": with_cell(LINES["test"], 3, "seven"),
    "a label of the test part": with_cell(LINES["test"], 4, "other"),
    "two labels swapped": swap_labels,
    "a class renamed": with_class("wild", "wilder"),
    "a class merged into another": with_class("wild", "calm"),
}


@dataclass(frozen=True)
class Searched:
    """A run that was stopped after all its designs, and what it was searched on."""

    data: Path
    run: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    folder = tmp_path_factory.mktemp("same data")  # a space in every path
    data, run = folder / "rows.csv", folder / "run"
    write(data, table())
    more = {"target": "kind", "agent": "random:batch=2", "evaluations": 3, "epochs": 1}
    config = make_config({"data": str(data), **more, "max_parameters": 500, "tensorboard": False})
    run_search(config, run, setting=setting_on(config, *training_data(config.subject), None))
    RunFolder.open(run).update_summary(state="interrupted")
    return Searched(data, run)


@pytest.fixture
def searched(made: Searched) -> Iterator[Searched]:
    yield made
    write(made.data, table())


@pytest.fixture
def moved(tmp_path: Path, made: Searched) -> Iterator[Path]:
    """The data under another name in another folder, and nothing where they were."""
    path = tmp_path / "moved.csv"
    shutil.move(made.data, path)
    yield path
    write(made.data, table())


@pytest.mark.parametrize("change", CHANGES)
def test_data_that_changed_are_refused_by_all_commands(
    command: Callable[..., Ended], searched: Searched, change: str
) -> None:
    cells = table()
    CHANGES[change](cells)
    write(searched.data, cells)
    for words in COMMANDS:
        ended = command(*words, searched.run, "--quiet")
        assert (ended.status, ended.out) == (1, ""), words
        told = r"differs in its content from what|can't be read as it was when"
        assert re.search(
            f"{re.escape(str(searched.data))} ({told}) the run {re.escape(str(searched.run))}", ended.err
        )
        assert "put it back as it was, name with --data where it lies now, or begin another run" in ended.err
        assert f"`rl-designer train --config '{searched.run}/config.toml' --run NEW`" in ended.err
        assert ended.err.count("\n") == 1
    assert not list(searched.run.rglob("MODEL_CARD.md")) and not (searched.run / "retrained").exists()


def test_what_is_only_spelled_otherwise_is_the_same(searched: Searched) -> None:
    text = searched.data.read_text()
    searched.data.write_bytes(text.replace(",", ";").replace("\n", "\r\n").encode("utf-8-sig"))
    assert data_of_run(RunFolder.open(searched.run), {}).num_classes == 3


def test_moved_data_are_asked_for_and_named_anew(
    command: Callable[..., Ended], made: Searched, moved: Path
) -> None:
    for words in (("resume",), ("retrain",), ("benchmark", "references")):
        ended = command(*words, made.run, "--quiet")
        assert ended.status == 1 and "is no longer there; name with --data where it lies now" in ended.err
        assert str(made.data) in ended.err and str(made.run) in ended.err
    assert load_data(find_winners([made.run]), {"data": "moved.csv"}).name == "moved"
    assert find_subject(made.run, {"data": "moved.csv"}).class_names == CLASSES
    assert find_subject(made.run, {}).class_names is None  # an export can do without
    again = resume_search(made.run, data={"data": "moved.csv"})
    assert again is not None and len(again.designs) + len(again.controls) == 3
    RunFolder.open(made.run).update_summary(state="interrupted")


def test_other_data_in_their_place_are_refused(command: Callable[..., Ended], searched: Searched) -> None:
    cells = table()
    CHANGES["a cell of the test part"](cells)
    write(Path("other.csv"), cells)
    for words in COMMANDS:
        ended = command(*words, searched.run, "--data", "other.csv", "--quiet")
        assert ended.status == 1 and "other.csv differs in its content" in ended.err, words
        ended = command(*words, searched.run, "--data", "gone.csv", "--quiet")
        assert ended.status == 1 and "no such file or folder: 'gone.csv'" in ended.err, words
    with pytest.raises(WrongUsage, match=r"brings its own data \(target kind\); leave --target away"):
        data_of_run(RunFolder.open(searched.run), {"target": "a"})


def without_content(searched: Searched, parent: Path) -> RunFolder:
    """A copy as an earlier version left it."""
    shutil.copytree(searched.run, parent / "older")
    summary = json.loads((parent / "older" / "summary.json").read_text())
    del summary["data_content"]
    (parent / "older" / "summary.json").write_text(json.dumps(summary))
    return RunFolder.open(parent / "older")


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ("a cell of the training part", True),
        ("a cell of the validation part", True),
        ("a column removed", True),
        ("a cell of the test part", False),
    ],
)
def test_a_run_of_an_earlier_version_knows_its_training_and_validation_part(
    searched: Searched, tmp_path: Path, change: str, refused: bool
) -> None:
    run, cells = without_content(searched, tmp_path), table()
    data_of_run(run, {})
    CHANGES[change](cells)
    write(searched.data, cells)
    with pytest.raises(ChangedData, match="differs in its content") if refused else nullcontext():
        data_of_run(run, {})


def test_runs_on_the_same_data_in_two_places_are_retrained_together(
    searched: Searched, tmp_path: Path
) -> None:
    copy, data = tmp_path / "copy", tmp_path / "rows.csv"
    shutil.copytree(searched.run, copy)
    shutil.copy(searched.data, data)
    config = (copy / "config.toml").read_text()
    (copy / "config.toml").write_text(config.replace(str(searched.data), str(data)))
    store = str(searched.run.parent / "store.sqlite")
    found = find_winners([searched.run, copy], store=store)
    assert load_data(found, {}).name == "rows"
    RunFolder.open(copy).update_summary(data_content="1:other")
    with pytest.raises(WrongUsage, match="the runs are on different data"):
        find_winners([searched.run, copy], store=store)
