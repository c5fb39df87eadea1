"""`History`: the evaluations of a run so far, for rewards that see them."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Protocol, TypeVar, overload

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards.reward import accuracy_of


class View(Protocol):
    """What is worked out of a history, one evaluation after the other."""

    def add(self, evaluation: Evaluation) -> None: ...


Kept = TypeVar("Kept", bound=View)


class History(Sequence[Evaluation]):
    """The evaluations of a run that didn't fail, in the run's order. A reward only reads it.

    Args:
        evaluations: a sequence may grow; it is looked at and not copied.
    """

    def __init__(self, evaluations: Iterable[Evaluation] = ()) -> None:
        self._evaluations = evaluations if isinstance(evaluations, Sequence) else list(evaluations)
        self._views: dict[Hashable, tuple[Any, int]] = {}

    @classmethod
    def of(cls, evaluations: Sequence[Evaluation]) -> "History":
        """Any sequence as a history; a history is itself."""
        return evaluations if isinstance(evaluations, History) else cls(evaluations)

    def view(self, make: Callable[[], Kept], key: Hashable) -> Kept:
        """What `make()` is after all evaluations of this history, each added once and in order. It is kept,
        and takes in only what came since it was asked for, so that a long run stays cheap.

        Args:
            key: another view has another key.
        """
        view, taken = self._views.get(key) or (make(), 0)
        for index in range(taken, len(self._evaluations)):
            view.add(self._evaluations[index])
        self._views[key] = view, len(self._evaluations)
        return view

    def __len__(self) -> int:
        return len(self._evaluations)

    @overload
    def __getitem__(self, index: int) -> Evaluation: ...
    @overload
    def __getitem__(self, index: slice) -> list[Evaluation]: ...
    def __getitem__(self, index: int | slice) -> Evaluation | list[Evaluation]:
        return list(self._evaluations[index]) if isinstance(index, slice) else self._evaluations[index]


class SortedAccuracies:
    """The accuracies of a history, ascending."""

    def __init__(self) -> None:
        self._values: list[float] = []

    def add(self, evaluation: Evaluation) -> None:
        insort(self._values, accuracy_of(evaluation))

    def share_below(self, accuracy: float) -> float:
        """Share of the accuracies that are lower, equal ones counted half, 0–1; 0.5 of none."""
        if not self._values:
            return 0.5
        below, not_above = bisect_left(self._values, accuracy), bisect_right(self._values, accuracy)
        return (below + not_above) / (2 * len(self._values))
