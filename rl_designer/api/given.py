"""What the verbs are given, as the rooms behind them take it."""

import os
import sys
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from rl_designer.errors import WrongUsage, unknown_name
from rl_designer.interruption import clean_interruption
from rl_designer.results import Run


def plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Paths may be paths, and runs to start from `Run`s."""
    taken = {name: str(v) if isinstance(v, os.PathLike) else v for name, v in settings.items()}
    if (sources := settings.get("sources")) is not None:
        several = [sources] if isinstance(sources, str | Path | Run) else sources
        taken["sources"] = tuple(str(folder_of(run)) for run in several)
    return taken


def check_names(verb: str, given: Iterable[str], legal: Collection[str]) -> None:
    """Raises WrongUsage for a name that a verb doesn't take."""
    for name in given:
        if name not in legal:
            raise WrongUsage(f"{verb}(): {unknown_name('setting', name, legal)}")


def folder_of(run: Run | str | Path) -> Path:
    """Of a run, which may be given by its folder, too."""
    return run.folder if isinstance(run, Run) else Path(run)


def interruptible() -> AbstractContextManager[None]:
    """As in the command line, but for a session, which a second Ctrl-C must not end."""
    return nullcontext() if hasattr(sys, "ps1") else clean_interruption()
