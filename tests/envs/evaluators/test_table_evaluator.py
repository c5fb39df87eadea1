"""`TableEvaluator`: what a table answers, and what a search may not see."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables.table import ArchitectureTable
from tests.helpers.tables import synthetic_table

TABLE = synthetic_table((3, 4, 2), missing=0.2)
COUNT = {"unit": "count", "maximize": False}


def with_metric(name: str, values: Any, table: ArchitectureTable = TABLE) -> ArchitectureTable:
    column = np.broadcast_to(np.asarray(values, dtype=np.float32), (len(table.architectures),))[:, None]
    facts = {name: COUNT, **table.metric_facts}
    return replace(table, metrics={**table.metrics, name: column}, metric_facts=facts)


def answer(table: ArchitectureTable, actions: list[int]) -> Evaluation:
    space = TableSpace(table)
    return TableEvaluator(space).evaluate([space.architecture(actions)])[0]


def test_each_architecture_gets_the_searched_value_and_the_costs_of_its_row_in_order() -> None:
    space = TableSpace(with_metric("macs", 7))
    evaluations = TableEvaluator(space, "task").evaluate(
        space.architectures(space.table.architectures[::-1].astype(np.int64))
    )
    for evaluation, row in zip(evaluations, range(len(TABLE.architectures))[::-1], strict=True):
        value = TABLE.metrics["search"][row, 0]
        expected = None if np.isnan(value) else pytest.approx(value / 100)
        assert evaluation.val_accuracy == expected
        assert (evaluation.failure is None) == (expected is not None)
        assert (evaluation.parameters, evaluation.macs, evaluation.epochs) == (
            TABLE.metrics["parameters"][row, 0], 7, 12,
        )  # fmt: skip


def test_a_missing_value_is_a_failure() -> None:
    evaluation = answer(with_metric("search", np.nan), [0, 0, 0])
    assert (evaluation.val_accuracy, evaluation.failure) == (None, "the table has no value")


def test_multiply_adds_may_be_called_flops_and_costs_may_be_missing() -> None:
    assert answer(with_metric("flops", 7), [0, 0, 0]).macs == 7
    assert answer(TABLE, [0, 0, 0]).macs is None
    assert answer(with_metric("macs", np.nan), [0, 0, 0]).macs is None


@pytest.mark.parametrize("facts", [COUNT, {"unit": "seconds", "maximize": False}, {}])
def test_a_measured_latency_is_seconds_whatever_the_tables_facts_say_of_it(facts: dict[str, Any]) -> None:
    table = with_metric("latency_seconds", 0.25)
    table = replace(table, metric_facts={**table.metric_facts, "latency_seconds": facts})
    assert answer(table, [0, 0, 0]).latency_seconds == 0.25
    assert answer(TABLE, [0, 0, 0]).latency_seconds is None
    assert answer(with_metric("latency_seconds", np.nan), [0, 0, 0]).latency_seconds is None


def test_the_evaluations_of_all_networks_come_once_each() -> None:
    evaluator = TableEvaluator(TableSpace(synthetic_table((3, 3, 2), duplicates=True, missing=0.2)))
    values = [e.val_accuracy for e in evaluator.evaluations()]
    assert len(values) == 6 * 2
    np.testing.assert_array_equal(np.array(values, dtype=float), evaluator.search_values())


def test_the_reported_figure_is_told_apart_from_the_searched_one() -> None:
    space = TableSpace(synthetic_table((3, 4, 2)))
    design = space.architecture([2, 3, 1])
    assert TableEvaluator(space).reported(design) == pytest.approx(space.table.metrics["report"][-1, 0] / 100)
    assert "report" not in TableEvaluator(space).digest


def test_the_digest_changes_with_all_that_an_evaluation_depends_on_and_with_nothing_else() -> None:
    def digest(table: ArchitectureTable) -> str:
        return TableEvaluator(TableSpace(table)).digest

    def raised(metric: str) -> ArchitectureTable:
        return replace(TABLE, metrics={**TABLE.metrics, metric: TABLE.metrics[metric] + 1})

    same = [TABLE, synthetic_table((3, 4, 2), missing=0.2), raised("report"), replace(TABLE, title="x")]
    others = [
        raised("search"), raised("parameters"), with_metric("macs", 7), replace(TABLE, name="other"),
        with_metric("latency_seconds", 7),
        synthetic_table((4, 3, 2), missing=0.2),
    ]  # fmt: skip
    assert len({digest(table) for table in same}) == 1
    assert len({digest(table) for table in [TABLE, *others]}) == 1 + len(others)
    limited = TableSpace(TABLE, max_parameters=110)
    assert TableEvaluator(limited).digest == digest(TABLE)


def test_an_unknown_task_and_an_architecture_of_another_space_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown task of table 'synthetic' 'x'"):
        TableEvaluator(TableSpace(TABLE), "x")
    with pytest.raises(ValueError, match="can't read an architecture of space 'mlp'"):
        TableEvaluator(TableSpace(TABLE)).evaluate([Architecture("mlp", complete=True)])
