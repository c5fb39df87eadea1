"""`table import`: other people's tables."""

import gzip
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from rl_designer.envs.tables.table import ArchitectureTable
from rl_designer.envs.tables.wiring import Wiring
from rl_designer.table_making import published as table_fetch
from rl_designer.table_making.import_csv import mapping_of, read_csv_table
from rl_designer.table_making.import_nas import macro_table
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
        ("[architectures]", "[architectures", "is not TOML"),
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


# -- NAS-Bench-Macro -----------------------------------------------------------------------------------


def test_nas_bench_macros_json_becomes_a_table(here, command):
    done = command("table", "import", "macro.json", "--output", "m.npz", "--json")
    assert done.status == 0 and done.json["name"] == "nas-bench-macro" and done.json["architectures"] == 2
    table = ArchitectureTable.load("m.npz")
    assert table.architectures[1].tolist() == [0, 2, 0, 1, 2, 1, 0, 0]
    assert table.metrics["flops"][1, 0] == 47327744
    assert table.metrics["cifar10_test_accuracy"].shape == (2, 3)


def test_nas_bench_macros_original_has_the_values_of_the_published_table():
    table = macro_table(json.loads(shared("original/nas-bench-macro_cifar10.json").read_bytes()))
    published = ArchitectureTable.load(shared("nas-bench-macro.npz"))
    same_values(table, published, published.metrics)
    assert table.tasks == published.tasks


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"0000000": MACRO["00000000"]}, "must be 8 digits from 0 to 2, got '0000000'"),
        ({"00000003": MACRO["00000000"]}, "must be 8 digits"),
        ({"00000000": {**MACRO["00000000"], "test_acc": [1.0]}}, "must have 3 accuracies"),
        ({"00000000": {"test_acc": [1, 2, 3]}}, "it lacks 'params'"),
        ({}, "is not NAS-Bench-Macro's JSON"),
        ([1], "is not NAS-Bench-Macro's JSON"),
    ],
)
def test_another_json_is_refused(here, command, data, text):
    Path("macro.json").write_text(json.dumps(data))
    done = command("table", "import", "macro.json", "--output", "m.npz")
    assert done.status == 1 and text in done.err and len(done.err.splitlines()) == 1


# -- NATS-Bench ----------------------------------------------------------------------------------------


class Api:
    """Answers as NATS-Bench's package does, for two designs."""

    def __init__(self, archs):
        self.archs = archs

    def __len__(self):
        return len(self.archs)

    def arch(self, index):
        return self.archs[index]

    def get_more_info(self, index, dataset, iepoch=None, hp="12", is_random=True):
        assert is_random is False and isinstance(hp, str)
        if dataset.startswith("ImageNet"):
            raise KeyError(dataset)
        kind = {"cifar10-valid": "valid-accuracy", "cifar10": "test-accuracy"}.get(dataset)
        info = {"valid-accuracy": 50.0 + index, "test-accuracy": float(hp) / 4 + index}
        return info if kind is None else {kind: info[kind]}

    def get_cost_info(self, index, dataset):
        return {"params": 0.073306, "flops": 7.78305, "latency": None if index else 0.0125}


@pytest.fixture
def nats(here, monkeypatch):
    """The package's stand-in; the calls of `create`."""
    calls = []
    archs = [
        "|none~0|+|skip_connect~0|none~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|",
        "|nor_conv_1x1~0|+|none~0|none~1|+|none~0|none~1|none~2|",
    ]

    def create(path, space, fast_mode=False, verbose=True):
        calls.append((path, space, fast_mode))
        if space == "sss":
            return Api(["8:16:24:32:40", "64:64:64:64:64"])
        return Api(archs if "odd" not in path else ["|magic~0|"])

    monkeypatch.setitem(sys.modules, "nats_bench", types.SimpleNamespace(create=create))
    for name in ("NATS-tss-v1_0-3ffb9-simple", "NATS-sss-v1_0-50262-simple", "odd"):
        (here / name).mkdir()
    return calls


def test_nats_bench_is_not_unpickled_without_trust(nats, command):
    done = command("table", "import", "NATS-tss-v1_0-3ffb9-simple", "--output", "n.npz")
    assert done.status == 2 and "runs code of whoever made it" in done.err and "--trust" in done.err
    assert nats == []


def test_nats_benchs_topologies_become_a_table(nats, command):
    done = command("table", "import", "NATS-tss-v1_0-3ffb9-simple", "--output", "n.npz", "--trust", "--json")
    assert done.status == 0 and nats == [("NATS-tss-v1_0-3ffb9-simple", "tss", True)]
    table = ArchitectureTable.load("n.npz")
    assert table.decisions[0] == (
        "edge 0->1",
        ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"),
    )
    assert table.architectures.tolist() == [[0, 1, 0, 0, 4, 3], [2, 0, 0, 0, 0, 0]]
    assert table.wiring == Wiring(((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)))
    assert sorted(table.tasks) == ["cifar10", "cifar100"]  # what the archive lacks is left out
    assert table.metrics["cifar10_valid_accuracy_12"][:, 0].tolist() == [50, 51]
    assert table.metrics["cifar10_test_accuracy_200"][:, 0].tolist() == [50, 51]
    assert table.metrics["parameters"][0, 0] == 73306 and table.metrics["flops"][0, 0] == 7783050
    assert table.metrics["latency_seconds"][0, 0] == np.float32(0.0125)
    assert np.isnan(table.metrics["latency_seconds"][1, 0])


def test_nats_benchs_sizes_become_a_table(nats, command):
    done = command("table", "import", "NATS-sss-v1_0-50262-simple", "--output", "n.npz", "--trust")
    assert done.status == 0
    table = ArchitectureTable.load("n.npz")
    assert table.architectures.tolist() == [[0, 1, 2, 3, 4], [7, 7, 7, 7, 7]]
    assert "cifar100_test_accuracy_90" in table.metrics


def test_without_the_package_the_error_says_how_to_get_it(nats, command, monkeypatch):
    monkeypatch.setitem(sys.modules, "nats_bench", None)
    done = command("table", "import", "NATS-tss-v1_0-3ffb9-simple", "--output", "n.npz", "--trust")
    assert done.status == 1 and "pip install nats-bench" in done.err


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("gone.pickle.pbz2", "no such file or folder: gone.pickle.pbz2"),
        ("odd", "a design that NATS-Bench doesn't have"),
    ],
)
def test_what_is_no_nats_bench_is_one_line(nats, command, path, text):
    done = command("table", "import", path, "--output", "n.npz", "--trust", "--quiet")
    assert done.status == 1 and text in done.err and len(done.err.splitlines()) == 1


def test_an_archive_without_accuracies_is_one_line(nats, command, monkeypatch):
    monkeypatch.setattr(Api, "get_more_info", lambda *arguments, **options: {})
    done = command("table", "import", "NATS-tss-v1_0-3ffb9-simple", "--output", "n.npz", "--trust")
    assert done.status == 1 and "has no accuracies after 12 and 200 epochs" in done.err


def test_a_damaged_archive_is_one_line(nats, command, monkeypatch):
    def create(*arguments, **options):
        raise EOFError("ran out\nof input")

    monkeypatch.setitem(sys.modules, "nats_bench", types.SimpleNamespace(create=create))
    done = command("table", "import", "odd", "--output", "n.npz", "--trust")
    assert done.status == 1 and "odd can't be read as NATS-Bench: ran out of input" in done.err
