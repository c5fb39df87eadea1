"""The architecture tables that the package carries, by name."""

import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from rl_designer.envs.errors import unknown_name
from rl_designer.envs.tables.table import ArchitectureTable, TableError

DEFAULT_TABLE = "mnist1d-convnet1d"

# name: what it is in one line
TABLES: Mapping[str, str] = {
    DEFAULT_TABLE: "4,368 networks for signals, trained on mnist1d with two seeds; embedded",
    "mnist1d-cell1d": "5,962 cells, 698 distinct networks, trained on mnist1d with two seeds; embedded",
}


class UnknownTable(TableError):
    """A word that is neither an embedded table's name nor a path."""


def load_table(name_or_path: str | Path) -> ArchitectureTable:
    """An embedded table by name, or one of a file. A file of an embedded table's name is meant by `./NAME`.

    Raises:
        UnknownTable: for a word that names neither.
        TableError: for a file that is missing or is no sound table.
    """
    name = str(name_or_path)
    if name in TABLES:
        with resources.as_file(resources.files("rl_designer.envs") / "data" / f"{name}.npz") as path:
            return ArchitectureTable.load(path)
    if not Path(name).exists() and not Path(name).suffix and os.sep not in name:
        raise UnknownTable(f"{unknown_name('table', name, TABLES)} Or the path of a .npz file.")
    return ArchitectureTable.load(name)
