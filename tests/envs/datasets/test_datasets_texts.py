"""Texts: how they are found, what they are cut into, and what is said of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from rl_designer.envs.datasets import Dataset, DatasetError, load_dataset
from rl_designer.envs.datasets.inputs import RawInputs
from rl_designer.envs.datasets.preparation import RawData, prepare
from rl_designer.envs.datasets.readers.arrays import raw_of
from rl_designer.envs.datasets.readers.examples import read_examples
from rl_designer.envs.datasets.texts import Texts, Tokeniser
from rl_designer.envs.datasets.texts.symbols import PADDING, UNKNOWN, symbols_of
from rl_designer.envs.datasets.texts.texts import Reading, texts_in
from tests.helpers.texts import words, write_words

SENTENCES = [
    f"The {a} cat sat on the {b}, and the dog {c}."
    for a in ("old", "red", "shy")
    for b in ("mat", "sofa", "bed", "chair")
    for c in ("slept", "barked", "ran")
]


def prepared(x: Any, y: Any, **options: Any) -> Dataset:
    return prepare(raw_of((x, y), "own", "own"), None, 0, **options)


def sentences(**options: Any) -> Dataset:
    return prepared(SENTENCES, [i % 2 for i in range(len(SENTENCES))], **options)


def refusal(*arguments: Any, **options: Any) -> str:
    with pytest.raises(DatasetError) as error:
        load_dataset(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


# -- symbols ---------------------------------------------------------------------------------------


def test_what_symbols_are() -> None:
    assert symbols_of(" Don't\n  STOP! ", "characters") == list("Don't STOP!")
    assert symbols_of(" Don't\n  STOP! ", "words") == ["don", "'", "t", "stop", "!"]
    assert symbols_of("e\u0301", "characters") == ["\u00e9"], "one letter however it is written"
    assert symbols_of("", "words") == []
    # The longest known words in an unknown one, from its beginning on; those of three letters are none.
    known = {"image", "viewer", "view", "ing", "pre"}
    cut = symbols_of("Image preimageviewering, ing photo", "pieces", known)
    assert cut == ["image", "image", "viewer", ",", "ing", "photo"]
    assert symbols_of("Don't", "pieces") == symbols_of("Don't", "words"), "nothing is known yet"


def test_short_texts_are_characters_and_sentences_words_unless_it_is_said() -> None:
    known = sentences().tokeniser
    assert known is not None and known.symbols == "words" and "cat" in known.vocabulary
    said = sentences(reading=Reading(symbols="characters")).tokeniser
    assert said is not None and said.symbols == "characters"
    short = prepared(*words(60)).tokeniser
    assert (
        short is not None and short.symbols == "characters" and set(short.vocabulary) <= set("lamino ektrzgu")
    )
    # Sentences of which each is made of words of its own.
    strange = [" ".join(f"w{i}x{j}" for j in range(6)) for i in range(40)]
    few = prepared(strange, [i % 2 for i in range(40)]).tokeniser
    assert few is not None and few.symbols == "characters"


def test_pieces_have_the_symbols_of_words_and_read_more_by_them() -> None:
    as_words, pieces = (sentences(reading=Reading(symbols=kind)).tokeniser for kind in ("words", "pieces"))
    assert as_words is not None and pieces is not None
    assert pieces.vocabulary == as_words.vocabulary and pieces.input_shape == as_words.input_shape
    text, apart = "The seabarkedsofa barked, unbarked!", "the barked sofa barked, barked !"
    assert (pieces.apply([text]) == pieces.apply([apart])).all() and UNKNOWN in as_words.apply([text])
    # Nothing that is known reads otherwise.
    assert (pieces.apply(SENTENCES) == as_words.apply(SENTENCES)).all()
    assert (Tokeniser.from_dict(pieces.to_dict()).apply([text]) == pieces.apply([text])).all()
    told = "\n".join(sentences(reading=Reading(symbols="pieces")).about)
    assert "read as words in lower case, unknown ones cut into known ones" in told
    assert "--symbols pieces cuts unknown words" in "\n".join(sentences().about) and "--symbols" not in told


def test_the_vocabulary_is_the_training_part_s_most_frequent_first() -> None:
    x = {
        "train": Texts(np.array(["aab", "ab", "aq", "c"], dtype=object)),
        "val": Texts(np.array(["q"] * 4, object)),
    }
    y = {"train": np.array([0, 0, 1, 1]), "val": np.array([0, 0, 1, 1])}
    dataset = prepare(RawData("own", x, y, "own", "text"), None, 0, sealed=False)
    assert dataset.tokeniser is not None
    assert dataset.tokeniser.vocabulary == ("a", "b"), "q and c stand in one training text each"
    assert dataset.x_train[0].tolist() == [2, 2, 3, *[PADDING] * 5]
    assert set(dataset.x_val[:, 0]) == {UNKNOWN}
    assert dataset.input_shape == (4, 8) and dataset.kind == "text" and dataset.space == "textnet"


def test_the_length_is_that_of_nearly_all_and_what_is_cut_off_is_told() -> None:
    x, y = words(100)
    dataset = prepared([*x, "la" * 200, "kr" * 200, "mi" * 200], [*y, "soft", "hard", "soft"])
    assert dataset.tokeniser is not None and 8 <= dataset.tokeniser.length <= 20
    told = "\n".join(dataset.about)
    assert "read as characters" in told and "cut off after" in told and "symbols" in told
    assert dataset.x_train.shape[1] == dataset.tokeniser.length
    # Never more than 256.
    long = prepared([f"{text * 150}" for text in x], y)
    assert long.input_shape[1] == 256


def test_at_most_so_many_symbols() -> None:
    few = sentences(reading=Reading(vocabulary=6))
    assert few.symbols == 6 and few.x_train.max() == 5
    with pytest.raises(DatasetError, match=r"must have from 3 to 100,000 symbols, .* got 2"):
        sentences(reading=Reading(vocabulary=2))
    with pytest.raises(DatasetError, match="--vocabulary is for texts"):
        prepared(np.zeros((20, 3)), np.arange(20) % 2, reading=Reading(vocabulary=9))


def test_texts_without_anything_in_common_are_refused() -> None:
    with pytest.raises(DatasetError, match="have no characters that at least 2 texts"):
        prepared([chr(0x4E00 + i) for i in range(30)], [i % 2 for i in range(30)])


def test_empty_and_equal_texts_are_told() -> None:
    x, y = words(60)
    dataset = prepared(["", " ", *x, *x], ["soft", "hard", *y, *y])
    told = "\n".join(dataset.about)
    assert "without any characters: " in told and "stand among the training texts, too" in told


# -- where they are --------------------------------------------------------------------------------


def test_the_only_column_beside_the_target_holds_texts(tmp_path: Path) -> None:
    path = write_words(tmp_path / "words.csv")
    dataset = load_dataset(path, target="sound")
    assert dataset.kind == "text" and dataset.class_names == ("hard", "soft")
    assert dataset.tokeniser is not None and dataset.tokeniser.column == "word"
    assert "texts of the column 'word'" in dataset.about[1]
    assert dataset.texts is not None and len(dataset.texts[0]) == len(dataset.y_train)
    # Said to be categories, or features, they are rows.
    assert load_dataset(path, target="sound", categorical=["word"]).kind == "features"
    assert load_dataset(path, target="sound", kind="features").kind == "features"


def test_few_different_texts_are_categories(tmp_path: Path) -> None:
    path = tmp_path / "colours.csv"
    rows = [f"{('red', 'green', 'blue')[i % 3]},{i % 2}" for i in range(60)]
    path.write_text("\n".join(["colour,y", *rows]))
    assert load_dataset(path, target="y").kind == "features"
    assert load_dataset(path, target="y", text="colour").kind == "text"


def test_a_column_among_others_is_named(tmp_path: Path) -> None:
    x, y = words(60)
    path = tmp_path / "table.csv"
    rows = [f"{i / 7:.2f},{text},p{i // 3},{label}" for i, (text, label) in enumerate(zip(x, y, strict=True))]
    path.write_text("\n".join(["size,word,person,y", *rows]))
    dataset = load_dataset(path, target="y", text="word", group="person")
    assert dataset.kind == "text" and dataset.grouped
    assert any("left out beside the texts: 'size'" in line for line in dataset.about)
    assert "which column of 'table.csv' holds the texts? Say --text NAME." in refusal(
        path, target="y", kind="text"
    )
    assert "it can't be anything else" in refusal(path, target="y", text="word", drop=["word"])
    assert "unknown column 'wrd'" in refusal(path, target="y", text="wrd")
    assert "--text is for tables of rows" in refusal("digits", text="word")
    assert "can't be read as images" in refusal(path, target="y", text="word", kind="image")
    assert "holds no texts, which --space textnet is for" in refusal("digits", kind="text")


def test_a_folder_of_texts_by_class(tmp_path: Path) -> None:
    x, y = words(48)
    for number, (text, label) in enumerate(zip(x, y, strict=True)):
        (tmp_path / "sounds" / label).mkdir(parents=True, exist_ok=True)
        (tmp_path / "sounds" / label / f"{number}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "sounds" / "hard" / "notes.md").write_text("not one of them")
    dataset = load_dataset(tmp_path / "sounds")
    assert dataset.kind == "text" and dataset.class_names == ("hard", "soft")
    assert any("files passed over, no texts: 1" in line for line in dataset.about)
    (tmp_path / "sounds" / "soft" / "0.txt").write_bytes(b"\xff\xfe\xfa")
    assert "'0.txt' must be text in UTF-8, got byte 0xff" in refusal(tmp_path / "sounds")


def test_texts_in_memory() -> None:
    x, y = words(40)
    expected = prepared(x, y)
    for given in (np.array(x), np.array(x, dtype=object)[:, None], pandas.Series(x), tuple(x)):
        assert prepared(given, y).digest == expected.digest
    assert texts_in([1, "a"]) is None and texts_in("a") is None and texts_in([]) is None
    parts = {"x_train": x, "y_train": y, "x_test": x[:10], "y_test": y[:10]}
    dataset = prepare(raw_of(parts, "own", "own"), None, 0)
    assert dataset.sealed_test is not None and len(dataset.sealed_test.open()[0]) == 10
    assert dataset.sealed_test.open_texts().tolist() == x[:10]


def test_the_embedded_ones() -> None:
    names = load_dataset("names")
    assert (names.kind, names.num_classes, len(names.y_train)) == ("text", 9, 3_985)
    assert names.with_examples(90).texts is not None
    assert len(names.with_examples(90).texts[0]) == 90
    both = names.with_examples_of_both(90)
    assert [len(part) for part in both.texts] == [len(both.y_train), len(both.y_val)] == [72, 18]
    for text, ids in zip(both.texts[1], both.x_val, strict=True):
        assert (names.tokeniser.apply([text]) == ids).all()


# -- new ones --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def inputs() -> RawInputs:
    x, y = words(60)
    frame = {"train": Texts(np.array(x, dtype=object), "word")}
    return RawInputs.of(prepare(RawData("own", frame, {"train": np.array(y)}, "own", "text"), None, 0))


def ready(inputs: RawInputs, given: Any) -> np.ndarray:
    return inputs.ready(given, None, inputs.shape)[0]


def test_new_texts_come_as_a_list_an_array_or_a_table(inputs: RawInputs, tmp_path: Path) -> None:
    texts = ["lami", "krtat", ""]
    expected = ready(inputs, texts)
    assert expected.shape == (3, inputs.shape[1]) and not expected[2].any()
    table = pandas.DataFrame({"other": [1, 2, 3], "word": texts})
    for given in (np.array(texts), table, table[["word"]], [{"word": text} for text in texts]):
        assert (ready(inputs, given) == expected).all()
    (tmp_path / "new.csv").write_text("id,word\n1,lami\n2,krtat\n3,\n")
    assert (ready(inputs, read_examples(tmp_path / "new.csv", inputs).values) == expected).all()
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.txt").write_text(text)
    found = read_examples(tmp_path, inputs)
    assert found.files == ("0.txt", "1.txt", "2.txt") and (ready(inputs, found.values) == expected).all()
    assert read_examples(tmp_path / "1.txt", inputs).values == ["krtat"]
    notes = inputs.ready(["lami?", ""], None, inputs.shape)[1]
    assert notes == ("unknown characters in texts: 1 of 5", "texts without any characters: 1")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("lami", "takes texts, a list of them or a table with them, got str"),
        (np.zeros((2, 3)), "takes texts, a list of them or a table with them, got ndarray"),
        ([1, 2], "takes texts, a list of them or a table with them, got list"),
        (pandas.DataFrame({"said": ["a"]}), "the texts of column 'word'; there are: nothing"),
        (pandas.DataFrame({"word": [1, 2]}), "column 'word' must hold texts, got numbers"),
    ],
)
def test_what_are_no_texts_is_refused(inputs: RawInputs, given: Any, said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        ready(inputs, given)


def test_a_tokeniser_goes_into_files_and_back(inputs: RawInputs) -> None:
    written = json.loads(json.dumps(inputs.to_dict()))
    read = RawInputs.from_dict(written, inputs.shape)
    assert read.kind == "text" and read.to_dict() == inputs.to_dict()
    assert (ready(read, ["lami"]) == ready(inputs, ["lami"])).all()
    with pytest.raises(ValueError, match="its symbols are"):
        RawInputs.from_dict({**written, "tokeniser": {**written["tokeniser"], "length": 9}}, inputs.shape)


@pytest.mark.parametrize(
    "change",
    [{"symbols": "syllables"}, {"vocabulary": ["a", "a"]}, {"vocabulary": []}, {"length": 0}, {"more": 1}],
)
def test_a_stranger_s_tokeniser_is_looked_at(change: dict[str, Any]) -> None:
    whole = {"symbols": "words", "vocabulary": ["a", "b"], "length": 9, "column": None}
    assert Tokeniser.from_dict(whole).input_shape == (4, 9)
    with pytest.raises(ValueError, match="tokeniser"):
        Tokeniser.from_dict({**whole, **change})
