"""Names and paths as a run folder keeps them, which hold in every working directory."""

import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from rl_designer.envs.extensions import with_whole_path

HIDDEN = "***"
_URL_PASSWORD = re.compile(r"(?<=:)[^:@/]+(?=@)")


def absolute(path: str) -> str:
    """From the root of the file system."""
    return str(Path(path).absolute())


def _kept_name(name: str, known: Collection[str]) -> str:
    return absolute(name) if name not in known and Path(name).exists() else with_whole_path(name)


def kept_data(name: str) -> str:
    """A data set by its name, a file, a folder, or `file.py:function`."""
    from rl_designer.envs.datasets import DATASETS  # late, as all registries here, for the sake of `--help`
    from rl_designer.envs.datasets.readers.series import parts_beside

    if name not in DATASETS and not Path(name).exists() and parts_beside(Path(name)):
        return absolute(name)  # what the names of two files have in common
    return _kept_name(name, DATASETS)


def kept_space(name: str) -> str:
    """A space by its name, a file, or `file.py:function`."""
    from rl_designer.envs.search_spaces.registry import SPACES

    return _kept_name(name, SPACES)


def kept_table(name: str) -> str:
    """An architecture table by its name, or a file."""
    from rl_designer.envs.tables.catalogue import TABLES

    return name if name in TABLES else absolute(name)


def kept_task(name: str) -> str:
    """A table with a task or limits behind a colon."""
    from rl_designer.controllers.named_task import NamedTask

    task = NamedTask.of(name)
    return str(replace(task, table=kept_table(task.table)))


def kept_agent(name: str) -> str:
    """An agent by its name, or `file.py:Class`, with its options; those of a file are kept themselves."""
    from rl_designer.agents.registry import expanded

    return with_whole_path(expanded(name))


def kept_store(store: str) -> str:
    """A file, or a URL whose password is hidden."""
    return _URL_PASSWORD.sub(HIDDEN, store) if "://" in store else absolute(store)


def kept_experience(name: str) -> str:
    """`shipped`, `none`, or a file."""
    return name if name in ("shipped", "none") else absolute(name)
