"""A folder of images by class; needs the extra `images`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError, listed, named, unreadable
from rl_designer.envs.datasets.preparation import RawData
from rl_designer.envs.datasets.readers.class_folders import files_by_class, files_in, parts_of, told
from rl_designer.envs.datasets.readers.image_files import (
    SUFFIXES,
    Picture,
    measured,
    pixels_of,
)
from rl_designer.envs.files.archives import FREE, MOST_EXPANSION

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
        pictures = {part: list(_pictures(folder, passed_over)) for part, folder in parts_of(path).items()}
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
        files = list(files_in(path, "images", SUFFIXES, passed_over)) if path.is_dir() else [path]
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
    yield from told(passed_over)
    for attribute, said in _SAID.items():
        if count := sum(getattr(picture, attribute) for picture in pictures):
            yield f"images {said}: {count:,}"


def _pictures(folder: Path, passed_over: Counter[str]) -> Iterator[Picture]:
    for file, label in files_by_class(folder, "images", SUFFIXES, passed_over):
        yield measured(file, label)


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
