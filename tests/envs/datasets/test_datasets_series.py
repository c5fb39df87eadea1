"""Signals as the UCR and UEA archives keep them: `.ts`, and `.tsv` without a header."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from rl_designer.config import make_config
from rl_designer.envs.datasets import DatasetError, load_dataset

HEADER = ["#From a device", "%", "@problemName Own", "@timeStamps false", "@missing true"]
HEADER += ["@univariate false", "@equalLength false", "@classLabel true Walk run", "@data"]


def signals(n=24, dimensions=2, longest=14, seed=0):
    """Lists of channels of texts, [n][dimensions][length]."""
    generator = np.random.default_rng(seed)
    lengths = [longest - i % 5 for i in range(n)]
    return [[[f"{v:.3f}" for v in generator.normal(size=k)] for _ in range(dimensions)] for k in lengths]


def ts(path, found=None, labels=("Walk", "run"), header=HEADER):
    found = signals() if found is None else found
    lines = [
        ":".join([*(",".join(c) for c in signal), labels[i % len(labels)]]) for i, signal in enumerate(found)
    ]
    path.write_text("\n".join([*header, *lines]) + "\n")
    return path


def tsv(path, n=24, longest=14, seed=0):
    found = [channels[0] for channels in signals(n, 1, longest, seed)]
    lines = [[str(i % 2 or -1), *row, *["NaN"] * (14 - len(row))] for i, row in enumerate(found)]
    path.write_text("\n".join("\t".join(line) for line in lines) + "\n")
    return path


def refusal(path, **options):
    with pytest.raises(DatasetError) as error:
        load_dataset(path, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def sizes(dataset):
    return len(dataset.y_train), len(dataset.y_val), len(dataset.sealed_test.open()[1])


PADDED = "{}: {} signals of length 10 to 14, padded with the mean to 14, the longest to train on"


def test_a_ts_file_is_signals_with_labels_as_they_are_spelled(tmp_path):
    dataset = load_dataset(ts(tmp_path / "Own.ts"))
    assert (dataset.name, dataset.kind, dataset.input_shape) == ("Own", "signal", (2, 14))
    assert dataset.class_names == ("Walk", "run") and sizes(dataset) == (15, 4, 5)
    assert dataset.notes == (PADDED.format("'Own'", 24),)


def test_a_ts_file_is_what_its_arrays_are(tmp_path):
    found = signals(longest=9)
    x = np.full((24, 2, 9), np.nan)
    for row, signal in zip(x, found, strict=True):
        row[:, : len(signal[0])] = np.array(signal, dtype=float)
    np.savez(tmp_path / "own.npz", x=x, y=np.array(["Walk", "run"] * 12))
    assert load_dataset(ts(tmp_path / "Own.ts", found)).digest == load_dataset(tmp_path / "own.npz").digest


@pytest.mark.parametrize("named", ["Own_TRAIN.ts", "Own_TEST.ts", "Own", ""])
def test_the_parts_of_a_data_set_are_found_by_either_their_folder_or_their_stem(tmp_path, named):
    ts(tmp_path / "Own_TRAIN.ts")
    ts(tmp_path / "Own_TEST.ts", signals(10, longest=16, seed=1))
    dataset = load_dataset(tmp_path / named)
    assert (dataset.name, sizes(dataset), dataset.input_shape) == ("Own", (19, 5, 10), (2, 14))
    assert dataset.notes[0] == "'Own': 'Own_TRAIN.ts' to train on and validate, 'Own_TEST.ts' as the test"
    assert dataset.notes[-1].endswith("that are longer, cut to that: 4")


def test_the_archives_tsv_has_labels_first_and_no_header(tmp_path):
    tsv(tmp_path / "Own_TRAIN.tsv")
    tsv(tmp_path / "Own_TEST.tsv", n=10, longest=12, seed=1)
    dataset = load_dataset(tmp_path / "Own_TEST.tsv")
    assert dataset.class_names == ("-1", "1") and sizes(dataset) == (19, 5, 10)
    assert dataset.input_shape == (1, 14)
    assert dataset.notes[0] == "'Own': without a header, so each line is a label and a signal"
    folder = load_dataset(tmp_path)
    assert folder.digest == load_dataset(tmp_path / "Own").digest == dataset.digest
    assert load_dataset(tsv(tmp_path / "single.tsv")).notes[1:] == (PADDED.format("'single'", 24),)


def test_a_tsv_with_a_header_or_a_target_is_a_table(tmp_path):
    rows = "".join(f"{i * i}\t{i % 3}\t{i % 2}\n" for i in range(20))
    (tmp_path / "rows.tsv").write_text("u\tv\tk\n" + rows)
    assert load_dataset(tmp_path / "rows.tsv", target="k").input_shape == (2,)
    assert "holds the classes? Say --target NAME" in refusal(tmp_path / "rows.tsv")
    (tmp_path / "rows.tsv").write_text(rows)
    assert "The first line must hold the names" in refusal(tmp_path / "rows.tsv", target="k")


def test_a_stem_is_kept_in_a_run_as_a_path_that_holds_everywhere(tmp_path, monkeypatch):
    ts(tmp_path / "Own_TRAIN.ts")
    monkeypatch.chdir(tmp_path)
    assert make_config({}, {"data": "Own"}, "test").to_keep().subject.data == str(tmp_path / "Own")


def test_a_part_without_the_other_is_split_or_refused(tmp_path):
    dataset = load_dataset(ts(tmp_path / "Own_TRAIN.ts"))
    assert sizes(dataset) == (15, 4, 5)
    assert dataset.notes[0] == "'Own': no test file beside 'Own_TRAIN.ts', so a part of it is the test"
    (tmp_path / "Own_TRAIN.ts").rename(tmp_path / "Own_TEST.ts")
    assert "'Own_TEST.ts' has no training file beside it" in refusal(tmp_path / "Own_TEST.ts")


def test_of_several_data_sets_in_a_folder_its_own_is_read_or_one_is_asked_for(tmp_path):
    folder = tmp_path / "Own"
    folder.mkdir()
    for name in ("Own_TRAIN.ts", "Own_eq_TRAIN.ts"):
        ts(folder / name)
    tsv(folder / "Own_TRAIN.tsv")
    assert load_dataset(folder).input_shape == (2, 14)
    folder = folder.rename(tmp_path / "archive")
    assert "'archive' holds several data sets: Own, Own_eq; name a file of one" in refusal(folder)
    assert load_dataset(folder / "Own_eq").name == "Own_eq"


def test_what_is_missing_is_a_question_mark_or_nan(tmp_path):
    found = signals()
    found[0][1][3], found[5][0][2] = "?", "NaN"
    assert load_dataset(ts(tmp_path / "Own.ts", found)).notes == (
        "'Own': missing values, interpolated linearly: 2 in 2 signals",
        PADDED.format("'Own'", 24),
    )


def test_keys_may_be_spelled_in_any_case(tmp_path):
    header = [line.lower().replace("classlabel", "class_labels") for line in HEADER]
    assert load_dataset(ts(tmp_path / "own.ts", header=header)).num_classes == 2


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            ("@timeStamps false", "@timeStamps true"),
            "has time stamps, which aren't read; save the values alone",
        ),
        (("@classLabel true Walk run", "@classLabel false"), "must have a label for each signal"),
        (("@data", "@nothing"), "line 10 of 'Own.ts' must begin with # or @"),
        (("0.126", "(0,0.1)"), "line 10 of 'Own.ts' must hold numbers, or ? where they are missing"),
        (("0.126", "high"), "got 'high'"),
        (("0.126", ""), "must hold numbers, or ? where they are missing, got ''"),
        (("0.126", "inf"), "must be finite, got inf"),
        ((":Walk", ":"), "line 10 of 'Own.ts' has no label"),
        ((":run", ":0.5:run"), "line 11 of 'Own.ts' must have 2 dimensions and a label"),
        ((":Walk", ",0.5:Walk"), "the dimensions in line 10 of 'Own.ts' must be equally long, got 14, 15"),
    ],
)
def test_a_bad_ts_file_is_refused_with_its_line(tmp_path, change, text):
    path = ts(tmp_path / "Own.ts")
    content = path.read_text()
    assert change[0] in content
    path.write_text(content.replace(*change, 1))
    assert text in refusal(path)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "must have a line @data"),
        ("#\n@data\n", "'own.ts' holds no signals"),
        ("let x: number = 3;\n", "line 1 of 'own.ts' must begin with # or @, as in a .ts file"),
        ("#\n@data\nWalk\n", "line 3 of 'own.ts' must have 1 dimensions and a label"),
        ("#\n@targetLabel true\n@data\n1,2:much\n", "line 4 of 'own.ts' must end in a number to predict"),
    ],
)
def test_what_is_no_ts_file_is_refused(tmp_path, content, text):
    (tmp_path / "own.ts").write_text(content)
    assert text in refusal(tmp_path / "own.ts")


def test_a_ts_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "own.ts").write_bytes(b"\x47\xff\xff")
    assert "must be text in UTF-8, got byte 0xff" in refusal(tmp_path / "own.ts")


@pytest.mark.skipif(importlib.util.find_spec("aeon") is None, reason="aeon is not installed")
def test_aeon_reads_the_same(tmp_path):
    from aeon.datasets import load_from_ts_file

    path = ts(tmp_path / "Own.ts", header=[line for line in HEADER if line != "%"])
    theirs, labels = load_from_ts_file(str(path))
    np.savez(tmp_path / "own.npz", x=_stacked(theirs), y=labels)
    assert load_dataset(tmp_path / "own.npz").digest == load_dataset(path).digest


def _stacked(found):
    x = np.full((len(found), *np.max([signal.shape for signal in found], axis=0)), np.nan)
    for row, signal in zip(x, found, strict=True):
        row[:, : signal.shape[1]] = signal
    return x


def test_a_target_label_is_a_number_also_where_all_are_whole(tmp_path: Path) -> None:
    lines = "".join(f"{i},{i + 1},{i % 5}:{i % 4}\n" for i in range(40))
    (tmp_path / "own.ts").write_text(f"@targetLabel true\n@data\n{lines}")
    dataset = load_dataset(tmp_path / "own.ts")
    assert dataset.predicts == "number" and dataset.num_classes == 1
