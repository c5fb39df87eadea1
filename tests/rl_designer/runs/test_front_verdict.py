"""The verdict on a whole front: by hypervolumes of random designs, as often wrong as it says."""

import numpy as np
import pytest

from rl_designer.envs.objectives import Scale
from rl_designer.runs import front_verdict
from rl_designer.runs.front_verdict import judge_front_by_designs, judge_front_by_table

Values = np.ndarray


@pytest.fixture
def values() -> Values:
    return np.random.default_rng(0).random((300, 2))


def best_of(values: Values, n: int) -> Values:
    return values[np.argsort(-values.sum(axis=1))[:n]]


@pytest.mark.parametrize("objectives", [2, 3])
def test_on_a_table_the_best_are_better_and_the_worst_no_better(objectives: int) -> None:
    values = np.random.default_rng(0).random((300, objectives))
    ours = judge_front_by_table(values, "mine", best_of(values, 20))
    assert ours.better is True and (ours.p_value or 1) <= 0.01
    assert ours.sentence.startswith("mine: better than random search. The front of its 20 designs has ")
    theirs = judge_front_by_table(values, "mine", best_of(-values, 20) * -1)
    assert theirs.better is False and theirs.p_value == pytest.approx(1, abs=0.02)
    assert theirs.control is not None and ours.control == theirs.control  # the mean of the same draws


def test_on_a_table_the_chance_is_that_of_as_many_random_designs(values: Values) -> None:
    scale = Scale.of_front(values)
    draws = np.random.default_rng(1)
    volumes = [scale.hypervolume(values[draws.choice(300, 10, replace=False)]) for _ in range(400)]
    own = values[draws.choice(300, 10, replace=False)]
    found = judge_front_by_table(values, "mine", own)
    share = np.mean(np.array(volumes) >= scale.hypervolume(own))
    assert found.p_value == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 400) + 0.01)
    assert found.hypervolume == pytest.approx(scale.hypervolume(own) / scale.hypervolume(values))


def test_against_random_designs_that_were_trained(values: Values) -> None:
    better = judge_front_by_designs("mine", values[:48] + 0.5, values[48:64], 10)
    assert better.better is True and better.p_value is not None and better.p_value <= 0.05
    assert "16 designs of random search (10 paid for by this run, 6 from earlier runs)" in better.sentence
    assert better.hypervolume == pytest.approx(1)  # the front of all together is its own
    no_better = judge_front_by_designs("mine", values[:16] - 0.5, values[16:64], 48)
    assert no_better.better is False and "no better than random search" in no_better.sentence
    alike = judge_front_by_designs("mine", values[:48], values[48:64], 16)
    assert alike.better is not True and (alike.p_value or 0) > 0.05


def test_the_test_rejects_no_more_often_than_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_verdict, "_DRAWS", 59)
    monkeypatch.setattr(front_verdict, "_MEANS", 4)
    values = np.random.default_rng(0).random((150, 24, 2))
    chances = np.array([judge_front_by_designs("mine", v[:16], v[16:], 8).p_value for v in values])
    assert (chances <= 0.05).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)


def test_designs_that_failed_count_as_designs_without_a_volume(values: Values) -> None:
    failed = np.full((5, 2), np.nan)
    found = judge_front_by_designs("mine", np.concatenate([values[:20], failed]), values[20:30], 10)
    assert "Its 25 designs" in found.sentence
    for own, controls in ((failed, failed), (values[:0], values), (values, values[:0])):
        assert judge_front_by_designs("mine", own, controls, 0).better is None
    assert judge_front_by_table(values, "mine", values[:0]).sentence.endswith("for want of designs.")
    assert judge_front_by_table(values, "mine", failed).better is False
