"""`Prior`: what was learned on other tasks of how good a design will be, as plain arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.errors import Error
from rl_designer.envs.files.archives import read_arrays, write_arrays
from rl_designer.envs.search_spaces.base import Actions, SearchSpace

Values = NDArray[np.float64]

WEIGHTS = ("first.weight", "first.bias", "second.weight", "second.bias", "last.weight", "last.bias")
FILE = "prior.safetensors"
_LARGEST = 1_000_000  # far from any that is learned
FARTHEST = 4.0  # standard deviations; what is farther is taken for that


@dataclass(frozen=True, eq=False)
class Prior:
    """A few small networks of two hidden layers, whose mean it is: a design's `SearchSpace.structure` → its
    score, in standard deviations among random designs on the same task.

    Attributes:
        arrays: float32 `centre` and `spread` [numbers], by which the structure is standardised, and of
            M networks `first.weight` [M, numbers, hidden], `first.bias` [M, hidden], `second.weight`
            [M, hidden, hidden], `second.bias` [M, hidden], `last.weight` [M, hidden], `last.bias` [M].
    """

    arrays: Mapping[str, NDArray[np.float32]]

    # As `Belief` has them, which may be built upon one: it isn't from any search.
    depth = 0
    searches = 0
    squares = 0

    def mean(self, space: SearchSpace, actions: Actions) -> Values:
        """The expected scores of complete designs, float64 [n]."""
        return self.each(space, actions).mean(axis=0)

    def each(self, space: SearchSpace, actions: Actions) -> Values:
        """What each of the networks expects of complete designs, float64 [M, n]."""
        a = self.arrays
        numbers = np.concatenate(list(space.structure(actions).values()), axis=1)
        x = np.clip((numbers - a["centre"]) / a["spread"], -FARTHEST, FARTHEST)
        hidden = np.maximum(x @ a["first.weight"] + a["first.bias"][:, None], 0)
        hidden = np.maximum(hidden @ a["second.weight"] + a["second.bias"][:, None], 0)
        return ((hidden * a["last.weight"][:, None]).sum(axis=2) + a["last.bias"][:, None]).astype(np.float64)

    def shifted(self, bias: NDArray[np.float32]) -> Self:
        """The same with something added to the first bias, [M, hidden]."""
        return replace(self, arrays={**self.arrays, "first.bias": self.arrays["first.bias"] + bias})

    def save(self, folder: Path) -> None:
        """Writes `prior.safetensors`, beside and renamed."""
        write_arrays(folder / FILE, self.arrays)

    @classmethod
    def load(cls, folder: Path, space: SearchSpace) -> Self | None:
        """Reads what `save` wrote; None where there is none. Raises ValueError for a file that is damaged or
        of another space.
        """
        path = folder / FILE
        if not path.is_file():
            return None
        prior = cls(read_arrays(path, "prior"))
        try:
            prior.check(space)
        except ValueError as error:
            raise Error(f"{path} is damaged or not for space {space.name!r}: {error}") from error
        return prior

    def check(self, space: SearchSpace) -> None:
        """Raises ValueError where the arrays don't fit each other or the space."""
        numbers = sum(group.shape[1] for group in space.structure(space.pad([])).values())
        check_arrays(self.arrays, numbers)


def check_arrays(arrays: Mapping[str, NDArray[Any]], numbers: int) -> None:
    """Raises ValueError for what are no arrays of a prior on so many numbers."""
    if set(arrays) != {"centre", "spread", *WEIGHTS}:
        raise Error(f"a prior must hold centre, spread, {', '.join(WEIGHTS)}, got {sorted(arrays)[:10]}")
    first = arrays["first.weight"]
    members, hidden = (first.shape[0], first.shape[-1]) if first.ndim == 3 else (0, 0)
    shapes = {
        "centre": (numbers,),
        "spread": (numbers,),
        "first.weight": (members, numbers, hidden),
        "first.bias": (members, hidden),
        "second.weight": (members, hidden, hidden),
        "second.bias": (members, hidden),
        "last.weight": (members, hidden),
        "last.bias": (members,),
    }
    for name, shape in shapes.items():
        array = arrays[name]
        if array.shape != shape or 0 in shape:
            raise Error(f"{name!r} of a prior must have the shape {shape}, got {array.shape}")
        if array.dtype != np.float32 or not (np.abs(array) <= _LARGEST).all():
            raise Error(f"{name!r} of a prior must hold float32 numbers from -{_LARGEST:,} to {_LARGEST:,}")
    if not (arrays["spread"] > 0).all():
        raise Error("'spread' of a prior must be above 0")
