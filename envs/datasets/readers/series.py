"""Signals as the UCR and UEA archives keep them: `.ts`, or `.tsv` without a header, in a file for each part.

The formats: https://www.timeseriesclassification.com and https://www.cs.ucr.edu/~eamonn/time_series_data_2018.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError, is_number, listed, named, shortened, unreadable
from rl_designer.envs.datasets.preparation import RawData
from rl_designer.envs.datasets.readers.columns import type_of_labels
from rl_designer.envs.datasets.readers.csv_files import read_csv
from rl_designer.envs.datasets.signals import padded

_PART = re.compile(r"(?P<stem>.+)_(?P<part>train|test)(?P<suffix>\.ts|\.tsv)", re.IGNORECASE)
_MISSING = ("?", "nan")  # what stands in place of a number
_LONGEST_START = 1 << 16  # characters of a table's first line that are looked at

Signals = list[NDArray[np.float64]]  # each [channels, length]
Lines = Iterator[tuple[int, str]]  # line number, text


class _Content(NamedTuple):
    signals: Signals
    labels: list[str]
    numeric: bool  # whether labels are numbers to predict


def parts_beside(path: Path) -> Mapping[str, Path]:
    """Part (`train`, `test`) to its file, where a path names one of them, their folder or their common stem;
    else empty.

    Raises:
        DatasetError: for a test file without its training file, and a folder with those of several data sets.
    """
    try:
        folder = path if path.is_dir() else path.parent
        pairs = _pairs(folder) if folder.is_dir() else {}
    except (OSError, ValueError):
        return {}
    if folder == path:
        own = {key: pair for key, pair in pairs.items() if key[0] == path.resolve().name}
        pairs = own or pairs
    else:
        stem_or_file = {key: (key[0], *(file.name for file in pair.values())) for key, pair in pairs.items()}
        pairs = {key: pair for key, pair in pairs.items() if path.name in stem_or_file[key]}
    pairs = {key: pair for key, pair in pairs.items() if key[1] == ".ts" or (key[0], ".ts") not in pairs}
    if len(pairs) > 1:
        raise DatasetError(
            f"{named(path.resolve())} holds several data sets: {listed(sorted(key[0] for key in pairs))}; "
            "name a file of one of them"
        )
    pair = next(iter(pairs.values()), {})
    if pair and "train" not in pair:
        raise DatasetError(f"{named(pair['test'])} has no training file beside it; add that, or rename this")
    return pair


def _pairs(folder: Path) -> dict[tuple[str, str], dict[str, Path]]:
    """Stem and suffix to the files of a folder that are a part."""
    pairs: dict[tuple[str, str], dict[str, Path]] = {}
    for file in sorted(folder.iterdir()):
        found = _PART.fullmatch(file.name)
        if found and not file.name.startswith(".") and file.is_file():
            key = found["stem"], found["suffix"].lower()
            pairs.setdefault(key, {})[found["part"].lower()] = file
    return pairs


def read_series(path: Path) -> RawData:
    """Signals of a `.ts` file; where it is one of two parts, `NAME_TRAIN` and `NAME_TEST`, of both.

    Signals may differ in length and have gaps (`?`). The last field of a line is its label.

    Args:
        path: a file, or the folder of the parts, or what their names have in common.

    Raises:
        DatasetError: for the first line that is wrong, time stamps, and files without labels.
    """
    files = parts_beside(path) or {"train": path}
    content = {part: _read(file) for part, file in files.items()}
    found = _PART.fullmatch(files["train"].name)
    name = found["stem"] if found else files["train"].stem
    where = repr(name)
    x, _ = padded({part: read.signals for part, read in content.items()}, where)
    kind = type_of_labels([label for read in content.values() for label in read.labels])
    numeric = all(read.numeric for read in content.values())
    kind = np.float64 if numeric else kind
    y = {part: np.array(read.labels, dtype=np.str_).astype(kind) for part, read in content.items()}
    notes = _notes(files, bool(found), where)
    return RawData(name, x, y, where, "signal", notes=notes, predicts="number" if numeric else "class")


def read_tsv(path: Path, **options: Any) -> RawData:
    """A table of rows, or, without a header and a target, signals of the UCR archive as `read_series`."""
    if not options and is_headless(path):
        raw = read_series(path)
        told = f"{raw.where}: without a header, so each line is a label and a signal"
        return replace(raw, notes=(told, *raw.notes), predicts=None)
    return read_csv(path, **options)


def read_signals(path: Path) -> Signals:
    """The signals of one such file, whose labels may be missing: `?`, or `@classLabel false`.

    Raises:
        DatasetError: as `read_series`.
    """
    return _read(path, labelled=False).signals


def is_headless(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8-sig") as file:
            fields = file.readline(_LONGEST_START).rstrip("\r\n").split("\t")
    except (OSError, UnicodeDecodeError) as reason:
        raise unreadable(path, "a .tsv file", reason) from reason
    if len(fields) > 2:
        fields = fields[:-1]  # which may have been cut
    return len(fields) > 1 and all(is_number(field) or not field.strip() for field in fields)


def _notes(files: Mapping[str, Path], paired: bool, where: str) -> tuple[str, ...]:
    if "test" in files:
        return (
            f"{where}: {named(files['train'])} to train on and validate, {named(files['test'])} as the test",
        )
    alone = f"{where}: no test file beside {named(files['train'])}, so a part of it is the test"
    return (alone,) if paired else ()


def _read(path: Path, labelled: bool = True) -> _Content:
    """One file, whose labels count where it is `labelled`. Raises DatasetError, with the line."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            lines = ((number, line.rstrip()) for number, line in enumerate(file, 1) if line.strip())
            content = (_ts if path.suffix.lower() == ".ts" else _tsv)(lines, named(path), labelled)
    except UnicodeDecodeError as reason:
        byte = f"byte {reason.object[reason.start]:#x}"
        raise DatasetError(f"{named(path)} must be text in UTF-8, got {byte}; save it anew") from reason
    except (OSError, MemoryError) as reason:
        raise unreadable(path, f"a {path.suffix.lower()} file", reason) from reason
    if not content.signals:
        raise DatasetError(f"{named(path)} holds no signals")
    return content


def _ts(lines: Lines, where: str, labelled: bool) -> _Content:
    header = _header(lines, where)
    numeric = header.get("targetlabel", "").lower().startswith("true")
    if header.get("timestamp", "").lower() == "true":
        raise DatasetError(f"{where} has time stamps, which aren't read; save the values alone")
    without = header.get("classlabel", "true").lower().startswith("false") and not numeric
    if without and labelled:
        raise DatasetError(f"{where} must have a label for each signal, it says @classLabel false")
    signals: Signals = []
    labels = []
    for number, line in lines:
        *channels, label = [*line.split(":"), "?"] if without else line.split(":")
        wanted = len(signals[0]) if signals else max(len(channels), 1)
        if len(channels) != wanted:
            raise DatasetError(
                f"line {number} of {where} must have {wanted} dimensions and a label, split by ':', got "
                f"{len(channels) + 1} fields"
            )
        values = [_values(channel.split(","), number, where) for channel in channels]
        if len({len(row) for row in values}) > 1:
            sizes = ", ".join(map(str, sorted({len(row) for row in values})))
            raise DatasetError(
                f"the dimensions in line {number} of {where} must be equally long, got {sizes}"
            )
        signals.append(np.stack(values))
        labels += [_label(label, number, where, numeric)] if labelled else []
    return _Content(signals, labels, numeric)


def _header(lines: Lines, where: str) -> Mapping[str, str]:
    """Key, lower-case and in the singular, to the rest of its line; the lines up to `@data` are used up."""
    header: dict[str, str] = {}
    for number, line in lines:
        line = line.lstrip()
        if line[0] in "#%":
            continue
        if line[0] != "@":
            raise DatasetError(
                f"line {number} of {where} must begin with # or @, as in a .ts file, before @data"
            )
        key, _, rest = line[1:].partition(" ")
        key = key.lower().replace("_", "").removesuffix("s")
        if key == "data":
            return header
        header[key] = rest.strip()
    raise DatasetError(f"{where} must have a line @data, as a .ts file has")


def _tsv(lines: Lines, where: str, labelled: bool) -> _Content:
    signals: Signals = []
    labels = []
    for number, line in lines:
        label, *fields = line.split("\t")
        signals.append(_values([field or "nan" for field in fields], number, where)[None])
        labels += [_label(label, number, where)] if labelled else []
    return _Content(signals, labels, numeric=False)


def _values(fields: list[str], number: int, where: str) -> NDArray[np.float64]:
    """Numbers, NaN for those that are missing."""
    try:
        values = np.array([np.nan if field.strip() == "?" else float(field) for field in fields])
    except ValueError:
        bad = next(field for field in fields if field.strip() != "?" and not is_number(field))
        stamps = "; time stamps aren't read" if "(" in bad else ""
        raise DatasetError(
            f"line {number} of {where} must hold numbers, or ? where they are missing, got "
            f"{shortened(bad.strip())!r}{stamps}"
        ) from None
    if not len(values):
        raise DatasetError(f"line {number} of {where} holds a label and no values")
    return values


def _label(text: str, number: int, where: str, numeric: bool = False) -> str:
    text = text.strip()
    if numeric and not is_number(text) and text != "?":
        raise DatasetError(
            f"line {number} of {where} must end in a number to predict, got {shortened(text)!r}"
        )
    if text.lower() in ("", *_MISSING):
        raise DatasetError(f"line {number} of {where} has no label ({text!r}); leave it out")
    return text
