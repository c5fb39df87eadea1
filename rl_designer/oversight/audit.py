"""`audit.jsonl`: who did what in a run. Lines are only ever added; each has its own SHA-256 and that of the
line before, and the run's summary knows how far the log went when that was last written.
"""

import getpass
import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rl_designer import __version__
from rl_designer.envs.files.untrusted import MEBIBYTE, bounded_bytes, json_of
from rl_designer.errors import Error
from rl_designer.files import locked
from rl_designer.interruption import uninterrupted

AUDIT = "audit.jsonl"
HEAD = "audit"  # in a run's summary: how far the log went when it was written
STARTED, RESUMED, STOPPED, FINISHED = "started", "resumed", "stopped", "finished"
APPROVED, REVOKED, RETRAINED, EXPORTED = "approved", "revoked", "retrained", "exported"
MENDED = "mended"  # a crash has left a part of a line, which stays

_LOCK = ".audit.lock"
_PATIENCE_SECONDS = 30.0
_MOST_BYTES = 64 * MEBIBYTE
_LIBRARIES = ("numpy", "stable-baselines3", "torch")
_FIRST = "0" * 64  # what stands before the first line


@dataclass(frozen=True)
class Entry:
    """A line.

    Attributes:
        number: of the line, from 1.
        time: UTC, to the second.
        action: what was done, one of those above.
        who, host: the account and the machine.
        facts: what is to be known of it; `files`: path, from the run's folder or whole, to SHA-256.
        before: of the line before.
    """

    number: int
    time: str
    action: str
    who: str
    host: str
    facts: dict[str, Any]
    before: str

    def line(self) -> bytes:
        """With its own SHA-256, and without the line's end."""
        return _plain(asdict(self) | {"sha256": digest_of(_plain(asdict(self)))})


def record(folder: Path, action: str, **facts: Any) -> Entry:
    """Adds a line to a run's log; it is on the disk when this returns.

    Raises:
        OSError: where it can't be written.
        ValueError: where another process writes there for half a minute.
    """
    with locked(folder, "writing the log", lock=_LOCK, patience=_PATIENCE_SECONDS):
        path = folder / AUDIT
        content = bounded_bytes(path, _MOST_BYTES) if path.exists() else b""
        *lines, torn = content.split(b"\n")
        if torn:  # a crash's; it is ended, and the next line says what it is
            lines.append(torn)
        entries = [(MENDED, {"bytes": len(torn)})] if torn else []
        added = b"\n" if torn else b""
        for what, known in [*entries, (action, facts)]:
            before = digest_of(lines[-1]) if lines else _FIRST
            now = datetime.now(UTC).isoformat(timespec="seconds")
            entry = Entry(len(lines) + 1, now, what, user(), platform.node(), _read_back(known), before)
            lines.append(entry.line())
            added += lines[-1] + b"\n"
        _append(path, added)
    return entry


def head_of(folder: Path, known: Any) -> dict[str, Any] | None:
    """How far a run's log goes: `lines`, and the `sha256` of the last. Where it isn't what is `known` any
    more, that stays, so that what was cut off doesn't get forgotten. None where there is no log.
    """
    try:
        lines = bounded_bytes(folder / AUDIT, _MOST_BYTES).split(b"\n")[:-1]
    except (OSError, ValueError):
        return known if isinstance(known, dict) else None
    if isinstance(known, dict) and not _stands(known, lines):
        return known
    return {"lines": len(lines), "sha256": digest_of(lines[-1])} if lines else None


def entries_of(folder: Path, summary: Mapping[str, Any]) -> list[Entry]:
    """The lines of a run's log. Raises ValueError where one was changed: then none is to be believed."""
    found = verify(folder, summary)
    if found.first_bad is not None:
        raise Error(f"the log of {folder} can't be believed: {found.problems[0]}")
    return found.entries


# -- is it what it was? ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verified:
    """What looking through a log says.

    Attributes:
        entries: of the lines that are sound, up to the first that isn't.
        first_bad: number of the first line that was changed, cut off, put in or taken out; None for none.
        problems: what is wrong, a line each; none where all is as it was.
        notes: what can't be told.
    """

    entries: list[Entry]
    first_bad: int | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def verify(folder: Path, summary: Mapping[str, Any]) -> Verified:
    """Looks through a run's log: its chain, and its end by the run's summary. See `files_changed` for what it
    says of files.
    """
    known = summary.get(HEAD)
    try:
        content = bounded_bytes(folder / AUDIT, _MOST_BYTES)
    except FileNotFoundError:
        if known is None:
            return Verified([], None, [], [f"{folder} has no log: an earlier version made it"])
        return Verified([], 1, [f"the log is gone; it had {known.get('lines')} lines"])
    except (OSError, ValueError) as error:
        return Verified([], 1, [f"the log can't be read: {error}"])
    *lines, torn = content.split(b"\n")
    entries: list[Entry] = []
    for number, line in enumerate(lines, start=1):
        why = _fault(line, number, lines)
        if why:
            return Verified(entries, number, [f"line {number} {why}"])
        if (entry := _entry(line)) is not None:
            entries.append(entry)
    if torn or not lines:
        number = len(lines) + 1
        return Verified(entries, number, [f"line {number} isn't whole: a crash as it was written, or a cut"])
    return _with_end(entries, lines, known, summary.get("state") == FINISHED)


def _with_end(entries: list[Entry], lines: list[bytes], known: Any, finished: bool) -> Verified:
    if isinstance(known, dict) and not _stands(known, lines):
        first = min(int(known.get("lines") or 0), len(lines) + 1)
        had = f"the run's summary knows {known.get('lines')} lines, which end otherwise"
        return Verified(entries, first, [f"line {first} was cut off or is another one: {had}"])
    if finished and not any(entry.action == FINISHED for entry in entries):
        number = len(lines) + 1
        return Verified(entries, number, [f"line {number} was cut off: the run is finished, its log isn't"])
    if finished:
        return Verified(entries)
    sure = int(known["lines"]) if isinstance(known, dict) else 0
    note = f"the run isn't finished: what may have followed line {sure} could have been cut off unseen"
    return Verified(entries, notes=[note])


def _fault(line: bytes, number: int, lines: list[bytes]) -> str:
    """What is wrong with a line; "" for nothing."""
    entry = _entry(line)
    if entry is None:
        following = _entry(lines[number]) if number < len(lines) else None
        mended = following is not None and following.action == MENDED and following.before == digest_of(line)
        return "" if mended else "was changed"
    if entry.number != number:
        return f"is line {entry.number} of what was written: lines were removed, added or swapped"
    before = digest_of(lines[number - 2]) if number > 1 else _FIRST
    return "" if entry.before == before else "doesn't follow the line before it, which was changed or swapped"


def _entry(line: bytes) -> Entry | None:
    """None for what isn't as `Entry.line` writes it, to the byte."""
    try:
        said = json_of(line)
        entry = Entry(**{name: said[name] for name in Entry.__dataclass_fields__})
        return entry if entry.line() == line else None
    except (ValueError, KeyError, TypeError):
        return None


def _stands(known: Mapping[str, Any], lines: list[bytes]) -> bool:
    number = known.get("lines")
    if not isinstance(number, int) or not 1 <= number <= len(lines):
        return False
    return digest_of(lines[number - 1]) == known.get("sha256")


def files_changed(folder: Path, entries: Iterable[Entry]) -> Iterator[tuple[str, bool]]:
    """What is wrong with the files that the last lines about them name, and whether that is in the folder."""
    named: dict[str, str] = {}
    for entry in entries:
        files = entry.facts.get("files")
        named |= files if isinstance(files, dict) else {}
    for name, digest in named.items():
        path, inside = folder / name, not Path(name).is_absolute()
        if not path.is_file():
            yield f"{name} is gone", inside
        elif file_digest(path) != digest:
            yield f"{name} is not what it was", True


# -- digests and names -------------------------------------------------------------------------------


def digest_of(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def file_digest(path: Path) -> str:
    """The same of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests_of(folder: Path, paths: Iterable[Path]) -> dict[str, str]:
    """By their names from a run's folder where they lie in it, else from the root; those that are there."""
    root, found = folder.resolve(), dict[str, str]()
    for path in sorted(paths):
        if path.is_file():
            real = path.resolve()
            name = real.relative_to(root).as_posix() if root in real.parents else str(real)
            found[name] = file_digest(path)
    return found


def user() -> str:
    """The account that this process belongs to, whatever the environment says."""
    if os.name == "nt":
        return getpass.getuser()
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


@cache
def versions() -> dict[str, str]:
    """Of this package, of Python, and of what computes."""
    found = {"rl-designer": __version__, "python": platform.python_version()}
    for library in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[library] = version(library)
    return found


def _plain(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _read_back(facts: Mapping[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = json_of(_plain(facts))
    return read


def _append(path: Path, content: bytes, sync: Callable[[int], None] = os.fsync) -> None:
    with uninterrupted():
        # A stranger's run may have a link in its place, which would have us write somewhere else; and lines
        # end in the same way everywhere.
        elsewhere = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        file = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY | elsewhere, 0o644)
        try:
            while content:
                content = content[os.write(file, content) :]
            sync(file)
        finally:
            os.close(file)
