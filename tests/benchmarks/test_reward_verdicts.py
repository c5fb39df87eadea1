"""`benchmarks/reward_verdicts.py` and `benchmarks/published_rewards.py`, small."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner, Result

from rl_designer.config import make_config
from tests.helpers.tables import synthetic_table

ROOT = Path(__file__).resolve().parents[2]
ALL_YARDSTICKS = ("reported", "reported-within-limit", "hypervolume", "front-regret")


def script(name: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module


def run(name: str, *arguments: object) -> Result:
    return CliRunner().invoke(script(name).main, list(map(str, arguments)))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "synthetic.npz"
    synthetic_table((4, 4, 3, 4)).save(path)
    return path


@pytest.mark.parametrize("rewards, seeds", [(2, 8), (3, 9)])
def test_one_reward_against_itself_is_told_apart_in_at_most_one_of_twenty_benchmarks(
    rewards: int, seeds: int, table: Path
) -> None:
    verdicts = script("reward_verdicts")
    config = make_config({"table": str(table), "agent": "random", "evaluations": 10})
    for found in verdicts.false_alarms(config, ALL_YARDSTICKS, 40, rewards, seeds, 0):
        assert found.alarms <= 0.05 * 40, found
        assert found.flags <= 0.05 * 40 * rewards, found
        assert found.line().count("|") == 7


def test_the_interval_of_a_share_is_exact() -> None:
    verdicts = script("reward_verdicts")
    assert verdicts.exact_interval(0, 200) == (0.0, pytest.approx(0.0183, abs=1e-4))
    assert verdicts.exact_interval(10, 200) == pytest.approx((0.0242, 0.0900), abs=1e-4)
    assert verdicts.exact_interval(200, 200)[1] == 1.0


def test_the_judge_is_judged_by_one_command(table: Path, tmp_path: Path) -> None:
    small = ("--repetitions", 3, "--rewards", 2, "--seeds", 8, "--evaluations", 10, "--workers", 1)
    done = run(
        "reward_verdicts", "--table", table, "--cases-agent", "random", *small, "--output", tmp_path / "out"
    )
    assert done.exit_code == 0, done.stderr
    assert "| negative_accuracy |" in done.stdout and "| worse | yes |" in done.stdout
    assert done.stdout.count("| 2 | 8 | 3 |") == len(ALL_YARDSTICKS)
    assert (tmp_path / "out" / "synthetic" / "summary.json").is_file()


def test_a_wrong_verdict_is_told() -> None:
    verdicts = script("reward_verdicts")
    right = {
        "accuracy": {"hacked": False},
        "file.py:negative_accuracy": {"verdict": "worse"},
        "file.py:few_parameters": {"hacked": True},
        "file.py:rescaled_accuracy": {"verdict": "indistinguishable"},
    }
    assert verdicts.wrong({"rewards": right}) == []
    mistaken = {**right, "file.py:few_parameters": {"hacked": False}}
    assert verdicts.wrong({"rewards": mistaken}) == ["few_parameters is not flagged as hacked"]


def test_the_published_rewards_come_as_a_table(table: Path, tmp_path: Path) -> None:
    small = ("--agent", "random", "--seeds", 3, "--evaluations", 10, "--workers", 1)
    done = run(
        "published_rewards", "accuracy", "monas", "--table", table, *small, "--output", tmp_path / "out"
    )
    assert done.exit_code == 0, done.stderr
    first, second = done.stdout.strip().splitlines()[-2:]
    assert first.startswith("| accuracy |") and second.startswith("| monas |")
    assert first.count("|") == second.count("|") == 7
    assert (tmp_path / "out" / "synthetic" / "report.html").is_file()
    assert (tmp_path / "out" / "published-rewards.md").read_text().strip() == done.stdout.strip()


def test_where_there_is_no_table_it_says_where_it_looked(tmp_path: Path) -> None:
    done = run("published_rewards", "--table", tmp_path / "no.npz")
    assert done.exit_code == 1 and "RL_DESIGNER_TABLES names the folder" in done.output
