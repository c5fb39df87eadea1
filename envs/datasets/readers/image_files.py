"""Image files in any usual format, as pixels; needs the extra `images`."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError, unreadable

SUFFIXES = (
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
_GREY_MODES = ("1", "L", "LA")
_DEEP_MODES = ("I", "F")  # and I;16 in its spellings; all grey
_HIGHEST = {"F": 1.0}  # white in a mode; of other deep ones it is 16 bits'
_WHITE_16 = 65535.0
_EXIF_ORIENTATION = 0x0112
_SIDES_SWAPPED = (5, 6, 7, 8)
_MOST_PIXELS = 50_000_000  # of one image, which is held some three times while it is decoded


@dataclass(frozen=True)
class Picture:
    """An image file, before its pixels are read."""

    path: Path
    label: str
    size: tuple[int, int]  # height, width as shown
    grey: bool
    transparent: bool
    deep: bool  # more than 8 bits a channel, all of which are read
    cut: bool  # colours of 16 bits, of which Pillow reads the upper 8
    frames: bool  # several, of which the first is read


def is_image(path: Path) -> bool:
    """Whether a file's name says so."""
    return path.suffix.lower() in SUFFIXES


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


def measured(file: Path, label: str) -> Picture:
    """What the file's head says. Raises DatasetError where it is broken or too large."""
    with _open(file) as image:
        deep = _is_deep(image)
        grey = deep or image.mode in _GREY_MODES
        cut = not deep and any(";16" in str(tile.args) for tile in image.tile)
        width, height = image.size
        if width * height > _MOST_PIXELS:
            raise DatasetError(f"image {str(file)!r} has too many pixels; make it smaller")
        try:
            orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
            frames = getattr(image, "is_animated", False)
        except Exception as reason:  # Pillow decodes a PNG to find its EXIF data
            raise unreadable(file, "an image", reason) from reason
        size = (width, height) if orientation in _SIDES_SWAPPED else (height, width)
        return Picture(file, label, size, grey, image.has_transparency_data, deep, cut, frames)


def _is_deep(image: Any) -> bool:
    return image.mode in _DEEP_MODES or image.mode.startswith("I;")


def pixels_of(
    pictures: Sequence[Picture], channels: int, height: int, width: int, dtype: type[np.generic]
) -> NDArray[Any]:
    """Pixels, [n, channels, height, width], from 0 to 255. Raises DatasetError for a broken image."""
    pixels = np.empty((len(pictures), channels, height, width), dtype)
    for index, picture in enumerate(pictures):
        try:
            pixels[index] = _decoded(picture.path, channels, height, width)
        except Exception as reason:  # decoders of many formats raise whatever they like
            raise unreadable(picture.path, "an image", reason) from reason
    return pixels


def _decoded(file: Path, channels: int, height: int, width: int) -> NDArray[Any]:
    """[channels, height, width], uint8, or float32 of a deep image."""
    from PIL import Image, ImageOps

    with _open(file) as image:
        shown = ImageOps.exif_transpose(image)
        if _is_deep(shown):
            shown = Image.fromarray(_scaled(shown))
        else:
            if shown.has_transparency_data:
                white = Image.new("RGBA", shown.size, "white")
                shown = Image.alpha_composite(white, shown.convert("RGBA"))
            shown = shown.convert("L" if channels == 1 else "RGB")
    if shown.size != (width, height):
        shown = shown.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(shown).reshape(height, width, -1).transpose(2, 0, 1)
    return np.broadcast_to(pixels, (channels, height, width))


def _scaled(image: Any) -> NDArray[np.float32]:
    """The pixels of a deep image from 0 to 255, [height, width].

    Raises:
        DatasetError: for numbers outside of what is black and white in its mode.
    """
    values = np.asarray(image)
    highest = _HIGHEST.get(image.mode, _WHITE_16)
    if not (values.min() >= 0 and values.max() <= highest):
        raise DatasetError(
            f"its numbers must be from 0 to {highest:g}, got {values.min():g} to {values.max():g}; save it "
            "with 8 or 16 bits a pixel"
        )
    scaled = (values * (255 / highest)).astype(np.float32)
    if isinstance(key := image.info.get("transparency"), int):
        scaled[values == key] = 255
    return scaled
