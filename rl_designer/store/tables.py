"""The store's tables, and how a store made by an earlier version is brought up to them."""

from collections.abc import Callable

import sqlalchemy as sql

from rl_designer.store.database import StoreError

SCHEMA_VERSION = 2
_KEY = sql.String(500)
_MAKING = 7_205_759  # PostgreSQL's number of the lock under which the tables are made; any number does

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
