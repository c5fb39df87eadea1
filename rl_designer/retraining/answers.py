"""What each scored example got from one training, kept so that two networks can be compared by example."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets import Dataset
from rl_designer.envs.datasets.dataset import Targets
from rl_designer.envs.files.untrusted import MEBIBYTE
from rl_designer.errors import Error

ANSWERS = "answers"
RIGHT, ERRORS = "right", "errors"
_MOST: Mapping[str, int] = {RIGHT: 2**20, ERRORS: 100_000}  # examples
_MOST_TEXT = 8 * MEBIBYTE  # of all trainings of a file
_LONGEST_DIGEST = 64
_LARGEST = 1e100  # of a figure, so that its square is one, too

Values = NDArray[np.float64]


def answers_of(outputs: Values, y: Targets, part: str) -> dict[str, Any] | None:
    """JSON-ready: `part`, the number of `examples`, and in base64 either `right`, a bit for each example, or
    `errors`, output less target as little-endian float32. None for more than 1,048,576 classified examples or
    100,000 numbers, and for an error that isn't finite.

    Args:
        outputs: as `score` takes them, float64 [n, outputs].
        part: see `part_digest`.
    """
    kind = ERRORS if y.dtype.kind == "f" else RIGHT
    if len(y) > _MOST[kind]:
        return None
    if kind == RIGHT:
        content = np.packbits(outputs.argmax(axis=1) == y).tobytes()
    else:
        with np.errstate(over="ignore"):
            errors = (outputs[:, 0] - y).astype("<f4")
        if not np.isfinite(errors).all():
            return None
        content = errors.tobytes()
    return {"part": part, "examples": len(y), kind: base64.b64encode(content).decode("ascii")}


def part_digest(dataset: Dataset, x: NDArray[np.float32], y: Targets) -> str:
    """20 hexadecimal characters, equal for the same examples in the same order."""
    digest = hashlib.sha256(np.ascontiguousarray(y).data)
    # The content tells the examples however they were read.
    digest.update(np.ascontiguousarray(x).data if dataset.content is None else dataset.content.encode())
    return digest.hexdigest()[:20]


def read_answers(line: Mapping[str, Any]) -> tuple[str, NDArray[Any]] | None:
    """The part, and what its examples got: right or wrong, bool [n], or errors, float64 [n]. None where that
    wasn't kept.

    Args:
        line: of one training, from a file that a stranger may have written.

    Raises:
        ValueError: where it is damaged.
    """
    known = line.get(ANSWERS)
    if known is None:
        return None
    damage = Error(f"{str(known)[:60]!r} are no answers to examples")
    kinds = [kind for kind in _MOST if isinstance(known, dict) and kind in known]
    if len(kinds) != 1 or not isinstance(known.get("part"), str) or len(known["part"]) > _LONGEST_DIGEST:
        raise damage
    [kind], count = kinds, known.get("examples")
    if type(count) is not int or not 1 <= count <= _MOST[kind]:
        raise damage
    content = _decoded(known[kind], -(-count // 8) if kind == RIGHT else 4 * count)
    if content is None:
        raise damage
    if kind == RIGHT:
        return known["part"], np.unpackbits(np.frombuffer(content, np.uint8), count=count).astype(np.bool_)
    errors = np.frombuffer(content, "<f4").astype(np.float64)
    if not np.isfinite(errors).all():
        raise damage
    return known["part"], errors


def _decoded(text: Any, size: int) -> bytes | None:
    """Base64 of so many bytes; None for anything else."""
    if not isinstance(text, str) or len(text) != 4 * -(-size // 3):
        return None
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return content if len(content) == size else None


def bounded(lines: list[dict[str, Any]], spent: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Lines of trainings with answers as long as a file can hold them, and how much of it is spent then."""
    kept = []
    for line in lines:
        length = sum(len(text) for text in (line.get(ANSWERS) or {}).values() if isinstance(text, str))
        fits = spent + length <= _MOST_TEXT
        spent += length if fits else 0
        kept.append(line if fits else {**line, ANSWERS: None})
    return kept, spent


def without_answers(design: Mapping[str, Any]) -> dict[str, Any]:
    """A design's results, or a rival's, as they are printed: what each example got stays in the folder."""
    rivals = {"rivals": [without_answers(line) for line in design["rivals"]]} if "rivals" in design else {}
    seeds = [{name: value for name, value in line.items() if name != ANSWERS} for line in design["seeds"]]
    return {**design, "seeds": seeds, **rivals}


# -- a metric by example ----------------------------------------------------------------------------


def values_of(line: Mapping[str, Any], metric: str) -> tuple[str, Values] | None:
    """The part, and float64 [n] of one training, whose mean is its figure and whose spread over the examples
    is, to first order, what drawing other examples makes of it. None where that can't be told of the metric,
    or wasn't kept.

    R² takes the targets' variance as it is, which never changes which of two networks is ahead.

    Raises:
        ValueError: where the line is damaged.
    """
    known, figures = read_answers(line), line.get("figures")
    figure = figures.get(metric) if isinstance(figures, dict) else None
    if known is None or figure is None:
        return None
    if type(figure) not in (int, float) or not abs(figure) < _LARGEST:
        raise Error(f"{str(figure)[:60]!r} is no figure")
    part, given = known
    makers = _OF_RIGHT if given.dtype.kind == "b" else _OF_ERRORS
    return (part, makers[metric](given, float(figure))) if metric in makers else None


def _relative(losses: Values) -> Values:
    mean = losses.mean()
    return losses / mean if mean else np.ones(len(losses))


_Maker = Callable[[NDArray[Any], float], Values]
_OF_RIGHT: Mapping[str, _Maker] = {"accuracy": lambda right, figure: right.astype(np.float64)}
_OF_ERRORS: Mapping[str, _Maker] = {
    "r2": lambda errors, figure: 1 - (1 - figure) * _relative(errors**2),
    "rmse": lambda errors, figure: figure * (1 + _relative(errors**2)) / 2,
    "mae": lambda errors, figure: figure * _relative(np.abs(errors)),
}
