"""`make_task`: a made task by its family's name and its parameters."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.tasks import images, rows, signals
from rl_designer.envs.tasks.plan import Made, Plan, plan_of

Kind = Literal["signal", "image", "features"]

PREFIX = "task:"  # of a made task's name among data sets

_MOST_VALUES = 30_000_000  # of all examples together; while they are made it takes some 100 bytes each
_MOST_SIZE = {"signal": 4_096, "image": 256, "features": 4_096}


class TaskError(Error):
    """What is wrong with a made task's name or parameters, in one line."""


@dataclass(frozen=True)
class Parameters:
    """What a made task can be given.

    Attributes:
        classes: at least 2; 1 for a number to predict, of families that have one.
        size: the length of signals, the side of images in pixels, the features of rows.
        noise: standard deviation of what is added, where what is to be seen has one of about 1.
        channels: of signals and images; rows have 1.
        examples: in all, about as many of each class.
        seed: of what the classes are, and of the examples.
    """

    classes: int
    size: int
    noise: float
    channels: int = 1
    examples: int = 2_000
    seed: int = 0


@dataclass(frozen=True)
class Family:
    """A kind of made task.

    Attributes:
        make: draws a plan's examples.
        kind: of its examples.
        usual: its parameters where none are given.
        smallest: sizes that a number of classes needs at least.
        channels: at least so many.
        numbers: whether there may be a number to predict in place of classes.
    """

    make: Callable[[Plan], Made]
    kind: Kind
    usual: Parameters
    smallest: Callable[[int], int] = lambda classes: 8
    channels: int = 1
    numbers: bool = False

    @property
    def line(self) -> str:
        """What it is, and what is told apart."""
        size, what = self.usual.size, (self.make.__doc__ or "").partition("\n")[0].rstrip(".")
        shape = {"signal": f"signals of length {size}", "image": f"images of {size} x {size}"}
        made = shape.get(self.kind, f"rows of {size} features")
        return f"made {made}, {self.usual.classes} classes: {what[:1].lower()}{what[1:]}"


FAMILIES: Mapping[str, Family] = {
    "motifs": Family(signals.motifs, "signal", Parameters(8, 64, 1.0), lambda classes: 16),
    "repeats": Family(signals.repeats, "signal", Parameters(4, 64, 0.5), lambda classes: 4 * (classes + 2)),
    "orders": Family(signals.orders, "signal", Parameters(6, 64, 1.0), lambda classes: 32),
    "gaps": Family(signals.gaps, "signal", Parameters(6, 80, 1.2), lambda classes: max(16, 4 * classes)),
    "trends": Family(signals.trends, "signal", Parameters(8, 64, 1.0)),
    "frequencies": Family(signals.frequencies, "signal", Parameters(10, 64, 2.0), lambda classes: 16),
    "phases": Family(signals.phases, "signal", Parameters(6, 64, 1.0, channels=2), lambda classes: 16, 2),
    "autoregressions": Family(signals.autoregressions, "signal", Parameters(8, 64, 0.3)),
    "strokes": Family(images.strokes, "image", Parameters(10, 16, 1.0)),
    "textures": Family(images.textures, "image", Parameters(8, 16, 2.5)),
    "counts": Family(
        images.counts, "image", Parameters(5, 16, 0.3), lambda classes: 4 * int(classes**0.5 + 2)
    ),
    "relations": Family(images.relations, "image", Parameters(8, 16, 1.0), lambda classes: 12),
    "few": Family(rows.few, "features", Parameters(4, 12, 0.1), lambda classes: 3, numbers=True),
    "many": Family(rows.many, "features", Parameters(4, 20, 0.1), lambda classes: 2, numbers=True),
    "trees": Family(rows.trees, "features", Parameters(4, 10, 0.1), lambda classes: 2, numbers=True),
    "products": Family(rows.products, "features", Parameters(3, 10, 0.1), lambda classes: 2, numbers=True),
    "clusters": Family(rows.clusters, "features", Parameters(6, 8, 1.0), lambda classes: 1),
}


@dataclass(frozen=True)
class MadeTask:
    """Examples of a made task.

    Attributes:
        x: float32 [n, channels, length], [n, channels, height, width] or [n, features].
        y: int64 [n], classes from 0 up, each as often as another, give or take one; or float64 [n], numbers.
        kind: what the examples are.
    """

    x: NDArray[np.float32]
    y: NDArray[np.int64] | NDArray[np.float64]
    kind: Kind


def make_task(text: str) -> MadeTask:
    """The same text gives the same task on every machine, to rounding.

    Args:
        text: the name of a family, and `Parameters` where wanted: `motifs`, `motifs:classes=5,noise=0.5`.

    Raises:
        TaskError: for an unknown family or parameter, and a value out of range.
    """
    name, _, rest = text.partition(":")
    if name not in FAMILIES:
        raise TaskError(unknown_name("made task", name, FAMILIES))
    family = FAMILIES[name]
    given = replace(family.usual, **_read(name, rest))
    _check(name, family, given)
    x, y = family.make(plan_of(name, **asdict(given)))
    return MadeTask(x.astype(np.float32), y, family.kind)


def _read(name: str, text: str) -> dict[str, Any]:
    read: dict[str, Any] = {}
    usual = asdict(FAMILIES[name].usual)
    for item in filter(None, text.split(",")):
        key, _, value = item.partition("=")
        if key not in usual:
            raise TaskError(unknown_name(f"parameter of made task {name!r}", key, usual))
        kind = float if key == "noise" else int
        try:
            read[key] = kind(value)
        except ValueError:
            what = "a number" if kind is float else "a whole number"
            raise TaskError(f"{key} of made task {name!r} must be {what}, got {value[:40]!r}") from None
    return read


def _check(name: str, family: Family, given: Parameters) -> None:
    limits = {
        "classes": (1 if family.numbers else 2, 64, ""),
        "size": (family.smallest(given.classes), _MOST_SIZE[family.kind], f" with {given.classes} classes"),
        "channels": (family.channels, 1 if family.kind == "features" else 64, ""),
        "examples": (10 * given.classes, 1_000_000, f" with {given.classes} classes"),
        "noise": (0.0, 100.0, ""),
        "seed": (0, 2**63 - 1, ""),
    }
    for key, (least, most, where) in limits.items():
        value = getattr(given, key)
        if not least <= value <= most:
            raise TaskError(
                f"{key} of made task {name!r} must be from {least:,} to {most:,}{where}, got {value:,}"
            )
    values = given.examples * given.channels * given.size ** (2 if family.kind == "image" else 1)
    if values > _MOST_VALUES:
        raise TaskError(
            f"made task {name!r} may hold {_MOST_VALUES:,} numbers, these would be {values:,}: "
            "take fewer examples or channels, or a smaller size"
        )
