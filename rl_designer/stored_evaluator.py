"""`StoredEvaluator`: what the store knows is not measured again; what is measured is stored at once."""

from collections.abc import Callable, Sequence

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluators.base import Evaluation, Evaluator
from rl_designer.envs.evaluators.failures import is_transient
from rl_designer.store import Store

Heard = Callable[[Architecture, Evaluation, bool], None]


class StoredEvaluator:
    """An evaluator that asks the store first.

    A failure that another try might not have (`is_transient`) is kept for this run alone, so that a resumed
    run sees what it saw, and other runs try again.

    Args:
        run: id of the run.
        hear: called with each evaluation once it is known and stored, and whether the store knew it before.
    """

    def __init__(
        self,
        store: Store,
        evaluator: Evaluator,
        run: str,
        hear: Heard = lambda architecture, evaluation, stored: None,
    ) -> None:
        self._store = store
        self._evaluator = evaluator
        self._own = f"{evaluator.digest}@{run}"
        self._hear = hear
        self._batch: list[Architecture] = []
        self._early: set[str] = set()
        self.answered = 0
        self.measured = 0
        if hasattr(evaluator, "on_result"):
            evaluator.on_result = self._finished

    @property
    def digest(self) -> str:
        return self._evaluator.digest

    def key(self, evaluation: Evaluation) -> str:
        """The evaluator that an evaluation is stored under: the digest, or this run's own."""
        return self._own if is_transient(evaluation) else self.digest

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        """As every evaluator; all is stored once it returns."""
        known = self._store.evaluations([self.digest, self._own], [a.digest for a in architectures])
        fresh = [architecture for architecture in architectures if architecture.digest not in known]
        for architecture in architectures:
            if architecture.digest in known:
                self._hear(architecture, known[architecture.digest], True)
        self.answered += len(architectures) - len(fresh)
        if fresh:
            known |= self._measure(fresh)
        return [known[architecture.digest] for architecture in architectures]

    def _measure(self, fresh: list[Architecture]) -> dict[str, Evaluation]:
        self._batch = fresh
        self._early.clear()
        results = self._evaluator.evaluate(fresh)
        measured = dict(zip((a.digest for a in fresh), results, strict=True))
        late = [a for a in fresh if a.digest not in self._early]
        self._store.add_evaluations(
            {(a.digest, self.key(measured[a.digest])): measured[a.digest] for a in late}
        )
        for architecture in late:
            self._hear(architecture, measured[architecture.digest], False)
        self.measured += len(fresh)
        return measured

    def _finished(self, index: int, evaluation: Evaluation) -> None:
        architecture = self._batch[index]
        # Stored one by one as they finish, so that an interruption loses only what was still training.
        self._store.add_evaluations({(architecture.digest, self.key(evaluation)): evaluation})
        self._early.add(architecture.digest)
        self._hear(architecture, evaluation, False)
