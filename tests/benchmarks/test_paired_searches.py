"""`benchmarks/paired_searches.py` pairs searches by task and seed, and says by how much one way is ahead."""

import json

import pytest
from click.testing import CliRunner

from rl_designer.envs.workers.local import LocalEngine
from rl_designer.runs.reading import read_run
from tests.helpers.scripts import script


@pytest.fixture(scope="module")
def searches():
    return script("paired_searches")


def test_one_command_searches_tells_and_goes_on(searches, monkeypatch, tmp_path):
    monkeypatch.setattr(searches, "USUAL", searches.USUAL | {"epochs": 1, "examples": 40})
    monkeypatch.setattr(searches, "TASKS", {"trees": searches.limited("wine", 2_000, "mlp")})
    monkeypatch.setattr(searches, "SPREAD", 3)
    monkeypatch.setattr(
        "rl_designer.setting.engine_of", lambda where: LocalEngine(0)
    )  # trains in this process
    options = [
        "hyperparameters",
        "--task",
        "trees",
        "--agent",
        "random",
        "--seeds",
        "1",
        "--evaluations",
        "2",
    ]
    first = CliRunner().invoke(searches.main, [*options, "--output", str(tmp_path)])
    assert first.exit_code == 0, first.output
    result = json.loads((tmp_path / "hyperparameters.json").read_text())
    [run] = result["runs"]
    assert set(run["both"]) == {"after 2", "again"} and run["spread"] > 0
    assert set(result["leads"]) == {f"{way}, {at}" for way in ("training", "both") for at in run["both"]}
    tuned = [
        found.design.architecture for found in read_run(tmp_path / "hyperparameters/trees/0-training").designs
    ]
    assert len(tuned) == 2 and len({design.network for design in tuned}) == 1, "only the training varies"
    monkeypatch.setattr(searches, "run_search", None)  # all is there
    again = CliRunner().invoke(searches.main, [*options, "--output", str(tmp_path)])
    assert json.loads((tmp_path / "hyperparameters.json").read_text()) == result, again.output


def test_leads_are_in_spreads_of_random_designs_and_equals_are_half_ahead(searches):
    runs = [
        {"a": {"again": 0.5}, "b": {"again": 0.6}, "spread": 0.1},
        {"a": {"again": 0.9}, "b": {"again": 0.9}, "spread": 0.01},
    ]
    [(name, lead)] = searches.leads(runs, ["a", "b"])
    assert name == "b, again" and lead["pairs"] == 2 and lead["mean score"] == [0.7, 0.75]
    assert (lead["lead in spreads"], lead["ahead"]) == (0.5, 0.75)
