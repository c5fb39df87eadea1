"""A folder of `.txt` files by class."""

from collections import Counter
from pathlib import Path

import numpy as np

from rl_designer.envs.datasets.errors import DatasetError, named, unreadable
from rl_designer.envs.datasets.preparation import RawData
from rl_designer.envs.datasets.readers.class_folders import files_by_class, files_in, parts_of, told
from rl_designer.envs.datasets.readers.image_files import is_image
from rl_designer.envs.datasets.rows.table import object_array
from rl_designer.envs.datasets.texts import Texts

SUFFIXES = (".txt",)
_LARGEST = 16 << 20  # bytes of one text
_LARGEST_TOGETHER = 1 << 30


def holds_texts(folder: Path) -> bool:
    """Whether there are `.txt` files in the folders of a folder, and no images."""
    try:
        inside = [file for entry in folder.iterdir() if entry.is_dir() for file in entry.rglob("*")]
    except OSError:
        return False
    return any(file.suffix.lower() in SUFFIXES for file in inside) and not any(map(is_image, inside))


def read_texts(path: Path) -> RawData:
    """Texts in UTF-8 of the folders `CLASS/`, or of `train/CLASS/` and perhaps `val/CLASS/` and
    `test/CLASS/`, in any usual spelling of the parts.

    Folders in a class's folder belong to the class; hidden files and folders, and files that don't end in
    `.txt`, are passed over, which the data set's notes tell.

    Raises:
        DatasetError: for fewer than two classes, a class without texts, and a file that is no text.
    """
    passed_over = Counter[str]()
    x, y = {}, {}
    try:
        for part, folder in parts_of(path).items():
            found = list(files_by_class(folder, "texts", SUFFIXES, passed_over))
            _check_size([file for file, _ in found], path)
            x[part] = Texts(object_array([_read(file) for file, _ in found]))
            y[part] = np.array([label for _, label in found])
    except OSError as reason:
        raise unreadable(path, "a folder of texts", reason) from reason
    notes = tuple(f"{named(path)}: {line}" for line in told(passed_over))
    return RawData(path.resolve().name, x, y, named(path), "text", notes=notes)


def read_unlabelled_texts(path: Path) -> tuple[list[str], tuple[str, ...], tuple[str, ...]]:
    """A text, or all in a folder and its folders; the files' names within the folder; what is said of them.

    Raises:
        DatasetError: for no texts, and for a file that is none.
    """
    passed_over = Counter[str]()
    try:
        files = list(files_in(path, "texts", SUFFIXES, passed_over)) if path.is_dir() else [path]
        if not files:
            raise DatasetError(f"{named(path)} holds no texts (.txt)")
        _check_size(files, path)
        texts = [_read(file) for file in files]
    except OSError as reason:
        raise unreadable(path, "a folder of texts", reason) from reason
    names = tuple(str(file.relative_to(path)) if path.is_dir() else file.name for file in files)
    return texts, names, tuple(told(passed_over))


def _check_size(files: list[Path], path: Path) -> None:
    sizes = [file.stat().st_size for file in files]
    for file, size in zip(files, sizes, strict=True):
        if size > _LARGEST:
            raise DatasetError(
                f"{named(file)} of {named(path)} has {size:,} bytes, a text at most {_LARGEST:,}"
            )
    if sum(sizes) > _LARGEST_TOGETHER:
        raise DatasetError(
            f"the texts of {named(path)} have {sum(sizes):,} bytes, at most {_LARGEST_TOGETHER:,} are read"
        )


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as reason:
        byte = f"byte {reason.object[reason.start]:#x}"
        raise DatasetError(f"{named(file)} must be text in UTF-8, got {byte}; save it anew") from reason
