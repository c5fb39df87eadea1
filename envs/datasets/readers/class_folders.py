"""Folders of files by class: `CLASS/`, or `train/CLASS/` and perhaps `val/CLASS/` and `test/CLASS/`."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from rl_designer.envs.datasets.errors import DatasetError, listed, named

_SPELLINGS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "validate", "dev", "eval", "evaluation"),
    "test": ("test", "testing"),
}
# As in training_set, test-images.
_BESIDE_PARTS = re.compile(r"[^a-z]+|(?:data)?sets?|data|images?|imgs?|texts?")
_PART_FOLDERS = {spelling: part for part, spellings in _SPELLINGS.items() for spelling in spellings}


def parts_of(path: Path) -> dict[str, Path]:
    """Part to its folder of classes."""
    folders = _folders(path)
    names = [folder.name for folder in folders]
    called = [_PART_FOLDERS.get(_BESIDE_PARTS.sub("", name.lower())) for name in names]
    of_classes = [folder for folder, part in zip(folders, called, strict=True) if part and _folders(folder)]
    if not of_classes:
        return {"train": path}
    parts = {part: folder for folder, part in zip(folders, called, strict=True) if part}
    if None in called or "train" not in parts:
        raise DatasetError(
            f"{named(path)} must hold either train/, val/, test/ or folders of classes, got {listed(names)}"
        )
    if len(parts) < len(folders):
        raise DatasetError(f"{named(path)} must hold one folder for each part, got {listed(names)}")
    return parts


def _folders(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def files_by_class(
    folder: Path, what: str, suffixes: Sequence[str], passed_over: Counter[str]
) -> Iterator[tuple[Path, str]]:
    """The files of each class and its name.

    Args:
        what: they are, such as `images`.
        suffixes: in lower case, of such files.
        passed_over: counts the others, by why.

    Raises:
        DatasetError: for fewer than two classes, and for a class without files.
    """
    classes = _folders(folder)
    if len(classes) < 2:
        raise DatasetError(
            f"{named(folder.resolve())} must hold a folder of {what} for each of at least 2 classes, "
            f"got {listed(entry.name for entry in classes)}"
        )
    for entry in classes:
        files = list(files_in(entry, what, suffixes, passed_over))
        if not files:
            raise DatasetError(f"class folder {named(entry)} holds no {what} ({listed(suffixes)})")
        yield from ((file, entry.name) for file in files)


def files_in(folder: Path, what: str, suffixes: Sequence[str], passed_over: Counter[str]) -> Iterator[Path]:
    """All such files of a folder and its folders, in their order; see `files_by_class`."""
    for file in sorted(folder.rglob("*")):
        if not file.is_file():
            continue
        hidden = any(name.startswith(".") for name in file.relative_to(folder).parts)
        if hidden or file.suffix.lower() not in suffixes:
            passed_over["hidden" if hidden else f"no {what}"] += 1
        else:
            yield file


def told(passed_over: Counter[str]) -> Iterator[str]:
    """What is said of files that were passed over, a line each."""
    for why, count in passed_over.items():
        yield f"files passed over, {why}: {count:,}"
