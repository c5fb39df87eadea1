"""Valid data sets, search spaces and architecture tables, and what reads each."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.helpers.loader import Loader
from tests.helpers.tables import synthetic_table


def _arrays(folder: Path) -> Path:
    x = np.random.default_rng(0).normal(size=(30, 4))
    np.savez_compressed(folder / "data.npz", x=x, y=np.arange(30) % 3)
    return folder / "data.npz"


def _csv(folder: Path) -> Path:
    rows = [f"{i},{i % 7},{'ab'[i % 2]}" for i in range(30)]
    (folder / "data.csv").write_text("\n".join(["one,two,class", *rows]) + "\n")
    return folder / "data.csv"


def _parquet(folder: Path) -> Path:
    import pyarrow
    from pyarrow import parquet

    columns = {"one": [i * i for i in range(30)], "class": [("a", "b")[i % 2] for i in range(30)]}
    parquet.write_table(pyarrow.table(columns), folder / "data.parquet")
    return folder / "data.parquet"


def _signals(folder: Path) -> Path:
    values = [",".join(str((i * k) % 7) for k in range(4 + i % 3)) for i in range(30)]
    lines = ["@problemName own", "@classLabel true a b", "@data"]
    lines += [f"{row}:{row}:{'ab'[i % 2]}" for i, row in enumerate(values)]
    (folder / "data.ts").write_text("\n".join(lines) + "\n")
    return folder / "data.ts"


def _headless(folder: Path) -> Path:
    rows = ["\t".join(str((i * k) % 7) for k in range(4 + i % 3)) for i in range(30)]
    (folder / "data.tsv").write_text("".join(f"{i % 2}\t{row}\n" for i, row in enumerate(rows)))
    return folder / "data.tsv"


def _image(folder: Path) -> Path:
    from PIL import Image

    generator = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / name).mkdir()
        for number in range(5):
            pixels = generator.integers(0, 256, (6, 6), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder / "cat" / "0.png"


def _read_data(path: Path) -> Any:
    from rl_designer.envs.datasets import load_dataset

    return load_dataset(path, target="class" if path.suffix in (".csv", ".parquet") else None)


def _read_images(path: Path) -> Any:
    from rl_designer.envs.datasets import load_dataset

    return load_dataset(path.parent.parent)


SPACE = """
name = "tiny-signals"
family = "convnet1d"
max_layers = 4

[layers.conv]
kernel = [3, 5]
width = [8, 16]

[layers.global-pool]
operation = ["average", "max"]
"""


def _space_file(folder: Path) -> Path:
    (folder / "space.toml").write_text(SPACE)
    return folder / "space.toml"


def _read_space(path: Path) -> Any:
    from rl_designer.envs.search_spaces.registry import make_space

    return make_space(path, (1, 16), 3, max_parameters=10_000)


def _table(folder: Path) -> Path:
    from rl_designer.envs.tables.wiring import Wiring

    table = replace(synthetic_table((2, 3)), wiring=Wiring(((0, 1), (1, 2)), absent="option 0"))
    table.save(folder / "table.npz")
    return folder / "table.npz"


def _read_table(path: Path) -> Any:
    from rl_designer.envs.search_spaces.table import TableSpace
    from rl_designer.envs.tables.table import ArchitectureTable
    from rl_designer.table_making.info import table_info

    table = ArchitectureTable.load(path)
    return TableSpace(table), json.dumps(table_info(table), allow_nan=False)


MAPPING = """
name = "mapped"
[architectures]
columns = ["depth", "width"]
[metrics.accuracy]
unit = "fraction"
[tasks.main]
search = "accuracy"
"""


def _csv_table(folder: Path) -> Path:
    (folder / "mapping.toml").write_text(MAPPING)
    (folder / "designs.csv").write_text("depth,width,accuracy\n1,8,0.5\n1,16,0.6\n2,8,0.7\n")
    return folder / "designs.csv"


def _mapping(folder: Path) -> Path:
    _csv_table(folder)
    return folder / "mapping.toml"


def _read_csv_table(path: Path) -> Any:
    from rl_designer.table_making.import_csv import read_csv_table, read_mapping

    return read_csv_table(path.parent / "designs.csv", read_mapping(path.parent / "mapping.toml"))


def _macro(folder: Path) -> Path:
    designs = {f"{i:08b}": {"test_acc": [80.0, 81.0, 82.0], "params": 9, "flops": 99} for i in range(8)}
    (folder / "macro.json").write_text(json.dumps(designs))
    return folder / "macro.json"


def _read_macro(path: Path) -> Any:
    from rl_designer.table_making.import_nas import read_macro_table

    return read_macro_table(path)


DATA: Mapping[str, Loader] = {
    "architecture table": Loader(_table, _read_table, ("table", "info", "{}")),
    "data .csv": Loader(_csv, _read_data),
    "data .npz": Loader(_arrays, _read_data),
    "data .parquet": Loader(_parquet, _read_data),
    "data .ts": Loader(_signals, _read_data),
    "data .tsv": Loader(_headless, _read_data),
    "image": Loader(_image, _read_images),
    "mapping": Loader(_mapping, _read_csv_table),
    "nas-bench-macro": Loader(_macro, _read_macro, ("table", "import", "{}", "--output", "new.npz")),
    "search space": Loader(_space_file, _read_space),
    "table .csv": Loader(_csv_table, _read_csv_table),
}
