"""Rewards: the published ones, their parameters, and a user's own from a file."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_designer.envs.evaluators.base import Evaluation
from rl_designer.envs.names import unknown_name
from rl_designer.envs.rewards import REWARDS, load_reward
from tests.strategies import few_examples

MEASURED = Evaluation(val_accuracy=0.5, val_loss=0.7, parameters=1_000)


# -- the published ones ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy", 0.5),
        ("accuracy-cubed", 0.125),
        ("negative-loss", -0.7),
        ("mnasnet", 0.5 * 0.1**-0.07),
        ("mnasnet:target=500,w=-0.15", 0.5 * 2**-0.15),
        ("mnasnet:", 0.5 * 0.1**-0.07),
        ("parameter-penalty", 0.5 - 0.02 * 3),
        ("parameter-penalty:weight=0.1", 0.5 - 0.1 * 3),
    ],
)
def test_a_reward_is_what_its_source_says(text: str, expected: float) -> None:
    assert load_reward(text)(MEASURED) == pytest.approx(expected)


@pytest.mark.parametrize("name", REWARDS)
def test_every_reward_says_in_one_line_what_it_is(name: str) -> None:
    assert len((REWARDS[name].__doc__ or "").splitlines()) == 1


@few_examples
@given(st.floats(0, 1), st.integers(0, 10**9), st.floats(0, 100))
@pytest.mark.parametrize("name", REWARDS)
def test_every_reward_is_a_finite_number_whatever_was_measured(
    name: str, val_accuracy: float, parameters: int, val_loss: float
) -> None:
    evaluation = Evaluation(val_accuracy=val_accuracy, val_loss=val_loss, parameters=parameters)
    assert abs(REWARDS[name](evaluation)) <= 1_000


@pytest.mark.parametrize("name", REWARDS)
def test_a_better_network_is_paid_more_whatever_the_reward(name: str) -> None:
    better = Evaluation(val_accuracy=0.6, val_loss=0.6, parameters=1_000)
    assert REWARDS[name](better) > REWARDS[name](MEASURED)


@pytest.mark.parametrize("name", ["mnasnet", "parameter-penalty"])
def test_a_smaller_network_is_paid_more_by_a_reward_with_a_cost(name: str) -> None:
    smaller = Evaluation(val_accuracy=0.5, parameters=100)
    assert REWARDS[name](smaller) > REWARDS[name](MEASURED)


@pytest.mark.parametrize(
    ("name", "lacking"),
    [
        ("accuracy", "val_accuracy"),
        ("accuracy-cubed", "val_accuracy"),
        ("negative-loss", "val_loss"),
        ("mnasnet", "parameters"),
        ("parameter-penalty", "parameters"),
    ],
)
def test_what_the_evaluator_does_not_measure_is_said(name: str, lacking: str) -> None:
    known = {"val_accuracy": 0.5, "val_loss": 0.7, "parameters": 1_000, lacking: None}
    with pytest.raises(
        ValueError, match=f"the reward needs `{lacking}`, which this evaluator doesn't measure"
    ):
        REWARDS[name](Evaluation(**known))  # type: ignore[arg-type]


# -- names and parameters ----------------------------------------------------------------------------


def test_a_reward_keeps_the_name_that_it_was_asked_for_by() -> None:
    assert load_reward("mnasnet:target=500").__name__ == "mnasnet:target=500"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("acuracy", r"unknown reward 'acuracy'. Did you mean 'accuracy'\? .* Your own: file.py:function."),
        ("", "unknown reward ''"),
        ("mnasnet:tarket=3", r"unknown parameter of reward 'mnasnet' 'tarket'. Did you mean 'target'\?"),
        ("mnasnet:evaluation=3", "Legal: target, w."),
        ("accuracy:x=3", r"unknown parameter of reward 'accuracy' 'x'. Legal: \(none\)."),
        ("mnasnet:target=big", "parameter 'target' of reward 'mnasnet' must be a number, got 'big'"),
        ("mnasnet:target", "parameter 'target' of reward 'mnasnet' must be a number, got ''"),
    ],
)
def test_a_mistyped_reward_is_refused_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        load_reward(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("target", ["0", "-3", "nan"])
def test_a_target_that_no_network_can_have_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match=f"the target must be above 0 parameters, got {target}"):
        load_reward(f"mnasnet:target={target}")(MEASURED)


def test_an_unknown_name_is_told_with_the_nearest_and_all_the_legal_ones() -> None:
    assert unknown_name("agent", "pppo", ["random", "ppo"]) == (
        "unknown agent 'pppo'. Did you mean 'ppo'? Legal: ppo, random."
    )
    assert unknown_name("agent", "xyz", []) == "unknown agent 'xyz'. Legal: (none)."


# -- a user's own ------------------------------------------------------------------------------------


def written(folder: Path, text: str) -> Path:
    path = folder / "own.py"
    path.write_text(text)
    return path


def test_a_users_function_is_the_reward(tmp_path: Path) -> None:
    path = written(tmp_path, "def doubled(evaluation):\n    return 2 * evaluation.val_accuracy\n")
    reward = load_reward(f"{path}:doubled")
    assert reward(MEASURED) == 1.0
    assert reward.__name__ == "doubled"  # type: ignore[attr-defined]


def test_a_users_file_may_be_any_module(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from rl_designer.envs.evaluators.base import Evaluation\n"
        "@dataclass\n"
        "class Weighted:\n"
        "    weight: float\n"
        "    def __call__(self, evaluation: Evaluation) -> float:\n"
        "        return self.weight * evaluation.val_accuracy\n"
        "own = Weighted(3.0)\n",
    )
    assert load_reward(f"{path}:own")(MEASURED) == 1.5


def test_two_files_of_one_name_are_two_rewards(tmp_path: Path) -> None:
    rewards = []
    for value in (1, 2):
        folder = tmp_path / str(value)
        folder.mkdir()
        rewards.append(
            load_reward(f"{written(folder, f'value = {value}{chr(10)}def f(e): return value{chr(10)}')}:f")
        )
    assert [reward(MEASURED) for reward in rewards] == [1, 2]


@pytest.mark.parametrize(
    ("text", "function", "reason"),
    [
        ("def mine(e): return 1", "", r"name the function in the reward file: .*own.py:function"),
        (
            "def mine(e): return 1",
            "mein",
            r"unknown reward function in .* 'mein'. Did you mean 'mine'\? Legal: mine.",
        ),
        ("mine = 3", "mine", r"unknown reward function in .* 'mine'. Legal: \(none\)."),
        ("def (", "mine", r"the reward file .* failed: SyntaxError: invalid syntax"),
        ("1 / 0", "mine", "the reward file .* failed: ZeroDivisionError: division by zero"),
        ("import no_such_module", "mine", "failed: ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise ValueError('two\\nlines')", "mine", "failed: ValueError: two lines"),
        ("raise SystemExit(3)", "mine", "failed: SystemExit: 3"),
        ("\0", "mine", "the reward file .* failed: "),
    ],
)
def test_a_users_file_that_does_not_work_is_refused_in_one_line(
    tmp_path: Path, text: str, function: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        load_reward(f"{written(tmp_path, text)}:{function}")
    assert "\n" not in str(caught.value)


def test_a_users_file_without_a_function_named_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="name the function in the reward file"):
        load_reward(str(written(tmp_path, "def mine(e): return 1")))


def test_a_users_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"no such reward file: {tmp_path / 'none.py'}"):
        load_reward(f"{tmp_path / 'none.py'}:mine")
    with pytest.raises(ValueError, match="no such reward file"):
        load_reward("mine.py:mine")
