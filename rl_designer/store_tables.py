"""The store's tables, and how SQLite is set up for them."""

from typing import Any

import sqlalchemy as sql

SCHEMA_VERSION = 1
READS = "rl_designer_reads"

METADATA = sql.MetaData()
SCHEMA = sql.Table("schema_version", METADATA, sql.Column("version", sql.Integer, primary_key=True))
RUNS = sql.Table(
    "runs",
    METADATA,
    sql.Column("id", sql.String(32), primary_key=True),
    sql.Column("folder", sql.Text, nullable=False),
    sql.Column("agent", sql.String(100), nullable=False),
    sql.Column("space", sql.String(200), nullable=False),
    sql.Column("evaluator", sql.String(200), nullable=False),
    sql.Column("created", sql.Float, nullable=False),  # seconds since 1970
)
EVALUATIONS = sql.Table(
    "evaluations",
    METADATA,
    sql.Column("architecture", sql.String(40), primary_key=True),
    sql.Column("evaluator", sql.String(200), primary_key=True),
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
    sql.Column("evaluator", sql.String(200), nullable=False),
    sql.Column("reward", sql.Float, nullable=False),
    sql.Column("seconds", sql.Float, nullable=False),  # since the run's start
)


def prepare_sqlite(connection: Any, record: object) -> None:
    """For SQLAlchemy's event `connect`: WAL mode, and transactions that SQLAlchemy begins."""
    connection.isolation_level = None  # SQLAlchemy begins transactions itself, below
    cursor = connection.cursor()
    # In WAL mode, NORMAL loses no committed transaction to a killed process, only to a power cut.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def begin_sqlite(connection: sql.Connection) -> None:
    """For SQLAlchemy's event `begin`: a transaction that writes; with the option `READS`, one that reads."""
    # A read that turns into a write can't wait its turn in SQLite; one that begins as a write can.
    reads = connection.get_execution_options().get(READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
