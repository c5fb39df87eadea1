"""`table info`: what is in a table."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rl_designer.table_making.info import table_info
from tests.helpers.command_line import runner
from tests.helpers.tables import synthetic_table


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(capsys):
    return runner(capsys)


def test_info_says_how_far_repeats_and_the_two_metrics_agree():
    table = synthetic_table()
    values = table.metrics["search"]
    repeats = np.concatenate([values, values, -values], axis=1)
    table = replace(table, metrics={**table.metrics, "search": repeats})
    info = table_info(table)
    assert info["metrics"]["search"]["rank_correlation"] == pytest.approx((1 - 1 - 1) / 3)
    assert info["metrics"]["report"]["rank_correlation"] is None
    assert 0.9 < table_info(synthetic_table())["tasks"]["task"]["rank_correlation"] < 1


def test_info_counts_a_network_once_and_leaves_missing_values_out():
    table = synthetic_table((3, 3, 2), duplicates=True, missing=0.3)
    info = table_info(table)
    assert info["architectures"] == 18 and info["distinct"] == 12
    task = info["tasks"]["task"]
    first = np.unique(table.canonical, return_index=True)[1]
    values = table.metrics["search"][first, 0]
    assert task["missing"] == np.isnan(values).sum() > 0
    assert task["spread"]["best"] == task["best"]["search"] == pytest.approx(np.nanmax(values))
    assert task["spread"]["worst"] == pytest.approx(np.nanmin(values))


def test_info_of_what_is_to_be_minimized_calls_the_lowest_the_best():
    table = synthetic_table((3, 3))
    facts = {**table.metric_facts, "search": {"unit": "nats", "maximize": False}}
    task = table_info(replace(table, metric_facts=facts))["tasks"]["task"]
    assert task["best"]["search"] == pytest.approx(float(table.metrics["search"].min()))


def test_info_of_a_table_without_a_value_says_none():
    table = synthetic_table((2, 2))
    empty = {**table.metrics, "search": np.full((4, 1), np.nan, np.float32)}
    info = table_info(replace(table, metrics=empty))
    assert info["tasks"]["task"]["best"] is None and info["metrics"]["search"]["lowest"] is None
    assert json.dumps(info, allow_nan=False)


def test_info_reads_well_and_its_json_is_one_object(here, command):
    replace(synthetic_table(), made={"version": "1"}).save(Path("s.npz"))
    shown = command("table", "info", "s.npz")
    assert shown.status == 0 and "task task: search search, report report" in shown.out
    assert "cells" not in shown.out and command("table", "info", "s.npz", "--json").json["wiring"] is None
    assert "rank correlation of the two metrics 0." in shown.out and "72 designs, all distinct" in shown.out
    assert command("table", "info", "s.npz", "--json").json["made"] == {"version": "1"}
    missing = command("table", "info", "none.npz")
    assert missing.status == 1 and len(missing.err.splitlines()) == 1
