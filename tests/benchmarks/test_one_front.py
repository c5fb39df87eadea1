"""`benchmarks/one_front.py` sets one search for a front beside several with limits."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from tests.helpers.scripts import script


@pytest.fixture(scope="module")
def one_front():
    return script("one_front")


def test_one_command_compares_both_with_as_many_trainings(one_front, monkeypatch, tmp_path):
    asked = ["--data", "wine", "--limit", "300", "--limit", "3k", "--evaluations", "4", "--epochs", "1"]
    asked += ["--agent", "random"]
    asked += ["--examples", "60", "--seeds", "1", "--output", str(tmp_path)]
    first = CliRunner().invoke(one_front.main, asked)
    assert first.exit_code == 0, first.output
    runs = {
        path.name: one_front.rl.load_run(path) for path in (tmp_path / "wine-0").iterdir() if path.is_dir()
    }
    assert {name: len(run.designs) for name, run in runs.items()} == {"front": 4, "300": 2, "3k": 2}
    assert all(design.evaluation.parameters <= 300 for design in runs["300"].designs)
    [[one, several]] = json.loads(first.output)["shares"]["wine"]
    assert 0 < max(one, several) <= 1
    monkeypatch.setattr(one_front.rl, "search", None, raising=False)
    assert CliRunner().invoke(one_front.main, asked).output == first.output


def test_who_has_the_whole_front_has_all_of_its_hypervolume(one_front):
    front = np.array([[0.9, -4.0], [0.8, -3.0]])
    assert one_front.shares_of(front, front[:1]) == [1.0, 0.5238]
