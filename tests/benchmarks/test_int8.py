"""`benchmarks/int8.py` searches, trains, quantises and says what that cost, by one command."""

import json

import pytest
from click.testing import CliRunner

from rl_designer.exporting.formats import FORMATS
from tests.helpers.scripts import script

if FORMATS["onnx"].missing:
    pytest.skip(f"needs {FORMATS['onnx'].missing}", allow_module_level=True)


def test_one_command_gives_the_figures(tmp_path):
    arguments = ["--data", "wine", "--evaluations", "2", "--seeds", "1", "--output", str(tmp_path)]
    ended = CliRunner().invoke(script("int8").main, arguments)
    assert ended.exit_code == 0, ended.output
    [seed] = json.loads((tmp_path / "int8.json").read_text())["results"]["wine"]["seeds"]
    assert seed["part"] == "test" and seed["examples"] == seed["test_outputs"] == 36
    assert seed["integers"] > 36 and seed["integers_most_apart"] <= 1
    [*_, line] = ended.output.splitlines()
    assert line.startswith("| wine | ") and f"{seed['bytes_before']:,} → {seed['bytes_after']:,}" in line
