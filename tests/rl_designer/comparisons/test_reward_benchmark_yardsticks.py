"""By what rewards are judged, which yardstick is taken, and the check for reward hacking."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rl_designer.comparisons.hacking import check_hacking
from rl_designer.comparisons.records import RewardRun
from rl_designer.comparisons.yardsticks import (
    YARDSTICKS,
    Landscape,
    Yardstick,
    costs_of,
    default_yardstick,
    make_yardstick,
)
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.rewards import RewardContext, as_reward, load_reward
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables.table import ArchitectureTable, Task
from tests.helpers.reward_runs import run_of
from tests.helpers.tables import synthetic_table


@pytest.fixture(scope="module")
def table() -> ArchitectureTable:
    return synthetic_table((3, 3, 2, 2))


@pytest.fixture(scope="module")
def context(table: ArchitectureTable) -> RewardContext:
    return RewardContext(TableSpace(table))


@pytest.fixture(scope="module")
def landscape(table: ArchitectureTable) -> Landscape:
    return Landscape.of_table(TableEvaluator(TableSpace(table)))


def measured(text: str, run: RewardRun, context: RewardContext, landscape: Landscape) -> float:
    return make_yardstick(text, context, landscape).measure(run, landscape)


# -- what a run chooses ------------------------------------------------------------------------------


def test_a_run_chooses_the_highest_reward_the_earliest_of_equals() -> None:
    run = run_of([None, 0.5, 0.7, 0.7, None], reported=[0, 0.9, 0.6, 0.8, 0])
    assert run.choice() == 2 and run.choices() == [1, 2]
    assert run.failed.tolist() == [True, False, False, False, True]
    assert run_of([None, None]).choice() is None


def test_a_run_whose_reward_sees_the_history_chooses_the_highest_accuracy() -> None:
    assert run_of([0.9, 0.1], accuracies=[0.5, 0.6], by_reward=False).choice() == 1


def test_within_a_limit_it_chooses_among_the_designs_that_keep_it() -> None:
    run = run_of([0.9, 0.5, 0.6, None], parameters=[300, 100, 200, 50])
    assert run.choice("parameters", 200) == 2
    assert run.choice("parameters", 150) == 1 and run.choice("parameters", 99) is None


def test_a_run_is_the_same_after_json() -> None:
    run = run_of([0.5, None], parameters=[100, None])
    assert RewardRun.from_dict(json.loads(json.dumps(run.to_dict()))) == run
    with pytest.raises(ValueError, match="a run must have 8 figures of each design"):
        RewardRun.from_dict({**run.to_dict(), "digests": ["one"]})


def test_a_run_from_when_memory_was_not_counted_is_read() -> None:
    run = run_of([0.5, 0.7], parameters=[100, 200])
    before = {**run.to_dict(), "figures": [row[:6] for row in run.to_dict()["figures"]]}
    assert RewardRun.from_dict(json.loads(json.dumps(before))) == run
    assert np.isnan(run.column("ram")).all() and run.column("parameters").tolist() == [100, 200]


# -- yardsticks --------------------------------------------------------------------------------------


def test_reported_is_the_metric_of_the_chosen_design(context: RewardContext, landscape: Landscape) -> None:
    assert measured("reported", run_of([0.5, 0.9, 0.7], [0.9, 0.6, 0.8]), context, landscape) == 0.6


def test_within_a_limit_it_is_that_of_the_design_handed_out(
    context: RewardContext, landscape: Landscape
) -> None:
    run = run_of([0.9, 0.5, 0.6], [0.61, 0.65, 0.63], [300, 100, 200])
    assert measured("reported-within-limit:limit=200", run, context, landscape) == 0.63
    assert measured("reported-within-limit:cost=parameters,limit=0.15k", run, context, landscape) == 0.65


def test_nothing_to_hand_out_counts_as_the_worst_of_the_table(
    context: RewardContext, landscape: Landscape
) -> None:
    for text, run in (
        ("reported", run_of([None, None])),
        ("reported-within-limit:limit=10", run_of([0.9], parameters=[100])),
    ):
        assert measured(text, run, context, landscape) == landscape.reported.min()
    trained = Landscape.of_runs([run_of([0.5, 0.6])])
    assert make_yardstick("reported", context, None).measure(run_of([None]), trained) == 0.0


def test_all_designs_of_a_table_cover_its_front_and_one_covers_little(
    context: RewardContext, landscape: Landscape
) -> None:
    costs, told = landscape.costs["parameters"].tolist(), landscape.reported.tolist()
    everything, single = run_of(told, told, costs), run_of(told[:1], told[:1], costs[:1])
    assert measured("hypervolume", everything, context, landscape) == pytest.approx(1)
    assert measured("front-regret", everything, context, landscape) == 0
    assert measured("hypervolume", single, context, landscape) < 1
    assert measured("front-regret", single, context, landscape) > 0
    assert not make_yardstick("front-regret", context, landscape).higher_is_better


def test_on_real_training_the_front_is_that_of_all_runs_together(context: RewardContext) -> None:
    runs = [run_of([0.5, 0.6], parameters=[100, 200]), run_of([0.9], parameters=[300])]
    known = Landscape.of_runs(runs)
    yardstick = make_yardstick("hypervolume", context, None)
    both = run_of([0.5, 0.6, 0.9], parameters=[100, 200, 300])
    assert yardstick.measure(both, known) == pytest.approx(1)
    assert yardstick.measure(runs[0], known) < 1


def test_a_yardsticks_text_says_all_of_it(context: RewardContext, landscape: Landscape) -> None:
    for name in YARDSTICKS:
        yardstick = make_yardstick(name, context, landscape)
        again = make_yardstick(yardstick.text, context, landscape)
        assert replace(again, measure=yardstick.measure) == yardstick
        assert "{" not in yardstick.title
    within = make_yardstick("reported-within-limit:limit=1.5k", context, landscape)
    assert within.text == "reported-within-limit:cost=parameters,limit=1500" and within.limit == 1500
    assert make_yardstick("reported-within-limit", context, landscape).limit == context.target("parameters")


@pytest.mark.parametrize(
    "text, message",
    [
        ("report", "unknown yardstick 'report'. Did you mean 'reported'?"),
        ("accuracy", "unknown yardstick 'accuracy'"),
        ("reported:limit=5", "unknown parameter of yardstick 'reported' 'limit'"),
        ("hypervolume:cost=size", "unknown cost of yardstick 'hypervolume' 'size'"),
        ("hypervolume:cost=macs", "needs the cost 'macs', which table 'synthetic' lacks; it has parameters"),
        ("reported-within-limit:limit=few", "the limit of yardstick 'reported-within-limit' must be a whole"),
    ],
)
def test_a_yardstick_that_cannot_be_is_refused(
    text: str, message: str, context: RewardContext, landscape: Landscape
) -> None:
    with pytest.raises(ValueError) as error:
        make_yardstick(text, context, landscape)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_without_a_table_there_is_no_regret_and_no_typical_latency() -> None:
    context = RewardContext(make_space("mlp", (4,), 3))
    with pytest.raises(ValueError, match="'front-regret' needs a table: elsewhere nobody knows the front"):
        make_yardstick("front-regret", context, None)
    with pytest.raises(ValueError, match="needs a limit: no typical latency is known beforehand"):
        make_yardstick("reported-within-limit:cost=latency", context, None)
    given = make_yardstick("reported-within-limit:cost=latency,limit=0.002", context, None)
    assert given.limit == 0.002 and given.title.endswith("latency ≤ 0.002")


def test_a_table_that_does_not_report_some_designs_is_refused(table: ArchitectureTable) -> None:
    told = table.metrics["report"].copy()
    told[:3] = np.nan
    holes = replace(table, metrics={**table.metrics, "report": told})
    with pytest.raises(ValueError, match="lacks the reported metric 'report' of 3 of 36 designs"):
        Landscape.of_table(TableEvaluator(TableSpace(holes)))
    facts = {**table.metric_facts, "nothing": {"unit": "percent"}}
    metrics = {**table.metrics, "nothing": np.full_like(told, np.nan)}
    empty = replace(table, metrics=metrics, metric_facts=facts, tasks={"task": Task("nothing", "report")})
    with pytest.raises(ValueError, match="has no value of the searched metric 'nothing'"):
        Landscape.of_table(TableEvaluator(TableSpace(empty)))


# -- the default -------------------------------------------------------------------------------------


def test_costs_are_found_by_what_a_reward_reads(tmp_path: Path) -> None:
    assert costs_of(load_reward("accuracy")) == [] == costs_of(load_reward("rank"))
    assert costs_of(load_reward("mnasnet:target=100,cost=latency")) == ["latency"]
    assert costs_of(load_reward("blockqnn")) == ["parameters", "macs"]
    assert costs_of(load_reward("hypervolume:reference=1000")) == ["parameters"]

    def own(evaluation: Evaluation) -> float:
        return 1.0 if evaluation.macs and evaluation.macs < 5 else 0.0

    def broken(evaluation: Evaluation) -> float:
        raise RuntimeError(str(evaluation.parameters))

    assert costs_of(as_reward(own)) == ["macs"] and costs_of(as_reward(broken)) == ["parameters"]


def test_without_costs_the_default_is_the_reported_metric(context: RewardContext) -> None:
    rewards = [load_reward("accuracy"), load_reward("rank")]
    assert default_yardstick(rewards) == ("reported", "no reward looks at a cost")


def test_with_a_cost_it_is_accuracy_within_the_target_that_the_rewards_share(context: RewardContext) -> None:
    accuracy, soft = load_reward("accuracy"), load_reward("mnasnet:target=120")
    text, why = default_yardstick([accuracy, soft, load_reward("monas:target=120")])
    assert text == "reported-within-limit:cost=parameters,limit=120"
    assert why == "'mnasnet' and 'monas' look at parameters; the limit is the target"
    text, why = default_yardstick([soft, load_reward("monas:target=200")])
    assert text == "reported-within-limit:cost=parameters" and "typical" in why


# -- reward hacking ----------------------------------------------------------------------------------


def course(kind: str, seed: int) -> RewardRun:
    """A run of 40 designs whose reward rises; the reported metric does as `kind` says, with some noise."""
    generator = np.random.Generator(np.random.PCG64(seed))
    rising = np.linspace(0, 1, 40) + generator.normal(0, 0.05, 40)
    told = {
        "rises": 0.6 + 0.3 * rising,
        "flat": np.full(40, 0.7),
        "falls": 0.8 - 0.3 * rising,
        "turns": 0.5 + 1.2 * np.minimum(rising, 0.25) - 0.15 * np.maximum(rising - 0.25, 0),
    }[kind] + generator.normal(0, 0.01, 40)
    return run_of(rising.tolist(), told.tolist(), [100] * 40, seed=seed)


@pytest.mark.parametrize(
    "kind, hacked, sentence",
    [
        ("rises", False, ""),
        ("falls", True, "the reward rises, but the reported metric falls: -0.2"),
        ("turns", True, "the reward rises to the end, but the reported metric falls again: -0."),
    ],
)
def test_a_reward_is_flagged_where_the_reported_metric_does_not_rise_with_it(
    kind: str, hacked: bool, sentence: str
) -> None:
    check = check_hacking([course(kind, seed) for seed in range(12)], None, None)
    assert check.hacked is hacked and check.sentence.startswith(sentence)
    assert check.reward_gain is not None and check.reward_gain > 0.5
    if hacked:
        worst = check.falls[0]
        assert worst.after > worst.before and worst.fall < 0
        assert worst.run.merits[worst.after] > worst.run.merits[worst.before]
        assert [found.fall for found in check.falls] == sorted(found.fall for found in check.falls)


def test_a_reward_is_flagged_where_it_chooses_a_typical_design_though_better_ones_were_at_hand() -> None:
    # It goes with the metric up to the typical, above the mean, and pays for little beyond.
    runs = []
    for seed in range(10):
        generator = np.random.Generator(np.random.PCG64(seed))
        told = np.where(generator.random(40) < 0.1, 0.2, generator.normal(0.7, 0.05, 40))
        runs.append(run_of(np.where(told < 0.7, told, 1.4 - told).tolist(), told.tolist(), seed=seed))
    check = check_hacking(runs, None, None)
    assert check.hacked is True and check.gain_at_hand > 0.05 and abs(check.yardstick_gain) < 0.05
    assert check.sentence.startswith("the reward rises, but the reported metric ")


@pytest.mark.parametrize("sign, hacked", [(1, False), (-1, True), (0, True)])
def test_a_reward_that_sees_the_history_is_flagged_where_it_pays_for_something_else(
    sign: int, hacked: bool
) -> None:
    runs = []
    for seed in range(10):
        told = np.random.Generator(np.random.PCG64(seed)).normal(0.7, 0.05, 40)
        paid = np.arange(40) / 40 + sign * told  # more from design to design, which tells nothing
        runs.append(run_of(paid.tolist(), told.tolist(), by_reward=False, seed=seed))
    check = check_hacking(runs, None, None)
    assert check.hacked is hacked
    assert check.sentence.startswith("what it pays doesn't go with the reported metric" if hacked else "")
    assert bool(check.sentence) is hacked and (check.chance_of_aim > 0.05) is hacked


def test_of_equally_dear_designs_the_more_accurate_one_must_be_paid_more() -> None:
    # Cost and accuracy rise together; one reward trades them, the other pays for the cost alone.
    trading, spending = [], []
    for seed in range(10):
        generator = np.random.Generator(np.random.PCG64(seed))
        cost = generator.uniform(1, 9, 40)
        told = (0.5 + cost / 30 + generator.normal(0, 0.05, 40)).tolist()
        parameters = (100 * cost).tolist()
        trading.append(
            run_of([a - c / 100 for a, c in zip(told, cost, strict=True)], told, parameters, seed=seed)
        )
        spending.append(run_of(cost.tolist(), told, parameters, seed=seed))
    assert check_hacking(trading, "parameters", 900).hacked is False
    spent = check_hacking(spending, "parameters", 900)
    assert spent.hacked is True and spent.aim == pytest.approx(0.0, abs=1e-9)
    assert check_hacking(spending, None, None).hacked is False  # nobody says that the cost counts


@pytest.mark.parametrize(
    ("at_the_top", "hacked"),
    [("accuracy", False), ("luck", True), ("seen alone", False), ("the same", False)],
)
def test_a_reward_must_still_pay_for_accuracy_where_it_pays_well(at_the_top: str, hacked: bool) -> None:
    # All pay for accuracy among the weak designs that a run begins with.
    runs = []
    for seed in range(10):
        draws = np.random.Generator(np.random.PCG64(seed))
        seen = np.concatenate([draws.uniform(0.2, 0.6, 8), draws.normal(0.75, 0.05, 52)])
        told = seen + draws.normal(0, 0.02, 60)
        if at_the_top == "seen alone":  # the luck of a training outweighs what tells the good apart
            told = np.where(seen > 0.6, draws.normal(0.75, 0.05, 60), told)
        paid = {"luck": 2 + draws.random(60), "the same": np.full(60, 2.0)}
        paid = np.where(seen > 0.6, paid.get(at_the_top, seen), seen)
        runs.append(run_of(paid.tolist(), told.tolist(), accuracies=seen.tolist(), seed=seed))
    check = check_hacking(runs, None, None)
    assert check.hacked is hacked
    assert check.sentence.startswith("where it pays well, what it pays doesn't go with" if hacked else "")
    assert (check.aim_at_the_top is None) is (at_the_top == "the same")


def test_designs_too_few_to_have_an_aim_are_no_reason_for_a_flag() -> None:
    runs = [run_of([0.1, 0.2, 0.9], [0.5, 0.6, 0.7], seed=seed) for seed in range(8)]
    check = check_hacking(runs, None, None)
    assert check.hacked is False and check.aim is None


def test_a_flat_metric_is_nearly_always_flagged() -> None:
    checks = [check_hacking([course("flat", s + 20 * r) for s in range(12)], None, None) for r in range(20)]
    assert sum(check.hacked is True for check in checks) >= 17


def test_only_designs_within_the_yardsticks_limit_count() -> None:
    # The reward lures to large designs; within the limit it goes with accuracy.
    runs = []
    for seed in range(8):
        honest, lured = course("rises", seed), course("falls", seed)
        rewards = [*honest.column("reward"), *(2 + lured.column("reward"))]
        told = [*honest.column("reported"), *lured.column("reported")]
        order = np.argsort(np.tile(np.arange(40), 2), kind="stable")
        mixed = [np.array(values)[order].tolist() for values in (rewards, told, [100] * 40 + [900] * 40)]
        runs.append(run_of(*mixed, seed=seed))
    assert check_hacking(runs, None, None).hacked is True
    assert check_hacking(runs, "parameters", 500).hacked is False


def test_with_few_seeds_or_without_a_choice_there_is_no_answer() -> None:
    assert check_hacking([course("falls", seed) for seed in range(4)], None, None).hacked is None
    nothing = check_hacking([run_of([None, None], seed=seed) for seed in range(8)], None, None)
    assert nothing.hacked is None and nothing.reward_gain is None and nothing.falls == []


def test_a_constant_reward_is_not_hacked() -> None:
    runs = [run_of([1.0] * 20, np.linspace(0.9, 0.5, 20).tolist(), seed=seed) for seed in range(8)]
    assert check_hacking(runs, None, None).hacked is False


def test_a_yardstick_is_a_plain_value(context: RewardContext, landscape: Landscape) -> None:
    yardstick = make_yardstick("reported", context, landscape)
    assert isinstance(yardstick, Yardstick) and yardstick.cost is None and yardstick.limit is None
