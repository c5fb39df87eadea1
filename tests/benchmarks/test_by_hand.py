"""`benchmarks/by_hand.py` says by how much winners are ahead of references and rivals, over data sets."""

import json

import pytest
from click.testing import CliRunner

from rl_designer.cli import cli
from tests.helpers.scripts import script


@pytest.fixture(scope="module")
def by_hand():
    return script("by_hand")


def test_a_winner_is_set_beside_what_people_would_use_and_nothing_is_made_again(
    by_hand, monkeypatch, tmp_path
):
    def ran(*words):
        quick = ["--epochs", "1"] if words[0] in ("train", "retrain") else []
        done = CliRunner().invoke(cli, [*map(str, words), *quick, "--json", "--quiet"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    monkeypatch.setattr(by_hand, "_ran", ran)
    wanted = ["--data", "wine", "--reference", "mlp", "--evaluations", "1", "--setting", "space=mlp"]
    wanted += ["--seeds", "1"]
    first = CliRunner().invoke(by_hand.main, [*wanted, "--output", str(tmp_path)])
    assert first.exit_code == 0, first.output
    found = json.loads((tmp_path / "wine" / "found.json").read_text())
    assert {"mlp", "linear model", "gradient boosting"} <= set(found["others"])
    monkeypatch.delattr(by_hand, "_ran")
    again = CliRunner().invoke(by_hand.main, [*wanted, "--output", str(tmp_path)])
    assert again.output == first.output
    lead = json.loads(again.output[again.output.index("{") :])["mlp"]
    assert lead["mean"] == round(found["winner"] - found["others"]["mlp"], 4) and lead["of"] == 1


def test_only_those_that_all_data_have_are_averaged(by_hand):
    leads = {"a": {"x": 0.1, "y": 0.5}, "b": {"x": -0.3}}
    assert by_hand.summary(leads)["x"]["mean"] == -0.1
    assert by_hand.summary(leads)["x"]["ahead"] == 1
    assert list(by_hand.summary(leads)) == ["x"]


@pytest.mark.parametrize(
    ("name", "short"),
    [("task:motifs:classes=5", "motifs:classes=5"), ("b/p.py:leaf", "leaf"), ("b/mine.csv", "mine")],
)
def test_data_have_short_names(by_hand, name, short):
    assert by_hand.label(name) == short
