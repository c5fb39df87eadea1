"""`RunFolder`: what a person takes away from a run. Every file is written beside and renamed."""

import contextlib
import json
import os
import platform
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from rl_designer.config import SearchConfig, code_named, make_config
from rl_designer.envs.files.untrusted import MEBIBYTE, bounded_bytes, damage_told, json_of, toml_of
from rl_designer.errors import Error, WrongUsage
from rl_designer.files import locked, replacing, write_json, write_text
from rl_designer.oversight.audit import FINISHED, HEAD, STARTED, digests_of, head_of, record, versions
from rl_designer.runs.summary import Summary
from rl_designer.text import command

CONFIG = "config.toml"
SUMMARY = "summary.json"
POLICY = "policy"
TENSORBOARD = "tensorboard"
SOURCES = "sources"
PROCESS = "process.json"  # while a search is going on: the process that searches, and its machine
DATA_CONTENT = "data_content"  # in the summary: of the data that the run was searched on
METRIC_CODE = "metric_code"  # in the summary: `metric_digest` of a metric of the user's own
LIMITS = "limits"  # in the summary: an organisation's rules under which it was begun
PLACE = "place"  # in the summary: the number of the folder's file, which a copy from elsewhere doesn't have
DEFAULT_PARENT = Path("runs")
DEFAULT_STORE = "store.sqlite"


class RunFolder:
    """A run's folder: `config.toml` (everything needed to do it again), `summary.json` (its id, how far it
    is, what came out), `policy/`, `tensorboard/`, and `sources/`, the policies that it started with.
    """

    def __init__(self, path: Path, config: SearchConfig, summary: dict[str, Any]) -> None:
        self.path = path
        self.config = config
        self.summary = summary

    @classmethod
    def create(
        cls,
        path: Path | None,
        config: SearchConfig,
        facts: dict[str, Any],
        fill: Callable[[Path], None] = lambda folder: None,
    ) -> Self:
        """Makes a new one, complete from the first moment that it is there.

        Args:
            path: None for `runs/<data>-<agent>-<seed>`, with a number behind it where that is taken.
            facts: the beginning of the summary.
            fill: puts what else belongs into it.

        Raises:
            WrongUsage: where something is at `path` already.
            OSError: where it can't be written.
        """
        summary = _from_json({"id": uuid.uuid4().hex, "state": "running", **facts})
        while True:
            if path is not None:
                check_free(path)
            folder = cls(path or free_path(config), config.to_keep(), summary)
            if folder._claim(fill):
                return folder

    @classmethod
    def open(cls, path: Path) -> Self:
        """Reads what `create` wrote. Raises ValueError where there is no run, or a damaged one."""
        if not (path / CONFIG).is_file():
            what = "holds no run (no config.toml)" if path.is_dir() else "is no run folder"
            raise Error(f"{path} {what}; `{command('train', '--run', path)}` makes one")
        with damage_told(f"the run {path}"):
            settings = toml_of(bounded_bytes(path / CONFIG, MEBIBYTE))
            summary = json_of(bounded_bytes(path / SUMMARY, 16 * MEBIBYTE))
            with damage_told(f"its {SUMMARY}"):
                Summary.model_validate(summary)
            return cls(path, make_config({}, settings, CONFIG), summary)

    @property
    def id(self) -> str:
        """The run's name in the store."""
        return str(self.summary["id"])

    @property
    def store_location(self) -> str:
        """Path or URL of the run's store. Of a run that came from elsewhere, what it names only where that is
        a file in its folder or beside it: a server, or another file, which SQLite would write to, is opened
        only for those who name it themselves.
        """
        config, named = self.config, self.config.store
        if named is not None and self.from_elsewhere and not self._is_near(named):
            config = config.changed(store=None)
        return store_location(config, self.path)

    def _is_near(self, store: str) -> bool:
        folder, file = self.path.resolve(), Path(store).resolve()
        return "://" not in store and (file.parent == folder.parent or folder in file.parents)

    @property
    def from_elsewhere(self) -> bool:
        """Whether the folder isn't the one that was made here: a copy, perhaps a stranger's."""
        return bool(self.summary.get(PLACE) != self.path.stat().st_ino)

    def foreign_code(self, *settings: str) -> dict[str, str]:
        """The settings, of those named or of all, by which a copy from elsewhere names code."""
        named = code_named(self.config.flat())
        chosen = {name: code for name, code in named.items() if not settings or name in settings}
        return chosen if chosen and self.from_elsewhere else {}

    def check_code(self, *settings: str) -> None:
        """Raises WrongUsage where using such settings, or any, would run code that a copy from elsewhere
        names.
        """
        for setting, code in self.foreign_code(*settings).items():
            raise WrongUsage(
                f"{self.path} was copied from elsewhere and names the {setting} {code}, whose "
                "code would be run with your rights; add --trust only if you trust where the run comes from"
            )

    def update_summary(self, **facts: Any) -> None:
        """Adds to the summary, and writes it, with how far the log goes."""
        head = head_of(self.path, self.summary.get(HEAD))
        logged = {} if head is None else {HEAD: head}
        self.summary = _from_json({**self.summary, **facts, **logged})
        write_json(self.path / SUMMARY, self.summary)

    def log(self, action: str, **facts: Any) -> None:
        """Adds a line to its log. Of a finished run the summary knows it at once; of another one, in which a
        search may be going on, from when that next writes it.

        Raises:
            ValueError, OSError: as `record`.
        """
        record(self.path, action, **facts, versions=versions())
        if self.summary.get("state") == FINISHED:
            self.update_summary()

    def save_policy(self, save: Callable[[Path], None]) -> None:
        """Puts what `save` writes into a folder in the policy's place."""
        target = self.path / POLICY
        with replacing(target) as beside:
            beside.mkdir()
            save(beside)
            if target.is_dir():
                shutil.rmtree(target)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from searching in the same folder, and says who does. Raises ValueError where
        another does.
        """
        with locked(self.path, "searching"), self._announced():
            yield

    @contextlib.contextmanager
    def _announced(self) -> Iterator[None]:
        """Leaves `process.json` in the folder meanwhile, for who wants to stop the search."""
        path = self.path / PROCESS
        try:
            with contextlib.suppress(OSError):  # only who wants to stop it would miss it
                write_json(path, {"pid": os.getpid(), "host": platform.node()})
            yield
        finally:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def _claim(self, fill: Callable[[Path], None]) -> bool:
        """Makes the folder; whether it got the place, where nothing was but perhaps an empty folder."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with replacing(self.path) as beside:
                beside.mkdir()
                fill(beside)
                write_text(beside / CONFIG, self.config.to_toml())
                self.summary[PLACE] = beside.stat().st_ino
                self._begin_log(beside)
                write_json(beside / SUMMARY, self.summary)
        except OSError:
            if _is_free(self.path):
                raise
            return False
        return True

    def _begin_log(self, beside: Path) -> None:
        about = {name: self.summary.get(name) for name in ("id", "title", DATA_CONTENT, LIMITS)}
        files = digests_of(beside, [beside / CONFIG])
        record(beside, STARTED, **about, files=files, versions=versions())
        self.summary[HEAD] = head_of(beside, None)


def _from_json(facts: dict[str, Any]) -> dict[str, Any]:
    """As they come back from a file, so that a run is the same opened and never closed."""
    read: dict[str, Any] = json.loads(json.dumps(facts))
    return read


def default_name(config: SearchConfig) -> str:
    """`<data>-<agent>-<seed>`; of a path, its stem."""
    source = Path(config.subject.name).absolute().stem
    parts = (source, config.subject.task or "", config.agent_name, str(config.seed))
    cleaned = (re.sub(r"[^\w.]+", "-", part).strip("-.") for part in parts)
    return "-".join(part for part in cleaned if part)


def free_path(config: SearchConfig) -> Path:
    """The default path of a run, with the first number behind it that makes it new."""
    name, number = default_name(config), 1
    path = DEFAULT_PARENT / name
    while path.exists():
        number += 1
        path = DEFAULT_PARENT / f"{name}-{number}"
    return path


def store_location(config: SearchConfig, path: Path | None) -> str:
    """Path or URL of a run's store: by default it lies beside the run folder `path`."""
    parent = DEFAULT_PARENT if path is None else path.absolute().parent
    return config.store or str(parent / DEFAULT_STORE)


def check_free(path: Path) -> None:
    """Raises WrongUsage where something is at `path` that a new run must not touch."""
    if _is_free(path):
        return
    if (path / CONFIG).is_file():
        raise WrongUsage(
            f"{path} holds a run; go on with `{command('resume', path)}`, or name another with --run"
        )
    raise WrongUsage(f"{path} exists and is no run; name another with --run")


def _is_free(path: Path) -> bool:
    """Whether nothing is there, or an empty folder."""
    if path.is_dir():
        return not any(path.iterdir())
    return not path.exists() and not path.is_symlink()
