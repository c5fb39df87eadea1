"""The content of data: the same wherever they lie, another after any change, of the sealed test too."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rl_designer.envs.datasets import load_dataset
from rl_designer.envs.datasets.content import content_of, same_content

Arrays = dict[str, Any]


def arrays() -> Arrays:
    generator = np.random.default_rng(0)
    found: Arrays = {}
    for part, n in (("train", 12), ("val", 6), ("test", 6)):
        found[f"x_{part}"] = generator.integers(0, 255, size=(n, 1, 5, 5)).astype(np.uint8)
        found[f"y_{part}"] = np.array(["cat", "dog"] * (n // 2))
    return found


def content(path: Path, **options: Any) -> str:
    found = load_dataset(path, **options).content
    assert found is not None
    return found


def kept(folder: Path, values: Arrays) -> Path:
    np.savez(folder / "a.npz", **values)
    return folder / "a.npz"


ARRAY_CHANGES: dict[str, Callable[[Arrays], Any]] = {
    "a pixel of the training part": lambda a: a["x_train"].__setitem__((0, 0, 0, 0), 7),
    "a pixel of the test part": lambda a: a["x_test"].__setitem__((0, 0, 0, 0), 7),
    "a label of the test part": lambda a: a["y_test"].__setitem__(0, "dog"),
    "two examples swapped": lambda a: a.update(x_test=a["x_test"][[1, 0, *range(2, 6)]]),
    "parts swapped": lambda a: a.update(x_val=a["x_test"], x_test=a["x_val"]),
    "no test part": lambda a: (a.pop("x_test"), a.pop("y_test")),
    "another type": lambda a: a.update({f"x_{p}": a[f"x_{p}"] * 1.0 for p in ("train", "val", "test")}),
    "another shape": lambda a: a.update(
        {f"x_{p}": a[f"x_{p}"].reshape(-1, 25) for p in ("train", "val", "test")}
    ),
    "a class renamed": lambda a: a.update({p: np.char.replace(a[p], "cat", "cow") for p in a if p[0] == "y"}),
}


@pytest.mark.parametrize("change", ARRAY_CHANGES)
def test_arrays_that_changed_are_other_data(tmp_path: Path, change: str) -> None:
    values = arrays()
    before = content(kept(tmp_path, values))
    ARRAY_CHANGES[change](values)
    assert content(kept(tmp_path, values)) != before


def paint(path: Path) -> None:
    Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    with Image.open(path) as picture:
        pixels = np.array(picture)
    pixels[0, 0] ^= 255
    Image.fromarray(pixels).save(path)


IMAGE_CHANGES: dict[str, Callable[[Path], Any]] = {
    "a pixel": lambda pets: paint(pets / "cat" / "0.png"),
    "a file added": lambda pets: shutil.copy(pets / "cat" / "0.png", pets / "cat" / "9.png"),
    "a file removed": lambda pets: (pets / "dog" / "4.png").unlink(),
    "a file in another class": lambda pets: (pets / "dog" / "4.png").rename(pets / "cat" / "4b.png"),
    "a class renamed": lambda pets: (pets / "dog").rename(pets / "wolf"),
    "files that change places": lambda pets: (pets / "dog" / "0.png").rename(pets / "dog" / "9.png"),
}


@pytest.mark.parametrize("change", IMAGE_CHANGES)
def test_images_that_changed_are_other_data(tmp_path: Path, change: str) -> None:
    Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    pets = tmp_path / "pets"
    for name in ("cat", "dog"):
        (pets / name).mkdir(parents=True)
        for index in range(5):
            pixels = np.random.default_rng([index, len(name), name == "cat"]).integers(0, 255, (5, 5))
            Image.fromarray(pixels.astype(np.uint8)).save(pets / name / f"{index}.png")
    before = content(pets)
    moved = tmp_path / "moved"
    shutil.copytree(pets, moved)
    assert content(moved) == before and content(moved, kind="features") == before
    IMAGE_CHANGES[change](pets)
    assert content(pets) != before


def test_content_is_the_same_in_another_place_and_of_a_part_of_the_training_examples(tmp_path: Path) -> None:
    path = kept(tmp_path, arrays())
    moved = shutil.move(path, tmp_path / "b.npz")
    whole = load_dataset(moved)
    assert whole.with_examples(4).content == whole.without_test().content == whole.content


def test_no_value_passes_for_another() -> None:
    """Types, lengths, names and nested arrays all have a say."""
    values = [
        None,
        ("a",),
        ("a", "b"),
        ("ab",),
        np.array([1, 2]),
        np.array([[1, 2]]),
        np.array([1.0, 2.0]),
        np.array(["1", "2"]),
        np.array(["1", 2], dtype=object),
        np.array(["1", "2"], dtype=object),
        np.array(["12", None], dtype=object),
        np.array(["2020-01-01", "NaT"], dtype="datetime64[D]"),
        np.array([np.zeros(2), np.zeros(3)], dtype=object),
        np.array([np.zeros(3), np.zeros(2)], dtype=object),
    ]
    found = [content_of([(name, value)]) for name in ("x", "y") for value in values]
    assert len(set(found)) == len(found)
    assert content_of([("x", np.arange(10_000.0))]) != content_of([("x", np.arange(10_000.0)[::-1])])


def test_contents_of_two_versions_tell_nothing() -> None:
    assert same_content("1:a", "1:a") is True and same_content("1:a", "1:b") is False
    assert same_content("1:a", "2:a") is same_content(None, "1:a") is same_content("1:a", None) is None
