"""The data sets by name, and `load_dataset`: the one door to them, to files, and to functions of users."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple

from rl_designer.envs.datasets.dataset import Dataset, Kind
from rl_designer.envs.datasets.errors import DatasetError
from rl_designer.envs.datasets.preparation import RawData, check_kind, prepare
from rl_designer.envs.datasets.rows.table import Rows
from rl_designer.envs.datasets.texts.texts import Reading, Symbols
from rl_designer.envs.errors import unknown_name
from rl_designer.envs.extensions import DATA_SET, file_of, names_code, short_name
from rl_designer.envs.limits import in_force
from rl_designer.envs.metrics import Predicts
from rl_designer.envs.tasks.made import PREFIX


class _Reader(NamedTuple):
    """What reads a source, and which of `load_dataset`'s options it takes; of tables, all columns."""

    function: str  # module:function, imported only when asked for
    takes: tuple[str, ...] = ()
    rows: str = ""

    def read(self, *arguments: Any, **options: Any) -> RawData:
        raw: RawData = _function(self.function)(*arguments, **options)
        return raw


def _function(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(import_module(f"rl_designer.envs.datasets.{module}"), function)
    return found


# name: what it is in one line
DATASETS: Mapping[str, str] = {
    "mnist1d": "5,000 signals of length 40, 10 classes; embedded, tells architectures apart",
    "names": "6,226 last names, texts of characters, 9 languages; embedded",
    "digits": "1,797 grey images of 8 x 8, 10 classes; embedded in scikit-learn",
    "breast-cancer": "569 rows of 30 features, 2 classes; embedded in scikit-learn",
    "wine": "178 rows of 13 features, 3 classes; embedded in scikit-learn",
    "fashion-mnist": "70,000 grey images of 28 x 28, 10 classes; downloaded (31 MB) or in --data-folder",
    "mnist": "70,000 grey images of 28 x 28, 10 classes; downloaded (12 MB) or in --data-folder",
    "cifar10": "60,000 colour images of 32 x 32, 10 classes; downloaded (170 MB) or in --data-folder",
}

_NAMED = {
    "mnist1d": _Reader("embedded:mnist1d"),
    "names": _Reader("embedded:names"),
    "digits": _Reader("embedded:digits"),
    "breast-cancer": _Reader("embedded:breast_cancer"),
    "wine": _Reader("embedded:wine"),
    "fashion-mnist": _Reader("published.formats:fashion_mnist", ("folder",)),
    "mnist": _Reader("published.formats:mnist", ("folder",)),
    "cifar10": _Reader("published.formats:cifar10", ("folder",)),
}
_OF_ROWS = ("target", "text", "drop", "categorical", "group", "decimal", "missing_target")
_TABLE = _Reader("readers.csv_files:read_csv", _OF_ROWS, rows="readers.csv_files:read_csv_rows")
_BY_SUFFIX = {
    ".npz": _Reader("readers.arrays:read_npz"),
    ".csv": _TABLE,
    ".tsv": _TABLE._replace(function="readers.series:read_tsv"),
    ".csv.gz": _TABLE,
    ".tsv.gz": _TABLE,
    ".parquet": _Reader(
        "readers.parquet_files:read_parquet", _OF_ROWS, rows="readers.parquet_files:read_parquet_rows"
    ),
    ".ts": _Reader("readers.series:read_series"),
}
_MADE = _Reader("embedded:made_task")
_FUNCTION = _Reader("readers.arrays:raw_of")
_FOLDER = _Reader("readers.images:read_images", ("image_size",))
_SERIES = _Reader("readers.series:read_series")
_TEXTS = _Reader("readers.text_files:read_texts")

_OPTIONS = {
    **{
        option: f"--{option.replace('_', '-')} is for tables of rows (.csv, .tsv, .parquet)"
        for option in _OF_ROWS
    },
    "folder": "--data-folder is for data sets that are downloaded",
    "image_size": "--image-size is for folders of images",
}


def load_dataset(
    name: str | Path,
    *,
    kind: Kind | None = None,
    predicts: Predicts | None = None,
    target: str | None = None,
    text: str | None = None,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    group: str | None = None,
    decimal: Literal["point", "comma"] | None = None,
    missing_target: Literal["refuse", "drop"] | None = None,
    seed: int = 0,
    data_folder: str | Path | None = None,
    image_size: int | None = None,
    symbols: Symbols | None = None,
    vocabulary: int | None = None,
) -> Dataset:
    """A data set by name or path, split and standardised.

    Where the source has a test part, that is the sealed test, and where it has a validation part, that is
    the validation split. What is missing is cut off by `seed`, stratified by class: 20 % for the test, then
    20 % of the rest for validation.

    Args:
        name: one of `DATASETS`, or a made task (`task:motifs`, `task:motifs:classes=5,noise=0.5`, as
            `make_task` takes it after the colon), or the path of an `.npz`, `.csv`, `.ts` or `.parquet` file,
            of a folder of images or of `.txt` files by class or of `NAME_TRAIN.ts` and `NAME_TEST.ts` (or
            `.tsv`), or what these have in common, or a function without arguments that gives arrays as
            `raw_of` takes them: a user's `file.py:function`, which is run, or an installed one (entry points
            of the group `rl_designer.datasets`). A name goes before a path that is spelled the same:
            `./digits`.
        kind: how to read the inputs, where more than one reading fits: `features`, `signal`, `image` or
            `text`. Everything but texts can be read as features; rows of features can be read as a signal of
            one channel.
        predicts: whether the targets are classes or a number; None to tell by them, see `encode_targets`.
        target: the column to predict, of a table.
        text: the column with texts, of a table, which alone are read; None where it is the only one beside
            the target, or the table is one of rows.
        drop, categorical, group, decimal, missing_target: what is known of a table's other columns, as
            `Columns` has it.
        data_folder: where the original files of a published data set are, packed or unpacked.
        image_size: height and width in pixels that images are resized to.
        symbols, vocabulary: what texts are made of and how many symbols there are at most, see `Reading`.

    Raises:
        DatasetError: one line on what is wrong and what would help.
        OverLimit: for data that the organisation's limits don't allow; nothing of them is read.
    """
    check_kind(kind)
    given: dict[str, Any] = {
        "target": target,
        "text": text,
        "drop": drop,
        "categorical": categorical,
        "group": group,
        "decimal": decimal,
    }
    given |= {"missing_target": missing_target, "folder": data_folder, "image_size": image_size}
    options = {option: value for option, value in given.items() if value is not None and value != ()}
    name = str(name)
    reader = _NAMED.get(name) or _reader_of(name)
    _check_allowed(name, reader, data_folder)
    for option in options:
        if option not in reader.takes:
            raise DatasetError(f"{_OPTIONS[option]}, not for {name!r}")
    raw = reader.read(*_arguments(name, reader), **options)
    return prepare(raw, kind, seed, predicts=predicts, reading=Reading(symbols, vocabulary))


def _check_allowed(name: str, reader: _Reader, folder: str | Path | None) -> None:
    """Raises OverLimit as `load_dataset`. Of code the file counts that it stands in."""
    rules, beside = in_force(), [] if folder is None else [Path(folder)]
    if reader is _FUNCTION and (code := file_of(name)) is not None:
        rules.check_data(name, [code])
    elif name in _NAMED or reader in (_FUNCTION, _MADE):
        rules.check_data(name, beside, known=True)
    else:
        rules.check_data(name, [Path(name)] * Path(name).exists() + list(_parts_beside(Path(name)).values()))


def read_rows(path: Path, texts: Collection[str] = ()) -> Rows:
    """All columns of a table of rows, as `RowEncoding.apply` takes them.

    Args:
        texts: columns whose cells are kept as they are spelled: `RowEncoding.texts`.

    Raises:
        DatasetError: for what is no such table.
    """
    reader = _reader_of_path(str(path))
    if not reader.rows:
        raise DatasetError(f"{path.name!r} must be a table of rows: .csv, .tsv or .parquet")
    rows: Rows = _function(reader.rows)(path, texts)
    return rows


def is_function(name: str) -> bool:
    """Whether `load_dataset` would call a function of a user or of an installed package."""
    return names_code(name) or name in DATA_SET.installed(DATASETS)


def _arguments(name: str, reader: _Reader) -> tuple[Any, ...]:
    if name in _NAMED:
        return ()
    if reader is _FUNCTION:
        return _given(name)
    return (name.removeprefix(PREFIX),) if reader is _MADE else (Path(name),)


def _given(name: str) -> tuple[Any, str, str]:
    """What a function gives, the name of the data, and how errors name them."""
    try:
        return DATA_SET.made(name, DATASETS), short_name(name), repr(name)
    except ValueError as error:
        raise DatasetError(str(error)) from error


def _reader_of(name: str) -> _Reader:
    if is_function(name):
        return _FUNCTION
    return _MADE if name.startswith(PREFIX) else _reader_of_path(name)


def _reader_of_path(name: str) -> _Reader:
    path = Path(name)
    if not name or not _exists(path):
        if name and _parts_beside(path):
            return _SERIES
        raise _unknown(path, name)
    if path.is_dir():
        if _parts_beside(path):
            return _SERIES
        return _TEXTS if _function("readers.text_files:holds_texts")(path) else _FOLDER
    suffix = next((suffix for suffix in _BY_SUFFIX if path.name.lower().endswith(suffix)), None)
    if suffix is None:
        raise DatasetError(
            f"{path.name!r} must end in one of {', '.join(_BY_SUFFIX)}, or be a folder of images or texts by "
            "class"
        )
    return _BY_SUFFIX[suffix]


def _parts_beside(path: Path) -> Mapping[str, Path]:
    from rl_designer.envs.datasets.readers.series import parts_beside

    return parts_beside(path)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _unknown(path: Path, name: str) -> DatasetError:
    if path.suffix or "/" in name or os.sep in name:
        return DatasetError(f"no such file or folder: {name!r}")
    legal = unknown_name("data set", name, [*DATASETS, *DATA_SET.installed(DATASETS)])
    return DatasetError(
        f"{legal} Or the path of an .npz, .csv, .ts or .parquet file or of a folder of images or texts. "
        f"A made task: {PREFIX}NAME. Your own: file.py:function."
    )
