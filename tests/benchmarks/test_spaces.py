"""`benchmarks/spaces.py` trains random designs of spaces once, and says which space has the better ones."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from tests.helpers.scripts import script

QUICK = ("--data", "wine", "--designs", "2", "--examples", "40", "--epochs", "1", "--seeds", "2")


@pytest.fixture(scope="module")
def spaces():
    return script("spaces")


def test_one_command_compares_spaces_and_trains_nothing_again(spaces, monkeypatch, tmp_path):
    own = tmp_path / "small.toml"
    own.write_text('name = "small"\nfamily = "mlp"\nmax_layers = 2\n[layers.dense]\nwidth = [4, 8]\n')
    asked = [*QUICK, "--space", "mlp", "--space", str(own), "--output", str(tmp_path)]
    first = CliRunner().invoke(spaces.main, asked)
    assert first.exit_code == 0, first.output
    result = json.loads((tmp_path / "spaces.json").read_text())
    scores = {name: np.array(found) for name, found in result["scores"]["wine"].items()}
    assert list(scores) == ["mlp", "small.toml"]
    lead = result["ahead of the first"]["small.toml"]
    for column, what in enumerate(("best", "best few")):
        paired = (scores["small.toml"] - scores["mlp"])[:, column]
        assert lead[what]["pairs"] == 2 and lead[what]["mean"] == pytest.approx(paired.mean())
        assert lead[what]["wins"] == (paired > 0).sum()
    assert all((found[:, 0] >= found[:, 1]).all() for found in scores.values())
    assert "| wine | " in (tmp_path / "spaces.md").read_text()
    monkeypatch.delattr(spaces.TrainingEvaluator, "evaluate")
    again = CliRunner().invoke(spaces.main, asked)
    assert json.loads((tmp_path / "spaces.json").read_text()) == result, again.output


def test_a_seed_draws_other_designs(spaces):
    dataset = spaces.load_dataset("wine")
    digests = [{d.digest for d in spaces.drawn("mlp", dataset, 5_000, 12, seed)} for seed in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2] and len(digests[0]) == 12


@pytest.mark.parametrize("named", [("mlp",), ("mlp", "mlp"), ("mlp", "convnet")])
def test_two_spaces_for_one_kind_of_data_are_needed(spaces, named):
    options = [part for name in named for part in ("--space", name)]
    refused = CliRunner().invoke(spaces.main, ["--data", "wine", *options])
    assert refused.exit_code == 1 and "for the same kind of data" in refused.output


def test_designs_of_experience_are_those_that_a_search_begins_with(spaces):
    dataset = spaces.load_dataset("wine")
    first, again, random = (
        {design.digest for design in find("mlp", dataset, 5_000, 4, 0)}
        for find in (spaces.proposed, spaces.proposed, spaces.drawn)
    )
    assert first == again != random and len(first) == 4
