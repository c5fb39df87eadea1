"""`benchmarks/seeds_auto.py`: benchmarks until decided, again and again, small."""

import numpy as np
import pytest
from click.testing import CliRunner

from rl_designer.comparisons import sequential
from rl_designer.comparisons.sequential import UntilDecided
from tests.helpers.scripts import BENCHMARKS, script


@pytest.fixture
def auto(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(sequential, "_DRAWS", 2_000)
    sequential._signs.cache_clear()
    yield script("seeds_auto")
    sequential._signs.cache_clear()


def test_a_difference_is_told_soon_and_nothing_is_told_where_there_is_none(auto):
    pool = np.random.Generator(np.random.PCG64(0)).normal(0, 1, 200)
    found = auto.repeated([pool, pool - 3], UntilDecided(20), 6, "apart")
    assert found.told.all() and not found.errors.any() and found.seeds.max() < 20
    assert found.effect < -1 and found.fixed is not None and found.fixed <= 20
    same = auto.repeated([pool, pool, pool], UntilDecided(20), 6, "same")
    assert same.effect == 0 and same.fixed is None and same.errors.sum() <= 1 and not same.told.any()


def test_more_fixed_seeds_have_more_power(auto):
    pool = np.random.Generator(np.random.PCG64(1)).normal(0, 1, 200)
    samples = [auto.drawn([pool, pool + 1], 30, number, "close") for number in range(30)]
    assert auto.power(samples, 7) < auto.power(samples, 30)
    least = auto.fixed_seeds(samples, 0.5, 30)
    assert auto.power(samples, least) >= 0.5 and auto.fixed_seeds(samples, 1.1, 30) is None


def test_one_command_measures_it(auto, monkeypatch):
    monkeypatch.setattr(auto, "CASES", {"nothing to tell": (100, 100), "after 2": (100, 2)})
    done = CliRunner().invoke(auto.main, ["--pool", "12", "--repetitions", "3", "--most", "14"])
    assert done.exit_code == 0, done.output
    assert "| nothing to tell | 0.00 | " in done.output and "| after 2 | -" in done.output
    assert "One number of seeds for all cases with the same mean power" in done.output
