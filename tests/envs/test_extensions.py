"""Agents, spaces and data sets of users' files and of installed packages. Rewards: see their own tests."""

import os
import shutil
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from rl_designer.agents.registry import agent_class
from rl_designer.envs import extensions
from rl_designer.envs.datasets import DatasetError, load_dataset
from rl_designer.envs.extensions import names_code, short_name, split_options, with_whole_path
from rl_designer.envs.search_spaces.registry import space_definition

OWN = """\
import numpy as np
from rl_designer.agents.random_search import RandomSearch
from rl_designer.envs.search_spaces.registry import space_definition

class Mine(RandomSearch):
    name = "mine"

    def __init__(self, *, seed=0, batch=4):
        super().__init__(seed=seed, batch=batch)

class NoAgent:
    pass

def tiny():
    return {"name": "tiny", "family": "mlp", "max_layers": 1, "layers": {"dense": {"width": [8, 16]}}}

def taken():
    return {**tiny(), "name": "mlp"}

def nothing():
    return None

def built_in():
    return space_definition("mlp")

def fails():
    raise KeyError("two\\nlines")

def needs(argument):
    return argument

def pair():
    x = np.arange(120.0).reshape(40, 3)
    return x, ["a", "b"] * 20

def parts():
    x, y = pair()
    return {"x_train": x, "y_train": y, "x_test": x[:4], "y_test": y[:4]}

def objects():
    return [[object()]] * 4, [0, 1, 0, 1]
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A user's file, and a package that gives some of the same."""
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "some_package.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    points = {
        "rl_designer.agents": {"theirs": "Mine", "number": "pair", "random": "Mine"},
        "rl_designer.spaces": {"theirs": "tiny", "lost": "lost"},
        "rl_designer.datasets": {"theirs": "pair"},
    }

    def points_of(group: str) -> Sequence[EntryPoint]:
        given = points.get(group, {})
        return [EntryPoint(name, f"some_package:{value}", group) for name, value in given.items()]

    monkeypatch.setattr(extensions, "points_of", points_of)
    return str(tmp_path / "own.py")


# -- texts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "options", "short"),
    [
        ("ppo", "ppo", "", "ppo"),
        ("ppo:batch=4,b=c:d", "ppo", "batch=4,b=c:d", "ppo"),
        ("a/own.py:Mine", "a/own.py:Mine", "", "Mine"),
        (r"C:\a\own.py:Mine:batch=4", r"C:\a\own.py:Mine", "batch=4", "Mine"),
        ("own.py", "own.py", "", "own"),
    ],
)
def test_a_text_is_taken_apart(text: str, name: str, options: str, short: str) -> None:
    assert (split_options(text), short_name(text)) == ((name, options), short)
    assert names_code(text) == (".py" in text)


def test_a_path_is_made_whole_and_other_texts_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert with_whole_path("own.py:Mine:batch=4") == f"{tmp_path}/own.py:Mine:batch=4"
    assert with_whole_path("ppo:batch=4") == "ppo:batch=4"
    assert not names_code("data.csv") and not names_code(None) and not names_code("x.pyx:f")


# -- installed packages ----------------------------------------------------------------------------


def test_a_package_that_comes_while_this_runs_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    os.utime(tmp_path, (0, 0))  # changed long ago
    assert "late" not in extensions.REWARD.installed(())
    package = tmp_path / "late-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: late\nVersion: 1\n")
    (package / "entry_points.txt").write_text("[rl_designer.rewards]\nlate = late:reward\n")
    assert extensions.REWARD.installed(())["late"].value == "late:reward"
    assert "late" not in extensions.REWARD.installed(("late",))
    shutil.rmtree(package)
    assert "late" not in extensions.REWARD.installed(())


# -- agents ----------------------------------------------------------------------------------------


def test_a_users_agent_is_found_and_takes_options(own: str) -> None:
    assert agent_class(f"{own}:Mine").name == "mine"
    with_options = agent_class(f"{own}:Mine:batch=2")
    assert with_options(seed=1).batch == 2 and with_options.name == f"{own}:Mine:batch=2"  # type: ignore[attr-defined]
    assert agent_class("theirs").name == "mine"
    assert agent_class("random").name == "random"  # a built-in one's name can't be taken


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{own}:Mein", "unknown agent class in .*own.py 'Mein'. Did you mean 'Mine'"),
        ("{own}:pair", "unknown agent class in .*own.py 'pair'"),
        ("{own}:NoAgent", "must be a subclass of rl_designer.agents.base.Agent"),
        ("{own}", "name the class in the agent file: .*own.py:class"),
        ("none.py:Mine", "no such agent file: none.py"),
        ("{own}:Mine:bach=2", "unknown option of agent .* 'bach'. Did you mean 'batch'"),
        ("number", r"the installed agent 'number' \(some_package:pair\) must be a class, got function"),
        ("thiers", "unknown agent 'thiers'. Did you mean 'theirs'.* Your own: file.py:class."),
    ],
)
def test_a_users_agent_that_does_not_work_is_refused_in_one_line(own: str, text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        agent_class(text.format(own=own))
    assert "\n" not in str(caught.value)


# -- spaces ----------------------------------------------------------------------------------------


def test_a_users_space_is_what_its_function_gives(own: str) -> None:
    assert space_definition(f"{own}:tiny").name == space_definition("theirs").name == "tiny"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{own}:taken", "the name 'mlp' is a built-in space's; choose another"),
        ("{own}:nothing", "a space must be a table, got NoneType"),
        ("{own}:fails", r"the space .*own.py:fails' failed: KeyError: 'two\\nlines'"),
        ("{own}:needs", "the space .*needs' failed: TypeError: "),
        ("lost", r"the installed space 'lost' \(some_package:lost\) can't be loaded: AttributeError"),
        ("thiers", "unknown space 'thiers'. Did you mean 'theirs'"),
    ],
)
def test_a_users_space_that_does_not_work_is_refused_in_one_line(own: str, text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        space_definition(text.format(own=own))
    assert "\n" not in str(caught.value)


# -- data sets -------------------------------------------------------------------------------------


def test_a_users_data_are_what_the_function_gives(own: str) -> None:
    data = load_dataset(f"{own}:pair")
    assert (data.name, data.input_shape, data.class_names) == ("pair", (3,), ("a", "b"))
    assert load_dataset("theirs").digest == data.digest
    parts = load_dataset(f"{own}:parts")
    assert parts.sealed_test is not None and len(parts.sealed_test.open()[1]) == 4


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{own}:nothing", r"must be a pair \(x, y\), or a mapping with x_train, .* got NoneType"),
        ("{own}:tiny", "must hold x and y, or x_train and y_train"),
        ("{own}:objects", "x of .* must hold numbers, or text alone, got other objects"),
        ("{own}:fails", "the data set .*own.py:fails' failed: KeyError"),
        ("{own}:pare", "unknown data set function in .* 'pare'. Did you mean 'pair'"),
        ("none.py:pair", "no such data set file: none.py"),
        ("thiers", "unknown data set 'thiers'. Did you mean 'theirs'.* Your own: file.py:function."),
    ],
)
def test_a_users_data_that_do_not_work_are_refused_in_one_line(own: str, text: str, reason: str) -> None:
    with pytest.raises(DatasetError, match=reason) as caught:
        load_dataset(text.format(own=own))
    assert "\n" not in str(caught.value)


def test_options_of_files_are_not_for_a_function(own: str) -> None:
    with pytest.raises(DatasetError, match=r"--target is for tables of rows .*, not for "):
        load_dataset(f"{own}:pair", target="y")


def test_tensors_and_lists_are_arrays(own: str, tmp_path: Path) -> None:
    code = "import torch\nimport own\ndef tensors():\n    x, y = own.pair()\n    return torch.tensor(x), y\n"
    (tmp_path / "more.py").write_text(code)
    x = load_dataset(f"{tmp_path}/more.py:tensors").x_train
    np.testing.assert_array_equal(x, load_dataset(f"{own}:pair").x_train)
