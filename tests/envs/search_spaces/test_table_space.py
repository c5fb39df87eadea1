"""The space of an architecture table: exactly its rows, however they are walked to."""

from dataclasses import replace
from functools import reduce
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.problem import Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.search_spaces import base
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.testing.problems import Watched
from tests.helpers.strategies import limited_tables, many_examples, prefixes, seeds, walks
from tests.helpers.tables import synthetic_table

TABLE = synthetic_table((3, 4, 2, 3))
SPACE = TableSpace(TABLE)

Limited = tuple[TableSpace, NDArray[np.int64]]


def reachable(space: TableSpace) -> set[tuple[int, ...]]:
    """All designs that some sequence of legal actions builds."""
    level: list[tuple[int, ...]] = [()]
    for _ in range(space.max_steps):
        masks = space.masks(space.final_states(space.pad(level)))
        level = [
            (*prefix, int(a)) for prefix, mask in zip(level, masks, strict=True) for a in np.flatnonzero(mask)
        ]
    return set(level)


# -- what can be built -----------------------------------------------------------------------------


@many_examples
@given(limited_tables())
def test_exactly_the_rows_within_the_limits_can_be_built(limited: Limited) -> None:
    space, legal = limited
    assert reachable(space) == {tuple(row) for row in space.table.architectures[legal].tolist()}


@many_examples
@given(limited_tables(), seeds)
def test_a_walk_never_reaches_a_dead_end_and_ends_after_the_last_decision(
    limited: Limited, seed: int
) -> None:
    space, legal = limited
    actions = walks(space, 20, seed)
    assert (actions >= 0).all()
    assert np.isin(space.rows(actions), legal).all()
    np.testing.assert_array_equal(space.table.architectures[space.rows(actions)], actions)
    for design in space.architectures(actions):
        assert design.complete and len(design.layers) == space.max_steps
        space.check(design)


@many_examples
@given(limited_tables(), seeds)
def test_many_designs_at_once_and_one_at_a_time_follow_the_same_rules(limited: Limited, seed: int) -> None:
    space, _ = limited
    steps = prefixes(walks(space, 4, seed))
    masks = space.masks(space.final_states(space.pad(steps)))
    observations = space.observations(space.pad(steps))
    built = [reduce(space.extend, actions, space.initial()) for actions in steps]
    for actions, prefix, mask, observation in zip(steps, built, masks, observations, strict=True):
        assert prefix == space.architecture(actions)
        assert prefix.complete == (len(actions) == space.max_steps)
        np.testing.assert_array_equal(space.action_mask(prefix), mask)
        if not prefix.complete:  # a complete one is in its canonical spelling
            np.testing.assert_array_equal(space.encode(prefix), observation)
            assert space.actions(prefix) == tuple(actions)


def test_different_prefixes_have_different_observations() -> None:
    steps = prefixes(SPACE.pad(sorted(reachable(SPACE))))
    distinct = {tuple(actions) for actions in steps}
    assert len({row.tobytes() for row in SPACE.observations(SPACE.pad(steps))}) == len(distinct)


def test_an_observation_is_the_options_one_hot_and_the_step_one_hot() -> None:
    observation = SPACE.encode(SPACE.architecture([2, 0]))
    assert observation.dtype == np.float32 and observation.shape == (SPACE.observation_size,)
    assert observation.tolist() == [0, 0, 1, 0, *[1, 0, 0, 0], *[0] * 8, *[0, 0, 1, 0, 0]]


def test_a_layer_is_a_decision_and_its_option() -> None:
    assert SPACE.architecture([2, 0]).layers == (
        Layer.of("decision 0", option="option 2"),
        Layer.of("decision 1", option="option 0"),
    )


def test_random_designs_are_the_same_for_the_same_seed_and_uniform_among_the_legal_actions() -> None:
    actions = walks(SPACE, 6_000, seed=1)
    np.testing.assert_array_equal(actions, walks(SPACE, 6_000, seed=1))
    for column, (_, options) in zip(actions.T, TABLE.decisions, strict=True):
        shares = np.bincount(column) / len(column)
        np.testing.assert_allclose(shares, 1 / len(options), atol=0.03)


def test_what_a_space_remembers_of_designs_changes_nothing_when_it_is_forgotten() -> None:
    with patch.object(base, "_MEMO_SIZE", 2):
        forgetful = TableSpace(TABLE)
        for row in walks(SPACE, 20):
            assert forgetful.architectures(row[None]) == SPACE.architectures(row[None])
            assert len(forgetful._memo) <= 2 and len(forgetful._architectures) <= 2


# -- networks that the table has in several spellings ------------------------------------------------


@many_examples
@given(limited_tables(), seeds)
def test_spellings_of_one_network_have_one_digest_and_others_another(limited: Limited, seed: int) -> None:
    space, _ = limited
    actions = walks(space, 20, seed)
    networks = space.table.canonical[space.rows(actions)]
    digests = [design.digest for design in space.architectures(actions)]
    for i, one in enumerate(digests):
        for j, other in enumerate(digests):
            assert (one == other) == (networks[i] == networks[j])


@many_examples
@given(limited_tables(), seeds)
def test_the_one_spelling_is_the_first_legal_row(limited: Limited, seed: int) -> None:
    space, legal = limited
    actions = walks(space, 20, seed)
    networks, canonical = space.table.canonical[space.rows(actions)], space.canonical(actions)
    first = [legal[space.table.canonical[legal] == network][0] for network in networks]
    assert space.rows(canonical).tolist() == first


@many_examples
@given(limited_tables())
def test_distinct_rows_are_one_for_each_legal_network(limited: Limited) -> None:
    space, legal = limited
    rows = space.distinct_rows
    assert np.isin(rows, legal).all()
    assert sorted(space.table.canonical[rows]) == np.unique(space.table.canonical[legal]).tolist()


def test_spellings_of_one_network_cost_one_evaluation() -> None:
    space = TableSpace(synthetic_table((3, 3, 2), duplicates=True))
    evaluator = Watched(TableEvaluator(space))
    problem = Problem(space, evaluator, accuracy)
    problem.evaluate(
        [space.architecture([0, 2, 1]), space.architecture([2, 0, 1]), space.architecture([0, 2, 0])]
    )
    problem.evaluate([space.architecture([2, 0, 1])])
    assert len(evaluator.asked) == len(problem.designs) == 2


def test_a_limit_that_forbids_the_usual_spelling_leaves_the_other() -> None:
    table = synthetic_table((2, 2), duplicates=True)
    costs = np.array([[1], [9], [2], [1]], dtype=np.float32)  # 0-0, 0-1, 1-0, 1-1
    space = TableSpace(replace(table, metrics={**table.metrics, "parameters": costs}), max_parameters=2)
    assert space.action_mask(space.architecture([0])).tolist() == [True, False]
    assert space.actions(space.architecture([1, 0])) == (1, 0)


# -- limits ----------------------------------------------------------------------------------------


def test_multiply_adds_may_be_called_flops_in_the_table() -> None:
    table = replace(
        TABLE,
        metrics={**TABLE.metrics, "flops": TABLE.metrics["parameters"]},
        metric_facts={**TABLE.metric_facts, "flops": {"unit": "count", "maximize": False}},
    )
    assert reachable(TableSpace(table, max_macs=110)) == reachable(TableSpace(table, max_parameters=110))


def test_a_row_of_unknown_cost_is_out_of_every_limit() -> None:
    costs = TABLE.metrics["parameters"].copy()
    costs[0] = np.nan
    table = replace(TABLE, metrics={**TABLE.metrics, "parameters": costs})
    assert (0, 0, 0, 0) not in reachable(TableSpace(table, max_parameters=10_000))


def test_a_limit_on_a_cost_that_the_table_lacks_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"max_macs=9 needs the metric 'flops', which table 'synthetic' lacks; it has \["
    ):
        TableSpace(TABLE, max_macs=9)


def test_a_limit_that_no_design_keeps_is_refused_with_the_smallest_design() -> None:
    with pytest.raises(ValueError, match="max_parameters=99 leaves no design: the smallest has 100"):
        TableSpace(TABLE, max_parameters=99)


def test_limits_that_no_design_keeps_together_are_refused() -> None:
    macs = 1_000 - TABLE.metrics["parameters"]
    table = replace(
        TABLE,
        metrics={**TABLE.metrics, "macs": macs},
        metric_facts={**TABLE.metric_facts, "macs": {"unit": "count", "maximize": False}},
    )
    with pytest.raises(ValueError, match="keeps max_parameters=100 and max_macs=820 together"):
        TableSpace(table, max_parameters=100, max_macs=int(macs.min()))


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [-1, 2, 99])
def test_an_illegal_action_is_refused_with_the_legal_ones(action: int) -> None:
    with pytest.raises(ValueError, match=rf"action {action} is not legal after .*; legal: \[0, 1\]"):
        SPACE.extend(SPACE.architecture([0, 3]), action)


def test_nothing_can_follow_a_complete_design() -> None:
    with pytest.raises(ValueError, match=r"legal: \[\]"):
        SPACE.extend(SPACE.architecture([0, 0, 0, 0]), 0)


@pytest.mark.parametrize("actions", [[3], [0, -1], [0, 0, 2], [0, 0, 0, 0, 0]])
def test_actions_that_spell_no_design_are_refused(actions: list[int]) -> None:
    with pytest.raises(ValueError, match=r"action -?\d at step \d is not legal in space 'table:synthetic'"):
        SPACE.architecture(actions)


def test_an_architecture_of_another_space_is_refused() -> None:
    with pytest.raises(
        ValueError, match="space 'table:synthetic' can't read an architecture of space 'convnet'"
    ):
        SPACE.actions(Architecture("convnet"))


FIRST = Layer.of("decision 0", option="option 1")


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        (
            [Layer.of("decision 1", option="option 1")],
            "step 0 of space 'table:synthetic' has no decision decision 1",
        ),
        ([FIRST] * 2, "step 1 of space 'table:synthetic' has no decision decision 0"),
        (
            [Layer.of("decision 0", option="opt 1")],
            "unknown option of 'decision 0' 'opt 1'. Did you mean 'option 1'",
        ),
        ([Layer("decision 0")], "decision 'decision 0' must have one `option`, a text, got decision 0"),
        ([Layer.of("decision 0", option=1)], "decision 'decision 0' must have one `option`, a text"),
        ([Layer.of("decision 0", option="option 1", width=3)], "must have one `option`, a text, got"),
    ],
)
def test_a_layer_that_the_table_does_not_have_is_refused(layers: list[Layer], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        SPACE.check(Architecture(SPACE.name, tuple(layers)))


def test_a_layer_after_the_last_decision_is_refused() -> None:
    layers = (*SPACE.architecture([0, 0, 0, 0]).layers, FIRST)
    with pytest.raises(ValueError, match="step 4 of space 'table:synthetic' has no decision"):
        SPACE.check(Architecture(SPACE.name, layers, complete=True))


@pytest.mark.parametrize(
    ("actions", "claim", "reason"),
    [
        ([0, 0], True, "step 2 of space 'table:synthetic' has no decision None"),
        ([0, 0, 0, 0], False, "complete=False, but .* is the other"),
    ],
)
def test_an_architecture_that_claims_to_be_complete_or_not_against_the_truth_is_refused(
    actions: list[int], claim: bool, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        SPACE.check(replace(SPACE.architecture(actions), complete=claim))


def test_a_design_beyond_a_limit_is_refused() -> None:
    largest = SPACE.architecture([2, 3, 1, 2])
    with pytest.raises(ValueError, match="is not legal"):
        TableSpace(TABLE, max_parameters=150).check(largest)


# -- what a reward model sees ------------------------------------------------------------------------


def test_decisions_with_the_same_options_share_their_tokens() -> None:
    table = replace(TABLE, decisions=tuple((name, tuple("abcd")) for name, _ in TABLE.decisions))
    tokens = TableSpace(table).tokens(np.array([[1, 1, 1, -1], [2, 1, 0, -1]]))
    assert tokens.shape == (2, 4, 4) and tokens.dtype == np.float32
    np.testing.assert_array_equal(tokens[0, 0], tokens[0, 1])
    np.testing.assert_array_equal(tokens[:, 0], [[0, 1, 0, 0], [0, 0, 1, 0]])


def test_decisions_with_other_options_do_not_and_padding_is_zero() -> None:
    tokens = SPACE.tokens(np.array([[1, 1, 1, 1], [1, -1, -1, -1]]))
    assert tokens.shape == (2, 4, 3 + 4 + 2)
    np.testing.assert_array_equal(tokens[0, 0], tokens[0, 3])
    assert (tokens[0].argmax(axis=1) == [1, 4, 8, 1]).all()
    assert not tokens[1, 1:].any()


def test_a_table_space_sums_nothing_up() -> None:
    assert SPACE.summaries(walks(SPACE, 3)).shape == (3, 0)


def test_no_designs_have_no_observations() -> None:
    assert SPACE.observations(SPACE.pad([])).shape == (0, SPACE.observation_size)
