"""`StoredEvaluator`: what the store knows is not measured again; what is measured is stored at once."""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import takewhile
from typing import Any

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Bars, Evaluation, Evaluator, passed, takes, until
from rl_designer.envs.evaluators.early_stopping import cut_short
from rl_designer.envs.workers.failures import WORKER_DIED, is_transient
from rl_designer.jobs.heartbeat import beating
from rl_designer.store.claims import Claim
from rl_designer.store.store import Store, StoreError

# Called with an evaluation once it is known and stored, and whether the store knew it before.
EvaluationObserver = Callable[[Architecture, Evaluation, bool], None]

BEAT_SECONDS = 5.0
DEAD_AFTER_SECONDS = 30.0  # without a beat
POLL_SECONDS = 0.5


class StoredEvaluator:
    """An evaluator that asks the store first.

    A failure that another try might not have (`is_transient`) is kept for this run alone, so that a resumed
    run sees what it saw, and other runs try again. Where a worker was killed from outside, the design is
    measured once more. A training that was stopped early is kept with its epochs, and answers only where it
    would have been stopped as early.

    What takes time, which is an evaluator that tells an `observer` of each result as it ends, is claimed in
    the store: where another run is measuring the same just now, its result is waited for.

    Args:
        run: id of the run.
        observer: told of each evaluation once.

    Attributes:
        answered, measured: how many evaluations the store knew, and how many it didn't.
    """

    def __init__(
        self,
        store: Store,
        evaluator: Evaluator,
        run: str,
        observer: EvaluationObserver = lambda architecture, evaluation, stored: None,
    ) -> None:
        self._store = store
        self._evaluator = evaluator
        self._run = run
        self._own = f"{evaluator.digest}@{run}"
        self._owner = uuid.uuid4().hex
        self._observer = observer
        self._batch: list[Architecture] = []
        self._ended: dict[str, Evaluation] = {}
        self._bars: dict[str, Bars] = {}
        self._deadline: float | None = None
        self._last_try = False
        self._watched: dict[str, tuple[Claim, float]] = {}
        self._claims = takes(evaluator, "observer")
        self._gives_up = takes(evaluator, "deadline")
        self.answered = 0
        self.measured = 0

    @property
    def digest(self) -> str:
        return self._evaluator.digest

    def key(self, evaluation: Evaluation) -> str:
        """The evaluator that a design's evaluation is stored under: the digest, or this run's own. One that
        was stopped early has what the run expects of it, so it is the run's own; `keep` stores it.
        """
        if evaluation.stopped_at is not None:
            return f"{self._own}:stopped"
        return self._own if is_transient(evaluation) else self.digest

    def keep(self, architecture: Architecture, evaluation: Evaluation) -> None:
        """Stores a design's evaluation where `key` says; what is there already stays."""
        self._store.add_evaluations({(architecture.digest, self.key(evaluation)): evaluation})

    def evaluate(
        self,
        architectures: Sequence[Architecture],
        bars: Sequence[Bars] | None = None,
        *,
        deadline: float | None = None,
    ) -> list[Evaluation]:
        """As every evaluator; all is stored once it returns.

        Args:
            bars: as an evaluator takes them that can stop early. What is known is cut to what would have been
                trained, so that the store makes no difference to the results.
            deadline: as `Evaluator.evaluate` may take it. What has ended by then is stored, also what isn't
                returned since one before it hadn't ended.
        """
        self._deadline = deadline
        digests = [architecture.digest for architecture in architectures]
        self._bars = {} if bars is None else dict(zip(digests, bars, strict=True))
        known: dict[str, Evaluation] = {}
        unknown = {architecture.digest: architecture for architecture in architectures}
        while unknown:
            found = self._known(unknown)
            for digest, evaluation in found.items():
                self._observer(unknown.pop(digest), evaluation, True)
            self.answered += len(found)
            known |= found
            if unknown and passed(deadline):
                break
            if unknown:
                measured = self._measure_ours(list(unknown.values()))
                unknown = {digest: unknown[digest] for digest in unknown if digest not in measured}
                known |= measured
        return [known[digest] for digest in takewhile(known.__contains__, digests)]

    def _known(self, digests: Iterable[str]) -> dict[str, Evaluation]:
        epochs = sorted({epoch for bars in self._bars.values() for epoch in bars}, reverse=True)
        # This run's own first: another run may since have measured what failed here.
        keys = [self._own, self.digest, *(self._shorter(epoch) for epoch in epochs)]
        stored = self._store.evaluations(keys, digests)
        cut = {digest: cut_short(found, self._bars.get(digest, {})) for digest, found in stored.items()}
        return {digest: evaluation for digest, evaluation in cut.items() if evaluation is not None}

    def _shorter(self, epochs: int) -> str:
        """Where trainings are stored that were stopped after so many epochs, for all runs."""
        return f"{self.digest}:{epochs}"

    def _measured_key(self, evaluation: Evaluation) -> str:
        epochs = evaluation.stopped_at
        return self.key(evaluation) if epochs is None else self._shorter(epochs)

    def _measure_ours(self, unknown: list[Architecture]) -> dict[str, Evaluation]:
        """Measures what no other run is measuring; where they measure all of it, waits a moment."""
        if not self._claims:
            return self._measure(unknown)
        digests = [architecture.digest for architecture in unknown]
        claimed = self._store.claims.take(self._run, self._owner, self.digest, digests)
        if claimed.ours:
            with self._alive():
                return self._measure([a for a in unknown if a.digest in claimed.ours])
        if len(claimed.held) == len(unknown):
            for digest, claim in claimed.held.items():
                self._watch(digest, claim)
            left = POLL_SECONDS if self._deadline is None else self._deadline - time.monotonic()
            time.sleep(min(max(left, 0.0), POLL_SECONDS))
        return {}

    def _watch(self, digest: str, claim: Claim) -> None:
        now = time.monotonic()
        seen, since = self._watched.get(digest, (claim, now))
        if seen != claim:
            since = now
        self._watched[digest] = claim, since
        if now - since >= DEAD_AFTER_SECONDS:
            self._store.claims.drop(self.digest, digest, claim)

    @contextmanager
    def _alive(self) -> Iterator[None]:
        """Within it, others are told that our claims hold; afterwards we have none."""

        def tell() -> None:
            with suppress(StoreError):  # what can't be written at all shows where results are stored
                self._store.claims.beat(self._owner)

        try:
            with beating(tell, BEAT_SECONDS):
                yield
        finally:
            with suppress(StoreError):
                self._store.claims.release(self._owner)

    def _measure(self, fresh: list[Architecture]) -> dict[str, Evaluation]:
        self._last_try = False
        measured = self._tried(fresh)
        if killed := [a for a in fresh if a.digest in measured and _was_killed(measured[a.digest])]:
            self._last_try = True
            for architecture in killed:
                del measured[architecture.digest]
            measured |= self._tried(killed)
        self.measured += len(measured)
        return measured

    def _tried(self, fresh: list[Architecture]) -> dict[str, Evaluation]:
        """What has ended by the deadline."""
        self._batch, self._ended = fresh, {}
        ends = until(self._deadline) if self._gives_up else {}
        options: dict[str, Any] = {"observer": self._finished} if self._claims else {}
        options |= ends
        if self._bars:  # only one that can stop early is given any
            options["bars"] = [self._bars[architecture.digest] for architecture in fresh]
        results = self._evaluator.evaluate(fresh, **options)
        measured = dict(zip((a.digest for a in fresh), results, strict=not ends))
        late = [a for a in fresh if a.digest in measured and a.digest not in self._ended]
        self._keep({a: measured[a.digest] for a in late if self._counts(measured[a.digest])})
        return measured | self._ended

    def _finished(self, index: int, evaluation: Evaluation) -> None:
        if self._counts(evaluation):
            # Stored one by one as they finish, so that an interruption loses only what was still training.
            self._keep({self._batch[index]: evaluation})
            self._ended[self._batch[index].digest] = evaluation

    def _keep(self, evaluations: dict[Architecture, Evaluation]) -> None:
        self._store.add_evaluations(
            {(a.digest, self._measured_key(value)): value for a, value in evaluations.items()},
            owner=self._owner if self._claims else "",
        )
        for architecture, evaluation in evaluations.items():
            self._observer(architecture, evaluation, False)

    def _counts(self, evaluation: Evaluation) -> bool:
        return self._last_try or not _was_killed(evaluation)


def _was_killed(evaluation: Evaluation) -> bool:
    return (evaluation.failure or "").startswith(f"{WORKER_DIED}: SIGKILL")
