import os
from pathlib import Path

import pytest

from rl_designer.envs.files import beside


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_the_place_of_the_one_that_was_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with beside(tmp_path / "a") as free:
        free.write_text("new")
        assert (tmp_path / "a").read_text() == "old"
    assert (tmp_path / "a").read_text() == "new" and names(tmp_path) == ["a"]


@pytest.mark.parametrize("made", ["file", "folder"])
def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, made: str) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(OSError, match="no space left"), beside(tmp_path / "a") as free:
        if made == "folder":
            free.mkdir()
            free = free / "file"
        free.write_bytes(b"half")
        raise OSError("no space left on device")
    assert (tmp_path / "a").read_text() == "old" and names(tmp_path) == ["a"]


@pytest.mark.parametrize("made", ["file", "folder"])
def test_what_a_killed_process_of_the_same_number_left_is_no_hindrance(tmp_path: Path, made: str) -> None:
    left = tmp_path / f".a.{os.getpid()}"
    if made == "folder":
        left.mkdir()
        (left / "half").touch()
    else:
        left.touch()
    with beside(tmp_path / "a") as free:
        free.mkdir()
        (free / "whole").touch()
    assert names(tmp_path) == ["a"] and names(tmp_path / "a") == ["whole"]


def test_a_folder_takes_the_place_of_an_empty_one_only(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with beside(tmp_path / "empty") as free:
        free.mkdir()
        (free / "new").touch()
    assert names(tmp_path / "empty") == ["new"]
    with pytest.raises(OSError), beside(tmp_path / "empty") as free:
        free.mkdir()
    assert names(tmp_path / "empty") == ["new"] and names(tmp_path) == ["empty"]
