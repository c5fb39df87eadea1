"""`benchmarks/latency_model.py` fits a model to some networks and tells how far it is off on others."""

import json
import sys

import pytest

from tests.helpers.scripts import script


def test_it_judges_a_model_by_networks_that_it_never_saw(monkeypatch, capsys, tmp_path):
    latency_model = script("latency_model")
    given = ["--fitted", "12", "--others", "6", "--seeds", "1", "--space", "mlp"]
    monkeypatch.setattr(sys, "argv", ["latency_model.py", *given, "--output", str(tmp_path / "l.json")])
    latency_model.main(told=lambda line: None)
    written = json.loads((tmp_path / "l.json").read_text())
    assert json.loads(capsys.readouterr().out) == written
    [found] = written["mlp"]
    assert 0 < found["milliseconds"][0] < found["milliseconds"][1]
    for by in ("model", "macs", "parameters"):
        assert 0 <= found[by]["median_error"] <= found[by]["error_of_nine_in_ten"]
        assert -1 <= found[by]["rank_correlation"] <= 1


def test_errors_are_shares_of_what_was_measured():
    latency_model = script("latency_model")
    found = latency_model._errors([1.1, 2.0, 3.0], latency_model.np.array([1.0, 2.0, 4.0]))
    assert found["median_error"] == pytest.approx(0.1) and found["rank_correlation"] == pytest.approx(1)
