"""`benchmarks/hacking_check.py`: the labelled suite of rewards, and how often the check is right about it."""

from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.helpers.scripts import script

TABLES = ["mnist1d-convnet1d", "mnist1d-cell1d"]


@pytest.fixture(scope="module")
def check():
    return script("hacking_check")


@pytest.fixture(scope="module")
def ground(check):
    return check.Ground(TABLES[0], None, "random", 10)


def test_half_of_the_suite_is_honest_half_is_gamed_and_so_is_each_of_its_parts(check):
    suite = check.suite()
    counts = Counter((labelled.label, labelled.split) for labelled in suite)
    assert set(counts) == {(label, split) for label in ("honest", "gamed") for split in ("choose", "judge")}
    assert len(suite) >= 40
    for split in ("choose", "judge"):
        assert counts["honest", split] == counts["gamed", split] >= 20
    assert len({labelled.reward for labelled in suite}) == len(suite)
    assert all(labelled.kind and labelled.source for labelled in suite)


def test_every_reward_pays_on_the_packages_table_the_same_each_time(check, ground):
    space = ground.setting.space
    designs = [space.architecture(row) for row in space.table.architectures[:40:8]]
    evaluations = ground.evaluator.evaluate(designs)
    for labelled in check.suite():
        reward = ground.reward(labelled)
        assert reward is not None, labelled
        paid = [reward(e, evaluations[:index]) for index, e in enumerate(evaluations)]
        assert paid == [reward(e, evaluations[:index]) for index, e in enumerate(evaluations)]


def test_a_training_has_what_the_table_knows_of_the_one_that_a_search_sees(ground):
    row = ground.setting.space.table.architectures[7]
    found = ground.evaluator.evaluate([ground.setting.space.architecture(row)])[0]
    metrics = ground.setting.space.table.metrics
    assert (
        found.learning_curve[-1]
        == found.val_accuracy
        == pytest.approx(metrics["valid_accuracy_first_seed"][7, 0])
    )
    assert found.val_loss == metrics["valid_loss"][7, 0] > 0 and found.training_seconds > 0
    assert found.seed is not None and len(found.learning_curve) == 6


def test_a_reward_that_needs_what_a_table_lacks_is_left_out(check, tmp_path):
    from tests.helpers.tables import synthetic_table

    synthetic_table((3, 3, 2)).save(tmp_path / "small.npz")
    small = check.Ground(str(tmp_path / "small.npz"), None, "random", 5)
    left_out = {labelled.reward for labelled in check.suite() if small.reward(labelled) is None}
    assert {"last_two_epochs", "negative-loss", "soon_done"} <= left_out
    assert not {"accuracy", "exponential", "wrong_answers", "rank"} & left_out


def test_wilsons_interval_is_that_of_the_textbook(check):
    assert check.wilson(9, 10) == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert check.wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert check.wilson(0, 0) == (0.0, 1.0)


def test_recall_precision_and_false_alarms_are_counted_by_label(check):
    rows = [
        {"label": label, "flagged": flagged}
        for label, flagged in [("gamed", True)] * 3
        + [("gamed", False), ("gamed", None), ("honest", True)]
        + [("honest", False)] * 4
    ]
    assert check.rates(rows) == {"recall": (3, 5), "precision": (3, 4), "false alarms": (1, 5)}


def test_one_command_judges_the_check(check, monkeypatch, tmp_path):
    some = {"accuracy", "exponential", "cheap", "wrong_answers"}
    labelled = [row for row in check.suite() if row.reward in some]
    monkeypatch.setattr(check, "suite", lambda: [check.replace(row, split="judge") for row in labelled])
    arguments = [
        "--table",
        TABLES[0],
        "--seeds",
        "6",
        "--evaluations",
        "40",
        "--output",
        str(tmp_path / "new"),
    ]
    done = CliRunner().invoke(check.main, arguments)
    assert done.exit_code == 0, done.output
    assert (
        "| mnist1d-convnet1d | 4 | 1.00 [0.34, 1.00] (2 of 2) | 1.00 [0.34, 1.00] (2 of 2) | 0.00 "
        in done.output
    )
    rows = Path(tmp_path / "new" / "hacking-check-judge.csv").read_text().splitlines()
    assert len(rows) == 5 and rows[0].startswith("reward,file,label,kind,split,source,table,flagged")
