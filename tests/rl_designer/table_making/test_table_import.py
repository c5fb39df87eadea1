"""`table import`: other people's tables, from CSV."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from rl_designer.envs.tables.table import ArchitectureTable
from rl_designer.envs.tables.wiring import Wiring
from rl_designer.table_making import published as table_fetch
from rl_designer.table_making.import_csv import mapping_of, read_csv_table
from tests.helpers.command_line import runner
from tests.helpers.tables import MACRO, same_values, shared

CSV = """depth,width,accuracy,other run,parameters,network
shallow,4,81.5,80.5,100,a
shallow,8,,83,200,b
deep,4,90,91,150,b
"""
COLUMNS = 'columns = ["depth", "width"]'
MAPPING = """
name = "mine"
title = "Depths and widths"
source = "made up"

[architectures]
columns = ["depth", "width"]
canonical = "network"

[metrics.accuracy]
columns = ["accuracy", "other run"]
unit = "percent"
split = "valid"
epochs = 3

[metrics.parameters]
unit = "count"

[tasks.main]
search = "accuracy"
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RL_DESIGNER_CACHE", str(tmp_path / "cache"))
    (tmp_path / "t.csv").write_text(CSV)
    (tmp_path / "t.toml").write_text(MAPPING)
    (tmp_path / "macro.json").write_text(json.dumps(MACRO))
    return tmp_path


@pytest.fixture
def command(capsys):
    return runner(capsys)


# -- CSV -----------------------------------------------------------------------------------------------


def test_a_csv_with_a_mapping_becomes_a_table(here, command):
    done = command("table", "import", "t.csv", "--mapping", "t.toml", "--output", "t.npz", "--json")
    assert done.status == 0 and done.err == "written: t.npz\n"
    table = ArchitectureTable.load("t.npz")
    assert (table.name, table.title, table.source) == ("mine", "Depths and widths", "made up")
    assert table.decisions == (("depth", ("shallow", "deep")), ("width", ("4", "8")))
    assert table.architectures.tolist() == [[0, 0], [0, 1], [1, 0]]
    assert np.array_equal(table.metrics["accuracy"], np.float32([[81.5, 80.5], [np.nan, 83], [90, 91]]), True)
    assert table.metric_facts["accuracy"] == {
        "unit": "percent",
        "split": "valid",
        "epochs": 3,
        "maximize": True,
        "repeats": 2,
    }
    assert table.metric_facts["parameters"] == {"unit": "count", "maximize": False}
    assert table.canonical.tolist() == [0, 1, 1]
    assert table.task(None).search == table.task(None).report == "accuracy"
    assert done.json["distinct"] == 2 and done.json["metrics"]["accuracy"]["missing"] == 1


def test_a_plain_csv_needs_options_only(here, command):
    words = [
        "table",
        "import",
        "t.csv",
        "--output",
        "plain.npz",
        "--decision",
        "depth",
        "--decision",
        "width",
    ]
    words += ["--metric", "other run:percent", "--metric", "parameters:count", "--quiet"]
    done = command(*words, "--json")
    assert done.status == 0 and done.err == "" and done.json["name"] == "plain"
    assert done.json["tasks"]["main"]["search"] == done.json["tasks"]["main"]["report"] == "other run"
    assert done.json["tasks"]["main"]["best"] == {"options": ["deep", "4"], "search": 91.0, "report": 91.0}
    more = ["--metric", "accuracy:percent", "--search", "accuracy", "--report", "other run", "--name", "x"]
    found = command(*words, *more, "--json").json
    assert found["name"] == "x" and found["tasks"]["main"]["search"] == "accuracy"
    assert found["tasks"]["main"]["missing"] == 1


def test_one_column_may_hold_all_decisions(here):
    Path("cells.csv.gz").write_bytes(gzip.compress(b"cell,value\n a-x ,0.5\nb-x,0.25\n"))
    data = {
        "name": "cells",
        "architectures": {"column": "cell", "pattern": r"(\w)-(\w)", "options": ["x", "b", "a"]},
        "metrics": {"value": {}},
        "tasks": {"t": {"search": "value"}},
    }
    table = read_csv_table(Path("cells.csv.gz"), mapping_of(data, "here"))
    assert [name for name, _ in table.decisions] == ["decision 1", "decision 2"]
    assert table.architectures.tolist() == [[2, 0], [1, 0]]
    assert table.metric_facts["value"] == {"unit": "fraction", "maximize": True}
    data["architectures"]["names"] = ["first", "second"]
    table = read_csv_table(Path("cells.csv.gz"), mapping_of(data, "here"))
    assert [name for name, _ in table.decisions] == ["first", "second"]


WIRED = (
    MAPPING
    + """
[wiring]
edges = {width = [1, 2], depth = [0, 1]}
absent = "shallow"
"""
)


def test_a_mapping_says_which_decision_stands_on_which_edge(here, command):
    Path("t.toml").write_text(WIRED)
    done = command("table", "import", "t.csv", "--mapping", "t.toml", "--output", "t.npz", "--json")
    assert done.status == 0
    table = ArchitectureTable.load("t.npz")
    assert table.wiring == Wiring(((0, 1), (1, 2)), absent="shallow")
    assert done.json["wiring"] == {"edges": {"depth": [0, 1], "width": [1, 2]}, "absent": "shallow"}
    shown = command("table", "info", "t.npz").out
    assert "cells, shallow takes an edge out: depth 0→1, width 1→2" in shown
    Path("t.toml").write_text(WIRED.replace('absent = "shallow"', ""))
    command("table", "import", "t.csv", "--mapping", "t.toml", "--output", "t.npz")
    assert ArchitectureTable.load("t.npz").wiring == Wiring(((0, 1), (1, 2)))
    assert "cells, with every edge there: depth 0→1" in command("table", "info", "t.npz").out


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (
            "{width = [1, 2], ",
            "{",
            "t.toml: all of it: `wiring.edges` must name exactly the decisions, ['depth', 'width']",
        ),
        ("width = [1, 2]", "widths = [1, 2]", "must name exactly the decisions, ['depth', 'width']"),
        ("[1, 2]", "[1, 2], more = [0, 1]", "must name exactly the decisions, ['depth', 'width']"),
        ("[1, 2]", "[1]", "t.toml: wiring.edges.width: List should have at least 2 items"),
        ("[1, 2]", "[1, 2, 3]", "t.toml: wiring.edges.width: List should have at most 2 items"),
        ("[1, 2]", "[1.5, 2]", "t.toml: wiring.edges.width.0: Input should be a valid integer"),
        (
            "[1, 2]",
            "[2, 1]",
            "an edge of `wiring` must lead from a node to a higher one below 64, got [2, 1]",
        ),
        ("[1, 2]", "[-1, 2]", "got [-1, 2]"),
        ("[1, 2]", "[1, 64]", "got [1, 64]"),
        ('absent = "shallow"', 'absent = "no"', "`wiring`: no decision has the option 'no'"),
        ('absent = "shallow"', "absent = 3", "t.toml: wiring.absent: Input should be a valid string"),
        ('absent = "shallow"', 'away = "shallow"', "t.toml: wiring.away: Extra inputs"),
    ],
)
def test_a_bad_wiring_in_a_mapping_is_one_line(here, command, old, new, text):
    assert old in WIRED
    Path("t.toml").write_text(WIRED.replace(old, new))
    done = command("table", "import", "t.csv", "--mapping", "t.toml", "--output", "t.npz")
    assert done.status == 1 and text in done.err and len(done.err.splitlines()) == 1, done.err
    assert not Path("t.npz").exists()


def test_nats_benchs_csv_has_the_values_of_the_published_table():
    table = table_fetch.PUBLISHED["nats-bench-200"].read(
        gzip.decompress(shared("original/nats_bench.csv.gz").read_bytes())
    )
    published = ArchitectureTable.load(shared("nas-bench-201.npz"))
    same_values(table, published, ["cifar10_test_accuracy_200", "cifar100_test_accuracy_200"])


@pytest.mark.parametrize(
    ("csv", "text"),
    [
        ("", "t.csv must have a header and at least one row"),
        ("depth,width\n", "at least one row"),
        (CSV.replace("deep,4", "deep"), "t.csv: row 3 has 5 values, the header 6"),
        (CSV.replace("81.5", "good"), "t.csv: row 1: 'accuracy' must be a number or empty, got 'good'"),
        (CSV.replace("81.5", "inf"), "metric 'accuracy' must be finite"),
        (CSV.replace("deep", "shallow"), "rows 1 and 3 are the same design"),
        (CSV.replace("other run", "other"), "unknown column 'other run'. Did you mean 'other'?"),
        (CSV.replace("network", "net"), "unknown column 'network'"),
        ('a,"b\nc', "is no CSV in UTF-8"),
        (b"\xff\xfe\x00", "is no CSV in UTF-8"),
        (
            CSV.splitlines()[0] + "\n" + "".join(f"{i},4,1,1,1,{i}\n" for i in range(257)),
            "decision 'depth' has 257 options; a table may have at most 256",
        ),
    ],
)
def test_a_csv_that_does_not_fit_is_one_line(here, command, csv, text):
    Path("t.csv").write_bytes(csv if isinstance(csv, bytes) else csv.encode())
    done = command("table", "import", "t.csv", "--mapping", "t.toml", "--output", "t.npz")
    assert done.status == 1 and text in done.err and len(done.err.splitlines()) == 1
    assert not Path("t.npz").exists()


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("[architectures]", "[architectures", "is no TOML"),
        ('name = "mine"', "", "t.toml: name: Field required"),
        ('name = "mine"', "nam = 1", "t.toml: name: Field required"),
        (COLUMNS, "", "give either `columns`, one a decision, or `column` with `pattern`"),
        (COLUMNS, 'column = "depth"', "`column` and `pattern` need each other"),
        (COLUMNS, 'column = "depth"\npattern = "("', "`pattern` is no regular expression"),
        (COLUMNS, 'column = "depth"\npattern = "x"', "must have a group"),
        (COLUMNS, 'column = "depth"\npattern = "(a+)"', "'shallow' doesn't fit the pattern '(a+)'"),
        ("canonical", 'names = ["one"]\ncanonical', "`names` must be 2, one a decision, got 1"),
        ("canonical", 'options = ["4", "shallow"]\ncanonical', "row 3: unknown option of 'depth' 'deep'"),
        ('unit = "count"', 'unit = "count"\nbest = 3', "metrics.parameters.best: Extra inputs"),
        ('search = "accuracy"', 'search = "acuracy"', "Did you mean 'accuracy'?"),
        ("[tasks.main]", "[tasks]\n[other]", "t.toml: "),
    ],
)
def test_a_mapping_that_breaks_a_rule_is_one_line(here, command, old, new, text):
    Path("t.toml").write_text(MAPPING.replace(old, new))
    done = command("table", "import", "t.csv", "--mapping", "t.toml", "--output", "t.npz")
    assert done.status == 1 and text in done.err and len(done.err.splitlines()) == 1, done.err


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["t.csv", "--mapping", "t.toml", "--output", "t.json"], 2, "--output must be a .npz file"),
        (["t.csv", "--output", "t.npz"], 2, "needs --mapping FILE.toml, or --decision"),
        (
            ["t.csv", "--output", "t.npz", "--decision", "depth"],
            2,
            "needs --mapping FILE.toml, or --decision",
        ),
        (
            ["t.csv", "--mapping", "t.toml", "--name", "x", "--output", "t.npz"],
            2,
            "--mapping and --name exclude",
        ),
        (["macro.json", "--decision", "depth", "--output", "t.npz"], 2, "--decision is for a CSV"),
        (["t.data", "--output", "t.npz"], 2, "say --format csv or nas-bench-macro or nats-bench"),
        (["no.csv", "--mapping", "t.toml", "--output", "t.npz"], 1, "can't read no.csv: No such file"),
        (["t.csv", "--mapping", "no.toml", "--output", "t.npz"], 1, "can't read the mapping no.toml"),
        (["no.json", "--output", "t.npz"], 1, "can't read no.json"),
        (
            ["t.csv", "--format", "nas-bench-macro", "--output", "t.npz"],
            1,
            "t.csv is not NAS-Bench-Macro's JSON",
        ),
        (["torn.csv.gz", "--mapping", "t.toml", "--output", "t.npz"], 1, "torn.csv.gz is no whole .gz file"),
    ],
)
def test_wrong_usage_of_import_is_one_line(here, command, words, status, text):
    Path("torn.csv.gz").write_bytes(gzip.compress(CSV.encode())[:-12])
    done = command("table", "import", *words)
    assert (done.status, done.out) == (status, "") and text in done.err and len(done.err.splitlines()) == 1
