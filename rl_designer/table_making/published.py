"""Published tables that can be had at a plain address: downloaded, verified, converted."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rl_designer.envs.datasets.published.originals import Content, Package, Source, contents_of
from rl_designer.envs.tables.table import ArchitectureTable
from rl_designer.errors import WrongUsage, unknown_name
from rl_designer.table_making.import_nas import EDGES, OPERATIONS, macro_table


@dataclass(frozen=True)
class Published:
    """A published table.

    Attributes:
        line: what it is, in one line.
        source: its one file.
        read: makes the table of the file's bytes.
    """

    line: str
    source: Source
    read: Callable[[bytes], ArchitectureTable]


def fetch_table(name: str, folder: str | None = None) -> ArchitectureTable:
    """A published table by name.

    Args:
        folder: where its original file lies; None looks in the cache, and downloads it where it isn't there.

    Raises:
        WrongUsage: for an unknown name.
        ValueError: where it can't be downloaded, or what came isn't the original.
    """
    if name not in PUBLISHED:
        raise WrongUsage(unknown_name("published table", name, PUBLISHED))
    published = PUBLISHED[name]
    (data,) = contents_of(published.source, folder).values()
    return published.read(data)


def _source(name: str, address: str, file_name: str, content: Content) -> Source:
    package = Package(file_name, {file_name: content}, most_bytes=content.size)
    return Source(name, (address,), (package,), (), None)


def _nats_200(data: bytes) -> ArchitectureTable:
    from rl_designer.table_making.import_csv import csv_table, mapping_of

    return csv_table(data, mapping_of(NATS_200_MAPPING, "the mapping"), "nats_bench.csv")


_CELL = r"\|(.+)~0\|\+\|(.+)~0\|(.+)~1\|\+\|(.+)~0\|(.+)~1\|(.+)~2\|"
_COLUMNS = {
    "cifar10": "CIFAR10TestAccuracy200Epochs",
    "cifar100": "CIFAR100TestAccuracy200Epochs",
    "imagenet16-120": "ImageNetTestAccuracy200Epochs",
}

NATS_200_MAPPING = {
    "name": "nats-bench-200",
    "title": "NATS-Bench's topology space (Dong et al., TPAMI 2021): test accuracies after 200 epochs",
    "source": "github.com/v-tao/nats-bench-landscape",
    "architectures": {
        "column": "ArchitectureString",
        "pattern": _CELL,
        "names": [f"edge {edge}" for edge in EDGES],
        "options": list(OPERATIONS),
    },
    "metrics": {
        f"{dataset}_test_accuracy_200": {
            "column": column,
            "unit": "percent",
            "split": "test",
            "dataset": dataset,
            "epochs": 200,
        }
        for dataset, column in _COLUMNS.items()
    },
    "tasks": {dataset: {"search": f"{dataset}_test_accuracy_200"} for dataset in _COLUMNS},
}

PUBLISHED: Mapping[str, Published] = {
    "nas-bench-macro": Published(
        "6,561 networks of 8 blocks on CIFAR-10, with parameters and FLOPs; 1.2 MB, Apache-2.0",
        _source(
            "nas-bench-macro",
            "https://raw.githubusercontent.com/xiusu/NAS-Bench-Macro/master/data/",
            "nas-bench-macro_cifar10.json",
            Content(1_178_821, "686dee8363cc21cca8c1f321ad5749454f2d9b9ca5972682e137e539bc522297"),
        ),
        lambda data: macro_table(json.loads(data)),
    ),
    "nats-bench-200": Published(
        "15,625 cells on CIFAR-10, CIFAR-100 and ImageNet16-120, test accuracies only; 3 MB",
        _source(
            "nats-bench-200",
            "https://raw.githubusercontent.com/v-tao/nats-bench-landscape/"
            "7d355a6a1b7b5ccf72f5967bf669d16c18e216b8/",
            "nats_bench.csv",
            Content(3_024_008, "cb5d777ec3368be83c8f9b3aa4d520696051cb0eb8d94b8f85b519f9ea4afa3e"),
        ),
        _nats_200,
    ),
}
