"""One store for many: several processes, PostgreSQL, earlier schemas, a store that is away or full."""

import os
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import pytest
import sqlalchemy as sql

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.evaluation import Evaluation, ResultObserver
from rl_designer.envs.problem import Design
from rl_designer.store import database as store_database
from rl_designer.store import evaluator as stored_evaluator
from rl_designer.store.database import SCHEMA_VERSION
from rl_designer.store.evaluator import StoredEvaluator
from rl_designer.store.store import Store, StoredRun, StoreError
from tests.helpers.postgresql import PrivatePostgres, missing, private_postgres
from tests.helpers.tables import synthetic_table

ROOT = Path(__file__).resolve().parents[3]
RUN = StoredRun("run-1", "/runs/a", "random", "space", "evaluator")
KINDS = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.skipif(missing() is not None, reason=str(missing()))),
]


@pytest.fixture(scope="module")
def server() -> Iterator[PrivatePostgres]:
    with private_postgres() as started:
        yield started


@pytest.fixture(params=KINDS)
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a store that is still empty."""
    if request.param == "sqlite":
        return str(tmp_path / "store.sqlite")
    url: str = request.getfixturevalue("server").url
    with engine_of(url) as engine, engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    return url


def architecture(number: int) -> Architecture:
    return Architecture("test", (Layer.of("dense", width=number),), True)


@contextmanager
def engine_of(location: str) -> Iterator[sql.Engine]:
    engine = sql.create_engine(location if "://" in location else f"sqlite:///{location}")
    try:
        yield engine
    finally:
        engine.dispose()  # a connection that is left open warns whenever it is collected, in any test


# -- every kind of store ---------------------------------------------------------------------------


def test_what_is_stored_comes_back(location: str) -> None:
    designs = [
        Design(architecture(n), Evaluation(n / 7, learning_curve=(0.1,), failure="\0ü"), n / 7, n)
        for n in range(3)
    ]
    with Store(location) as store:
        store.add_run(RUN)
        store.add_run(RUN)
        store.add_evaluations({(d.architecture.digest, "evaluator"): d.evaluation for d in designs})
        store.add_designs("run-1", "agent", [(d, "evaluator", 0.5) for d in designs])
        store.add_designs("run-1", "agent", [(d, "evaluator", 0.5) for d in designs])
    with Store(location) as store:
        assert [found.design for found in store.designs("run-1")] == designs
        assert store.random_designs("space", "evaluator", most=2) == [
            d.architecture.digest for d in designs[:2]
        ]
        store.cut_designs("run-1", {"agent": 1})
        assert len(store.designs("run-1")) == 1


_SCHEMA_1 = (
    "CREATE TABLE schema_version (version INTEGER NOT NULL, PRIMARY KEY (version))",
    "CREATE TABLE runs (id VARCHAR(32) NOT NULL, folder TEXT NOT NULL, agent VARCHAR(100) NOT NULL, "
    "space VARCHAR(200) NOT NULL, evaluator VARCHAR(200) NOT NULL, created FLOAT NOT NULL, PRIMARY KEY (id))",
    "CREATE TABLE evaluations (architecture VARCHAR(40) NOT NULL, evaluator VARCHAR(200) NOT NULL, "
    "evaluation TEXT NOT NULL, created FLOAT NOT NULL, PRIMARY KEY (architecture, evaluator))",
    "CREATE TABLE designs (run VARCHAR(32) NOT NULL, source VARCHAR(20) NOT NULL, "
    "\"index\" INTEGER NOT NULL, digest VARCHAR(40) NOT NULL, architecture TEXT NOT NULL, "
    "evaluator VARCHAR(200) NOT NULL, reward FLOAT NOT NULL, seconds FLOAT NOT NULL, "
    "PRIMARY KEY (run, source, \"index\"), FOREIGN KEY(run) REFERENCES runs (id))",
    "INSERT INTO schema_version VALUES (1)",
    "INSERT INTO evaluations VALUES ('a', 'e', '{\"val_accuracy\": 0.5}', 0.0)",
)  # fmt: skip


def shape(location: str) -> dict[str, object]:
    """Tables, columns, keys and indices."""
    with engine_of(location) as engine:
        inspector = sql.inspect(engine)
        return {
            table: (
                sorted((c["name"], c["nullable"]) for c in inspector.get_columns(table)),
                inspector.get_pk_constraint(table)["constrained_columns"],
                sorted(
                    (str(index["name"]), tuple(index["column_names"]))
                    for index in inspector.get_indexes(table)
                ),
            )
            for table in inspector.get_table_names()
        }


def test_a_store_of_an_earlier_schema_is_brought_up_and_keeps_everything(
    location: str, tmp_path: Path
) -> None:
    with engine_of(location) as engine, engine.begin() as connection:
        for statement in _SCHEMA_1:
            connection.exec_driver_sql(statement)
    for _ in range(2):
        with Store(location) as store:
            assert store.evaluations(["e"], ["a"]) == {"a": Evaluation(0.5)}
            store.add_evaluations({("a", "f" * 400): Evaluation(0.1)})
    with engine_of(location) as engine, engine.begin() as connection:
        versions = (
            connection.exec_driver_sql("SELECT version FROM schema_version ORDER BY version").scalars().all()
        )
    assert versions == list(range(1, SCHEMA_VERSION + 1))
    Store(tmp_path / "fresh.sqlite").close()
    assert shape(location) == shape(str(tmp_path / "fresh.sqlite"))


def _write_many(location: str, first: int) -> None:
    with Store(location) as store:
        store.add_run(RUN)
        for n in range(first, first + 30):
            store.add_evaluations({(str(n), "e"): Evaluation(n / 100)})


def test_several_processes_make_a_store_and_write_to_it_at_the_same_time(location: str) -> None:
    # Their ranges overlap, so that they also store the same.
    processes = [
        get_context("spawn").Process(target=_write_many, args=(location, first)) for first in (0, 15)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    with Store(location) as store:
        assert len(store.evaluations(["e"], map(str, range(100)))) == 45


# -- what two runs want at once --------------------------------------------------------------------


class Slow:
    """Trains nothing, but takes its time; the first result waits until it is let go."""

    digest = "evaluator"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.begun, self.let_go = threading.Event(), threading.Event()

    def evaluate(
        self, architectures: Sequence[Architecture], observer: ResultObserver = lambda index, result: None
    ) -> list[Evaluation]:
        results = []
        for index, candidate in enumerate(architectures):
            self.asked.append(candidate.digest)
            self.begun.set()
            assert self.let_go.wait(60)
            results.append(Evaluation(0.25, seed=index))
            observer(index, results[-1])
        return results


def test_what_two_runs_ask_for_at_once_is_measured_once(
    location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_evaluator, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(stored_evaluator, "BEAT_SECONDS", 0.05)
    first, second = Slow(), Slow()
    second.let_go.set()
    batch = [architecture(n) for n in range(3)]
    with Store(location) as one, Store(location) as other:
        earlier = StoredEvaluator(one, first, "r")
        found: dict[str, list[Evaluation]] = {}
        thread = threading.Thread(target=lambda: found.update(r=earlier.evaluate(batch[:2])))
        thread.start()
        assert first.begun.wait(60)
        later = threading.Thread(
            target=lambda: found.update(s=StoredEvaluator(other, second, "s").evaluate(batch))
        )
        later.start()
        assert second.begun.wait(60)  # with the third, which nobody else measures
        time.sleep(0.3)
        assert later.is_alive()
        first.let_go.set()
        thread.join(60)
        later.join(60)
        assert (first.asked, second.asked) == ([a.digest for a in batch[:2]], [batch[2].digest])
        assert found["s"][:2] == found["r"]
        assert one.claims.take("t", "t", "evaluator", ["new"]).ours == {"new"}


def test_what_a_dead_process_claimed_is_taken_over_by_a_clock_of_ones_own(
    location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_evaluator, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(stored_evaluator, "DEAD_AFTER_SECONDS", 0.3)
    wanted = architecture(1)
    with Store(location) as store:
        assert store.claims.take("dead", "dead", "evaluator", [wanted.digest]).ours
        store.claims.beat("dead")
        started = time.monotonic()
        inner = Slow()
        inner.let_go.set()
        StoredEvaluator(store, inner, "r").evaluate([wanted])
        assert time.monotonic() - started >= 0.3
        assert inner.asked == [wanted.digest]


def test_a_claim_that_shows_life_is_not_dropped(location: str) -> None:
    with Store(location) as store:
        store.claims.take("r", "owner", "e", ["a", "b"])
        claim = store.claims.take("s", "other", "e", ["a"]).held["a"]
        store.claims.beat("owner")
        store.claims.drop("e", "a", claim)
        assert set(store.claims.take("s", "other", "e", ["a"]).held) == {"a"}
        store.add_evaluations({("a", "e"): Evaluation(0.5)}, owner="owner")
        taken = store.claims.take("s", "other", "e", ["a", "b"])
        assert (taken.ours, set(taken.held)) == (frozenset(), {"b"})
        store.claims.release_run("r")
        assert store.claims.take("s", "other", "e", ["b"]).ours == {"b"}
        store.claims.release("other")
        assert store.claims.take("t", "third", "e", ["b"]).ours == {"b"}


class Killing(Slow):
    """Its worker is killed at the first try; nobody hears of that before `evaluate` returns it."""

    def evaluate(
        self, architectures: Sequence[Architecture], observer: ResultObserver = lambda index, result: None
    ) -> list[Evaluation]:
        self.let_go.set()
        found = super().evaluate(architectures)
        if len(self.asked) == len(architectures):
            found[0] = Evaluation(failure="worker process died: SIGKILL, perhaps for lack of memory")
        return found


def test_a_design_whose_worker_was_killed_is_measured_once_more(tmp_path: Path) -> None:
    inner = Killing()
    batch = [architecture(n) for n in range(2)]
    with Store(tmp_path / "s.sqlite") as store:
        evaluator = StoredEvaluator(store, inner, "r")
        assert [e.failure for e in evaluator.evaluate(batch)] == [None, None]
        assert inner.asked == [batch[0].digest, batch[1].digest, batch[0].digest]
        assert evaluator.measured == 2


def test_another_runs_result_does_not_replace_what_a_run_saw_fail(tmp_path: Path) -> None:
    wanted = architecture(1)
    with Store(tmp_path / "s.sqlite") as store:
        failed = Evaluation(failure="time limit: not done after 3 s")
        store.add_evaluations({(wanted.digest, "evaluator@r"): failed})
        store.add_evaluations({(wanted.digest, "evaluator"): Evaluation(0.5)})
        assert StoredEvaluator(store, Slow(), "r").evaluate([wanted]) == [failed]
        assert StoredEvaluator(store, Slow(), "s").evaluate([wanted]) == [Evaluation(0.5)]


# -- a store that is locked, away, full or read-only -------------------------------------------------


def test_a_store_that_is_locked_for_a_while_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_database, "_BUSY_SECONDS", 0.05)
    with Store(tmp_path / "s.sqlite") as store:
        lock = sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None, check_same_thread=False)
        lock.execute("BEGIN EXCLUSIVE")
        threading.Timer(0.5, lock.close).start()
        store.add_evaluations({("a", "e"): Evaluation(0.1)})
        assert len(store.evaluations(["e"], ["a"])) == 1


def test_a_store_that_stays_locked_is_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_database, "_BUSY_SECONDS", 0.05)
    monkeypatch.setattr(store_database, "PATIENCE_SECONDS", 0.2)
    with Store(tmp_path / "s.sqlite") as store:
        lock = sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            StoreError, match="database is locked; another process keeps it locked; end that, or wait"
        ):
            store.add_evaluations({("a", "e"): Evaluation(0.1)})
        lock.close()


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_a_database_that_is_restarted_is_waited_for(server: PrivatePostgres) -> None:
    with Store(server.url) as store:
        server.stop("immediate")
        timer = threading.Timer(0.5, server.start)
        timer.start()
        store.add_evaluations({("restarted", "e"): Evaluation(0.1)})
        timer.join()
        server.stop()
        server.start()
        assert len(store.evaluations(["e"], ["restarted"])) == 1


@pytest.mark.parametrize(
    "url", ["postgresql://x@/postgres?host=/nowhere", "postgresql+psycopg://x@localhost:1/x"]
)
def test_a_database_that_was_never_reached_is_an_error_at_once(url: str) -> None:
    pytest.importorskip("psycopg", reason="needs the extra `postgresql`")
    with pytest.raises(
        StoreError, match=r"failed: .*; see that the database runs and can be reached"
    ) as error:
        Store(url)
    assert "\n" not in str(error.value)


def test_a_missing_driver_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(
        StoreError, match=r"can't be opened: .*psycopg.*; `pip install 'rl-designer.postgresql.'`"
    ):
        Store("postgresql://x@localhost/x")


def test_a_full_disk_loses_nothing_and_says_how_to_go_on(tmp_path: Path) -> None:
    synthetic_table((4, 4, 4, 4)).save(tmp_path / "t.npz")
    search = [sys.executable, str(ROOT / "run.py"), "train", "--table", "t.npz", "--agent", "random:batch=4"]
    options = ["--evaluations", "200", "--no-tensorboard", "--quiet", "--json", "--run", "a"]

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

    common = {"cwd": tmp_path, "capture_output": True, "text": True, "check": False}
    stopped = subprocess.run([*search, *options], preexec_fn=small_files, **common)  # type: ignore[call-overload]
    assert (stopped.returncode, stopped.stdout) == (1, "")
    assert "make room on the disk" in stopped.stderr or "the disk is full" in stopped.stderr
    assert "all of them are stored. Then go on with: rl-designer resume a" in stopped.stderr
    assert stopped.stderr.count("\n") == 1
    reported = int(stopped.stderr.partition("stopped after ")[2].split()[0])
    with Store(tmp_path / "store.sqlite") as store, store._database._engine.connect() as connection:
        assert connection.execute(sql.text("SELECT count(*) FROM evaluations")).scalar() == reported > 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_becomes_read_only_is_an_error_that_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    Store(folder / "s.sqlite").close()
    (folder / "s.sqlite").chmod(0o400)
    folder.chmod(0o500)
    with pytest.raises(StoreError, match="its folder must be writable"), Store(folder / "s.sqlite") as store:
        store.add_evaluations({("a", "e"): Evaluation(0.1)})
    folder.chmod(0o700)
