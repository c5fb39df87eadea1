"""A folder of images by class; needs the extra `images`."""

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError, listed, named, unreadable
from rl_designer.envs.datasets.preparation import RawData
from rl_designer.envs.files.archives import FREE, MOST_EXPANSION

_SUFFIXES = (
    ".bmp",
    ".gif",
    ".jfif",
    ".jpe",
    ".jpeg",
    ".jpg",
    ".pgm",
    ".png",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_SPELLINGS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "validate", "dev"),
    "test": ("test", "testing"),
}
_PART_FOLDERS = {spelling: part for part, spellings in _SPELLINGS.items() for spelling in spellings}
_GREY_MODES = ("1", "L", "LA")
_DEEP_MODES = ("I", "F")  # and I;16 in its spellings
_EXIF_ORIENTATION = 0x0112
_SIDES_SWAPPED = (5, 6, 7, 8)
_LARGEST = 8 << 30  # bytes of all images as 32-bit floats
_MOST_PIXELS = 50_000_000  # of one image, which is held some three times while it is decoded


@dataclass(frozen=True)
class _Picture:
    path: Path
    label: str
    size: tuple[int, int]  # height, width as shown
    grey: bool
    transparent: bool


def read_images(path: Path, image_size: int | None = None) -> RawData:
    """Images of the folders `CLASS/`, or of `train/CLASS/` and perhaps `val/CLASS/` and `test/CLASS/`, in
    any usual spelling of the parts.

    Folders in a class's folder belong to the class; hidden files and folders, and files that are no images,
    are passed over, which the data set's notes tell. Images turn as their EXIF data says; what is transparent
    is laid over white. One channel where all are grey, else red, green, blue.

    Args:
        image_size: height and width that every image is resized to (bilinear, sides not kept in
            proportion); None where all have one size.

    Raises:
        DatasetError: for fewer than two classes, no images, images of several sizes without `image_size`, a
            broken image, or where Pillow isn't installed.
    """
    if image_size is not None and not 1 <= image_size <= 4096:
        raise DatasetError(f"the image size must be from 1 to 4096 pixels, got {image_size}")
    try:
        import PIL.Image  # noqa: F401
    except ImportError as reason:
        raise DatasetError("images need Pillow to be read: pip install 'rl-designer[images]'") from reason
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
    transparent = sum(picture.transparent for picture in everything)
    notes = [f"files passed over, {why}: {count:,}" for why, count in passed_over.items()]
    notes += [f"images with transparency, laid over white: {transparent:,}"] if transparent else []
    x = {part: _pixels(part_pictures, channels, height, width) for part, part_pictures in pictures.items()}
    y = {part: np.array([picture.label for picture in found]) for part, found in pictures.items()}
    where = named(path.resolve())
    return RawData(path.resolve().name, x, y, where, "image", notes=tuple(f"{where}: {n}" for n in notes))


def _parts(path: Path) -> dict[str, Path]:
    """Part to its folder of classes."""
    folders = _folders(path)
    names = [folder.name for folder in folders]
    called = [_PART_FOLDERS.get(name.lower()) for name in names]
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


def _pictures(folder: Path, passed_over: Counter[str]) -> Iterator[_Picture]:
    classes = _folders(folder)
    if len(classes) < 2:
        raise DatasetError(
            f"{named(folder.resolve())} must hold a folder of images for each of at least 2 classes, "
            f"got {listed(entry.name for entry in classes)}"
        )
    for entry in classes:
        files = []
        for file in sorted(entry.rglob("*")):
            if not file.is_file():
                continue
            hidden = any(name.startswith(".") for name in file.relative_to(entry).parts)
            if hidden or file.suffix.lower() not in _SUFFIXES:
                passed_over["hidden" if hidden else "no images"] += 1
            else:
                files.append(file)
        if not files:
            raise DatasetError(f"class folder {named(entry)} holds no images ({listed(_SUFFIXES)})")
        yield from (_measured(file, entry.name) for file in files)


def _open(file: Path) -> Any:
    """An image, opened but not decoded. Raises DatasetError where it is broken or absurdly large."""
    from PIL import Image, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            return Image.open(file, formats=_FORMATS)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as reason:
            raise DatasetError(f"image {str(file)!r} has too many pixels; make it smaller") from reason
        except UnidentifiedImageError as reason:
            raise DatasetError(f"{str(file)!r} can't be read as an image: unknown format") from reason
        except (OSError, ValueError, SyntaxError) as reason:
            raise unreadable(file, "an image", reason) from reason


def _measured(file: Path, label: str) -> _Picture:
    with _open(file) as image:
        if image.mode in _DEEP_MODES or image.mode.startswith("I;"):
            raise DatasetError(f"image {str(file)!r} must have 8 bits a channel, got mode {image.mode}")
        grey = image.mode in _GREY_MODES
        width, height = image.size
        if width * height > _MOST_PIXELS:
            raise DatasetError(f"image {str(file)!r} has too many pixels; make it smaller")
        try:
            orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
        except Exception as reason:  # Pillow decodes a PNG to find its EXIF data
            raise unreadable(file, "an image", reason) from reason
        size = (width, height) if orientation in _SIDES_SWAPPED else (height, width)
        return _Picture(file, label, size, grey, image.has_transparency_data)


def _one_size(pictures: Sequence[_Picture], path: Path) -> tuple[int, int]:
    first = pictures[0]
    for other in pictures:
        if other.size != first.size:
            raise DatasetError(
                f"the images of {named(path)} differ in size: {first.path.name} has {first.size[0]} x "
                f"{first.size[1]} pixels, {other.path.name} {other.size[0]} x {other.size[1]}; "
                "bring them to one with --image-size"
            )
    return first.size


def _pixels(pictures: Sequence[_Picture], channels: int, height: int, width: int) -> NDArray[np.uint8]:
    """uint8 [n, channels, height, width]."""
    pixels = np.empty((len(pictures), channels, height, width), np.uint8)
    for index, picture in enumerate(pictures):
        try:
            pixels[index] = _decoded(picture.path, channels, height, width)
        except Exception as reason:  # decoders of many formats raise whatever they like
            raise unreadable(picture.path, "an image", reason) from reason
    return pixels


def _decoded(file: Path, channels: int, height: int, width: int) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps

    with _open(file) as image:
        shown = ImageOps.exif_transpose(image)
        if shown.has_transparency_data:
            white = Image.new("RGBA", shown.size, "white")
            shown = Image.alpha_composite(white, shown.convert("RGBA"))
        shown = shown.convert("L" if channels == 1 else "RGB")
    if shown.size != (width, height):
        shown = shown.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(shown).reshape(height, width, channels).transpose(2, 0, 1)
