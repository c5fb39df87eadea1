"""Images as they are: bits, colours, transparency, frames, and the spellings of their parts' folders."""

import numpy as np
import pytest

from rl_designer.envs.datasets import DatasetError, load_dataset

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

PIXELS = np.arange(30).reshape(5, 6)


def fill(folder, save, classes=("cat", "dog"), n=3):
    """`save(path without suffix, label, index)` for each image."""
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for index in range(n):
            save(folder / name / str(index), label, index)
    return folder


def deep(dtype, scale, suffix):
    def save(path, label, index):
        values = (PIXELS + label + index) * scale
        Image.fromarray(values.astype(dtype)).save(path.with_suffix(suffix))

    return save


@pytest.mark.parametrize(
    ("dtype", "suffix"),
    [
        (np.uint16, ".png"),
        (np.uint16, ".tif"),
        (np.uint16, ".pgm"),
        (np.int32, ".tif"),
        (np.float32, ".tif"),
    ],
)
def test_deep_images_are_read_from_0_to_255_without_rounding(tmp_path, dtype, suffix):
    """Differences of far less than one in 255 are kept."""
    dataset = load_dataset(
        fill(tmp_path / "pets", deep(dtype, 1 / 65535 if dtype is np.float32 else 1, suffix))
    )
    assert dataset.input_shape == (1, 5, 6)
    assert dataset.notes == ("'pets': images of more than 8 bits, scaled to 0 to 255 without rounding: 6",)
    values = dataset.x_train * dataset.standardisation.deviation + dataset.standardisation.mean
    assert len(np.unique(np.round(values, 6))) > 30
    assert abs(np.diff(values[0, 0, 0]).mean() - 255 / 65535) < 1e-6


def test_deep_images_stand_beside_those_of_eight_bits(tmp_path):
    folder = fill(tmp_path / "pets", deep(np.uint8, 8, ".png"))
    plain = load_dataset(folder)
    for path in (folder / "cat").iterdir():
        with Image.open(path) as image:
            sixteen = np.asarray(image).astype(np.uint16) * 257
        Image.fromarray(sixteen).save(path)
    assert np.allclose(load_dataset(folder).x_train, plain.x_train, atol=1e-5)
    Image.new("RGB", (6, 5), "red").save(folder / "dog" / "red.png")
    assert load_dataset(folder).input_shape == (3, 5, 6)
    assert load_dataset(folder, image_size=4).input_shape == (3, 4, 4)


@pytest.mark.parametrize(
    ("dtype", "scale", "text"),
    [
        (np.float32, 8.0, "its numbers must be from 0 to 1, got 0 to 232; save it with 8 or 16 bits"),
        (np.float32, -0.01, "its numbers must be from 0 to 1, got -0.29 to"),
        (np.float32, np.nan, "its numbers must be from 0 to 1, got nan"),
        (np.int32, 10_000, "its numbers must be from 0 to 65535, got 0 to 290000"),
    ],
)
def test_deep_images_of_another_range_are_refused(tmp_path, dtype, scale, text):
    with pytest.raises(DatasetError) as error:
        load_dataset(fill(tmp_path / "pets", deep(dtype, scale, ".tif")))
    assert text in str(error.value) and "0.tif" in str(error.value)


def test_a_transparent_grey_of_sixteen_bits_is_white(tmp_path):
    def save(path, label, index):
        values = (PIXELS * 256).astype(np.uint16)
        Image.fromarray(values).save(path.with_suffix(".png"), transparency=0)

    dataset = load_dataset(fill(tmp_path / "pets", save))
    assert dataset.x_train[0, 0].argmax() == 0
    assert dataset.notes[0] == "'pets': images with transparency, laid over white: 6"


SHAPES = [(PIXELS % 6 < 3) == bool(label) for label in (0, 1)]


def transparent(mode):
    def save(path, label, index):
        alpha = Image.fromarray((255 * SHAPES[label]).astype(np.uint8))
        image = Image.new("LA" if mode == "LA" else "RGBA", (6, 5))
        image.putalpha(alpha)
        if mode == "P":  # one colour of the palette is transparent
            image = Image.fromarray(SHAPES[label].astype(np.uint8), "L").convert("P")
            image.info["transparency"] = 0
        image.save(path.with_suffix(".png"))

    return save


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_a_shape_in_the_transparency_alone_is_seen(tmp_path, mode):
    dataset = load_dataset(fill(tmp_path / "pets", transparent(mode)))
    for label in (0, 1):
        picture = dataset.x_train[dataset.y_train == label][0, 0]
        assert (picture[SHAPES[label]] < picture[~SHAPES[label]].min()).all()
    assert dataset.notes == ("'pets': images with transparency, laid over white: 6",)


@pytest.mark.parametrize(
    ("mode", "suffix"), [("CMYK", ".jpg"), ("CMYK", ".tif"), ("YCbCr", ".tif"), ("P", ".gif")]
)
def test_colours_of_other_kinds_become_red_green_and_blue(tmp_path, mode, suffix):
    def save(path, label, index):
        Image.new("RGB", (8, 8), ("red", "blue")[label]).convert(mode).save(path.with_suffix(suffix))

    dataset = load_dataset(fill(tmp_path / "pets", save))
    red, blue = (dataset.x_train[dataset.y_train == label][0] for label in (0, 1))
    assert red[0].min() > blue[0].max() and blue[2].min() > red[2].max()


def test_of_several_frames_the_first_is_read_which_is_told(tmp_path):
    def save(path, label, index):
        frames = [Image.new("L", (6, 5), 100 * label + 10 * k) for k in range(2)]
        frames[0].save(path.with_suffix(".gif"), save_all=True, append_images=frames[1:])

    dataset = load_dataset(fill(tmp_path / "pets", save))
    assert dataset.notes == ("'pets': images of several frames, of which the first is read: 6",)


@pytest.mark.parametrize(
    "parts",
    [
        ("Train", "Test"),
        ("training_set", "test_set"),
        ("TRAINING", "Testing"),
        ("train-images", "testdata"),
        ("Trainset", "Eval"),
        ("train", "Valid Data"),
    ],
)
def test_parts_are_known_by_any_usual_spelling(tmp_path, parts):
    for part in parts:
        fill(tmp_path / "pets" / part, deep(np.uint8, 3, ".png"), n=5)
    dataset = load_dataset(tmp_path / "pets")
    validation = parts[1] in ("Eval", "Valid Data")
    given = dataset.y_val if validation else dataset.sealed_test.open()[1]
    assert dataset.class_names == ("cat", "dog") and len(given) == 10


@pytest.mark.parametrize("suffix", [".jfif", ".JFIF", ".jpe"])
def test_jpeg_by_any_usual_suffix_is_read(tmp_path, suffix):
    def save(path, label, index):
        name = path.with_suffix(suffix if index else ".png")
        Image.new("L", (6, 5), 50 * label + index).save(name, "JPEG" if index else None)

    dataset = load_dataset(fill(tmp_path / "pets", save))
    assert len(dataset.y_train) + len(dataset.y_val) + len(dataset.sealed_test.open()[1]) == 6
    assert not dataset.notes


@pytest.mark.parametrize("hidden", [".ipynb_checkpoints", ".thumbnails", "._"])
def test_copies_in_hidden_folders_and_hidden_files_are_not_read(tmp_path, hidden):
    folder = fill(tmp_path / "pets", deep(np.uint8, 3, ".png"))
    plain = load_dataset(folder)
    for path in list((folder / "cat").iterdir()):
        copy = path.with_name(hidden + path.name) if hidden == "._" else path.parent / hidden / path.name
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    dataset = load_dataset(folder)
    assert dataset.digest == plain.digest
    assert dataset.notes == ("'pets': files passed over, hidden: 3",)
