"""What a reward takes from its setting: the cost to aim at, and the cost that is too much."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.rewards import COSTS, RewardContext, load_reward
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.costs import costs
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.seeding import stream
from rl_designer.envs.tables.table import ArchitectureTable
from tests.helpers.strategies import walks
from tests.helpers.tables import synthetic_table

SHAPES: dict[str, tuple[int, ...]] = {"convnet1d": (1, 40), "convnet": (1, 16, 16), "mlp": (30,)}


def table(**metrics: Any) -> ArchitectureTable:
    """A table with fewer networks than its 48 rows, of 100 to 180 parameters, and further metrics."""
    made = synthetic_table((4, 4, 3), duplicates=True)
    size, facts = len(made.architectures), {name: {"unit": "count", "maximize": False} for name in metrics}
    columns = {
        name: np.broadcast_to(np.asarray(values, dtype=np.float32), size)[:, None]
        for name, values in metrics.items()
    }
    return replace(made, metrics={**made.metrics, **columns}, metric_facts={**made.metric_facts, **facts})


# -- the costs that a space knows --------------------------------------------------------------------


@pytest.mark.parametrize("name", SHAPES)
def test_a_layer_space_knows_the_costs_of_its_designs(name: str) -> None:
    space = make_space(name, SHAPES[name], 7)
    designs = walks(space, 50)
    known = space.costs(designs)
    counted = [costs(architecture, SHAPES[name], 7) for architecture in space.architectures(designs)]
    assert list(known) == ["parameters", "macs"]
    assert known["parameters"].tolist() == [c.parameters for c in counted]
    assert known["macs"].tolist() == [c.macs for c in counted]


def test_a_table_knows_the_costs_that_it_has() -> None:
    space = TableSpace(table(flops=7, latency_seconds=0.002))
    designs = walks(space, 20)
    known = space.costs(designs)
    found = TableEvaluator(space).evaluate(space.architectures(designs))
    assert list(known) == ["parameters", "macs", "latency"]
    assert known["macs"].tolist() == [7.0] * 20
    assert known["latency"] == pytest.approx([e.latency_seconds for e in found])
    assert list(TableSpace(table()).costs(designs)) == ["parameters"]


# -- the cost to aim at ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHAPES)
def test_without_a_limit_the_target_is_the_median_of_designs_of_random_search(name: str) -> None:
    space = make_space(name, SHAPES[name], 7)
    random = space.random_actions(1_001, stream(0, "typical costs"))
    context = RewardContext(space)
    for cost in ("parameters", "macs"):
        values = space.costs(random)[cost]
        assert context.target(cost) == pytest.approx(float(np.median(values)), rel=1e-5)  # type: ignore[arg-type]
        assert context.reference(cost) == pytest.approx(1.1 * values.max(), rel=1e-5)  # type: ignore[arg-type]


def test_a_limit_is_the_target_for_the_cost_that_it_limits_and_for_no_other() -> None:
    space = make_space("mlp", (30,), 7, max_parameters=5_000)
    context = RewardContext(space)
    assert context.target("parameters") == 5_000
    assert context.reference("parameters") == 5_500
    assert context.target("macs") < 5_000
    other = make_space("mlp", (30,), 7, max_macs=4_000)
    assert RewardContext(other).target("macs") == 4_000


def test_on_a_table_the_median_and_the_largest_are_of_its_distinct_networks() -> None:
    made = table(latency_seconds=np.linspace(0.001, 0.002, 48))
    space = TableSpace(made)
    context = RewardContext(space)
    rows = space.distinct_rows
    assert len(rows) < len(made.architectures)
    parameters = made.metrics["parameters"][rows, 0]
    assert context.target("parameters") == np.median(parameters)
    assert context.reference("parameters") == pytest.approx(1.1 * parameters.max())
    median = np.median(made.metrics["latency_seconds"][rows, 0].astype(float))
    assert context.target("latency") == pytest.approx(float(median), rel=1e-5)


def test_a_missing_value_is_passed_over() -> None:
    values = np.full(48, 3.0)
    values[5:40] = np.nan
    assert RewardContext(TableSpace(table(macs=values))).target("macs") == 3


@pytest.mark.parametrize(
    "context",
    [
        RewardContext(make_space("mlp", (30,), 7)),
        RewardContext(TableSpace(table())),
        RewardContext(TableSpace(table(latency_seconds=np.nan))),
    ],
)
@pytest.mark.parametrize("reward", ["mnasnet:cost=latency", "hypervolume:cost=latency"])
def test_what_is_not_known_beforehand_must_be_given(context: RewardContext, reward: str) -> None:
    name, missing = ("mnasnet", "target") if "mnasnet" in reward else ("hypervolume", "reference")
    told = (
        f"^the reward '{name}' needs `{missing}`: no typical latency is known beforehand on space '.*'; "
        f"give it, as in {missing}=0.001 .seconds.$"
    )
    with pytest.raises(ValueError, match=told):
        load_reward(reward, context)
    assert load_reward(f"{reward},{missing}=0.001", context).parameters[missing] == 0.001


# -- bound once --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("accuracy", "accuracy"),
        ("blockqnn:rho=2", "blockqnn:rho=2"),
        ("mnasnet", "mnasnet:target=140"),
        ("mnasnet:w=-0.5", "mnasnet:w=-0.5,target=140"),
        ("mnasnet:target=7", "mnasnet:target=7"),
        ("monas:cost=macs", "monas:cost=macs,target=7"),
        ("tunas-absolute:cost=latency", "tunas-absolute:cost=latency,target=0.00333333"),
        ("hypervolume:scale=linear,cost=macs", "hypervolume:scale=linear,cost=macs,reference=7.7"),
    ],
)
def test_what_was_bound_is_written_down_and_read_back_as_it_is_without_the_setting(
    text: str, bound: str
) -> None:
    reward = load_reward(text, RewardContext(TableSpace(table(macs=7, latency_seconds=1 / 300))))
    assert reward.text == bound
    again = load_reward(bound)
    assert (again.function, again.parameters) == (reward.function, reward.parameters)
    assert again.text == bound


@pytest.mark.parametrize("number", ["0.1", "1e-09", "123456789", "0.12345678901234567", "1e+22", "-0.07"])
def test_every_number_is_written_down_exactly(number: str) -> None:
    reward = load_reward(f"mnasnet:target=1,w={number}")
    assert load_reward(reward.text).parameters["w"] == float(number)


def test_of_one_space_it_is_always_the_same() -> None:
    def targets(space: SearchSpace) -> list[float]:
        return [RewardContext(space).target(cost) for cost in COSTS[:2]]

    assert targets(make_space("mlp", (30,), 7)) == targets(make_space("mlp", (30,), 7))
    assert targets(make_space("mlp", (30,), 7)) != targets(make_space("mlp", (31,), 7))


def test_where_nothing_is_left_open_the_space_is_not_asked() -> None:
    class Silent(SearchSpace):
        name = "silent"

    Silent.__abstractmethods__ = frozenset()
    context = RewardContext(Silent())  # type: ignore[abstract]
    assert load_reward("mnasnet:target=3", context).text == "mnasnet:target=3"
    with pytest.raises(AttributeError):
        load_reward("mnasnet", context)


def test_without_a_setting_what_is_left_open_is_asked_for() -> None:
    with pytest.raises(
        ValueError, match="the reward 'mnasnet' needs `target`: give it, as in mnasnet:target=10000"
    ):
        load_reward("mnasnet")
