"""`NamedTask`: what a controller is tried on, as people name it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables.catalogue import TABLES, load_table
from rl_designer.errors import Error, unknown_name
from rl_designer.quantities import parse_count

_OPTIONS = ("task", "max_parameters", "max_macs")


@dataclass(frozen=True)
class NamedTask:
    """A task of an architecture table, within limits, that make another search of it.

    Attributes:
        table: an embedded table's name, or a file.
        task: None where the table has one alone.
    """

    table: str
    task: str | None = None
    max_parameters: int | None = None
    max_macs: int | None = None

    @classmethod
    def of(cls, text: str) -> Self:
        """Reads `TABLE`, `TABLE:cifar100` or `TABLE:task=cifar100,max_parameters=5k`, as agents' options are
        written. Raises ValueError for an option that there isn't, or a limit that is no number.
        """
        table, colon, rest = text.rpartition(":")
        if not colon or text in TABLES or Path(text).exists():
            return cls(text)
        found: dict[str, Any] = {}
        for number, item in enumerate(rest.split(",")):
            option, equals, value = item.partition("=")
            if not equals and number == 0:
                option, value = "task", item
            if option not in _OPTIONS:
                raise Error(unknown_name(f"option of table {table!r}", option, _OPTIONS))
            try:
                found[option] = value if option == "task" else parse_count(value)
            except ValueError as error:
                raise Error(f"{text}: {option} {error}") from error
        return cls(table, **found)

    def __str__(self) -> str:
        given = {name: getattr(self, name) for name in _OPTIONS}
        items = ",".join(f"{name}={value}" for name, value in given.items() if value is not None)
        return f"{self.table}:{items}" if items else self.table

    @property
    def settings(self) -> Mapping[str, Any]:
        """As a `SearchConfig` has them; what isn't limited is left out."""
        given = {"table": self.table, **{name: getattr(self, name) for name in _OPTIONS}}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def evaluator(self) -> TableEvaluator:
        """What answers there; made once a process. Raises ValueError for what can't be."""
        return _evaluator(self)


@lru_cache(maxsize=32)
def _evaluator(task: NamedTask) -> TableEvaluator:
    table = load_table(task.table)
    try:
        space = TableSpace(table, max_parameters=task.max_parameters, max_macs=task.max_macs)
        return TableEvaluator(space, task.task)
    except ValueError as error:
        raise Error(f"{task}: {error}") from error
