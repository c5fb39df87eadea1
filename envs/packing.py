"""Long lists in little memory: `PackedTuples`, and `Places` in place of a dictionary."""

import struct
from array import array
from typing import Any

from rl_designer.envs.architecture import Layer

# What a value is packed as: struct's own letters for numbers; None takes no room; and what isn't packed is
# kept once, as it is, and its number packed in one, two or four bytes.
_NUMBER_OF_KEPT = {"x": "B", "y": "H", "z": "I"}
_FORMATS = str.maketrans({"n": "", **_NUMBER_OF_KEPT})
_SIZES = ((2**8, "B", "x"), (2**16, "H", "y"), (2**32, "I", "z"), (2**64, "Q", ""))
_KEPT_ONCE = (str, bool, int, Layer)  # told apart by `repr`, since 1 == 1.0 == True


class PackedTuples:
    """A growing list of tuples that come back as they were, types too. Floats take 8 bytes, whole numbers as
    many as they need; texts and layers, of which there are few different ones, one to four.
    """

    def __init__(self) -> None:
        self._content = bytearray()
        self._ends = array("Q")
        self._kinds = array("I")
        self._known_kinds: dict[str, int] = {}
        self._all_kinds: list[str] = []
        self._known: dict[tuple[type, str], int] = {}
        self._kept: list[Any] = []

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """The tuple of that number, from 0."""
        kinds = self._all_kinds[self._kinds[index]]
        start = self._ends[index - 1] if index else 0
        numbers = iter(struct.unpack_from("<" + kinds.translate(_FORMATS), self._content, start))
        return tuple(
            None if kind == "n" else self._kept[next(numbers)] if kind in _NUMBER_OF_KEPT else next(numbers)
            for kind in kinds
        )

    def append(self, values: tuple[Any, ...]) -> None:
        coded = [self._coded(value) for value in values]
        kinds = "".join(kind for kind, _ in coded)
        numbers = (number for kind, number in coded if kind != "n")
        self._content += struct.pack("<" + kinds.translate(_FORMATS), *numbers)
        self._ends.append(len(self._content))
        if kinds not in self._known_kinds:
            self._known_kinds[kinds] = len(self._all_kinds)
            self._all_kinds.append(kinds)
        self._kinds.append(self._known_kinds[kinds])

    def _coded(self, value: Any) -> tuple[str, Any]:
        if value is None:
            return "n", 0
        if type(value) is float:
            return "d", value
        if type(value) is int and 0 <= value < 2**64:
            return next(letter for above, letter, _ in _SIZES if value < above), value
        number = self._number(value)
        return next(letter for above, _, letter in _SIZES if number < above), number

    def _number(self, value: Any) -> int:
        key = type(value), repr(value) if type(value) in _KEPT_ONCE else str(len(self._kept))
        number = self._known.setdefault(key, len(self._kept))
        if number == len(self._kept):
            self._kept.append(value)
        return number


class Places:
    """Where each of many digests stands, in some 25 bytes each: a hash table with open addressing.

    A digest is 20 hexadecimal characters, as of `Architecture`; they are added in order, each once.
    """

    _SIZE = 10  # bytes of a digest

    def __init__(self) -> None:
        self._digests = bytearray()
        self._table = array("i", [-1]) * 1024  # a power of two, at most half full

    def __len__(self) -> int:
        return len(self._digests) // self._SIZE

    def find(self, digest: str) -> int | None:
        """How many were added before it; None where it wasn't."""
        place = self._table[self._slot(bytes.fromhex(digest))]
        return None if place < 0 else place

    def add(self, digest: str) -> None:
        """One that isn't there yet."""
        key, place = bytes.fromhex(digest), len(self)
        self._digests += key
        if 2 * place >= len(self._table):
            self._table = array("i", [-1]) * (2 * len(self._table))
            for earlier in range(place):
                self._table[self._slot(self._at(earlier))] = earlier
        self._table[self._slot(key)] = place

    def _slot(self, key: bytes) -> int:
        """The slot that holds it, or the free one where it belongs."""
        most = len(self._table) - 1
        slot = int.from_bytes(key[:8]) & most  # of SHA-256, so evenly spread
        while (place := self._table[slot]) >= 0 and self._at(place) != key:
            slot = (slot + 1) & most
        return slot

    def _at(self, place: int) -> bytes:
        return bytes(self._digests[self._SIZE * place : self._SIZE * (place + 1)])
