"""Rewards as they are asked for: by name, with parameters, from a file, from a package; and their errors."""

import pickle
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from rl_designer.envs import extensions
from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards import (
    REWARDS,
    RewardContext,
    RewardError,
    as_reward,
    load_reward,
)
from rl_designer.envs.search_spaces.registry import make_space

MEASURED = Evaluation(val_accuracy=0.5, val_loss=0.7, parameters=1_000)


# -- names and parameters ----------------------------------------------------------------------------


def test_a_reward_says_what_it_was_asked_for_by_and_what_was_set() -> None:
    reward = load_reward("mnasnet:target=500,cost=macs")
    assert reward.name == "mnasnet"
    assert reward.parameters == {"target": 500, "cost": "macs"}
    assert reward.text == "mnasnet:target=500,cost=macs"
    assert load_reward("mnasnet:,target=500,").text == "mnasnet:target=500"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("acuracy", r"unknown reward 'acuracy'. Did you mean 'accuracy'\? .* Your own: file.py:function."),
        ("", "unknown reward ''"),
        ("mine.pyx:f", "unknown reward 'mine.pyx'"),
        ("mnasnet:tarket=3", r"unknown parameter of reward 'mnasnet' 'tarket'. Did you mean 'target'\?"),
        ("mnasnet:evaluation=3", "Legal: cost, target, w."),
        ("rank:history=3", r"unknown parameter of reward 'rank' 'history'. Legal: \(none\)."),
        ("accuracy:x=3", r"unknown parameter of reward 'accuracy' 'x'. Legal: \(none\)."),
        ("mnasnet:target=big", "parameter 'target' of reward 'mnasnet' must be a finite number, got 'big'"),
        ("mnasnet:target", "parameter 'target' of reward 'mnasnet' must be a finite number, got ''"),
        ("mnasnet:target=1,w=nan", "parameter 'w' of reward 'mnasnet' must be a finite number, got 'nan'"),
        ("mnasnet:w=1e999", "parameter 'w' of reward 'mnasnet' must be a finite number, got '1e999'"),
        ("mnasnet:target=0", "parameter 'target' of reward 'mnasnet' must be above 0, got 0"),
        ("monas:target=-3", "parameter 'target' of reward 'monas' must be above 0, got -3"),
        ("hypervolume:reference=0", "parameter 'reference' of reward 'hypervolume' must be above 0, got 0"),
        (
            "mnasnet:cost=parameter",
            r"unknown value of parameter 'cost' of reward 'mnasnet': 'parameter'. Did you mean "
            r"'parameters'\? Legal: flash, latency, macs, parameters, ram.",
        ),
        ("hypervolume:reference=1,scale=ln", r"parameter 'scale' of reward 'hypervolume': 'ln'"),
    ],
)
def test_a_mistyped_reward_is_refused_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        load_reward(text)
    assert "\n" not in str(caught.value)


# -- a user's own ------------------------------------------------------------------------------------


def written(folder: Path, text: str) -> Path:
    path = folder / "own.py"
    path.write_text(text)
    return path


def test_a_users_function_is_the_reward(tmp_path: Path) -> None:
    path = written(tmp_path, "def doubled(evaluation):\n    return 2 * evaluation.val_accuracy\n")
    reward = load_reward(f"{path}:doubled")
    assert reward(MEASURED) == 1.0
    assert reward.text == f"{path}:doubled" and not reward.sees_history


def test_a_users_function_of_two_arguments_sees_the_history(tmp_path: Path) -> None:
    path = written(tmp_path, "def late(evaluation, so_far):\n    return len(so_far)\n")
    reward = load_reward(f"{path}:late")
    assert reward.sees_history
    assert [reward(MEASURED), reward(MEASURED, [MEASURED] * 3)] == [0, 3]


TYPED = """\
from __future__ import annotations
from typing import Literal
from rl_designer.envs.rewards import Cost

def mine(evaluation, *, target: float, cost: Cost = "macs", share: float = 0, of: Literal["a", "b"] = "a",
         strict: bool = False, most: int = 3, label="x", ratio=0.5, plain=None):
    return 0.0 if repr((target, cost, share, of, strict, most, label, ratio, plain)) is None else 1.0

def unresolvable(evaluation, *, weight: Unknown = 2):
    return weight

class Weighted:
    def __call__(self, evaluation, *, weight: float = 1):
        return weight
weighted = Weighted()
"""


def test_a_users_parameters_are_read_by_their_types(tmp_path: Path) -> None:
    path = written(tmp_path, TYPED)
    text = "target=2,cost=latency,share=1e-3,of=b,strict=true,most=7,label=long,ratio=2,plain=4"
    reward = load_reward(f"{path}:mine:{text}")
    assert reward.parameters == {
        "target": 2.0, "cost": "latency", "share": 0.001, "of": "b", "strict": True, "most": 7,
        "label": "long", "ratio": 2.0, "plain": 4.0,
    }  # fmt: skip
    assert load_reward(reward.text).parameters == reward.parameters
    assert load_reward(f"{path}:unresolvable:weight=3")(MEASURED) == 3
    assert load_reward(f"{path}:weighted:weight=0.5")(MEASURED) == 0.5


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ("strict=yes", "parameter 'strict' of reward '.*own.py:mine' must be true or false, got 'yes'"),
        ("most=1.5", "parameter 'most' of .* must be a whole number, got '1.5'"),
        ("of=c", "unknown value of parameter 'of' of .*: 'c'. Legal: a, b."),
        ("oft=a", r"unknown parameter of reward '.*own.py:mine' 'oft'. Did you mean 'of'\?"),
        ("target=-1", "parameter 'target' of .* must be above 0, got -1"),
    ],
)
def test_a_users_parameters_are_checked_as_ours(tmp_path: Path, parameters: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        load_reward(f"{written(tmp_path, TYPED)}:mine:{parameters}")


def test_a_users_target_too_is_taken_from_the_setting(tmp_path: Path) -> None:
    path = written(tmp_path, TYPED)
    context = RewardContext(make_space("mlp", (30,), 7, max_macs=12_345))
    assert load_reward(f"{path}:mine", context).text == f"{path}:mine:target=12345"
    with pytest.raises(
        ValueError, match=r"the reward '.*own.py:mine' needs `target`: give it, as in .*:mine:"
    ):
        load_reward(f"{path}:mine")


def test_a_required_parameter_that_no_setting_knows_must_be_given(tmp_path: Path) -> None:
    path = written(tmp_path, "def mine(evaluation, *, a: float, b: float):\n    return a * b\n")
    context = RewardContext(make_space("mlp", (30,), 7))
    with pytest.raises(ValueError, match=r"the reward '.*:mine' needs `a` and `b`"):
        load_reward(f"{path}:mine", context)
    assert load_reward(f"{path}:mine:a=2,b=3", context)(MEASURED) == 6


def test_a_users_file_may_be_any_module(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from rl_designer.envs.evaluation import Evaluation\n"
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
        path = written(folder, f"value = {value}\ndef f(e): return value\n")
        rewards.append(load_reward(f"{path}:f"))
    assert [reward(MEASURED) for reward in rewards] == [1, 2]


@pytest.mark.parametrize(
    "path", [r"C:\users\me\r.py", "C:/users/me/r.py", "my.package.py", "a b.py", "odd.py.py", "a:b.py"]
)
def test_paths_of_every_kind_are_told_from_the_function(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("def f(evaluation, *, weight=1.0):\n    return weight\n")
    assert load_reward(f"{path}:f")(MEASURED) == 1
    assert load_reward(f"{path}:f:weight=4")(MEASURED) == 4


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
        ("def mine(): return 1", "mine", "must be a function of .* got one of 0 positional parameters"),
        ("def mine(a, b, c): return 1", "mine", "got one of 3 positional parameters"),
        ("def mine(*all): return 1", "mine", "got one of 0 positional parameters"),
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


# -- what goes wrong when it is asked ----------------------------------------------------------------

FAILING = """\
import json

def helper(value):
    return 1 / value

def divides(evaluation):
    return helper(evaluation.val_accuracy - 0.5)

def elsewhere(evaluation):
    return json.loads("{")

def nothing(evaluation):
    evaluation.val_accuracy

class Own:
    def __call__(self, evaluation, history):
        raise KeyError("two\\nlines")
own = Own()
"""


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("divides", "ZeroDivisionError: float division by zero (own.py, line 4: `return 1 / value`)"),
        (
            "elsewhere",
            "JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1) "
            '(own.py, line 10: `return json.loads("{")`)',
        ),
        ("nothing", "it must give a finite number, got None (own.py, line 12)"),
        ("own", "KeyError: 'two\\nlines' (own.py, line 17: `raise KeyError(\"two\\nlines\")`)"),
    ],
)
def test_an_exception_is_told_with_the_name_and_the_line_of_the_users_file(
    tmp_path: Path, function: str, told: str
) -> None:
    path = written(tmp_path, FAILING)
    with pytest.raises(RewardError) as caught:
        load_reward(f"{path}:{function}")(MEASURED)
    assert str(caught.value) == f"the reward '{path}:{function}' failed: {told}"


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (repr, "repr' failed: it must give a finite number, got "),
        (len, "len' failed: TypeError: object of type"),
    ],
)
def test_a_function_that_is_not_written_in_python_has_no_line(function: Any, told: str) -> None:
    with pytest.raises(RewardError, match=told) as caught:
        as_reward(function)(MEASURED)
    assert ", line " not in str(caught.value)


def test_an_error_comes_back_whole_from_another_process() -> None:
    design = Architecture("mlp", (Layer.of("dense", width=8),), True)
    error = RewardError("mine.py:f", "it must give a finite number, got nan", design)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.design, type(copy)) == (str(error), design, RewardError)
    assert str(error) == (
        f"the reward 'mine.py:f' failed on the design dense(width=8) ({design.digest}): "
        "it must give a finite number, got nan"
    )


# -- installed packages ------------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that offers rewards, one of them by the name of a built-in one."""
    (tmp_path / "some_rewards.py").write_text(
        "def half(evaluation, *, share: float = 0.5):\n    return share * evaluation.val_accuracy\n"
        "def growth(evaluation, history):\n    return len(history)\nnumber = 3\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    points = {
        "half": "some_rewards:half",
        "growth": "some_rewards:growth",
        "number": "some_rewards:number",
        "lost": "no_such_rewards:half",
        "accuracy": "some_rewards:half",
    }

    def points_of(group: str) -> Sequence[EntryPoint]:
        return [
            EntryPoint(name, value, group) for name, value in points.items() if group == "rl_designer.rewards"
        ]

    monkeypatch.setattr(extensions, "points_of", points_of)


@pytest.mark.usefixtures("installed")
def test_an_installed_packages_reward_is_found_by_its_name() -> None:
    assert load_reward("half")(MEASURED) == 0.25
    assert load_reward("half:share=2")(MEASURED) == 1.0
    assert load_reward("growth").sees_history
    assert sorted(extensions.REWARD.installed(REWARDS)) == ["growth", "half", "lost", "number"]


@pytest.mark.usefixtures("installed")
def test_a_built_in_rewards_name_can_not_be_taken() -> None:
    assert load_reward("accuracy")(MEASURED) == 0.5


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hlaf", r"unknown reward 'hlaf'. Did you mean 'half'\? Legal: .*half.*"),
        (
            "lost",
            r"^the installed reward 'lost' \(no_such_rewards:half\) can't be loaded: ModuleNotFoundError: ",
        ),
        ("number", r"^the installed reward 'number' \(some_rewards:number\) must be a function, got int$"),
    ],
)
def test_an_installed_reward_that_does_not_work_is_refused_in_one_line(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        load_reward(name)
    assert "\n" not in str(caught.value)
