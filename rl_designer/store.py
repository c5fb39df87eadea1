"""`Store`: every evaluation and every design of all runs, in one SQLite file or behind any SQLAlchemy URL.

SQLite is used in WAL mode, so that a report can be read while a search writes; a transaction is safe once
committed even where the process is killed. What is asked for again, by any run, is answered from here.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sql
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from rl_designer.config import HIDDEN
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluators.base import Evaluation
from rl_designer.envs.problem import Design
from rl_designer.interruption import uninterrupted
from rl_designer.store_tables import (
    DESIGNS,
    EVALUATIONS,
    METADATA,
    READS,
    RUNS,
    SCHEMA,
    SCHEMA_VERSION,
    begin_sqlite,
    prepare_sqlite,
)

BUSY_SECONDS = 60
_CHUNK = 500  # keys in one statement; SQLite allows 32,766 parameters
_ATTEMPTS = 5


class StoreError(ValueError):
    """The store can't be opened, read or written; in one line."""


@dataclass(frozen=True)
class StoredRun:
    """A run as the store knows it.

    Attributes:
        space: a text that changes with the space's rules, the input, the classes and the limits.
        evaluator: the evaluator's digest.
    """

    id: str
    folder: str
    agent: str
    space: str
    evaluator: str


@dataclass(frozen=True)
class StoredDesign:
    """A design of a run, who proposed it (`agent` or `control`), and how many seconds into the run."""

    design: Design
    source: str
    seconds: float


class Store:
    """Opens a store, and makes one where there is none.

    Args:
        location: path of an SQLite file, or an SQLAlchemy URL.
        create: whether an SQLite file that isn't there is made.

    Raises:
        StoreError: where that fails, here and in every method.
    """

    def __init__(self, location: str | Path, *, create: bool = True) -> None:
        self.location = str(location)
        if not create and "://" not in self.location and not Path(self.location).is_file():
            raise StoreError(f"no such store: {self.location}; name the right one with --store")
        self._engine = self._open()
        self._reader = self._engine.execution_options(**{READS: True})
        self._check_schema()

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # -- evaluations -------------------------------------------------------------------------------

    def evaluations(self, evaluators: Sequence[str], digests: Iterable[str]) -> dict[str, Evaluation]:
        """What is known of architectures, by digest; of several evaluators, the first that knows one."""
        wanted = list(dict.fromkeys(digests))
        columns = (EVALUATIONS.c.architecture, EVALUATIONS.c.evaluator, EVALUATIONS.c.evaluation)
        found: dict[str, dict[str, str]] = {evaluator: {} for evaluator in evaluators}
        with self._transaction(reads=True) as connection:
            for start in range(0, len(wanted), _CHUNK):
                chunk = wanted[start : start + _CHUNK]
                query = sql.select(*columns).where(
                    EVALUATIONS.c.architecture.in_(chunk), EVALUATIONS.c.evaluator.in_(evaluators)
                )
                for digest, evaluator, text in connection.execute(query):
                    found[evaluator][digest] = text
        texts = {
            digest: text for evaluator in reversed(evaluators) for digest, text in found[evaluator].items()
        }
        return {digest: _evaluation(text) for digest, text in texts.items()}

    def add_evaluations(self, evaluations: Mapping[tuple[str, str], Evaluation]) -> None:
        """Evaluations by (architecture digest, evaluator) in one transaction; known ones stay as they are."""
        if not evaluations:
            return
        now = time.time()
        rows = [
            {"architecture": a, "evaluator": e, "evaluation": json.dumps(value.to_dict()), "created": now}
            for (a, e), value in evaluations.items()
        ]
        keys = EVALUATIONS.c.architecture, EVALUATIONS.c.evaluator
        known = sql.select(*keys).where(
            keys[0].in_({a for a, _ in evaluations}), keys[1].in_({e for _, e in evaluations})
        )
        for attempt in range(_ATTEMPTS):
            try:
                with self._transaction() as connection:
                    present = {tuple(row) for row in connection.execute(known)}
                    missing = [row for row in rows if (row["architecture"], row["evaluator"]) not in present]
                    if missing:
                        connection.execute(sql.insert(EVALUATIONS), missing)
                return
            except IntegrityError:  # another process stored the same at the same moment
                if attempt == _ATTEMPTS - 1:
                    raise StoreError(f"the store {self._shown} refuses evaluations again and again") from None

    # -- runs --------------------------------------------------------------------------------------

    def add_run(self, run: StoredRun) -> None:
        """Makes a run known; a second time changes nothing."""
        with self._transaction() as connection:
            if connection.execute(sql.select(RUNS.c.id).where(RUNS.c.id == run.id)).first() is None:
                connection.execute(sql.insert(RUNS).values(**vars(run), created=time.time()))

    def add_designs(self, run: str, source: str, designs: Sequence[tuple[Design, str, float]]) -> None:
        """Designs of a run, each with the evaluator that its evaluation is stored under and its seconds into
        the run, in one transaction. What had the same index before is replaced.
        """
        if not designs:
            return
        rows = [
            {
                "run": run,
                "source": source,
                "index": design.index,
                "digest": design.architecture.digest,
                "architecture": json.dumps(design.architecture.to_dict()),
                "evaluator": evaluator,
                "reward": design.reward,
                "seconds": seconds,
            }
            for design, evaluator, seconds in designs
        ]
        with self._transaction() as connection:
            connection.execute(
                sql.delete(DESIGNS).where(
                    DESIGNS.c.run == run,
                    DESIGNS.c.source == source,
                    DESIGNS.c.index.in_([row["index"] for row in rows]),
                )
            )
            connection.execute(sql.insert(DESIGNS), rows)

    def designs(self, run: str) -> list[StoredDesign]:
        """A run's designs, the agent's first, each in order."""
        query = (
            sql.select(DESIGNS, EVALUATIONS.c.evaluation)
            .where(
                DESIGNS.c.run == run,
                EVALUATIONS.c.architecture == DESIGNS.c.digest,
                EVALUATIONS.c.evaluator == DESIGNS.c.evaluator,
            )
            .order_by(DESIGNS.c.source, DESIGNS.c.index)
        )
        with self._transaction(reads=True) as connection:
            return [_stored_design(dict(row._mapping)) for row in connection.execute(query)]

    def cut_designs(self, run: str, counts: Mapping[str, int]) -> None:
        """Removes what an earlier start of a run left behind its end: designs of a source from a count up."""
        with self._transaction() as connection:
            for source, count in counts.items():
                connection.execute(
                    sql.delete(DESIGNS).where(
                        DESIGNS.c.run == run, DESIGNS.c.source == source, DESIGNS.c.index >= count
                    )
                )

    def random_designs(self, space: str, evaluator: str, *, most: int, besides: str = "") -> list[str]:
        """Digests of designs that random search proposed for the same space and evaluator in any run but
        `besides`: in runs of the agent `random`, and as controls of others. The earliest come first. Those
        whose failure was of the moment are left out.
        """
        query = (
            sql.select(DESIGNS.c.digest)
            .where(
                DESIGNS.c.run == RUNS.c.id,
                RUNS.c.id != besides,
                RUNS.c.space == space,
                RUNS.c.evaluator == evaluator,
                DESIGNS.c.evaluator == evaluator,
                sql.or_(DESIGNS.c.source == "control", RUNS.c.agent == "random"),
            )
            .order_by(RUNS.c.created, RUNS.c.id, DESIGNS.c.index)
        )
        with self._transaction(reads=True) as connection:
            return list(dict.fromkeys(connection.execute(query).scalars()))[:most]

    # -- inside ------------------------------------------------------------------------------------

    @property
    def _shown(self) -> str:
        return sql.make_url(self.location).render_as_string() if "://" in self.location else self.location

    def _open(self) -> sql.Engine:
        try:
            if "://" not in self.location:
                Path(self.location).parent.mkdir(parents=True, exist_ok=True)
                url = sql.URL.create("sqlite", database=self.location)
            else:
                url = sql.make_url(self.location)
            if url.password == HIDDEN:
                raise StoreError("a run keeps no password; give the store's whole URL with --store")
            is_sqlite = url.get_backend_name() == "sqlite"
            engine = sql.create_engine(url, connect_args={"timeout": BUSY_SECONDS} if is_sqlite else {})
        except (SQLAlchemyError, OSError, ImportError) as error:
            raise StoreError(f"the store {self.location!r} can't be opened: {_first_line(error)}") from error
        if is_sqlite:
            sql.event.listen(engine, "connect", prepare_sqlite)
            sql.event.listen(engine, "begin", begin_sqlite)
        return engine

    def _check_schema(self) -> None:
        with self._transaction() as connection:
            METADATA.create_all(connection)
            version = connection.execute(sql.select(sql.func.max(SCHEMA.c.version))).scalar()
            if version is None:
                connection.execute(sql.insert(SCHEMA).values(version=SCHEMA_VERSION))
        if version not in (None, SCHEMA_VERSION):
            raise StoreError(
                f"the store {self._shown} has schema {version}, this version of rl-designer reads "
                f"{SCHEMA_VERSION}; name another with --store"
            )

    @contextmanager
    def _transaction(self, *, reads: bool = False) -> Iterator[sql.Connection]:
        try:
            engine = self._reader if reads else self._engine
            with uninterrupted(), engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            raise StoreError(f"the store {self._shown} failed: {_first_line(error)}") from error


def _stored_design(row: Mapping[str, Any]) -> StoredDesign:
    try:
        architecture = Architecture.from_dict(json.loads(row["architecture"]))
    except ValueError as error:
        raise StoreError(f"the store holds a damaged design, {row['digest']}: {error}") from error
    evaluation = _evaluation(row["evaluation"])
    return StoredDesign(
        Design(architecture, evaluation, row["reward"], row["index"]), row["source"], row["seconds"]
    )


def _evaluation(text: str) -> Evaluation:
    try:
        return Evaluation.from_dict(json.loads(text))
    except (ValueError, TypeError, AttributeError) as error:
        raise StoreError(f"the store holds a damaged evaluation: {text[:60]!r}") from error


def _first_line(error: BaseException) -> str:
    # SQLAlchemy adds the statement and a link; `orig` is the driver's own word.
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0] or type(error).__name__
