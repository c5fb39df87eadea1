"""`table import`, `table fetch`, `table info`: other people's tables."""

import gzip
import hashlib
import json
import os
import sys
import threading
import types
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from rl_designer import table_fetch
from rl_designer.envs.architecture_table import ArchitectureTable
from rl_designer.envs.datasets.originals import Content, Package
from rl_designer.table_import_csv import mapping_of, read_csv_table
from rl_designer.table_import_macro import macro_table
from rl_designer.table_info import table_info
from tests.command_line import runner
from tests.tables import synthetic_table

SHARED = Path(os.environ.get("RL_DESIGNER_TABLES", Path(__file__).resolve().parents[2] / "shared" / "tables"))

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
MACRO = {
    "00000000": {"test_acc": [10.0, 11.0, 12.0], "mean_acc": 11.0, "std": 0.8, "params": 100, "flops": 1000},
    "02012100": {
        "test_acc": [89.5, 88.9, 89.2],
        "mean_acc": 89.2,
        "std": 0.2,
        "params": 890666,
        "flops": 47327744,
    },
}


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


def shared(name):
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"no {path}; RL_DESIGNER_TABLES names the folder of published tables")
    return path


def same_values(first, second, metrics):
    assert first.decisions == second.decisions
    orders = [np.lexsort(table.architectures.T[::-1]) for table in (first, second)]
    assert np.array_equal(first.architectures[orders[0]], second.architectures[orders[1]])
    for name in metrics:
        assert np.array_equal(
            first.metrics[name][orders[0]], second.metrics[name][orders[1]], equal_nan=True
        ), name


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


# -- fetch ---------------------------------------------------------------------------------------------


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@contextmanager
def server(folder):
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}/"
        running.shutdown()


def served(monkeypatch, address, data):
    """`nas-bench-macro` at another address, with the checksum of other data."""
    published = table_fetch.PUBLISHED["nas-bench-macro"]
    content = Content(len(data), hashlib.sha256(data).hexdigest())
    package = Package("macro.json", {"macro.json": content}, most_bytes=len(data))
    source = replace(published.source, addresses=(address,), packages=(package,))
    table = replace(published, source=source)
    monkeypatch.setattr(table_fetch, "PUBLISHED", {**table_fetch.PUBLISHED, "nas-bench-macro": table})


def test_fetch_downloads_once_verifies_and_converts(here, command, monkeypatch):
    data = Path("macro.json").read_bytes()
    (here / "web").mkdir()
    (here / "web" / "macro.json").write_bytes(data)
    with server(here / "web") as address:
        served(monkeypatch, address, data)
        done = command("table", "fetch", "nas-bench-macro", "--json")
    assert (
        done.status == 0 and done.json["output"] == "nas-bench-macro.npz" and done.json["architectures"] == 2
    )
    again = command("table", "fetch", "nas-bench-macro", "--output", "again.npz")  # without the server
    assert again.status == 0
    same_values(ArchitectureTable.load("again.npz"), ArchitectureTable.load("nas-bench-macro.npz"), ["flops"])


def test_what_is_not_the_original_is_refused(here, command, monkeypatch):
    data = Path("macro.json").read_bytes()
    with server(here) as address:
        served(monkeypatch, address, data.replace(b"89.5", b"99.5"))
        done = command("table", "fetch", "nas-bench-macro")
    assert done.status == 1 and "is not the original" in done.err and "--data-folder" in done.err
    assert not Path("nas-bench-macro.npz").exists()


def test_fetch_takes_the_file_from_a_folder(here, command, monkeypatch):
    served(monkeypatch, "http://127.0.0.1:9/", Path("macro.json").read_bytes())
    assert command("table", "fetch", "nas-bench-macro", "--data-folder", here).status == 0
    missing = command("table", "fetch", "nas-bench-macro", "--data-folder", here / "no")
    assert missing.status == 1 and "no such folder" in missing.err


def test_an_unknown_published_table_is_told_from_the_known_ones(here, command):
    done = command("table", "fetch", "nas-bench-makro")
    assert done.status == 2 and "Did you mean 'nas-bench-macro'?" in done.err


@pytest.mark.parametrize("name", table_fetch.PUBLISHED)
def test_the_published_tables_are_the_originals_here(name):
    files = {"nas-bench-macro": "nas-bench-macro_cifar10.json", "nats-bench-200": "nats_bench.csv.gz"}
    path = shared(f"original/{files[name]}")
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    (package,) = table_fetch.PUBLISHED[name].source.packages
    (content,) = package.contents.values()
    assert content == Content(len(data), hashlib.sha256(data).hexdigest())


# -- info ----------------------------------------------------------------------------------------------


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
    assert "rank correlation of the two metrics 0." in shown.out and "72 designs, all distinct" in shown.out
    assert command("table", "info", "s.npz", "--json").json["made"] == {"version": "1"}
    missing = command("table", "info", "none.npz")
    assert missing.status == 1 and len(missing.err.splitlines()) == 1
