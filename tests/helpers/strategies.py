"""Random layers and random architecture tables, for property tests."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rl_designer.envs.architecture import Layer
from rl_designer.envs.search_spaces.base import Actions, SearchSpace
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables.table import ArchitectureTable
from tests.helpers.tables import synthetic_table

seeds = st.integers(0, 2**32 - 1)
few_examples = settings(deadline=None, max_examples=25)
many_examples = settings(deadline=None, max_examples=60)

option_values = st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
layer_options = st.dictionaries(
    st.text(max_size=5).filter(lambda name: name != "kind"), option_values, max_size=4
)


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    """Any layer; an option may have any name but `kind`."""
    return Layer(draw(st.text(max_size=5)), tuple(sorted(draw(layer_options).items())))


@st.composite
def tables(draw: st.DrawFn) -> ArchitectureTable:
    """Any small table: differing numbers of options, forbidden pairs, lone holes, duplicates, missing values,
    two costs that tell rows of one network apart."""
    options = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    table = synthetic_table(
        options,
        seed=draw(seeds),
        forbidden=draw(st.sampled_from([0.0, 0.3])),
        duplicates=draw(st.booleans()),
        missing=draw(st.sampled_from([0.0, 0.3])),
    )
    generator = np.random.default_rng(draw(seeds))
    kept = generator.random(len(table.architectures)) < draw(st.sampled_from([0.3, 0.8, 1.0]))
    kept[generator.integers(len(kept))] = True
    macs = generator.integers(1, 50, (len(kept), 1)).astype(np.float32)
    metrics = {name: values[kept] for name, values in {**table.metrics, "macs": macs}.items()}
    return replace(
        table,
        architectures=table.architectures[kept],
        canonical=table.canonical[kept],
        metrics=metrics,
        metric_facts={**table.metric_facts, "macs": {"unit": "count", "maximize": False}},
    )


@st.composite
def limited_tables(draw: st.DrawFn) -> tuple[TableSpace, NDArray[np.int64]]:
    """Any small table's space, within limits that some row keeps or without; and the rows that keep them."""
    table = draw(tables())
    row = draw(st.integers(0, len(table.architectures) - 1))
    limits, legal = {}, np.ones(len(table.architectures), dtype=bool)
    for cost in ("parameters", "macs"):
        limit = draw(st.none() | st.just(int(table.metrics[cost][row, 0])))
        limits[f"max_{cost}"] = limit
        legal &= limit is None or table.metrics[cost][:, 0] <= limit
    return TableSpace(table, **limits), np.flatnonzero(legal)


def walks(space: SearchSpace, n: int, seed: int = 0) -> Actions:
    """Random complete designs, int64 [n, max_steps]."""
    return space.random_actions(n, np.random.default_rng(seed))


def prefixes(actions: Actions) -> list[Sequence[int]]:
    """Every prefix of every design, the empty and the whole ones too."""
    whole = [row[row >= 0].tolist() for row in actions]
    return [actions[:length] for actions in whole for length in range(len(actions) + 1)]
