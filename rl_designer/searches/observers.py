"""`Observer`: what is told of a search as it goes, such as the progress display and TensorBoard's log."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_designer.agents.memory import Review
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.problem import Design
from rl_designer.interruption import uninterrupted


@dataclass(frozen=True)
class Start:
    """What is known as a search starts.

    Attributes:
        evaluations: of the agent and of the control together; None is without limit.
        paid: how many of them are the control's.
        seconds: limit of the whole search, or None.
        done: designs that an earlier start of this run left behind.
        sources: earlier runs that it starts with.
    """

    folder: Path
    title: str
    space: str
    agent: str
    evaluations: int | None
    paid: int
    seconds: float | None
    done: int = 0
    sources: tuple[str, ...] = ()


class Observer:
    """Hears of a search. Every method may be left as it is."""

    def started(self, start: Start) -> None:
        """Once, before the first evaluation."""

    def evaluated(
        self, architecture: Architecture, evaluation: Evaluation, reward: float | None, stored: bool
    ) -> None:
        """As soon as an evaluation is known, in any order; `stored`: by the store, from before. `reward` is
        None where it isn't known yet, since it depends on the run's history.
        """

    def designed(self, design: Design, source: str) -> None:
        """With each new design once it is paid, in order; `source` is `agent` or `control`."""

    def reviewed(self, review: Review) -> None:
        """When an earlier run that this one started with is first judged, and when it is dropped."""

    def closed(self) -> None:
        """Once, whatever happened."""


class Observers(Observer):
    """Several as one."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)

    def started(self, start: Start) -> None:
        self._tell("started", start)

    def evaluated(
        self, architecture: Architecture, evaluation: Evaluation, reward: float | None, stored: bool
    ) -> None:
        self._tell("evaluated", architecture, evaluation, reward, stored)

    def designed(self, design: Design, source: str) -> None:
        self._tell("designed", design, source)

    def reviewed(self, review: Review) -> None:
        self._tell("reviewed", review)

    def closed(self) -> None:
        self._tell("closed")

    def _tell(self, method: str, *arguments: Any) -> None:
        with uninterrupted():  # a display has locks
            for observer in self._observers:
                getattr(observer, method)(*arguments)
