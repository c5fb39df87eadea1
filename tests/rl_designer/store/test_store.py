"""The store: what was measured once is never measured again, and nothing that was stored is lost."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.evaluation import Evaluation, ResultObserver
from rl_designer.envs.problem import Design
from rl_designer.store.evaluator import StoredEvaluator
from rl_designer.store.store import SCHEMA_VERSION, Store, StoredRun, StoreError

RUN = StoredRun("run-1", "/runs/a", "ppo", "space", "evaluator")


def architecture(number: int) -> Architecture:
    return Architecture("test", (Layer.of("dense", width=number),), True)


def design(number: int, reward: float = 0.5, index: int | None = None) -> Design:
    return Design(architecture(number), Evaluation(reward), reward, number if index is None else index)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store.sqlite") as opened:
        yield opened


def put(store: Store, run: StoredRun, source: str, designs: Sequence[Design], key: str = "evaluator") -> None:
    store.add_run(run)
    store.add_evaluations({(d.architecture.digest, key): d.evaluation for d in designs})
    store.add_designs(run.id, source, [(d, key, float(d.index)) for d in designs])


# -- evaluations -----------------------------------------------------------------------------------

numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
counts = st.none() | st.integers(0, 2**60)
evaluations = st.builds(
    Evaluation,
    val_accuracy=numbers,
    val_loss=numbers,
    learning_curve=st.lists(st.floats(0, 1)).map(tuple),
    parameters=counts,
    macs=counts,
    latency_seconds=numbers,
    training_seconds=numbers,
    epochs=counts,
    seed=counts,
    device=st.none() | st.text(),
    failure=st.none() | st.text(),
)


@settings(deadline=None)
@given(evaluations)
def test_an_evaluation_comes_back_as_it_was(evaluation: Evaluation) -> None:
    with Store("sqlite://") as store:
        store.add_evaluations({("a", "e"): evaluation})
        assert store.evaluations(["e"], ["a"]) == {"a": evaluation}


def test_an_evaluation_belongs_to_its_architecture_and_its_evaluator(store: Store) -> None:
    store.add_evaluations(
        {("a", "e"): Evaluation(0.1), ("a", "f"): Evaluation(0.2), ("b", "e"): Evaluation(0.3)}
    )
    assert store.evaluations(["e"], ["a", "b", "c"]) == {"a": Evaluation(0.1), "b": Evaluation(0.3)}
    assert store.evaluations(["f"], ["a", "b"]) == {"a": Evaluation(0.2)}
    assert store.evaluations(["f", "e"], ["a", "b"]) == {"a": Evaluation(0.2), "b": Evaluation(0.3)}
    assert store.evaluations(["e"], []) == {}


def test_the_first_evaluation_stays(store: Store) -> None:
    store.add_evaluations({("a", "e"): Evaluation(0.1)})
    store.add_evaluations({("a", "e"): Evaluation(0.2), ("b", "e"): Evaluation(0.3)})
    assert store.evaluations(["e"], ["a", "b"]) == {"a": Evaluation(0.1), "b": Evaluation(0.3)}
    store.add_evaluations({})


def test_more_architectures_than_a_statement_takes_are_found(store: Store) -> None:
    store.add_evaluations({(str(n), "e"): Evaluation(n / 2000) for n in range(1500)})
    assert len(store.evaluations(["e"], map(str, range(2000)))) == 1500


def test_they_are_there_after_a_new_opening(tmp_path: Path) -> None:
    with Store(tmp_path / "deep" / "s.sqlite") as store:
        store.add_evaluations({("a", "e"): Evaluation(0.1)})
    with Store(tmp_path / "deep" / "s.sqlite") as store:
        assert store.evaluations(["e"], ["a"]) == {"a": Evaluation(0.1)}


# -- runs and designs ------------------------------------------------------------------------------


def test_a_runs_designs_come_back_the_agents_first(store: Store) -> None:
    put(store, RUN, "control", [design(7, 0.7, index=0)])
    put(store, RUN, "agent", [design(1, 0.1), design(0, -1.0)])
    found = store.designs("run-1")
    assert [(d.source, d.design.index, d.design.reward, d.seconds) for d in found] == [
        ("agent", 0, -1.0, 0.0), ("agent", 1, 0.1, 1.0), ("control", 0, 0.7, 0.0),
    ]  # fmt: skip
    assert found[1].design == design(1, 0.1)
    assert store.designs("another") == []


def test_a_run_that_is_replayed_replaces_its_designs(store: Store) -> None:
    put(store, RUN, "agent", [design(0), design(1), design(2)])
    put(store, RUN, "agent", [design(8, index=0), design(1)])
    store.cut_designs("run-1", {"agent": 2, "control": 0})
    assert [d.design.architecture for d in store.designs("run-1")] == [architecture(8), architecture(1)]


def test_random_designs_are_those_of_random_runs_and_of_controls(store: Store) -> None:
    random = StoredRun("run-2", "/runs/b", "random", "space", "evaluator")
    put(store, RUN, "agent", [design(0)])
    put(store, RUN, "control", [design(1), design(2)])
    put(store, random, "agent", [design(2), design(3)])
    digests = [architecture(n).digest for n in range(9)]
    assert store.random_designs("space", "evaluator", most=9) == [digests[n] for n in (1, 2, 3)]
    assert store.random_designs("space", "evaluator", most=2) == [digests[n] for n in (1, 2)]
    assert store.random_designs("space", "evaluator", most=9, besides="run-1") == [digests[n] for n in (2, 3)]
    assert store.random_designs("other space", "evaluator", most=9) == []
    assert store.random_designs("space", "other", most=9) == []


def test_failures_of_the_moment_are_no_random_designs(store: Store) -> None:
    random = StoredRun("run-2", "/runs/b", "random", "space", "evaluator")
    put(store, random, "agent", [design(0)], key="evaluator@run-2")
    assert store.random_designs("space", "evaluator", most=9) == []


# -- the evaluator that asks the store first -------------------------------------------------------


class Counting:
    """Counts what it measures; architectures of width 13 run out of memory, those of 14 always fail."""

    digest = "evaluator"

    def __init__(self) -> None:
        self.asked: list[int] = []

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        widths = [int(a.layers[0]["width"]) for a in architectures]
        self.asked += widths
        failures = {13: "out of memory: no room", 14: "diverged: nan"}
        return [Evaluation(None if w in failures else w / 100, failure=failures.get(w)) for w in widths]


def test_only_what_is_not_known_is_measured_and_the_order_is_kept(store: Store) -> None:
    inner = Counting()
    heard: list[tuple[int, bool]] = []
    evaluator = StoredEvaluator(
        store, inner, "r", lambda a, e, s: heard.append((int(a.layers[0]["width"]), s))
    )
    evaluator.evaluate([architecture(1), architecture(2)])
    found = evaluator.evaluate([architecture(3), architecture(2), architecture(1)])
    assert [e.val_accuracy for e in found] == [0.03, 0.02, 0.01]
    assert inner.asked == [1, 2, 3]
    assert heard == [(1, False), (2, False), (2, True), (1, True), (3, False)]
    assert evaluator.digest == "evaluator"


def test_another_run_is_answered_too(store: Store) -> None:
    StoredEvaluator(store, Counting(), "r").evaluate([architecture(1), architecture(14)])
    inner = Counting()
    found = StoredEvaluator(store, inner, "s").evaluate([architecture(14), architecture(1)])
    assert inner.asked == []
    assert [e.failure for e in found] == ["diverged: nan", None]


def test_a_failure_of_the_moment_is_remembered_by_its_own_run_only(store: Store) -> None:
    first, same, other = Counting(), Counting(), Counting()
    StoredEvaluator(store, first, "r").evaluate([architecture(13)])
    assert (
        StoredEvaluator(store, same, "r").evaluate([architecture(13)])[0].failure == "out of memory: no room"
    )
    StoredEvaluator(store, other, "s").evaluate([architecture(13)])
    assert (first.asked, same.asked, other.asked) == ([13], [], [13])


class Interrupting(Counting):
    """Tells of each result at once, and is interrupted after the second."""

    def evaluate(
        self, architectures: Sequence[Architecture], observer: ResultObserver = lambda index, result: None
    ) -> list[Evaluation]:
        results: list[Evaluation] = []
        for candidate in architectures:
            if len(results) == 2:
                raise KeyboardInterrupt
            results += super().evaluate([candidate])
            observer(len(results) - 1, results[-1])
        return results


def test_what_finished_before_an_interruption_is_stored(store: Store) -> None:
    batch = [architecture(n) for n in range(4)]
    with pytest.raises(KeyboardInterrupt):
        StoredEvaluator(store, Interrupting(), "r").evaluate(batch)
    inner = Counting()
    StoredEvaluator(store, inner, "r").evaluate(batch)
    assert inner.asked == [2, 3]


# -- speed, several processes, damage --------------------------------------------------------------


def test_a_batch_of_eight_is_stored_in_a_few_milliseconds(store: Store) -> None:
    store.add_run(RUN)
    seconds = []
    for batch in range(20):
        designs = [design(8 * batch + n) for n in range(8)]
        started = time.process_time()
        store.evaluations(["evaluator"], [d.architecture.digest for d in designs])
        store.add_evaluations({(d.architecture.digest, "evaluator"): d.evaluation for d in designs})
        store.add_designs("run-1", "agent", [(d, "evaluator", 0.0) for d in designs])
        seconds.append(time.process_time() - started)
    assert sorted(seconds)[10] < 0.025  # of the processor; about 0.0015 on an idle core


def test_a_report_reads_while_a_search_writes(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite") as writer:
        writer.add_evaluations({("a", "e"): Evaluation(0.1)})
        lock = sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        assert len(writer.evaluations(["e"], ["a"])) == 1
        assert time.monotonic() - started < 5
        lock.close()


def test_threads_may_share_a_store(store: Store) -> None:
    threads = [
        threading.Thread(target=store.add_evaluations, args=({(str(n), "e"): Evaluation(n / 9)},))
        for n in range(9)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.evaluations(["e"], map(str, range(9)))) == 9


def test_what_was_stored_survives_a_killed_process(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from rl_designer.store.store import Store\n"
        "from rl_designer.envs.evaluation import Evaluation\n"
        "store = Store(sys.argv[1])\n"
        "store.add_evaluations({('a', 'e'): Evaluation(0.1)})\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "s.sqlite")], cwd=root, check=False)
    assert done.returncode == -signal.SIGKILL
    with Store(tmp_path / "s.sqlite") as store:
        assert store.evaluations(["e"], ["a"]) == {"a": Evaluation(0.1)}


def test_a_store_that_must_be_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no such store: .*; name the right one with --store"):
        Store(tmp_path / "s.sqlite", create=False)
    assert not (tmp_path / "s.sqlite").exists()


def test_a_file_that_is_no_store_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "s.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="failed: file is not a database") as error:
        Store(tmp_path / "s.sqlite")
    assert "\n" not in str(error.value)


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    Store(tmp_path / "s.sqlite").close()
    with sqlite3.connect(tmp_path / "s.sqlite") as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    with pytest.raises(
        StoreError, match=f"has schema 99, this version of rl-designer reads {SCHEMA_VERSION}"
    ):
        Store(tmp_path / "s.sqlite")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nosuch://host/x", "can't be opened"),
        ("not a url://", "can't be opened"),
        ("postgresql://me:***@host/x", "a run keeps no password; give the store's whole URL with --store"),
    ],
)
def test_a_url_that_leads_nowhere_is_refused_in_one_line(url: str, message: str) -> None:
    with pytest.raises(StoreError, match=message) as error:
        Store(url)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_can_not_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(StoreError, match=r"can't be opened|failed"):
        Store(tmp_path / "closed" / "deep" / "s.sqlite")


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="can't be opened"):
        Store(tmp_path / "file" / "s.sqlite")
