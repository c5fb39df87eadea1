"""A PostgreSQL of one's own, for tests: made in a temporary folder, reached through a socket there."""

import getpass
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_NOT_ROOT = ("postgres", "nobody")  # PostgreSQL refuses to run as root
_OPTIONS = "-c listen_addresses= -c fsync=off -c max_connections=40 -k {folder}"


def missing() -> str | None:
    """Why there can be no PostgreSQL here; None where there can."""
    if _binaries() is None:
        return "PostgreSQL isn't installed (Debian's package `postgresql` brings it)"
    if os.geteuid() == 0 and _other_user() is None:
        return "PostgreSQL doesn't run as root, and there is no other user"
    return None


class PrivatePostgres:
    """A server of one's own, which nobody else reaches."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder = folder
        self._binaries = binaries

    @property
    def url(self) -> str:
        return f"postgresql://tester@/postgres?host={self.folder}"

    def make(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self.folder, _other_user(), pwd.getpwnam(_other_user() or "").pw_gid)
        self._call("initdb", "--pgdata", self._data, "--username=tester", "--auth=trust", "--no-sync")

    def start(self) -> None:
        options = _OPTIONS.format(folder=self.folder)
        self._call(
            "pg_ctl", "-D", self._data, "-w", "-t", "120", "-l", self.folder / "log", "-o", options, "start"
        )

    def stop(self, how: str = "fast") -> None:
        """`how`: `fast` ends the sessions, `immediate` is a crash."""
        self._call("pg_ctl", "-D", self._data, "-w", "-t", "120", "-m", how, "stop")

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _call(self, program: str, *arguments: object) -> None:
        user: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = {
                "user": _other_user(),
                "group": pwd.getpwnam(_other_user() or "").pw_gid,
                "extra_groups": [],
            }
        done = subprocess.run(
            [str(self._binaries / program), *map(str, arguments)],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,  # the server keeps it, so that a pipe would never end
            stderr=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            check=False,
            **user,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed for {getpass.getuser()}: {done.stderr!r}")


@contextmanager
def private_postgres() -> Iterator[PrivatePostgres]:
    """Starts one, and removes it afterwards."""
    binaries = _binaries()
    assert binaries is not None
    folder = Path(tempfile.mkdtemp(prefix="pg."))  # short: a socket's path has at most 107 characters
    server = PrivatePostgres(folder, binaries)
    try:
        server.make()
        server.start()
        yield server
        server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    needed = ("initdb", "pg_ctl")
    return next((place for place in places if all((place / name).exists() for name in needed)), None)


def _other_user() -> str | None:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in _NOT_ROOT if name in names), None)
