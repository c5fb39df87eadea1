"""The catalogue of rewards: formulas, and the contract that each one keeps."""

import inspect
import math
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_designer.envs.errors import unknown_name
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards import REWARDS, Reward, accuracy, as_reward, load_reward
from rl_designer.testing.rewards import (
    HISTORIES,
    check_a_run_gives_what_replay_gives,
    check_accuracy_never_harms,
    check_costs_never_help,
    check_it_is_pure_and_finite,
)
from tests.helpers.strategies import few_examples

MEASURED = Evaluation(
    val_accuracy=0.5,
    val_loss=0.7,
    parameters=2_000,
    macs=8_000,
    latency_seconds=0.004,
    val_recalls=(0.7, 0.3, None),
)


def spelled(name: str) -> str:
    """A reward with what it would take from a setting."""
    legal = inspect.signature(REWARDS[name]).parameters
    given = [f"{p}={value}" for p, value in (("target", 1_000), ("reference", 1_500)) if p in legal]
    return f"{name}:{','.join(given)}"


EVERY = [pytest.param(load_reward(spelled(name)), id=name) for name in REWARDS]
SEEING_HISTORY = {"rank", "hypervolume"}


# -- formulas ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy", 0.5),
        ("accuracy-cubed", 0.125),
        ("negative-loss", -0.7),
        # T / target = 2: 2^-0.07 = 0.952638, 2^-0.15 = 0.901250, 2^-0.1 = 0.933033
        ("mnasnet:target=1000", 0.476319),
        ("mnasnet:target=4000", 0.524858),
        ("mnasnet:target=1000,w=-1", 0.25),
        ("mnasnet-hard:target=1000", 0.25),
        ("mnasnet-hard:target=4000", 0.5),
        ("mobilenetv3:target=1000", 0.450625),
        ("tunas-absolute:target=1000", 0.4),
        ("tunas-absolute:target=4000", 0.45),
        ("tunas-absolute:target=2000,beta=-9", 0.5),
        ("tunas-hard:target=1000", 0.4665165),
        ("tunas-hard:target=4000", 0.5),
        ("proxylessnas:target=1000", 0.4665165),
        ("proxylessnas:target=4000", 0.5358867),
        ("monas:target=1999", 0.0),
        ("monas:target=2000", 0.5),
        # T is what `cost` says
        ("mnasnet:cost=parameters,target=1000,w=-1", 0.25),
        ("mnasnet:cost=macs,target=1000,w=-1", 0.0625),
        ("mnasnet:cost=latency,target=0.001,w=-1", 0.125),
        ("tunas-absolute:cost=latency,target=0.002", 0.4),
        ("monas:cost=latency,target=0.004", 0.5),
        # ln 4 = 1.386294, ln 8000 = 8.987197
        ("blockqnn", 39.626509),
        ("blockqnn:rho=2,mu=0", 47.227411),
        ("parameter-penalty", 0.5 - 0.02 * 3.30103),
        ("parameter-penalty:weight=0.1", 0.169897),
        ("worst-class", 0.3),
        # alone: nothing to be better than; all of the area to the reference
        ("rank", 0.5),
        ("hypervolume:reference=20000", 0.5),
        ("hypervolume:reference=2000", 0.0),
        ("hypervolume:reference=10000,scale=linear", 4_000.0),
        ("hypervolume:cost=latency,reference=0.4", 1.0),
    ],
)
def test_a_reward_is_what_its_source_says(text: str, expected: float) -> None:
    assert load_reward(text)(MEASURED) == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize("name", REWARDS)
def test_every_reward_says_what_it_is_in_its_first_line_and_its_source_below(name: str) -> None:
    first, *rest = (inspect.getdoc(REWARDS[name]) or "").splitlines()
    assert first.endswith(".") and len(first) <= 110
    if name != "accuracy":
        assert rest[0] == "" and ("20" in "".join(rest) or "No published source" in "".join(rest))


def test_every_parameter_of_every_reward_is_set_by_name_alone() -> None:
    for name, function in REWARDS.items():
        positional = [
            p for p in inspect.signature(function).parameters.values() if p.kind is not p.KEYWORD_ONLY
        ]
        expected = ["evaluation", "history"] if name in SEEING_HISTORY else ["evaluation"]
        assert [p.name for p in positional] == expected


@pytest.mark.parametrize("name", REWARDS)
def test_the_signature_says_whether_a_reward_sees_the_history(name: str) -> None:
    reward = load_reward(spelled(name))
    assert reward.sees_history == (name in SEEING_HISTORY)
    assert reward.best_by == ("val_accuracy" if name in SEEING_HISTORY else "reward")


# -- the contract ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reward", EVERY)
def test_it_is_pure_and_finite(reward: Reward) -> None:
    check_it_is_pure_and_finite(reward)


@pytest.mark.parametrize("reward", EVERY)
def test_of_two_designs_that_cost_the_same_the_better_one_is_never_paid_less(reward: Reward) -> None:
    check_accuracy_never_harms(reward)


@pytest.mark.parametrize("reward", [e for e in EVERY if e.id not in ("tunas-absolute", "blockqnn")])
def test_of_two_designs_that_are_as_good_the_dearer_one_is_never_paid_more(reward: Reward) -> None:
    check_costs_never_help(reward)


def test_tunas_absolute_alone_punishes_what_is_cheaper_than_the_target() -> None:
    reward = load_reward("tunas-absolute:target=1000")
    values = [reward(Evaluation(0.5, parameters=n)) for n in (500, 1_000, 1_500)]
    assert values == pytest.approx([0.45, 0.5, 0.45])
    with pytest.raises(AssertionError, match="a dearer design is paid more"):
        check_costs_never_help(reward)


def test_blockqnn_alone_pays_for_more_parameters_of_as_many_multiply_adds() -> None:
    reward = load_reward("blockqnn")
    assert reward(Evaluation(0.5, parameters=200, macs=900)) > reward(
        Evaluation(0.5, parameters=100, macs=900)
    )
    assert reward(Evaluation(0.5, parameters=200, macs=901)) < reward(
        Evaluation(0.5, parameters=200, macs=900)
    )


@pytest.mark.parametrize("cost", ["parameters", "macs", "latency"])
@pytest.mark.parametrize(
    "name", ["mnasnet", "mnasnet-hard", "mobilenetv3", "tunas-hard", "proxylessnas", "monas"]
)
def test_the_contract_holds_for_every_cost(name: str, cost: str) -> None:
    reward = load_reward(f"{name}:cost={cost},target={0.01 if cost == 'latency' else 10_000}")
    check_it_is_pure_and_finite(reward)
    check_accuracy_never_harms(reward)
    check_costs_never_help(reward)


evaluations = st.builds(
    Evaluation,
    val_accuracy=st.floats(0, 1),
    val_loss=st.floats(0, 100),
    parameters=st.integers(0, 10**12),
    macs=st.integers(0, 10**12),
    latency_seconds=st.floats(0, 1_000),
    val_recalls=st.lists(st.floats(0, 1), min_size=1, max_size=3).map(tuple),
)


@few_examples
@given(st.lists(evaluations, max_size=8))
@pytest.mark.parametrize("reward", EVERY)
def test_paid_along_a_run_or_on_replay_it_is_the_same_finite_number(
    reward: Reward, run: Sequence[Evaluation]
) -> None:
    check_a_run_gives_what_replay_gives(reward, run)


class _Counting:
    """Pays a little more each time."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, evaluation: Evaluation) -> float:
        self.calls += 1
        return accuracy(evaluation) + self.calls


_seen: list[Evaluation] = []


def _remembers(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    _seen.append(evaluation)
    return len(_seen)


@pytest.mark.parametrize(
    ("check", "broken", "told"),
    [
        (check_it_is_pure_and_finite, _Counting(), "asked again it pays something else"),
        (check_it_is_pure_and_finite, lambda e: 1 / (e.val_accuracy - 0.5), "ZeroDivisionError"),
        (check_it_is_pure_and_finite, lambda e: math.log(e.parameters), "ValueError"),
        (check_it_is_pure_and_finite, lambda e: 10.0**e.macs, "OverflowError"),
        (check_it_is_pure_and_finite, lambda e, history: history[0].val_accuracy, "IndexError"),
        (check_it_is_pure_and_finite, lambda e: math.nan, "must give a finite number, got nan"),
        (check_accuracy_never_harms, lambda e: -e.val_accuracy, "a better design is paid less"),
        (check_accuracy_never_harms, lambda e: e.val_accuracy > 0.2 and -1.0, "a better design is paid less"),
        (check_accuracy_never_harms, lambda e: 1.0, "it doesn't care for accuracy"),
        (check_costs_never_help, lambda e: e.parameters, "a dearer design is paid more"),
        (check_costs_never_help, lambda e: e.latency_seconds > 1, "a dearer design is paid more"),
        (check_costs_never_help, lambda e, history: len(history) * e.macs, "a dearer design is paid more"),
    ],
)
def test_the_contract_finds_broken_rewards(
    check: Callable[[Reward], None], broken: Callable[..., float], told: str
) -> None:
    with pytest.raises((AssertionError, ValueError), match=told):
        check(as_reward(broken))


def test_the_contract_finds_a_reward_that_remembers_what_it_was_asked() -> None:
    with pytest.raises(AssertionError):
        check_a_run_gives_what_replay_gives(as_reward(_remembers), HISTORIES[2])


# -- what isn't measured -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lacking"),
    [
        ("accuracy", "val_accuracy"),
        ("accuracy-cubed", "val_accuracy"),
        ("negative-loss", "val_loss"),
        ("mnasnet:target=1", "parameters"),
        ("mnasnet:target=1,cost=macs", "macs"),
        ("tunas-absolute:target=1,cost=latency", "latency_seconds"),
        ("blockqnn", "macs"),
        ("parameter-penalty", "parameters"),
        ("rank", "val_accuracy"),
        ("hypervolume:reference=1,cost=macs", "macs"),
    ],
)
def test_what_the_evaluator_does_not_measure_is_said(text: str, lacking: str) -> None:
    known = {"val_accuracy": 0.5, "val_loss": 0.7, "parameters": 1, "macs": 1, "latency_seconds": 1.0}
    evaluation = Evaluation(**{**known, lacking: None})  # type: ignore[arg-type]
    name = text.partition(":")[0]
    with pytest.raises(
        ValueError,
        match=f"^the reward '{name}' failed: it needs `{lacking}`, which this evaluator doesn't measure$",
    ):
        load_reward(text)(evaluation)


def test_an_unknown_name_is_told_with_the_nearest_and_all_the_legal_ones() -> None:
    assert unknown_name("agent", "pppo", ["random", "ppo"]) == (
        "unknown agent 'pppo'. Did you mean 'ppo'? Legal: ppo, random."
    )
    assert unknown_name("agent", "xyz", []) == "unknown agent 'xyz'. Legal: (none)."
