"""Designs one edit away, in spaces of fixed decisions, with holes, and of variable length within limits."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_designer.agents.mutation import mutate, mutations, neighbours
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.seeding import stream
from tests.helpers.tables import synthetic_table

SPACES: dict[str, SearchSpace] = {
    "a whole table": TableSpace(synthetic_table((3, 4, 2, 3))),
    "a table with holes": TableSpace(synthetic_table((3, 4, 2, 3), forbidden=0.5)),
    "a table with duplicates": TableSpace(synthetic_table((3, 3, 2, 3), forbidden=0.2, duplicates=True)),
    "a table with a limit": TableSpace(synthetic_table((3, 4, 2, 3)), max_parameters=140),
    "signals": make_space("convnet1d", (1, 40), 10),
    "signals within limits": make_space("convnet1d", (1, 40), 10, max_parameters=2_000, max_macs=40_000),
    "cells": make_space("cell1d", (1, 40), 10, max_parameters=20_000),
    "features": make_space("mlp", (13,), 3, max_parameters=1_000),
}
seeds = st.integers(0, 10_000)
spaces = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


def design(space: SearchSpace, seed: int) -> np.ndarray:
    return space.random_actions(1, stream(seed, "design"))[0]


def digests(space: SearchSpace, rows: np.ndarray) -> list[str]:
    return [architecture.digest for architecture in space.architectures(rows)]


@spaces
@settings(deadline=None, max_examples=15)
@given(seed=seeds)
def test_neighbours_are_complete_and_legal_and_other_networks_and_each_is_there_once(
    space: SearchSpace, seed: int
) -> None:
    row = design(space, seed)
    around = neighbours(space, row)
    for architecture in space.architectures(stream(seed).permutation(around)[:20]):
        assert architecture.complete
        space.check(architecture)
    networks = {tuple(network) for network in space.canonical(around)}
    assert len(networks) == len(around)
    assert tuple(space.canonical(row[None])[0]) not in networks


@spaces
@settings(deadline=None, max_examples=15)
@given(seed=seeds)
def test_a_mutation_is_a_legal_design_and_another_network(space: SearchSpace, seed: int) -> None:
    row = design(space, seed)
    child = mutate(space, row, stream(seed))
    space.check(space.architectures(child[None])[0])
    assert digests(space, child[None]) != digests(space, row[None])


@spaces
@settings(deadline=None, max_examples=15)
@given(seed=seeds, parents=st.integers(1, 4), n=st.integers(0, 12))
def test_mutations_at_once_are_legal_designs_one_edit_away_from_parents_in_turn(
    space: SearchSpace, seed: int, parents: int, n: int
) -> None:
    rows = space.random_actions(parents, stream(seed, "parents"))
    children = mutations(space, rows, n, stream(seed))
    assert children.shape[1:] == (space.max_steps,) and len(children) <= n
    for architecture in space.architectures(children):
        space.check(architecture)
    assert children.tolist() == mutations(space, rows, n, stream(seed)).tolist()


def test_mutations_at_once_are_those_of_mutate() -> None:
    space, row = SPACES["a whole table"], design(SPACES["a whole table"], 1)
    children = mutations(space, np.stack([row]), 2_000, stream(0))
    differs = children != row
    assert (differs.sum(axis=1) == 1).all()
    # Of an edit that doesn't insert or delete, which here is impossible: n is about 667, p = 1/4.
    assert 500 < len(children) < 850
    assert np.abs(differs.mean(axis=0) - 0.25).max() < 0.07


def test_in_a_whole_table_neighbours_differ_in_exactly_one_decision_and_all_those_are_there() -> None:
    space = SPACES["a whole table"]
    row = design(space, 1)
    around = neighbours(space, row)
    assert ((around != row).sum(axis=1) == 1).all()
    assert len(around) == 2 + 3 + 1 + 2


def test_in_a_whole_table_every_decision_and_every_other_option_is_mutated_alike() -> None:
    space, generator = SPACES["a whole table"], stream(0)
    row = design(space, 1)
    children = np.array([mutate(space, row, generator) for _ in range(2_000)])
    assert ((children != row).sum(axis=1) == 1).all()
    # Binomial with n = 2,000, p = 1/4: four standard deviations are 0.039.
    assert np.abs((children != row).mean(axis=0) - 0.25).max() < 0.04


def test_layers_are_substituted_inserted_and_deleted_and_the_others_stay() -> None:
    space, generator = SPACES["signals"], stream(0)
    row = next(r for seed in range(99) if (r := design(space, seed))[5] >= 0 and r[7] < 0)
    before = row[row >= 0].tolist()
    kinds = set()
    for _ in range(300):
        child = mutate(space, row, generator)
        after = child[child >= 0].tolist()
        kinds.add(_edit_between(before, after))
    assert {"substituted", "inserted", "deleted"} <= kinds


def _edit_between(before: list[int], after: list[int]) -> str:
    if len(before) == len(after) and sum(a != b for a, b in zip(before, after, strict=True)) == 1:
        return "substituted"
    if any(after[:i] + after[i + 1 :] == before for i in range(len(after))):
        return "inserted"
    if any(before[:i] + before[i + 1 :] == after for i in range(len(before))):
        return "deleted"
    return "repaired"


def test_a_design_as_deep_as_the_space_allows_grows_no_more() -> None:
    space = SPACES["signals"]
    row = next(r for seed in range(999) if (r := design(space, seed))[-1] >= 0)
    lengths = (neighbours(space, row) >= 0).sum(axis=1)
    assert lengths.max() == space.max_steps and (lengths == space.max_steps - 1).any()


def test_what_a_forbidden_combination_forces_changes_and_what_comes_before_stays() -> None:
    # Only the diagonal: no two designs differ in a single decision.
    table = synthetic_table((3, 3))
    keep = table.architectures[:, 0] == table.architectures[:, 1]
    space = TableSpace(_only(table, keep))
    assert neighbours(space, np.array([1, 1])).tolist() == [[0, 0], [2, 2]]
    children = {tuple(mutate(space, np.array([1, 1]), stream(seed))) for seed in range(20)}
    assert children == {(0, 0), (2, 2)}


def test_the_only_design_of_a_space_has_no_neighbours_and_mutates_to_itself() -> None:
    table = synthetic_table((2, 2))
    space = TableSpace(_only(table, np.array([True, False, False, False])))
    row = design(space, 0)
    assert neighbours(space, row).shape == (0, 2)
    assert mutate(space, row, stream(0)).tolist() == row.tolist()


@pytest.mark.parametrize("name", [name for name in SPACES if "table" in name])
def test_any_design_is_reached_from_any_other_by_neighbours_alone(name: str) -> None:
    space = SPACES[name]
    reached = {digests(space, (row := design(space, 0))[None])[0]}
    front = [row]
    while front:
        around = neighbours(space, front.pop())
        new = dict(zip(digests(space, around), around, strict=True))
        front += [row for digest, row in new.items() if digest not in reached]
        reached |= set(new)
    assert len(reached) == len(space.distinct_rows)  # type: ignore[attr-defined]


def test_the_same_generator_gives_the_same_mutation() -> None:
    space = SPACES["signals within limits"]
    row = design(space, 5)
    assert mutate(space, row, stream(1)).tolist() == mutate(space, row, stream(1)).tolist()
    assert len({tuple(mutate(space, row, stream(seed))) for seed in range(10)}) > 5


def _only(table, keep):  # type: ignore[no-untyped-def]
    metrics = {name: values[keep] for name, values in table.metrics.items()}
    return replace(
        table, architectures=table.architectures[keep], metrics=metrics, canonical=np.zeros(0, np.int32)
    )
