"""`Store`: every evaluation and every design of all runs, in one SQLite file or behind any SQLAlchemy URL.

SQLite is used in WAL mode, so that a report can be read while a search writes; a transaction is safe once
committed even where the process is killed. What is asked for again, by any run, is answered from here; what
another process is measuring just now is claimed by it, so that it is measured once.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sql
from pydantic import TypeAdapter

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.files.untrusted import json_of
from rl_designer.envs.problem import Design
from rl_designer.errors import Error
from rl_designer.store.claims import ClaimBoard
from rl_designer.store.database import (
    CLAIMS,
    DESIGNS,
    EVALUATIONS,
    RUNS,
    SCHEMA_VERSION,
    Database,
    StoreError,
    bring_up,
    schema_of,
)

__all__ = ["Store", "StoreError", "StoredDesign", "StoredRun"]

_CHUNK = 500  # keys in one statement; SQLite allows 32,766 parameters


_EVALUATION = TypeAdapter(Evaluation)


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

    Attributes:
        claims: what is being measured just now.

    Raises:
        StoreError: where that fails, here and in every method.
    """

    def __init__(self, location: str | Path, *, create: bool = True) -> None:
        self.location = str(location)
        if not create and "://" not in self.location and not Path(self.location).is_file():
            raise StoreError(f"no such store: {self.location}; name the right one with --store")
        self._database = Database(self.location)
        self.claims = ClaimBoard(self._database)
        try:
            self._check_schema()
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        self._database.close()

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

        def read(connection: sql.Connection) -> None:
            for start in range(0, len(wanted), _CHUNK):
                chunk = wanted[start : start + _CHUNK]
                query = sql.select(*columns).where(
                    EVALUATIONS.c.architecture.in_(chunk), EVALUATIONS.c.evaluator.in_(evaluators)
                )
                for digest, evaluator, text in connection.execute(query):
                    found[evaluator][digest] = text

        if wanted:
            self._database.run(read, reads=True)
        texts = {
            digest: text for evaluator in reversed(evaluators) for digest, text in found[evaluator].items()
        }
        return {digest: _evaluation(text) for digest, text in texts.items()}

    def add_evaluations(self, evaluations: Mapping[tuple[str, str], Evaluation], owner: str = "") -> None:
        """Evaluations by (architecture digest, evaluator) in one transaction; known ones stay as they are.
        What `owner` claims of these architectures it gives up.
        """
        if not evaluations:
            return
        now = time.time()
        rows = [
            {"architecture": a, "evaluator": e, "evaluation": json.dumps(value.to_dict()), "created": now}
            for (a, e), value in evaluations.items()
        ]
        keys = EVALUATIONS.c.architecture, EVALUATIONS.c.evaluator
        digests = list({a for a, _ in evaluations})

        def write(connection: sql.Connection) -> None:
            present: set[tuple[str, str]] = set()
            for start in range(0, len(digests), _CHUNK):
                chunk = digests[start : start + _CHUNK]
                known = sql.select(*keys).where(keys[0].in_(chunk), keys[1].in_({e for _, e in evaluations}))
                present.update((a, e) for a, e in connection.execute(known))
                if owner:
                    connection.execute(
                        sql.delete(CLAIMS).where(CLAIMS.c.owner == owner, CLAIMS.c.architecture.in_(chunk))
                    )
            missing = [row for row in rows if (row["architecture"], row["evaluator"]) not in present]
            if missing:
                connection.execute(sql.insert(EVALUATIONS), missing)

        self._database.run(write)

    # -- runs --------------------------------------------------------------------------------------

    def add_run(self, run: StoredRun) -> None:
        """Makes a run known; a second time changes nothing."""

        def write(connection: sql.Connection) -> None:
            if connection.execute(sql.select(RUNS.c.id).where(RUNS.c.id == run.id)).first() is None:
                values = {name: _encodable(text) for name, text in vars(run).items()}
                connection.execute(sql.insert(RUNS).values(**values, created=time.time()))

        self._database.run(write)

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
        indices = [row["index"] for row in rows]

        def write(connection: sql.Connection) -> None:
            for start in range(0, len(indices), _CHUNK):
                connection.execute(
                    sql.delete(DESIGNS).where(
                        DESIGNS.c.run == run,
                        DESIGNS.c.source == source,
                        DESIGNS.c.index.in_(indices[start : start + _CHUNK]),
                    )
                )
            connection.execute(sql.insert(DESIGNS), rows)

        self._database.run(write)

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
        rows = self._database.run(lambda connection: connection.execute(query).all(), reads=True)
        return [_stored_design(dict(row._mapping)) for row in rows]

    def cut_designs(self, run: str, counts: Mapping[str, int]) -> None:
        """Removes what an earlier start of a run left behind its end: designs of a source from a count up."""
        for source, count in counts.items():
            self._database.execute(
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
        found = self._database.run(lambda connection: connection.execute(query).scalars().all(), reads=True)
        return list(dict.fromkeys(found))[:most]

    # -- inside ------------------------------------------------------------------------------------

    def _check_schema(self) -> None:
        # Read first: a store that is as it should be is not written to, so that nobody waits for another.
        version = self._database.run(schema_of, reads=True)
        if version != SCHEMA_VERSION:
            version = self._database.run(bring_up)
        if version != SCHEMA_VERSION:
            raise StoreError(
                f"the store {self._database.shown} has schema {version}, this version of rl-designer reads "
                f"{SCHEMA_VERSION}; update rl-designer, or name another with --store"
            )


def _stored_design(row: Mapping[str, Any]) -> StoredDesign:
    try:
        architecture = Architecture.from_dict(json_of(row["architecture"]))
        for name, kind in (("reward", float), ("seconds", float), ("index", int), ("source", str)):
            if not isinstance(row[name], kind):  # SQLite keeps whatever it is given in any column
                raise Error(f"its {name} is {str(row[name])[:60]!r}")
    except (ValueError, TypeError) as error:
        raise StoreError(f"the store holds a damaged design, {str(row['digest'])[:60]!r}: {error}") from error
    evaluation = _evaluation(row["evaluation"])
    return StoredDesign(
        Design(architecture, evaluation, row["reward"], row["index"]), row["source"], row["seconds"]
    )


def _evaluation(text: str) -> Evaluation:
    try:
        return _EVALUATION.validate_json(text, strict=True)
    except ValueError as error:
        raise StoreError(f"the store holds a damaged evaluation: {str(text)[:60]!r}") from error


def _encodable(text: str) -> str:
    """A file's name may hold bytes that are no text."""
    return text.encode(errors="backslashreplace").decode()
