import ast
import re

import pytest

import rl_designer
from rl_designer import errors
from rl_designer.envs.datasets import DatasetError, load_dataset
from rl_designer.envs.tables.catalogue import load_table
from tests.test_imports import files


def classes() -> dict[str, list[str]]:
    """Name → bases, of all of the product."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files().values()]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return {node.name: [base.id for base in node.bases if isinstance(base, ast.Name)] for node in nodes}


def test_all_errors_have_one_root_and_the_tree_shows_them() -> None:
    found, kinds = classes(), {"Error"}
    while more := {name for name, bases in found.items() if kinds & set(bases)} - kinds:
        kinds |= more
    assert [name for name, bases in found.items() if "ValueError" in bases] == ["Error"]
    assert kinds == set(re.findall(r"^ *- `(\w+)`", str(errors.__doc__), re.MULTILINE))


def test_users_catch_one_class_or_value_errors() -> None:
    for error in (rl_designer.Error, ValueError, DatasetError):
        with pytest.raises(error, match="unknown data set 'mnist2d'"):
            load_dataset("mnist2d")
    with pytest.raises(rl_designer.Error, match="unknown table"):
        load_table("none")
    assert not issubclass(errors.Interrupted, Exception)
