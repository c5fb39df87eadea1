"""The contracts that are shipped notice what is broken, and find nothing wrong with what isn't."""

import itertools
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rl_designer.agents.random_search import RandomSearch
from rl_designer.envs.architecture import Layer
from rl_designer.envs.problem import Problem
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables.wiring import Wiring
from rl_designer.testing import check_agent, check_metric, check_reward, check_space, spaces
from rl_designer.testing.problems import synthetic_table

SPACES: dict[str, Callable[[], SearchSpace]] = {
    "convnet": lambda: make_space("convnet", (1, 8, 8), 10, max_parameters=5_000),
    "convnet1d": lambda: make_space("convnet1d", (1, 40), 10),
    "mlp": lambda: make_space("mlp", (13,), 3, max_macs=2_000),
    "textnet": lambda: make_space("textnet", (40, 20), 3, max_parameters=5_000),
    "mlp-wide": lambda: make_space("mlp-wide", (13,), 3, max_parameters=2_000),
    "cell": lambda: make_space("cell", (1, 8, 8), 10, max_parameters=20_000),
    "cell1d": lambda: make_space("cell1d", (1, 40), 10, max_macs=200_000),
    "a table of cells": lambda: TableSpace(
        replace(synthetic_table((4, 4, 3)), wiring=Wiring(((0, 1), (0, 2), (1, 2)), absent="option 0"))
    ),
    "table": lambda: TableSpace(synthetic_table((4, 4, 3), forbidden=0.4, duplicates=True)),
}


@pytest.mark.parametrize("check", spaces.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("make", SPACES.values(), ids=SPACES)
def test_every_space(make: Callable[[], SearchSpace], check: Callable[[SearchSpace], None]) -> None:
    check(make())


class NeverEnds(TableSpace):
    def masks(self, states: Any) -> Any:
        masks = super().masks(states)
        masks[~masks.any(axis=1), 0] = True
        return masks


class Moody(TableSpace):
    asked = 0

    def masks(self, states: Any) -> Any:
        self.asked += 1
        masks = super().masks(states)
        return masks if self.asked % 7 else masks & (np.cumsum(masks, axis=1) == 1)


class Entangled(TableSpace):
    def advance(self, states: Any, actions: Any) -> Any:
        advanced = super().advance(states, actions)
        return np.roll(advanced, 1, axis=0) if len(advanced) > 1 else advanced


class TakesAnything(TableSpace):
    def extend(self, architecture: Any, action: int) -> Any:
        return super().extend(architecture, max(0, action) % 2)


class SpelledTwice(TableSpace):
    def canonical(self, actions: Any) -> Any:
        return np.where(actions >= 0, (actions + 1) % 2, actions)


class ReadAsAnother(TableSpace):
    def action_of(self, step: int, layer: Layer | None) -> int:
        return 0


class AllAlike(TableSpace):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.action_features = np.ones_like(self.action_features)


class ComparesWithTheRest(TableSpace):
    def structure(self, actions: Any) -> Any:
        return {"rank": np.arange(len(actions), dtype=np.float32)[:, None]}


class GroupsOfTheMoment(TableSpace):
    def structure(self, actions: Any) -> Any:
        return {"all": np.zeros((len(actions), 1), np.float32)} if len(actions) else {}


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (NeverEnds, spaces.every_walk_ends_complete),
        (Moody, spaces.the_same_walks_come_again),
        (Entangled, spaces.batches_and_single_designs_agree),
        (TakesAnything, spaces.what_is_illegal_is_refused),
        (SpelledTwice, spaces.designs_are_spelled_in_one_way),
        (ReadAsAnother, spaces.designs_are_spelled_in_one_way),
        (AllAlike, spaces.actions_can_be_told_apart),
        (ComparesWithTheRest, spaces.what_is_known_of_a_design_depends_on_it_alone),
        (GroupsOfTheMoment, spaces.what_is_known_of_a_design_depends_on_it_alone),
    ],
)
def test_the_contract_notices_a_broken_space(
    broken: type[TableSpace], check: Callable[[SearchSpace], None]
) -> None:
    table = synthetic_table((2, 3, 4, 2), forbidden=0.5, seed=1)
    check(TableSpace(table))
    with pytest.raises((AssertionError, ValueError)):
        check(broken(table))
    with pytest.raises((AssertionError, ValueError)):
        check_space(broken(table))


class ForgetsTheBudget(RandomSearch):
    def search(self, problem: Problem) -> None:
        super().search(problem)
        problem.designs.append(replace(problem.designs[0]))


def test_whole_contracts_notice_what_is_broken() -> None:
    check_agent(RandomSearch)
    with pytest.raises(AssertionError):
        check_agent(ForgetsTheBudget)
    check_reward(lambda evaluation: evaluation.val_accuracy)
    check_reward(lambda evaluation, history: len(history))
    paid: list[float] = []
    with pytest.raises(AssertionError, match="asked again it pays something else"):
        check_reward(lambda evaluation: paid.append(1.0) or float(len(paid)))  # type: ignore[func-returns-value]


RISING = itertools.count()


def changes_what_it_is_given(outputs: Any, y: Any) -> float:
    outputs[:, 0] = 0
    return float((outputs.argmax(axis=1) == y).mean())


def needs_every_class(outputs: Any, y: Any) -> float:
    hits = outputs.argmax(axis=1) == y
    return float(np.mean([hits[y == number].sum() / np.float64((y == number).sum()) for number in range(3)]))


def an_error(outputs: Any, y: Any) -> float:
    return float((outputs.argmax(axis=1) != y).mean())


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (changes_what_it_is_given, "it changes what it is given"),
        (needs_every_class, "it must give finite numbers"),
        (an_error, "better outputs must score more"),
        (lambda outputs, y: 1.0, "better outputs must score more"),
        (
            lambda outputs, y: float(next(RISING)),
            "asked again it gives something else",
        ),
    ],
)
def test_the_contract_notices_a_broken_metric(broken: Any, reason: str) -> None:
    with pytest.raises(AssertionError, match=reason):
        check_metric(broken)


def test_a_metric_of_numbers_may_be_any_that_rises_towards_the_truth() -> None:
    check_metric(lambda outputs, y: float(np.corrcoef(outputs, y)[0, 1]), "number")
    with pytest.raises(AssertionError, match="better outputs must score more"):
        check_metric(lambda outputs, y: float(np.abs(outputs - y).mean()), "number")


def test_a_metric_of_numbers_may_rely_on_their_unit() -> None:
    check_metric(lambda outputs, y: -float(np.abs(outputs / y - 1).mean()), "number")
    check_metric(lambda outputs, y: -float(np.square(np.log(outputs) - np.log(y)).mean()), "number")


def test_the_contracts_need_no_pytest() -> None:
    code = "import sys, rl_designer.testing; print([m for m in ('pytest', 'torch') if m in sys.modules])"
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
