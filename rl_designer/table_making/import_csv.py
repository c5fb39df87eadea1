"""A CSV as an architecture table: columns of decisions, columns of metrics.

A mapping, as a TOML file, says what is what; docs/tables.md shows one. `--decision` and `--metric` make the
plain kind.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rl_designer.envs.files.untrusted import bounded_bytes, toml_file
from rl_designer.envs.tables.table import ArchitectureTable, Task
from rl_designer.envs.tables.wiring import Wiring
from rl_designer.errors import Error, unknown_name

MOST_OPTIONS = 256  # that a uint8 tells apart
_MOST_BYTES = 2**26
_MAXIMIZED = ("fraction", "percent")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Architectures(_Part):
    """Where the decisions are."""

    columns: list[str] = []
    column: str | None = None
    pattern: str | None = None
    names: list[str] = []
    options: list[str] = []
    canonical: str | None = None

    @model_validator(mode="after")
    def _check(self) -> "Architectures":
        if bool(self.columns) == (self.column is not None):
            raise Error("give either `columns`, one a decision, or `column` with `pattern`")
        if (self.column is None) != (self.pattern is None):
            raise Error("`column` and `pattern` need each other")
        try:
            decisions = len(self.columns) or re.compile(self.pattern or "").groups
        except re.error as error:
            raise Error(f"`pattern` is no regular expression: {error}") from error
        if decisions == 0:
            raise Error("`pattern` must have a group, in parentheses, for each decision")
        if self.names and len(self.names) != decisions:
            raise Error(f"`names` must be {decisions}, one a decision, got {len(self.names)}")
        return self

    @property
    def decisions(self) -> list[str]:
        """The decisions' names."""
        groups = re.compile(self.pattern or "").groups
        return self.names or self.columns or [f"decision {i + 1}" for i in range(groups)]


class Edges(_Part):
    """Which decision stands on which edge of a cell's graph."""

    edges: dict[str, Annotated[list[int], Field(min_length=2, max_length=2)]]
    absent: str = "none"

    def wiring(self, decisions: Sequence[str]) -> Wiring:
        """With the edges in the decisions' order."""
        return Wiring(tuple((self.edges[name][0], self.edges[name][1]) for name in decisions), self.absent)


class Metric(_Part):
    """Where a metric is, and what it is."""

    column: str | None = None
    columns: list[str] = []
    unit: str = "fraction"
    split: str | None = None
    dataset: str | None = None
    epochs: int | None = None
    maximize: bool | None = None

    def facts(self) -> dict[str, Any]:
        """As a table states them."""
        known = {"unit": self.unit, "split": self.split, "dataset": self.dataset, "epochs": self.epochs}
        maximize = self.unit in _MAXIMIZED if self.maximize is None else self.maximize
        repeats = {"repeats": len(self.columns)} if len(self.columns) > 1 else {}
        return (
            {name: fact for name, fact in known.items() if fact is not None}
            | {"maximize": maximize}
            | repeats
        )


class MetricsOfTask(_Part):
    """A task's two metrics."""

    search: str
    report: str | None = None


class Mapped(_Part):
    """What is what in a CSV."""

    name: str = Field(min_length=1)
    title: str | None = None
    source: str = ""
    architectures: Architectures
    wiring: Edges | None = None
    metrics: dict[str, Metric] = Field(min_length=1)
    tasks: dict[str, MetricsOfTask] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> "Mapped":
        decisions = self.architectures.decisions
        if self.wiring and sorted(self.wiring.edges) != sorted(decisions):
            raise Error(f"`wiring.edges` must name exactly the decisions, {decisions}")
        return self


def mapping_of(data: Mapping[str, Any], where: str) -> Mapped:
    """A checked mapping. Raises ValueError, one line that begins with `where`."""
    try:
        return Mapped.model_validate(dict(data))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"])) or "all of it"
        cause = first.get("ctx", {}).get("error")
        raise Error(f"{where}: {key}: {cause or first['msg']}") from None


def read_mapping(path: Path) -> Mapped:
    """A mapping's file. Raises ValueError, one line, where it can't be read or isn't one."""
    return mapping_of(toml_file(path, "the mapping", regular=False), str(path))


def read_csv_table(path: Path, mapping: Mapped) -> ArchitectureTable:
    """A `.csv` or `.csv.gz` as a table. Raises ValueError as `csv_table`, and where it can't be read."""
    try:
        return csv_table(unpacked_bytes(path), mapping, str(path))
    except OSError as error:
        raise Error(f"can't read {path}: {error.strerror or error}") from None
    except (EOFError, zlib.error):
        raise Error(f"{path} is no whole .gz file") from None


def unpacked_bytes(path: Path) -> bytes:
    """What a file holds, at most 64 MB, unpacked where it ends in `.gz`.

    Raises:
        ValueError: for more than that.
        OSError, EOFError, zlib.error: where it can't be read, or unpacked.
    """
    if not path.name.endswith(".gz"):
        try:
            return bounded_bytes(path, _MOST_BYTES)
        except ValueError as error:
            raise Error(f"can't read {path}: {error}") from None
    with gzip.open(path) as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise Error(f"{path} unpacks to more than {_MOST_BYTES:,} bytes")
    return data


def csv_table(data: bytes, mapping: Mapped, where: str) -> ArchitectureTable:
    """A CSV with a header as a table.

    Args:
        where: what errors begin with.

    Raises:
        ValueError: for what is no CSV in UTF-8, a column that isn't there, a text that doesn't fit the
            pattern, a value that is no number, a design twice; with the number of the row below the header.
    """
    header, rows = _rows(data, where)
    columns = _Columns(where, header, rows)
    decisions, designs = _designs(columns, mapping.architectures)
    _check_once(columns, designs)
    canonical = mapping.architectures.canonical
    network = np.arange(len(rows)) if canonical is None else _groups(columns.texts(canonical))
    tasks = {name: Task(task.search, task.report or task.search) for name, task in mapping.tasks.items()}
    return ArchitectureTable(
        name=mapping.name,
        title=mapping.title or mapping.name,
        source=mapping.source,
        decisions=decisions,
        architectures=designs,
        metrics={
            name: columns.numbers(metric.columns or [metric.column or name])
            for name, metric in mapping.metrics.items()
        },
        metric_facts={name: metric.facts() for name, metric in mapping.metrics.items()},
        tasks=tasks,
        canonical=network.astype(np.int32),
        wiring=mapping.wiring.wiring(mapping.architectures.decisions) if mapping.wiring else None,
    )


def _rows(data: bytes, where: str) -> tuple[list[str], list[list[str]]]:
    """The header and the rows that aren't empty."""
    try:
        lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Error(f"{where} is no CSV in UTF-8: {error}") from None
    rows = [line for line in lines[1:] if line]
    if not rows:
        raise Error(f"{where} must have a header and at least one row")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(lines[0]):
            raise Error(f"{where}: row {number} has {len(row)} values, the header {len(lines[0])}")
    return lines[0], rows


class _Columns:
    """A CSV's columns by name."""

    def __init__(self, where: str, header: list[str], rows: list[list[str]]) -> None:
        self.where = where
        self.rows = rows
        self._header = header

    def texts(self, name: str) -> list[str]:
        if name not in self._header:
            raise Error(f"{self.where}: {unknown_name('column', name, self._header)}")
        position = self._header.index(name)
        return [row[position].strip() for row in self.rows]

    def numbers(self, names: Sequence[str]) -> NDArray[np.float32]:
        """float32 [rows, columns]; NaN where a value is missing."""
        with np.errstate(over="ignore"):  # what is too large becomes infinite, which is refused
            return np.array([self._numbers(name) for name in names], dtype=np.float32).T

    def _numbers(self, name: str) -> list[float]:
        numbers = []
        for row, text in enumerate(self.texts(name), start=1):
            try:
                numbers.append(float(text) if text else float("nan"))
            except ValueError:
                raise Error(
                    f"{self.where}: row {row}: {name!r} must be a number or empty, got {text[:40]!r}"
                ) from None
        return numbers


def _designs(
    columns: _Columns, where: Architectures
) -> tuple[tuple[tuple[str, tuple[str, ...]], ...], NDArray[np.uint8]]:
    if where.column is None:
        taken = [tuple(columns.texts(name)) for name in where.columns]
    else:
        taken = _matched(columns, where.column, where.pattern or "")
    decisions, designs = [], np.zeros((len(columns.rows), len(taken)), dtype=np.uint8)
    for position, (name, texts) in enumerate(zip(where.decisions, taken, strict=True)):
        options = where.options or list(dict.fromkeys(texts))
        index = {option: number for number, option in enumerate(options)}
        if len(index) > MOST_OPTIONS:
            raise Error(
                f"{columns.where}: decision {name!r} has {len(index):,} options; a table may have at most "
                f"{MOST_OPTIONS}"
            )
        for row, text in enumerate(texts):
            if text not in index:
                raise Error(
                    f"{columns.where}: row {row + 1}: {unknown_name(f'option of {name!r}', text, index)}"
                )
            designs[row, position] = index[text]
        decisions.append((name, tuple(options)))
    return tuple(decisions), designs


def _matched(columns: _Columns, column: str, pattern: str) -> list[tuple[str, ...]]:
    """What each group of the pattern found, by group, then by row."""
    compiled, found = re.compile(pattern), []
    for row, text in enumerate(columns.texts(column), start=1):
        match = compiled.fullmatch(text)
        if match is None:
            raise Error(f"{columns.where}: row {row}: {text[:80]!r} doesn't fit the pattern {pattern!r}")
        found.append(tuple(group or "" for group in match.groups()))
    return list(zip(*found, strict=True))


def _groups(texts: Sequence[str]) -> NDArray[np.int64]:
    """The number of the first row with the same text."""
    first: dict[str, int] = {}
    return np.array([first.setdefault(text, row) for row, text in enumerate(texts)], dtype=np.int64)


def _check_once(columns: _Columns, designs: NDArray[np.uint8]) -> None:
    first: dict[bytes, int] = {}
    for row, design in enumerate(designs, start=1):
        earlier = first.setdefault(design.tobytes(), row)
        if earlier != row:
            raise Error(
                f"{columns.where}: rows {earlier} and {row} are the same design; a table has each once, "
                "with repeats in columns of their own"
            )
