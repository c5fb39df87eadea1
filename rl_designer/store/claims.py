"""`ClaimBoard`: who is measuring what just now, so that runs which share a store measure it once.

A claim is alive as long as its beat rises. Whoever waits for it watches that by a clock of its own, so no two
machines' clocks are compared, and none may be wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sql

from rl_designer.store.database import CLAIMS, EVALUATIONS, Database


@dataclass(frozen=True)
class Claim:
    """Who is measuring an architecture. `beat` rises while the owner is alive."""

    owner: str
    beat: int


@dataclass(frozen=True)
class Claimed:
    """What came of claiming architectures: ours, and those that others hold. What is in neither is stored."""

    ours: frozenset[str]
    held: dict[str, Claim]


class ClaimBoard:
    """The claims of a store, by (architecture digest, evaluator); all methods raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, run: str, owner: str, evaluator: str, digests: Sequence[str]) -> Claimed:
        """Claims those architectures that are neither stored nor claimed by another owner.

        Args:
            owner: one evaluator of one process.
        """

        def work(connection: sql.Connection) -> Claimed:
            claims = sql.select(CLAIMS.c.architecture, CLAIMS.c.owner, CLAIMS.c.beat).where(
                CLAIMS.c.evaluator == evaluator, CLAIMS.c.architecture.in_(digests)
            )
            held = {digest: Claim(whose, beat) for digest, whose, beat in connection.execute(claims)}
            # After the claims: one that was given up before that has left its evaluation.
            query = sql.select(EVALUATIONS.c.architecture).where(
                EVALUATIONS.c.evaluator == evaluator, EVALUATIONS.c.architecture.in_(digests)
            )
            stored = set(connection.execute(query).scalars())
            free = [digest for digest in digests if digest not in held and digest not in stored]
            if free:
                common = {"evaluator": evaluator, "run": run, "owner": owner, "beat": 0}
                connection.execute(sql.insert(CLAIMS), [{"architecture": d, **common} for d in free])
            ours = {digest for digest, claim in held.items() if claim.owner == owner}
            others = {digest: claim for digest, claim in held.items() if claim.owner != owner}
            return Claimed(
                frozenset({*free, *ours} - stored), {d: c for d, c in others.items() if d not in stored}
            )

        return self._database.run(work)

    def beat(self, owner: str) -> None:
        """Says that an owner is alive; tried once."""
        alive = sql.update(CLAIMS).where(CLAIMS.c.owner == owner).values(beat=CLAIMS.c.beat + 1)
        self._database.execute(alive, patient=False)

    def drop(self, evaluator: str, digest: str, claim: Claim) -> None:
        """Removes a claim of a dead owner; not if its owner has said since that it is alive."""
        whose = (CLAIMS.c.owner == claim.owner, CLAIMS.c.beat == claim.beat)
        what = (CLAIMS.c.architecture == digest, CLAIMS.c.evaluator == evaluator)
        self._database.execute(sql.delete(CLAIMS).where(*whose, *what))

    def release(self, owner: str) -> None:
        """Removes all of an owner's claims; tried once, since they end by themselves, too."""
        self._database.execute(sql.delete(CLAIMS).where(CLAIMS.c.owner == owner), patient=False)

    def release_run(self, run: str) -> None:
        """Removes what earlier starts of a run still claim since they were killed."""
        self._database.execute(sql.delete(CLAIMS).where(CLAIMS.c.run == run))
