"""A design as text and as a picture."""

import hashlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from rl_designer.envs.architecture import Architecture, Layer

_WIDTH, _ROW = 480, 36


def text(architecture: Architecture) -> str:
    """A line a layer, numbered, and a last line that says whether the design is complete."""
    lines = [f"{number:2d}  {layer}" for number, layer in enumerate(architecture.layers, start=1)]
    lines.append("complete" if architecture.complete else "…")
    return "\n".join(lines)


def picture(architecture: Architecture, rows: int) -> NDArray[np.uint8]:
    """A box a layer, one colour a kind; uint8 [36 · (rows + 1), 480, 3], whatever the design."""
    image = Image.new("RGB", (_WIDTH, _ROW * (rows + 1)), "white")
    draw = ImageDraw.Draw(image)
    for number, layer in enumerate(architecture.layers):
        box = (8, number * _ROW + 4, _WIDTH - 8, (number + 1) * _ROW - 4)
        draw.rounded_rectangle(box, radius=6, fill=_colour(layer), outline="black")
        draw.text((20, number * _ROW + 12), str(layer)[:72], fill="black")
    last = "complete" if architecture.complete else "..."
    draw.text((20, len(architecture.layers) * _ROW + 12), last, fill="black")
    return np.asarray(image)


def _colour(layer: Layer) -> tuple[int, int, int]:
    red, green, blue = hashlib.sha256(layer.kind.encode()).digest()[:3]
    return 160 + red % 90, 160 + green % 90, 160 + blue % 90
