"""`table import`: the tables of NAS-Bench-Macro and NATS-Bench."""

import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from rl_designer.envs.tables.table import ArchitectureTable
from rl_designer.envs.tables.wiring import Wiring
from rl_designer.table_making.import_nas import macro_table
from tests.helpers.tables import MACRO, same_values, shared


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "macro.json").write_text(json.dumps(MACRO))
    return tmp_path


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
