"""A damaged store is refused at once, in one line: only one that is locked or away is waited for."""

import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.problem import Design
from rl_designer.store import database as store_database
from rl_designer.store.store import Store, StoredRun, StoreError
from tests.helpers.hostile_files import LOADERS

NAMES = [f"{number:020x}" for number in range(300)]
EVALUATION = Evaluation(val_accuracy=0.5, parameters=9, epochs=2)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of some 40 pages, with nothing left in its write-ahead log."""
    path = tmp_path / "store.sqlite"
    with Store(path) as opened:
        opened.add_run(StoredRun("run", "folder", "ppo", "space", "evaluator"))
        opened.add_evaluations({(name, "evaluator"): EVALUATION for name in NAMES})
        designs = [
            Design(Architecture("mlp", (Layer.of("dense", width=number + 1),), True), EVALUATION, 0.5, number)
            for number in range(200)
        ]
        opened.add_evaluations({(d.architecture.digest, "evaluator"): EVALUATION for d in designs})
        opened.add_designs("run", "agent", [(design, "evaluator", 1.0) for design in designs])
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses of everything that is tried again; none is taken."""
    pauses: list[float] = []

    class Clock:
        monotonic = staticmethod(time.monotonic)
        sleep = staticmethod(pauses.append)

    monkeypatch.setattr(store_database, "time", Clock)
    return pauses


def used(path: Path) -> None:
    """Everything that a search does with a store."""
    with Store(path) as opened:
        use(opened)


def use(opened: Store) -> None:
    opened.add_run(StoredRun("another", "folder", "ppo", "space", "evaluator"))
    assert len(opened.evaluations(["evaluator"], NAMES)) <= len(NAMES)
    opened.claims.take("run", "owner", "evaluator", ["a" * 20])
    opened.add_evaluations(
        {("b" * 20, "evaluator"): EVALUATION, ("a" * 20, "evaluator"): EVALUATION}, "owner"
    )
    opened.random_designs("space", "evaluator", most=10)
    opened.designs("run")


def test_a_sound_store_is_used_without_a_pause(store: Path, waits: list[float]) -> None:
    used(store)
    assert waits == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: b"no database at all" * 1_000, "file is not a database; name another with --store"),
        (lambda content: b"X" + content[1:], "file is not a database"),
        (lambda content: content[:5_000], "malformed; put a copy|not a database"),
        (
            lambda content: content[: len(content) // 2],
            "malformed; put a copy|not a database",
        ),
        (
            lambda content: content[:4096] + b"\xff" * (len(content) - 4096),
            "malformed; put a copy",
        ),
        (lambda content: content[:4096] + bytes(len(content) - 4096), "malformed; put a copy"),
        (lambda content: content[:100] + b"\xff" * 60 + content[160:], "malformed; put a copy"),
    ],
    ids=["text", "the magic", "one page", "half", "pages of ones", "pages of zeros", "the schema"],
)
def test_a_damaged_store_is_refused_at_once(
    store: Path, waits: list[float], damage: Callable[[bytes], bytes], message: str
) -> None:
    store.write_bytes(damage(store.read_bytes()))
    with pytest.raises(StoreError, match=message) as error:
        used(store)
    assert waits == [] and "\n" not in str(error.value)


def test_a_store_with_any_page_damaged_is_never_waited_for(store: Path, waits: list[float]) -> None:
    content = store.read_bytes()
    refused = 0
    for page in range(len(content) // 4096):
        for damage in (b"\xff" * 40, bytes(40)):
            store.write_bytes(content[: 4096 * page + 8] + damage + content[4096 * page + 48 :])
            for beside in ("-wal", "-shm"):
                Path(f"{store}{beside}").unlink(missing_ok=True)
            try:
                used(store)
            except StoreError as error:
                refused += 1
                assert "\n" not in str(error)
            assert waits == []
    assert refused > 10


def test_a_text_that_is_none_is_refused_at_once_though_the_store_was_reached(
    store: Path, waits: list[float]
) -> None:
    with contextlib.closing(sqlite3.connect(store)) as connection:
        connection.execute("UPDATE evaluations SET evaluation = CAST(x'ff' AS TEXT)")
        connection.commit()
    with Store(store) as opened, pytest.raises(StoreError, match="failed: Could not decode to UTF-8"):
        use(opened)
    assert waits == []


def test_a_row_that_the_tables_refuse_is_no_reason_to_wait(store: Path, waits: list[float]) -> None:
    design = Design(Architecture("mlp", (), True), EVALUATION, 0.5, 0)
    with Store(store) as opened, pytest.raises(StoreError, match="FOREIGN KEY constraint failed"):
        opened.add_designs("no such run", "agent", [(design, "evaluator", 1.0)])
    assert waits == []


def test_a_locked_store_is_still_waited_for(
    store: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_database, "_BUSY_SECONDS", 0.0)
    with contextlib.closing(sqlite3.connect(store, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr(store_database, "PATIENCE_SECONDS", 0.2)
        with pytest.raises(StoreError, match="another process keeps it locked"), Store(store) as opened:
            use(opened)
    assert waits


def test_the_fuzzers_store_is_one_of_them(tmp_path: Path) -> None:
    used(LOADERS["store"].make(tmp_path))
