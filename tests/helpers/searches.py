"""Searches on mnist1d's space by an evaluator that trains nothing, for tests."""

import time
from collections.abc import Callable, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, Self

import pytest

from rl_designer import setting
from rl_designer.config import make_config
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation, ResultObserver
from rl_designer.searches.run import SearchResult
from rl_designer.searches.search import resume_search, run_search
from rl_designer.testing.problems import LayerEvaluator


class Fake(LayerEvaluator):
    """Trains nothing; stops the search when it is asked for the n-th time."""

    device = "cpu"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __init__(self, stop_at: int | None = None, digest: str = "fake") -> None:
        self.digest = digest
        self.stop_at = stop_at
        self.asked = 0

    def evaluate(
        self, architectures: Sequence[Architecture], observer: ResultObserver = lambda index, result: None
    ) -> list[Evaluation]:
        results = []
        for index, architecture in enumerate(architectures):
            if self.asked == self.stop_at:
                raise KeyboardInterrupt
            self.asked += 1
            results += super().evaluate([architecture])
            observer(index, results[-1])
        return results


class Slow(Fake):
    """Takes so many seconds an evaluation, by a clock that goes by nothing else, and begins with the last of
    a batch, as workers may; gives up at the deadline.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float, *, last_first: bool = True) -> None:
        super().__init__()
        self.seconds, self.now, self.last_first = seconds, 100.0, last_first
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def evaluate(
        self,
        architectures: Sequence[Architecture],
        observer: ResultObserver = lambda index, result: None,
        deadline: float | None = None,
    ) -> list[Evaluation]:
        ended: dict[int, Evaluation] = {}
        order = list(range(len(architectures)))
        for index in reversed(order) if self.last_first else order:
            if deadline is not None and self.now + self.seconds > deadline:
                self.now = max(self.now, deadline)
                break
            self.now += self.seconds
            self.asked += 1
            [ended[index]] = LayerEvaluator.evaluate(self, [architectures[index]])
            observer(index, ended[index])
        return [ended[index] for index in takewhile(ended.__contains__, order)]


def runner(monkeypatch: pytest.MonkeyPatch) -> Callable[..., SearchResult]:
    """A function that searches: `train("run", agent="random")`, or goes on: `train("run", resume=True)`."""

    def run(
        name: str, evaluator: Fake | None = None, *, resume: bool = False, **options: Any
    ) -> SearchResult:
        given = evaluator or Fake()
        monkeypatch.setattr(setting, "training_evaluator", lambda *settings, **repeat: given)
        if resume:
            result = resume_search(Path(name))
            assert result is not None
            return result
        options = {"agent": "random:batch=4", "evaluations": 16, "max_parameters": 5000, **options}
        return run_search(make_config(options), Path(name))

    return run


def digests(result: SearchResult) -> list[str]:
    return [design.architecture.digest for design in result.designs]


def all_digests(result: SearchResult) -> list[str]:
    return digests(result) + [design.architecture.digest for design in result.controls]
