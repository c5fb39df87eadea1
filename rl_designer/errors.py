"""What can't be done. `except rl_designer.Error` catches all of these; each is a ValueError, too.

- `Error`
  - `WrongUsage`: exit status 2; every other one ends a command with status 1
  - `DatasetError` (envs/datasets): of data
  - `TaskError` (envs/tasks): of a made task, which as a data set is a `DatasetError`
  - `TableError` (envs/tables): of an architecture table
    - `UnknownTable`
  - `RewardError` (envs/rewards): a reward raised, or gave no finite number
  - `NotMeasured` (envs/rewards): a reward needs what the evaluator doesn't measure
  - `OverLimit` (envs): more than an organisation allows
  - `HoldsObjects` (envs/files): only pickle could read it
  - `StoreError` (store)
  - `ChangedData` (runs): data aren't what a run was searched on
  - `AllFailed` (retraining): no full training has brought weights
  - `Stopped`: a search can't write any more
  - `Mismatch` (exporting): an exported network doesn't compute what the original does
  - `Lossy` (exporting): an int8 network loses more than it may

`Interrupted` is a KeyboardInterrupt, and `BudgetSpent` (envs/problem.py), which ends a search, an Exception.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from rl_designer.envs.errors import Error, OverLimit, unknown_name

__all__ = ["Error", "Interrupted", "OverLimit", "Stopped", "WrongUsage", "unknown_name", "usage_errors"]


class WrongUsage(Error):
    """Unknown names, numbers out of range, options that exclude each other: exit status 2."""


class Stopped(Error):
    """A search can't write any more; the text says why, and how to go on."""


class Interrupted(KeyboardInterrupt):
    """Work was stopped from outside; the text says how to go on."""


@contextmanager
def usage_errors() -> Iterator[None]:
    """Within it, a ValueError is about what the user typed: it becomes `WrongUsage`."""
    try:
        yield
    except OverLimit:  # what was typed can be, but not here
        raise
    except ValueError as error:
        raise WrongUsage(str(error)) from error
