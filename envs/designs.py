"""`Design`: an evaluated architecture. `Designs`: all of a search, in little memory where there are many."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from typing import overload

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.packing import PackedTuples, Places

_AS_THEY_ARE = 10_000  # the first designs of a search; later ones are packed, and made anew when asked for

_TUPLES = ("val_recalls", "learning_curve")
_FIELDS = tuple(field.name for field in fields(Evaluation) if field.name not in _TUPLES)


@dataclass(frozen=True)
class Design:
    """An evaluated architecture: what is stored, sampled, compared, reported.

    Attributes:
        reward: what the search is paid for it; the problem's failure reward where it failed.
        index: how many distinct designs the run had asked for before this one.
    """

    architecture: Architecture
    evaluation: Evaluation
    reward: float
    index: int


class Designs(Sequence[Design]):
    """The distinct designs of a search, in order: read it as a list. Only a `Problem` appends.

    Some 100 bytes a design and 8 for each epoch of a learning curve, once there are more than 10,000.
    """

    def __init__(self, designs: Iterable[Design] = ()) -> None:
        self._first: list[Design] = []
        self._later = PackedTuples()
        self._places = Places()
        self._rewards = array("d")
        self._failed = array("Q")  # of each failed design, how many before it had not
        for design in designs:
            self.append(design)

    def append(self, design: Design) -> None:
        """One with an architecture that isn't there yet."""
        if len(self._first) < _AS_THEY_ARE:
            self._first.append(design)
        else:
            self._later.append(_packed(design))
        if design.evaluation.failure is not None:
            self._failed.append(len(self._rewards) - len(self._failed))
        self._rewards.append(design.reward)
        self._places.add(design.architecture.digest)

    def find(self, digest: str) -> int | None:
        """The index of the design with that digest, or None."""
        return self._places.find(digest)

    @property
    def rewards(self) -> NDArray[np.float64]:
        """Of all designs, float64 [n]; quicker than one by one."""
        return np.array(self._rewards, dtype=np.float64)

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Whether each design failed, bool [n]; quicker than one by one."""
        failed = np.zeros(len(self), dtype=bool)
        failed[np.array(self._failed, dtype=np.int64) + np.arange(len(self._failed))] = True
        return failed

    @property
    def succeeded(self) -> Sequence[Evaluation]:
        """The evaluations of those that didn't fail, in order; it grows with the designs."""
        return _Succeeded(self, self._failed)

    def __len__(self) -> int:
        return len(self._rewards)

    @overload
    def __getitem__(self, index: int) -> Design: ...
    @overload
    def __getitem__(self, index: slice) -> list[Design]: ...
    def __getitem__(self, index: int | slice) -> Design | list[Design]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = _place(index, len(self))
        return self._first[place] if place < len(self._first) else self._unpacked(place)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, list | Designs):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self):,} designs>"

    def _unpacked(self, place: int) -> Design:
        values = iter(self._later[place - len(self._first)])
        space, complete, layers = next(values), next(values), next(values)
        architecture = Architecture(space, tuple(islice(values, layers)), complete)
        index = next(values)
        figures = dict(zip(_FIELDS, islice(values, len(_FIELDS)), strict=True))
        recalls = tuple(islice(values, next(values)))
        evaluation = Evaluation(**figures, val_recalls=recalls, learning_curve=tuple(values))
        return Design(architecture, evaluation, self._rewards[place], index)


def _place(index: int, length: int) -> int:
    """A list's index from its beginning on."""
    if not -length <= index < length:
        raise IndexError("list index out of range")
    return int(index) % length


def _packed(design: Design) -> tuple[object, ...]:
    architecture, evaluation = design.architecture, design.evaluation
    return (
        *(architecture.space, architecture.complete, len(architecture.layers), *architecture.layers),
        design.index,
        *(getattr(evaluation, name) for name in _FIELDS),
        len(evaluation.val_recalls),
        *evaluation.val_recalls,
        *evaluation.learning_curve,
    )


class _Succeeded(Sequence[Evaluation]):
    """A view of designs; see `Designs.succeeded`."""

    def __init__(self, designs: Designs, failed: "array[int]") -> None:
        self._designs = designs
        self._failed = failed

    def __len__(self) -> int:
        return len(self._designs) - len(self._failed)

    @overload
    def __getitem__(self, index: int) -> Evaluation: ...
    @overload
    def __getitem__(self, index: slice) -> list[Evaluation]: ...
    def __getitem__(self, index: int | slice) -> Evaluation | list[Evaluation]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = _place(index, len(self))
        return self._designs[place + bisect_right(self._failed, place)].evaluation
