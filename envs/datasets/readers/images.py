"""A folder of images by class; needs the extra `images`."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError, listed, named, unreadable
from rl_designer.envs.datasets.preparation import RawData
from rl_designer.envs.datasets.readers.image_files import (
    SUFFIXES,
    Picture,
    is_image,
    measured,
    pixels_of,
)
from rl_designer.envs.files.archives import FREE, MOST_EXPANSION

_SPELLINGS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "validate", "dev", "eval", "evaluation"),
    "test": ("test", "testing"),
}
_BESIDE_PARTS = re.compile(r"[^a-z]+|(?:data)?sets?|data|images?|imgs?")  # as in training_set, test-images
_PART_FOLDERS = {spelling: part for part, spellings in _SPELLINGS.items() for spelling in spellings}
_LARGEST = 8 << 30  # bytes of all images as 32-bit floats
_SAID = {
    "transparent": "with transparency, laid over white",
    "deep": "of more than 8 bits, scaled to 0 to 255 without rounding",
    "cut": "in colour of 16 bits, of which 8 are read",
    "frames": "of several frames, of which the first is read",
}


def read_images(path: Path, image_size: int | None = None) -> RawData:
    """Images of the folders `CLASS/`, or of `train/CLASS/` and perhaps `val/CLASS/` and `test/CLASS/`, in
    any usual spelling of the parts.

    Folders in a class's folder belong to the class; hidden files and folders, and files that are no images,
    are passed over, which the data set's notes tell. Images turn as their EXIF data says; what is transparent
    is laid over white. One channel where all are grey, else red, green, blue; from 0 to 255, with fractions
    where images have 16 bits or floating-point numbers from 0 to 1.

    Args:
        image_size: height and width that every image is resized to (bilinear, sides not kept in
            proportion); None where all have one size.

    Raises:
        DatasetError: for fewer than two classes, no images, images of several sizes without `image_size`, a
            broken image, or where Pillow isn't installed.
    """
    if image_size is not None and not 1 <= image_size <= 4096:
        raise DatasetError(f"the image size must be from 1 to 4096 pixels, got {image_size}")
    passed_over = Counter[str]()
    try:
        pictures = {part: list(_pictures(folder, passed_over)) for part, folder in _parts(path).items()}
    except OSError as reason:
        raise unreadable(path, "a folder of images", reason) from reason
    everything = [picture for part in pictures.values() for picture in part]
    height, width = (image_size, image_size) if image_size else _one_size(everything, path)
    channels = 1 if all(picture.grey for picture in everything) else 3
    needed = 4 * len(everything) * channels * height * width
    if needed > _LARGEST:
        raise DatasetError(
            f"the images of {named(path)} would take {needed / 2**30:.0f} GiB of memory at {height} x "
            f"{width} pixels; make them smaller with --image-size"
        )
    size = sum(picture.path.stat().st_size for picture in everything)
    if image_size is None and needed > FREE and needed > MOST_EXPANSION * size:
        raise DatasetError(
            f"the images of {named(path)} have {size:,} bytes and would take {needed:,}, which is beyond "
            f"belief; if it is meant to be so, say --image-size {height}"
        )
    dtype = np.float32 if any(picture.deep for picture in everything) else np.uint8
    x = {part: pixels_of(found, channels, height, width, dtype) for part, found in pictures.items()}
    y = {part: np.array([picture.label for picture in found]) for part, found in pictures.items()}
    where = named(path.resolve())
    notes = [f"{where}: {note}" for note in _notes(everything, passed_over)]
    return RawData(path.resolve().name, x, y, where, "image", notes=tuple(notes), pixels=(0.0, 255.0))


def read_unlabelled_images(
    path: Path, shape: Sequence[int]
) -> tuple[NDArray[Any], tuple[str, ...], tuple[str, ...]]:
    """An image, or all in a folder and its folders, as `read_images` reads them, for a network on such.

    Args:
        shape: (channels, height, width), 1 channel or 3; images of another size are resized, which is told.

    Returns:
        [n, *shape], 0 to 255; the files' names within the folder; and what is said of them.

    Raises:
        DatasetError: for no images, or a broken image.
    """
    channels, height, width = shape
    if channels not in (1, 3):
        raise DatasetError(f"the network takes images of {channels} channels, {named(path)} has 1 or 3")
    passed_over = Counter[str]()
    try:
        files = list(_images_in(path, passed_over)) if path.is_dir() else [path]
    except OSError as reason:
        raise unreadable(path, "a folder of images", reason) from reason
    if not files:
        raise DatasetError(f"{named(path)} holds no images ({listed(SUFFIXES)})")
    pictures = [measured(file, "") for file in files]
    if 4 * len(files) * channels * height * width > _LARGEST:
        raise DatasetError(f"the {len(files):,} images of {named(path)} don't fit into memory; take fewer")
    dtype = np.float32 if any(picture.deep for picture in pictures) else np.uint8
    notes = list(_notes(pictures, passed_over))
    if resized := sum(picture.size != (height, width) for picture in pictures):
        notes.append(f"images of another size, resized to {height} x {width}: {resized:,}")
    if channels == 1 and (coloured := sum(not picture.grey for picture in pictures)):
        notes.append(f"images in colour, made grey as all were in training: {coloured:,}")
    names = tuple(str(file.relative_to(path)) if path.is_dir() else file.name for file in files)
    return pixels_of(pictures, channels, height, width, dtype), names, tuple(notes)


def _notes(pictures: Sequence[Picture], passed_over: Counter[str]) -> Iterator[str]:
    for why, count in passed_over.items():
        yield f"files passed over, {why}: {count:,}"
    for attribute, said in _SAID.items():
        if count := sum(getattr(picture, attribute) for picture in pictures):
            yield f"images {said}: {count:,}"


def _parts(path: Path) -> dict[str, Path]:
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


def _pictures(folder: Path, passed_over: Counter[str]) -> Iterator[Picture]:
    classes = _folders(folder)
    if len(classes) < 2:
        raise DatasetError(
            f"{named(folder.resolve())} must hold a folder of images for each of at least 2 classes, "
            f"got {listed(entry.name for entry in classes)}"
        )
    for entry in classes:
        files = list(_images_in(entry, passed_over))
        if not files:
            raise DatasetError(f"class folder {named(entry)} holds no images ({listed(SUFFIXES)})")
        yield from (measured(file, entry.name) for file in files)


def _images_in(folder: Path, passed_over: Counter[str]) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        if not file.is_file():
            continue
        hidden = any(name.startswith(".") for name in file.relative_to(folder).parts)
        if hidden or not is_image(file):
            passed_over["hidden" if hidden else "no images"] += 1
        else:
            yield file


def _one_size(pictures: Sequence[Picture], path: Path) -> tuple[int, int]:
    first = pictures[0]
    for other in pictures:
        if other.size != first.size:
            raise DatasetError(
                f"the images of {named(path)} differ in size: {first.path.name} has {first.size[0]} x "
                f"{first.size[1]} pixels, {other.path.name} {other.size[0]} x {other.size[1]}; "
                "bring them to one with --image-size"
            )
    return first.size
