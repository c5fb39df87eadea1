"""`Database`: transactions that outlast a database that is locked or away for a while; the store's tables,
and how those of an earlier version are brought up to them.
"""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sql
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from rl_designer.config import HIDDEN
from rl_designer.errors import Error
from rl_designer.interruption import uninterrupted

SCHEMA_VERSION = 2
_KEY = sql.String(500)
_MAKING = 7_205_759  # PostgreSQL's number of the lock under which the tables are made; any number does
PATIENCE_SECONDS = 90.0
_BUSY_SECONDS = 5.0  # that SQLite waits by itself, deaf to Ctrl-C
_LONGEST_PAUSE = 1.0
_READS = "rl_designer_reads"
_STORED_ALREADY = "23505"  # the state of a row that is there already

_NOT_WRITABLE = "its folder must be writable, since SQLite writes beside the file, too"
# By SQLite's primary result code, or PostgreSQL's class of states.
_REMEDIES: dict[int | str, str] = {
    sqlite3.SQLITE_READONLY: _NOT_WRITABLE,
    sqlite3.SQLITE_CANTOPEN: _NOT_WRITABLE,
    sqlite3.SQLITE_FULL: "make room on the disk",
    sqlite3.SQLITE_IOERR: "the disk is full, at a limit, or failing",
    sqlite3.SQLITE_BUSY: "another process keeps it locked; end that, or wait for it",
    sqlite3.SQLITE_CORRUPT: "put a copy of the file back, or name another store with --store",
    sqlite3.SQLITE_NOTADB: "name another with --store",
    "53": "make room on the database's machine",
    "": "see that the database runs and can be reached",
}

Result = TypeVar("Result")


class StoreError(Error):
    """The store can't be opened, read or written; in one line."""


class Database:
    """An SQLite file or what an SQLAlchemy URL leads to.

    A transaction that fails since the database is locked, or was lost once it had been reached, is tried
    again for 90 seconds. Ctrl-C waits for the attempt at hand only.

    Args:
        location: path of an SQLite file, or an SQLAlchemy URL.

    Raises:
        StoreError: where it can't be opened, here and in `run`.
    """

    def __init__(self, location: str) -> None:
        self.location = location
        self._engine = self._open()
        self._reader = self._engine.execution_options(**{_READS: True})
        self._reached = False

    @property
    def shown(self) -> str:
        """The location, without a password."""
        return sql.make_url(self.location).render_as_string() if "://" in self.location else self.location

    def close(self) -> None:
        self._engine.dispose()

    def run(
        self, work: Callable[[sql.Connection], Result], *, reads: bool = False, patient: bool = True
    ) -> Result:
        """What `work` returns, in one transaction. `work` may be called several times, and may find its
        transaction committed already where the answer was lost; it has to bear both.

        Args:
            reads: nothing is written; it then never waits for one that writes.
            patient: whether it is tried again.
        """
        engine = self._reader if reads else self._engine
        until = time.monotonic() + (PATIENCE_SECONDS if patient else 0.0)
        pause = 0.02
        while True:
            try:
                with uninterrupted(), engine.begin() as connection:
                    result = work(connection)
                self._reached = True
                return result
            except SQLAlchemyError as error:
                if not self._passing(error) or time.monotonic() >= until:
                    raise StoreError(self._explained(error)) from error
            except UnicodeDecodeError as error:  # of texts in a damaged file, or of SQLite's words about them
                raise StoreError(f"the store {self.shown} is damaged: it holds what is no text") from error
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def execute(self, statement: sql.Executable, *, patient: bool = True) -> None:
        """One statement that writes, in a transaction of its own."""

        def work(connection: sql.Connection) -> None:
            connection.execute(statement)

        self.run(work, patient=patient)

    def _passing(self, error: SQLAlchemyError) -> bool:
        """Whether another try may succeed."""
        if not isinstance(error, DBAPIError):
            return False
        if isinstance(error.orig, sqlite3.Error):
            # Whatever else is wrong stays so: a damaged file, a text that is none (which has no code at all).
            return _sqlite_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        state = _state(error)
        if isinstance(error, IntegrityError):
            return state in ("", _STORED_ALREADY)  # another process stored the same at the same moment
        lost = error.connection_invalidated or state[:2] in ("08", "57")
        lost = lost or (state == "" and isinstance(error, sql.exc.OperationalError))
        return state[:2] == "40" or (lost and self._reached)

    def _explained(self, error: SQLAlchemyError) -> str:
        code = _sqlite_code(error)
        key = _state(error)[:2] if code is None else code
        remedy = _REMEDIES.get(key) if isinstance(error, DBAPIError) else None
        return f"the store {self.shown} failed: {first_line(error)}" + (f"; {remedy}" if remedy else "")

    def _open(self) -> sql.Engine:
        try:
            if "://" not in self.location:
                Path(self.location).parent.mkdir(parents=True, exist_ok=True)
                url = sql.URL.create("sqlite", database=self.location)
            else:
                url = sql.make_url(self.location)
            if url.password == HIDDEN:
                raise StoreError("a run keeps no password; give the store's whole URL with --store")
            if url.drivername == "postgresql":
                url = url.set(drivername="postgresql+psycopg")
            is_sqlite = url.get_backend_name() == "sqlite"
            engine = sql.create_engine(url, connect_args={"timeout": _BUSY_SECONDS} if is_sqlite else {})
        except ImportError as error:
            extra = "; `pip install 'rl-designer[postgresql]'` brings it" if "psycopg" in str(error) else ""
            raise StoreError(
                f"the store {self.location!r} can't be opened: {first_line(error)}{extra}"
            ) from error
        except (SQLAlchemyError, OSError) as error:
            raise StoreError(f"the store {self.location!r} can't be opened: {first_line(error)}") from error
        if is_sqlite:
            sql.event.listen(engine, "connect", _prepare_sqlite)
            sql.event.listen(engine, "begin", _begin_sqlite)
        return engine


def first_line(error: BaseException) -> str:
    """What a driver said, in one line."""
    # SQLAlchemy adds the statement and a link; `orig` is the driver's own word.
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0] or type(error).__name__


def _sqlite_code(error: BaseException) -> int | None:
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
    return None if code is None else int(code) & 0xFF


def _state(error: BaseException) -> str:
    """The five characters by which the SQL standard names an error; empty where there are none."""
    return str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")


def _prepare_sqlite(connection: Any, record: object) -> None:
    """For SQLAlchemy's event `connect`: WAL mode, and transactions that SQLAlchemy begins."""
    connection.isolation_level = None  # SQLAlchemy begins transactions itself, below
    cursor = connection.cursor()
    # In WAL mode, NORMAL loses no committed transaction to a killed process, only to a power cut.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "cache_size=-8192"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sql.Connection) -> None:
    """For SQLAlchemy's event `begin`: a transaction that writes; with the option `_READS`, one that reads."""
    # A read that turns into a write can't wait its turn in SQLite; one that begins as a write can.
    reads = connection.get_execution_options().get(_READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


# -- the tables ------------------------------------------------------------------------------------

METADATA = sql.MetaData()
SCHEMA = sql.Table("schema_version", METADATA, sql.Column("version", sql.Integer, primary_key=True))
RUNS = sql.Table(
    "runs",
    METADATA,
    sql.Column("id", sql.String(32), primary_key=True),
    sql.Column("folder", sql.Text, nullable=False),
    sql.Column("agent", _KEY, nullable=False),
    sql.Column("space", _KEY, nullable=False),
    sql.Column("evaluator", _KEY, nullable=False),
    sql.Column("created", sql.Float, nullable=False),  # seconds since 1970
)
EVALUATIONS = sql.Table(
    "evaluations",
    METADATA,
    sql.Column("architecture", sql.String(40), primary_key=True),
    sql.Column("evaluator", _KEY, primary_key=True),
    sql.Column("evaluation", sql.Text, nullable=False),  # JSON
    sql.Column("created", sql.Float, nullable=False),
)
DESIGNS = sql.Table(
    "designs",
    METADATA,
    sql.Column("run", sql.String(32), sql.ForeignKey("runs.id"), primary_key=True),
    sql.Column("source", sql.String(20), primary_key=True),  # `agent` or `control`
    sql.Column("index", sql.Integer, primary_key=True),
    sql.Column("digest", sql.String(40), nullable=False),
    sql.Column("architecture", sql.Text, nullable=False),  # JSON
    sql.Column("evaluator", _KEY, nullable=False),
    sql.Column("reward", sql.Float, nullable=False),
    sql.Column("seconds", sql.Float, nullable=False),  # since the run's start
)
# What is being measured just now, and by whom, so that nobody else measures it too.
CLAIMS = sql.Table(
    "claims",
    METADATA,
    sql.Column("architecture", sql.String(40), primary_key=True),
    sql.Column("evaluator", _KEY, primary_key=True),
    sql.Column("run", sql.String(100), nullable=False),
    sql.Column("owner", sql.String(40), nullable=False, index=True),  # one evaluator of one process
    sql.Column("beat", sql.Integer, nullable=False),  # rises while the owner is alive
)


def _to_2(connection: sql.Connection) -> None:
    if connection.dialect.name == "postgresql":  # SQLite keeps no text to its length
        for table, columns in {
            "runs": ("agent", "space", "evaluator"),
            "evaluations": ("evaluator",),
            "designs": ("evaluator",),
        }.items():
            for column in columns:
                connection.exec_driver_sql(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE VARCHAR(500)")
    connection.exec_driver_sql(
        "CREATE TABLE claims (architecture VARCHAR(40) NOT NULL, evaluator VARCHAR(500) NOT NULL, "
        "run VARCHAR(100) NOT NULL, owner VARCHAR(40) NOT NULL, beat INTEGER NOT NULL, "
        "PRIMARY KEY (architecture, evaluator))"
    )
    connection.exec_driver_sql("CREATE INDEX ix_claims_owner ON claims (owner)")


# By the version that each leads to. Statements as they were then, never by the tables above.
_MIGRATIONS: dict[int, Callable[[sql.Connection], None]] = {2: _to_2}


def schema_of(connection: sql.Connection) -> int | None:
    """The version of a store's tables; None where there are none. Raises StoreError for any other."""
    if not sql.inspect(connection).has_table(SCHEMA.name):
        return None
    version: int | None = connection.execute(sql.select(sql.func.max(SCHEMA.c.version))).scalar()
    if version is not None and (not isinstance(version, int) or version < 1):
        raise StoreError(f"the store is damaged: its schema's version is {str(version)[:60]!r}")
    return version


def bring_up(connection: sql.Connection) -> int:
    """Makes the tables, or brings those of an earlier version up, in the transaction at hand; the version
    that there is then. Tables of a later version stay as they are.
    """
    if connection.dialect.name == "postgresql":  # SQLite's transactions that write are one at a time anyway
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MAKING})")
    version = schema_of(connection)
    if version is None:
        METADATA.create_all(connection)
        connection.execute(sql.insert(SCHEMA).values(version=SCHEMA_VERSION))
        return SCHEMA_VERSION
    for step in range(version + 1, SCHEMA_VERSION + 1):
        _MIGRATIONS[step](connection)
        connection.execute(sql.insert(SCHEMA).values(version=step))
    return max(version, SCHEMA_VERSION)
