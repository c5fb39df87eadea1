"""The designs of a space of cells as rows of a table: every spelling of every network."""

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture import NONE
from rl_designer.envs.search_spaces.base import Actions
from rl_designer.envs.search_spaces.cell_space import CellSpace
from rl_designer.envs.tables.wiring import Wiring
from rl_designer.errors import WrongUsage
from rl_designer.table_making.designs import Decisions, option_text

MOST_ROWS = 200_000


def all_cells(space: CellSpace) -> Actions:
    """Every legal spelling, int64 [n, max_steps], those with few edges first, so that the first spelling of
    each network is the canonical one.

    Raises:
        WrongUsage: where there are more than `MOST_ROWS`.
    """
    rows = space.every_design()
    if len(rows) > MOST_ROWS:
        raise WrongUsage(
            f"space {space.name!r} has {space.distinct:,} networks in {len(rows):,} spellings, and a table "
            f"may have at most {MOST_ROWS:,} rows; take a random share of the networks with --share 1% or "
            "--designs 5000, or limit the space"
        )
    there = np.array([operation.kind != NONE for operation in space.operations])
    edges = there[rows[:, 1:] - len(space.definition.skeletons())].sum(axis=1)
    return rows[np.argsort(edges, kind="stable")]


def random_cells(space: CellSpace, n: int, generator: np.random.Generator) -> Actions:
    """`n` distinct networks, each as likely as any other, in their canonical spellings, sorted.

    Raises:
        WrongUsage: where the space has fewer.
    """
    networks = np.unique(space.canonical(space.every_design()), axis=0)
    if n > len(networks):
        raise WrongUsage(f"space {space.name!r} has {len(networks):,} networks, {n:,} are wanted")
    return networks[np.sort(generator.choice(len(networks), n, replace=False))]


def cell_layout(space: CellSpace, actions: Actions) -> tuple[Decisions, NDArray[np.uint8], Wiring | None]:
    """Decisions, rows and wiring. Where the space has one skeleton only, each decision is an edge; else the
    skeleton is the first decision, and there is no wiring.
    """
    skeletons = space.definition.skeletons()
    operations = tuple(option_text(operation) for operation in space.operations)
    edges = tuple((name, operations) for name, _ in space.decisions)
    rows = (actions[:, 1:] - len(skeletons)).astype(np.uint8)
    if len(skeletons) == 1:
        return edges, rows, space.wiring
    decisions = (("skeleton", tuple(option_text(skeleton) for skeleton in skeletons)), *edges)
    return decisions, np.column_stack([actions[:, 0], rows]).astype(np.uint8), None
