"""`benchmarks/sample_efficiency.py` remakes the README's table."""

import json
from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner, Result

from rl_designer.envs.tables.table import Task
from tests.helpers.scripts import script
from tests.helpers.tables import synthetic_table


def run(tables: Path, output: Path, *arguments: str) -> Result:
    words = [*arguments, "--output", str(output), "--workers", "1"]
    return CliRunner(env={"RL_DESIGNER_TABLES": str(tables)}).invoke(script("sample_efficiency").main, words)


def test_one_command_makes_the_table(tmp_path: Path) -> None:
    tasks = {"cifar10": Task("search", "report"), "cifar100": Task("report", "report")}
    for name in ("nas-bench-201", "nas-bench-macro"):
        replace(synthetic_table((3, 4, 3)), tasks=tasks).save(tmp_path / f"{name}.npz")
    output = tmp_path / "out"
    done = run(tmp_path, output, "local-search", "random", "--seeds", "2", "--evaluations", "36")
    assert done.exit_code == 0, done.stderr
    header, line, first, second = done.stdout.strip().splitlines()[-4:]
    assert header.count("|") == line.count("|") == first.count("|") == second.count("|") == 6
    assert first.startswith("| local-search |") and second.startswith("| random |") and " … " in second
    assert (output / "sample-efficiency.md").read_text().strip() == done.stdout.strip()
    summary = json.loads((output / "to-the-best" / "nas-bench-201-cifar100" / "summary.json").read_text())
    assert summary["task"] == "synthetic/cifar100" and summary["seeds"] == 2


def test_where_there_are_no_tables_it_says_where_it_looked(tmp_path: Path) -> None:
    done = run(tmp_path, tmp_path / "out")
    assert isinstance(done.exception, SystemExit) and done.exit_code == 1
    assert "RL_DESIGNER_TABLES names the folder" in done.output


def test_the_quality_of_policies_is_a_table_too() -> None:
    sampled = {"policy_samples": {"top_1_percent": 0.91, "top_0_1_percent": 0.5, "distinct": 33.4}}
    text = script("sample_efficiency").quality_table({"A": {"seeds": 10, "agents": {"ppo": sampled}}}, 100)
    assert text.strip().splitlines()[-1] == "| ppo | 91 %, 50 %, 33 |"
