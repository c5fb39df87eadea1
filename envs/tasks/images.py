"""Families of images, float64 [n, channels, size, size]: told apart by form, texture, number or relation."""

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.tasks.plan import Made, Plan, Values

_STROKES = 4  # of a drawing


def strokes(plan: Plan) -> Made:
    """Drawings of a few strokes, turned, stretched and moved a little."""
    y = plan.labels()
    corners = plan.concepts.uniform(-0.75, 0.75, (plan.classes, _STROKES + 1, 2))[y]
    turn, stretch = plan.uniform(-0.35, 0.35), plan.uniform(0.75, 1.25)
    sine, cosine = stretch * np.sin(turn), stretch * np.cos(turn)
    turned = np.stack([np.stack([cosine, -sine], 1), np.stack([sine, cosine], 1)], 1)
    corners = corners @ turned + plan.uniform(-0.25, 0.25, 1, 2)
    pairs = zip(range(_STROKES), range(1, _STROKES + 1), strict=True)
    drawn = np.max([_line(plan.size, corners[:, a], corners[:, b]) for a, b in pairs], axis=0)
    return plan.in_channels(2 * drawn), y


def textures(plan: Plan) -> Made:
    """The direction and the fineness of waves."""
    y = plan.labels()
    angle = np.pi * (y + plan.uniform(-0.3, 0.3)) / plan.classes
    finest = plan.size / 4
    cycles = plan.concepts.uniform(0.4, 1, plan.classes)[y] * finest * plan.uniform(0.9, 1.1)
    across, down = _grid(plan.size)
    along = across * np.cos(angle)[:, None, None] + down * np.sin(angle)[:, None, None]
    phase = 2 * np.pi * plan.uniform(0, 1, 1, 1)
    return plan.in_channels(np.sqrt(2) * np.sin(np.pi * cycles[:, None, None] * along + phase)), y


def counts(plan: Plan) -> Made:
    """How many blobs there are."""
    y = plan.labels()
    side = int(np.ceil(np.sqrt(plan.classes))) + 1
    cells = plan.draws.random((plan.examples, side**2)).argsort(axis=1)[:, : plan.classes]
    corner = np.stack(np.divmod(cells, side), axis=2) + plan.uniform(0.3, 0.7, plan.classes, 2)
    centres = 2 * corner / side - 1
    x = np.zeros((plan.examples, plan.size, plan.size))
    for blob in range(plan.classes):
        strength = plan.uniform(1.5, 2.5) * (blob <= y)
        x += strength[:, None, None] * np.exp(-((_distance(plan.size, centres[:, blob]) * 2 * side) ** 2))
    return plan.in_channels(x), y


def relations(plan: Plan) -> Made:
    """In which direction a ring lies from a disc, anywhere."""
    y = plan.labels()
    angle = 2 * np.pi * (y + plan.uniform(-0.35, 0.35)) / plan.classes
    apart = np.stack([np.cos(angle), np.sin(angle)], 1) * plan.uniform(0.4, 0.6, 1)
    middle = plan.uniform(-0.35, 0.35, 2)
    disc, ring = _distance(plan.size, middle - apart), _distance(plan.size, middle + apart)
    x = np.exp(-((disc / 0.22) ** 2)) + np.exp(-(((ring - 0.26) / 0.12) ** 2))
    return plan.in_channels(2 * x), y


def _grid(size: int) -> tuple[Values, Values]:
    """Where each pixel is, across and down, each from -1 to 1."""
    at = np.linspace(-1, 1, size)
    return np.meshgrid(at, at)[0], np.meshgrid(at, at)[1]


def _distance(size: int, centres: Values) -> Values:
    """Of each pixel from each image's centre [n, 2], [n, size, size]."""
    across, down = _grid(size)
    return np.hypot(across - centres[:, 0, None, None], down - centres[:, 1, None, None])


def _line(size: int, start: Values, end: Values) -> NDArray[np.float64]:
    """Lines about two pixels wide from [n, 2] to [n, 2], [n, size, size]."""
    across, down = _grid(size)
    (x, y), (dx, dy) = (part.T[:, :, None, None] for part in (start, end - start))
    along = ((across - x) * dx + (down - y) * dy) / np.maximum(dx**2 + dy**2, 1e-9)
    along = np.clip(along, 0, 1)
    distance = np.hypot(across - x - along * dx, down - y - along * dy)
    return np.exp(-((distance * size / 2.5) ** 2))
