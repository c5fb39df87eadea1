"""`ArchitectureTable`: a tabular benchmark as data, read from and written to one `.npz` file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.files import beside
from rl_designer.envs.files.archives import open_archive
from rl_designer.envs.files.untrusted import json_of
from rl_designer.envs.tables.wiring import Wiring, known_wiring

FORMAT = "architecture-table/1"
MOST_OPTIONS = 4_096  # decisions times the most options that one has; spaces take memory by its square
_MOST_BYTES = 2**28
_MOST_CHARACTERS = 2**22
_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Text = Annotated[str, Field(max_length=2_000)]


class TableError(Error):
    """What is wrong with an architecture table, in one line."""


@dataclass(frozen=True)
class Task:
    """What a search sees, and what is reported of the design it chose: two names of metrics."""

    search: str
    report: str


@dataclass(frozen=True)
class ArchitectureTable:
    """Every measured design of a finite space.

    Attributes:
        decisions: name and options of each decision, in order.
        architectures: uint8 [N, D], the option taken at each decision; no row twice.
        metrics: name → float32 [N, repeats]; NaN where a value is missing.
        metric_facts: name → unit, split, dataset, epochs, maximize, as the file states them.
        tasks: what can be searched for.
        canonical: int32 [N]; rows of one value are the same network.
        wiring: which decision stands on which edge of a cell's graph; None where the designs are no cells, or
            that isn't known. NAS-Bench-201's need not be told.
        made: how it was made, as the file states it; JSON-ready, empty where it doesn't say.
    """

    name: str
    title: str
    source: str
    decisions: tuple[tuple[str, tuple[str, ...]], ...]
    architectures: NDArray[np.uint8]
    metrics: Mapping[str, NDArray[np.float32]]
    metric_facts: Mapping[str, Mapping[str, Any]]
    tasks: Mapping[str, Task]
    canonical: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    made: Mapping[str, Any] = field(default_factory=dict)
    wiring: Wiring | None = None

    def __post_init__(self) -> None:
        _check_rows(self)
        if self.wiring is None:
            object.__setattr__(self, "wiring", known_wiring(self.decisions))
        else:
            self.wiring.check(self.decisions)
        _check_metrics(self)
        if len(self.canonical) == 0:
            object.__setattr__(self, "canonical", np.arange(len(self.architectures), dtype=np.int32))
        if self.canonical.dtype != np.int32 or self.canonical.shape != (len(self.architectures),):
            raise Error(
                f"`canonical` must be int32 [{len(self.architectures)}], "
                f"got {self.canonical.dtype} {list(self.canonical.shape)}"
            )

    def task(self, name: str | None) -> Task:
        """A task by name; None is allowed where there is only one. Raises ValueError otherwise."""
        if name is None:
            if len(self.tasks) > 1:
                raise Error(f"table {self.name!r} has several tasks; choose one of {sorted(self.tasks)}")
            return next(iter(self.tasks.values()))
        if name not in self.tasks:
            raise Error(unknown_name(f"task of table {self.name!r}", name, self.tasks))
        return self.tasks[name]

    def values(self, metric: str) -> NDArray[np.float64]:
        """One value a row, float64 [N]: the mean over repeats; a percentage becomes a fraction 0–1, and what
        is to be minimized changes its sign.
        """
        facts = self.metric_facts[metric]
        values = self.metrics[metric].astype(np.float64).mean(axis=1)
        values = values / 100 if facts.get("unit") == "percent" else values
        return values if facts.get("maximize", True) or facts.get("unit") == "count" else -values

    def save(self, path: Path) -> None:
        """Writes the file, beside and renamed."""
        meta = {
            "format": FORMAT,
            "name": self.name,
            "title": self.title,
            "source": self.source,
            "decisions": [{"name": name, "options": list(options)} for name, options in self.decisions],
            "metrics": {name: dict(facts) for name, facts in self.metric_facts.items()},
            "tasks": {name: {"search": t.search, "report": t.report} for name, t in self.tasks.items()},
        }
        if self.wiring is not None:
            meta["wiring"] = {
                "edges": [list(edge) for edge in self.wiring.edges],
                "absent": self.wiring.absent,
            }
        if self.made:
            meta["made"] = dict(self.made)
        arrays: dict[str, Any] = {f"metric/{name}": values for name, values in self.metrics.items()}
        with beside(path) as free, free.open("wb") as file:
            np.savez_compressed(
                file,
                meta=np.array(json.dumps(meta)),
                architectures=self.architectures,
                canonical=self.canonical,
                **arrays,
            )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Reads a table. Raises TableError for a file that is missing or is no sound table."""
        path = Path(path)
        if not path.is_file():
            raise TableError(f"no such architecture table: {path}")
        try:
            return cls(**_fields(_read_arrays(path)))
        except Exception as error:  # A damaged archive may raise anything, zlib.error or MemoryError too.
            raise TableError(f"{path} is no sound architecture table ({FORMAT}): {_reason(error)}") from error


# -- a file, which anybody may have written ---------------------------------------------------------


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)


class _Decision(_Part):
    name: _Name
    options: list[_Name]


class _Facts(_Part):
    """Of a metric; further ones are kept as they are."""

    model_config = ConfigDict(extra="allow")

    unit: _Text | None = None
    split: _Text | None = None
    dataset: _Text | None = None
    epochs: int | float | None = None
    maximize: bool | None = None


class _Task(_Part):
    search: _Name
    report: _Name


class _Wiring(_Part):
    edges: list[Annotated[list[int], Field(min_length=2, max_length=2)]]
    absent: _Name = "none"


class TableMeta(_Part):
    """A table's `meta`. Keys that it doesn't know are passed over."""

    format: Literal["architecture-table/1"]
    name: _Name
    title: _Text | None = None
    source: _Text = ""
    decisions: list[_Decision]
    metrics: dict[_Name, _Facts]
    tasks: dict[_Name, _Task]
    wiring: _Wiring | None = None
    made: dict[str, Any] = {}


def read_meta(text: str) -> TableMeta:
    """Raises ValueError, one line, for what isn't such a text."""
    if len(text) > _MOST_CHARACTERS:
        raise Error(f"`meta` must have at most {_MOST_CHARACTERS:,} characters, got {len(text):,}")
    data = json_of(text)
    found = data.get("format") if isinstance(data, dict) else None
    if found != FORMAT:
        raise Error(f"`format` must be {FORMAT!r}, got {repr(found)[:60]}")
    try:
        return TableMeta.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "missing":
            raise Error(f"it lacks {first['loc'][-1]!r}") from None
        where = ".".join(str(part)[:60] for part in first["loc"])
        raise Error(f"`{where}`: {first['msg']}, got {str(first['input'])[:60]!r}") from None


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    with open_archive(path) as archive:
        return archive.read(archive.names, _MOST_BYTES)


def _reason(error: Exception) -> str:
    """In one line, what is wrong with a file."""
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    text = " ".join(str(error).split())
    return text if isinstance(error, ValueError) else f"{type(error).__name__}: {text}"


def _fields(arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    meta = _meta(arrays["meta"])
    fields: dict[str, Any] = {
        "name": meta.name,
        "title": meta.name if meta.title is None else meta.title,
        "source": meta.source,
        "decisions": tuple((decision.name, tuple(decision.options)) for decision in meta.decisions),
        "architectures": arrays["architectures"],
        "metrics": {name: _numbers(name, arrays[f"metric/{name}"]) for name in meta.metrics},
        "metric_facts": {name: facts.model_dump(exclude_unset=True) for name, facts in meta.metrics.items()},
        "tasks": {name: Task(task.search, task.report) for name, task in meta.tasks.items()},
        "made": meta.made,
    }
    if meta.wiring is not None:
        edges = tuple((source, target) for source, target in meta.wiring.edges)
        fields["wiring"] = Wiring(edges, meta.wiring.absent)
    if "canonical" in arrays:
        fields["canonical"] = arrays["canonical"]
    return fields


def _meta(text: NDArray[Any]) -> TableMeta:
    if text.shape != () or text.dtype.kind != "U":
        raise Error(f"`meta` must be one text, got {text.dtype} {list(text.shape)}")
    return read_meta(str(text))


def _numbers(metric: str, values: NDArray[Any]) -> NDArray[np.float32]:
    if values.dtype.kind not in "fiu":
        raise Error(f"metric {metric!r} must be float32, got {values.dtype}")
    with np.errstate(over="ignore"):  # what is too large becomes infinite, which is refused
        numbers = values.astype(np.float32)
    return numbers[:, None] if numbers.ndim == 1 else numbers


def _check_rows(table: ArchitectureTable) -> None:
    rows, decisions = table.architectures, table.decisions
    if not decisions:
        raise Error("a table must have at least one decision")
    if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != len(decisions) or len(rows) == 0:
        raise Error(
            f"`architectures` must be uint8 [N, {len(decisions)}] with N ≥ 1, "
            f"got {rows.dtype} {list(rows.shape)}"
        )
    for column, (name, options) in zip(rows.T, decisions, strict=True):
        if len(options) == 0 or len(set(options)) < len(options):
            raise Error(f"decision {name!r} must have options, each once, got {list(options)}")
        if column.max() >= len(options):
            raise Error(
                f"decision {name!r} has {len(options)} options, but a row takes option {column.max()}"
            )
    most = max(len(options) for _, options in decisions)
    if len(decisions) * most > MOST_OPTIONS:
        raise Error(
            f"decisions times the most options of one must be at most {MOST_OPTIONS:,}, "
            f"got {len(decisions):,} times {most:,}"
        )
    if len(np.unique(rows, axis=0)) < len(rows):
        raise Error("`architectures` must not have a row twice")


def _check_metrics(table: ArchitectureTable) -> None:
    if not table.tasks:
        raise Error("a table must have at least one task")
    for name, task in table.tasks.items():
        for metric in (task.search, task.report):
            if metric not in table.metrics:
                raise Error(unknown_name(f"metric in task {name!r}:", metric, table.metrics))
    for name, values in table.metrics.items():
        if values.ndim != 2 or len(values) != len(table.architectures) or values.shape[1] == 0:
            raise Error(f"metric {name!r} must be [N] or [N, repeats], got {list(values.shape)}")
        if np.isinf(values).any():
            raise Error(f"metric {name!r} must be finite, or NaN where a value is missing")
        if not isinstance(table.metric_facts.get(name), Mapping):
            raise Error(f"metric {name!r} must have an object of facts (unit, split, …)")
