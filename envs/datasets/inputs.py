"""`RawInputs`: what examples are as they come, and how new ones become what a network takes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from rl_designer.envs.datasets.dataset import KINDS, PLURALS, TEXT, Dataset, Kind
from rl_designer.envs.datasets.encoding import Standardisation
from rl_designer.envs.datasets.errors import DatasetError, listed
from rl_designer.envs.datasets.readers.arrays import unlabelled
from rl_designer.envs.datasets.readers.memory import table_of
from rl_designer.envs.datasets.rows.encoding import RowEncoding
from rl_designer.envs.datasets.rows.table import Rows
from rl_designer.envs.datasets.rows.using import notes_on_strangers
from rl_designer.envs.datasets.signals import with_gaps_filled
from rl_designer.envs.datasets.texts import Texts, Tokeniser
from rl_designer.envs.datasets.texts.texts import column_of, texts_in
from rl_designer.envs.datasets.texts.tokeniser import notes_on
from rl_designer.envs.errors import Error
from rl_designer.envs.files.untrusted import damage_told

_FAR_SMALLER = 1 / 50  # of the range in training: most likely pixels from 0 to 1 in place of 0 to 255
_WHERE = "the inputs"

Arrays = NDArray[Any]
Notes = tuple[str, ...]


class _Written(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    shape: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=3)]
    padded: bool
    pixels: (
        Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=2, max_length=2)]
        | None
    )
    encoding: dict[str, Any] | None
    tokeniser: dict[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class RawInputs:
    """What examples are before they are standardised; with `to_dict` it goes into files.

    Attributes:
        shape: of one: (features,), (channels, length) or (channels, height, width); of texts (symbols,
            length).
        padded: whether signals may end before that length.
        pixels: of images, lowest and highest value; None where it isn't known.
        encoding: how rows of a table become features; None for other data.
        tokeniser: how texts become numbers of symbols; None for other data.
    """

    shape: tuple[int, ...]
    padded: bool = False
    pixels: tuple[float, float] | None = None
    encoding: RowEncoding | None = None
    tokeniser: Tokeniser | None = None

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """Of the examples of a data set."""
        shape = dataset.raw_shape or dataset.input_shape
        return cls(shape, dataset.padded, dataset.pixels, dataset.encoding, dataset.tokeniser)

    @property
    def kind(self) -> Kind:
        """`features`, `signal`, `image` or `text`."""
        return TEXT if self.tokeniser else KINDS[len(self.shape)]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` reads it back."""
        return {
            "shape": list(self.shape),
            "padded": self.padded,
            "pixels": None if self.pixels is None else list(self.pixels),
            "encoding": None if self.encoding is None else self.encoding.to_dict(),
            # Other data are as they were before there were texts.
            **({} if self.tokeniser is None else {"tokeniser": self.tokeniser.to_dict()}),
        }

    @classmethod
    def from_dict(cls, given: object, input_shape: Sequence[int]) -> Self:
        """Of what a stranger may have written, for a network that takes examples of `input_shape`.

        Raises:
            ValueError: one line, for anything else.
        """
        with damage_told("what is said of the inputs"):
            read = _Written.model_validate(given)
            encoding = None if read.encoding is None else RowEncoding.from_dict(read.encoding)
            if math.prod(read.shape) != math.prod(input_shape):
                raise Error(f"{read.shape} can't be read as {list(input_shape)}")
            tokeniser = None if read.tokeniser is None else Tokeniser.from_dict(read.tokeniser)
            if tokeniser is not None and not (
                tokeniser.input_shape == tuple(read.shape) == tuple(input_shape)
            ):
                raise Error(f"its symbols are {tokeniser.input_shape}, the network takes {list(input_shape)}")
            if encoding is not None and len(encoding.feature_names) != math.prod(input_shape):
                raise Error(
                    f"its columns make {len(encoding.feature_names):,} features, the network takes "
                    f"{math.prod(input_shape):,}"
                )
        pixels = None if read.pixels is None else (read.pixels[0], read.pixels[1])
        return cls(tuple(read.shape), read.padded, pixels, encoding, tokeniser)

    def ready(
        self,
        given: Any,
        standardisation: Standardisation | None,
        input_shape: Sequence[int],
        channels_last: bool | None = None,
    ) -> tuple[NDArray[np.float32], Notes]:
        """Raw examples as a network takes them, float32 [n, *input_shape], or numbers of symbols [n, length],
        and what is said of them.

        Args:
            given: rows as `table_of` takes them, or `Rows`; or else an array or tensor [n, …], or a sequence
                of signals of unequal length, NaN where nothing is known; of texts a sequence, an array [n],
                or rows with their column.
            standardisation: None for texts alone.
            channels_last: whether the channels of signals and images are the last axis; None to tell by the
                shape.

        Raises:
            DatasetError: for examples of another shape or type, missing columns, unreadable cells.
        """
        if self.tokeniser is not None:
            return self._of_texts(given, self.tokeniser)
        assert standardisation is not None  # of texts alone there is none
        if isinstance(given, Rows) or self.encoding is not None:
            x, notes = self._of_rows(given)
        else:
            x, notes = self._of_arrays(given, channels_last)
        if not len(x):
            raise DatasetError("there are no examples")
        with np.errstate(over="ignore", invalid="ignore"):
            ready = standardisation.apply(x.reshape(len(x), *input_shape))
        if self.kind == "signal" and self.encoding is None:
            ready[_unknown(x).reshape(ready.shape)] = 0  # what isn't known becomes the mean
        if not np.isfinite(ready).all():
            raise DatasetError("the inputs are too far from those of training to be standardised")
        return ready, notes

    def _of_texts(self, given: Any, tokeniser: Tokeniser) -> tuple[NDArray[np.float32], Notes]:
        texts = texts_in(given)
        if texts is None:
            texts = _column(given, tokeniser.column)
        found = texts.values.tolist()
        return tokeniser.apply(found), tuple(notes_on(tokeniser, "texts", found))

    def _of_rows(self, given: Any) -> tuple[Arrays, Notes]:
        if self.encoding is None:
            return self._by_position(given)
        if isinstance(given, np.ndarray) or hasattr(given, "detach"):
            raise DatasetError(
                "the network takes rows with names of columns (a DataFrame, dictionaries), got an array"
            )
        names = [column["name"] for column in self.encoding.columns]
        rows = given if isinstance(given, Rows) else table_of(given, names)
        return self.encoding.apply(rows), tuple(notes_on_strangers(self.encoding, rows))

    def _by_position(self, rows: Rows) -> tuple[Arrays, Notes]:
        """Of a table for a network on arrays, whose columns have no names."""
        if rows.shape[1] != math.prod(self.shape):
            raise DatasetError(
                f"the network takes {math.prod(self.shape):,} numbers an example and knows no columns by "
                f"name, the table has {rows.shape[1]:,} columns; leave the others out, the target too"
            )
        for name, cells in zip(rows.names, rows.cells, strict=True):
            if cells.dtype == object or not np.isfinite(cells).all():
                raise DatasetError(f"column {name!r} must hold numbers alone, as all did in training")
        note = "the network knows no columns by name, so they are taken in their order"
        return np.stack(rows.cells, axis=1), (note,)

    def _of_arrays(self, given: Any, last: bool | None) -> tuple[Arrays, Notes]:
        x, told_last = unlabelled(given, _WHERE)
        if x.dtype.kind not in "biuf":
            raise DatasetError(f"the inputs must be real numbers, got type {x.dtype}")
        x, notes = self._arranged(x, told_last if last is None else last)
        if self.kind == "signal":
            x, told = self._of_length(x)
            notes += told
        if x.dtype.kind == "f" and not np.isfinite(x).all() and (np.isinf(x).any() or self.kind != "signal"):
            place = np.argwhere(~np.isfinite(x))[0].tolist()
            raise DatasetError(f"the inputs must be finite, got {x[tuple(place)]} at index {place}")
        return x, notes + self._of_pixels(x)

    def _arranged(self, x: Arrays, last: bool | None) -> tuple[Arrays, Notes]:
        """Inputs as [n, *shape], but for the length of signals."""
        shape, found = self.shape, x.shape[1:]
        if len(found) == len(shape) - 1 and shape[0] == 1 and last is None:
            x, found = x[:, None], (1, *found)
        if len(found) == len(shape) > 1:
            swapped = np.moveaxis(x, -1, 1)
            if last or (last is None and not self._fits(found) and self._fits(swapped.shape[1:])):
                note = f"channels last: {[*found]} is read as {[*swapped.shape[1:]]}"
                x, found = swapped, swapped.shape[1:]
                return self._checked(x), () if last else (note,)
        return self._checked(x), ()

    def _fits(self, found: Sequence[int]) -> bool:
        if self.kind == "signal":
            return len(found) == 2 and found[0] == self.shape[0]
        return tuple(found) == self.shape

    def _checked(self, x: Arrays) -> Arrays:
        if not self._fits(x.shape[1:]):
            raise DatasetError(
                f"the network takes {PLURALS[self.kind]} of shape [n, {str(list(self.shape))[1:-1]}], got "
                f"{list(x.shape)}"
            )
        return x

    def _of_length(self, x: Arrays) -> tuple[Arrays, Notes]:
        """Signals of the training's length, NaN after their ends, and what is said of it."""
        length, notes = self.shape[1], list[str]()
        if x.dtype.kind == "f":
            filled, told = with_gaps_filled({"given": x}, _WHERE)
            x, notes = filled["given"], list(told)
        if x.shape[2] != length and not self.padded:
            raise DatasetError(f"the network takes signals of length {length:,}, got {x.shape[2]:,}")
        if x.shape[2] > length:
            cut = int((~_unknown(x[:, :, length:])).any(axis=(1, 2)).sum())
            notes += [f"signals longer than in training, cut to {length:,}: {cut:,}"] * (cut > 0)
            x = x[:, :, :length]
        if x.shape[2] < length:
            missing = np.full((*x.shape[:2], length - x.shape[2]), np.nan)
            x = np.concatenate([x, missing], axis=2)
        if early := int(_unknown(x).any(axis=(1, 2)).sum()):
            habit = "" if self.padded else ", as none did in training"
            notes.append(f"signals that end early{habit}, padded with the mean to {length:,}: {early:,}")
        return x, tuple(notes)

    def _of_pixels(self, x: Arrays) -> Notes:
        if self.kind != "image" or self.pixels is None or not x.size:
            return ()
        lowest, highest = float(x.min()), float(x.max())
        inside = self.pixels[0] <= lowest and highest <= self.pixels[1]
        if inside and highest - lowest >= _FAR_SMALLER * (self.pixels[1] - self.pixels[0]):
            return ()
        return (
            f"pixels are from {lowest:g} to {highest:g}; in training they were from {self.pixels[0]:g} to "
            f"{self.pixels[1]:g}",
        )


def _column(given: Any, name: str | None) -> Texts:
    """The texts of a table: of the named column, or of the only one.

    Raises:
        DatasetError: where it isn't there, or doesn't hold texts.
    """
    known = isinstance(given, Rows | Mapping) or (hasattr(given, "columns") and hasattr(given, "iloc"))
    rows_of_cells = isinstance(given, list | tuple) and all(isinstance(row, Mapping) for row in given)
    if not known and not rows_of_cells:
        raise DatasetError(
            f"the network takes texts, a list of them or a table with them, got {type(given).__name__}"
        )
    if isinstance(given, Rows):
        rows = given
    else:
        every = given[0] if rows_of_cells and given else getattr(given, "columns", given)
        rows = table_of(given, list(map(str, every)) if name is None else [name])
    if name is None and len(rows.names) == 1:
        name = rows.names[0]
    if name not in rows.names:
        wanted = "one column of texts" if name is None else f"the texts of column {name!r}"
        raise DatasetError(f"the network takes {wanted}; there are: {listed(rows.names)}")
    cells = rows.column(name)
    if cells.dtype != object:
        raise DatasetError(f"column {name!r} must hold texts, got numbers")
    return column_of(rows, name)


def _unknown(x: Arrays) -> NDArray[np.bool_]:
    return np.isnan(x) if x.dtype.kind == "f" else np.zeros(x.shape, dtype=bool)
