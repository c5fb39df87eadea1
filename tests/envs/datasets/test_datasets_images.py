"""A folder of images by class, and what is said of a bad one."""

import numpy as np
import pytest

from rl_designer.envs.datasets import DatasetError, load_dataset

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")


def picture(seed=0, mode="L", size=(6, 5)):
    """A random image; size is width, height."""
    pixels = np.random.default_rng(seed).integers(0, 255, size=(size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def fill(folder, n=5, classes=("cat", "dog"), **options):
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for index in range(n):
            picture(seed=100 * label + index, **options).save(folder / name / f"{index}.png")
    return folder


def refusal(path, **options):
    with pytest.raises(DatasetError) as error:
        load_dataset(path, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture
def pets(tmp_path):
    return tmp_path / "pets"


def test_folders_are_classes(pets):
    dataset = load_dataset(fill(pets))
    assert (dataset.name, dataset.kind, dataset.class_names) == ("pets", "image", ("cat", "dog"))
    assert dataset.input_shape == (1, 5, 6)
    assert len(dataset.y_train) + len(dataset.y_val) + len(dataset.sealed_test.open()[1]) == 10


def test_images_can_be_read_as_features(pets):
    assert load_dataset(fill(pets), kind="features").input_shape == (30,)


def test_one_coloured_image_makes_all_of_them_coloured(pets):
    fill(pets)
    picture(mode="RGB").save(pets / "dog" / "9.png")
    assert load_dataset(pets).input_shape == (3, 5, 6)


@pytest.mark.parametrize(
    ("mode", "channels"), [("1", 1), ("L", 1), ("LA", 1), ("RGB", 3), ("RGBA", 3), ("P", 3)]
)
def test_every_mode_of_eight_bits_is_read(pets, mode, channels):
    assert load_dataset(fill(pets, mode=mode)).input_shape[0] == channels


@pytest.mark.parametrize("suffix", ["bmp", "gif", "jpg", "JPEG", "pgm", "png", "tif", "webp"])
def test_the_usual_formats_are_read(pets, suffix):
    fill(pets)
    picture().save(pets / "dog" / f"other.{suffix}")
    dataset = load_dataset(pets)
    assert len(dataset.y_train) + len(dataset.y_val) + len(dataset.sealed_test.open()[1]) == 11


def test_pixels_keep_their_places_and_channels(pets):
    fill(pets, n=3)
    marked = np.zeros((5, 6, 3), np.uint8)
    marked[1, 4, 2] = 255
    for index in range(30):
        Image.fromarray(marked).save(pets / "cat" / f"m{index}.png")
    x = load_dataset(pets).x_train
    loudest = np.unravel_index(np.bincount(x.reshape(len(x), -1).argmax(1)).argmax(), x.shape[1:])
    assert loudest == (2, 1, 4)


def test_files_that_are_no_images_and_hidden_ones_are_passed_over(pets):
    expected = load_dataset(fill(pets)).digest
    (pets / "cat" / "Thumbs.db").write_bytes(b"x")
    (pets / "cat" / "._0.png").write_bytes(b"x")
    (pets / ".git").mkdir()
    (pets / "README.txt").write_text("pets")
    assert load_dataset(pets).digest == expected


def test_folders_inside_a_class_belong_to_it(pets):
    fill(pets, n=3)
    (pets / "cat" / "more").mkdir()
    picture(7).save(pets / "cat" / "more" / "7.png")
    dataset = load_dataset(pets)
    assert dataset.class_names == ("cat", "dog")
    assert len(dataset.y_train) + len(dataset.y_val) + len(dataset.sealed_test.open()[1]) == 7


@pytest.mark.parametrize("validation", ["val", "valid", "validation"])
def test_folders_of_parts_are_the_split(pets, validation):
    for part, n in [("train", 4), (validation, 2), ("test", 1)]:
        fill(pets / part, n=n)
    dataset = load_dataset(pets)
    assert (len(dataset.y_train), len(dataset.y_val), len(dataset.sealed_test.open()[1])) == (8, 4, 2)
    assert np.array_equal(dataset.x_val, dataset.x_train[[0, 1, 4, 5]])


def test_missing_parts_are_cut_off_training(pets):
    fill(pets / "train", n=10)
    fill(pets / "test", n=1)
    dataset = load_dataset(pets)
    assert (len(dataset.y_train), len(dataset.y_val), len(dataset.sealed_test.open()[1])) == (16, 4, 2)


def test_classes_may_be_called_train_and_test(pets):
    assert load_dataset(fill(pets, classes=("train", "test"))).class_names == ("test", "train")


def test_images_of_several_sizes_are_resized_on_request(pets):
    fill(pets)
    picture(size=(20, 30)).save(pets / "dog" / "large.png")
    text = refusal(pets)
    assert "differ in size: 0.png has 5 x 6 pixels, large.png 30 x 20" in text
    assert "--image-size" in text
    assert load_dataset(pets, image_size=8).input_shape == (1, 8, 8)


def test_images_are_turned_as_their_camera_says(pets):
    fill(pets, mode="RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(mode="RGB", size=(5, 6)).save(pets / "dog" / "turned.jpg", exif=exif)
    assert load_dataset(pets).input_shape == (3, 5, 6)


# -- what is refused -------------------------------------------------------------------------------


def test_a_folder_without_classes_is_refused(pets):
    pets.mkdir()
    assert "must hold a folder of images for each of at least 2 classes, got nothing" in refusal(pets)


def test_a_folder_of_one_class_is_refused(pets):
    assert "at least 2 classes, got cat" in refusal(fill(pets, classes=("cat",)))


def test_a_class_without_images_is_named(pets):
    fill(pets)
    (pets / "eel").mkdir()
    assert "class folder 'eel' holds no images" in refusal(pets)


def test_parts_beside_classes_are_refused(pets):
    fill(pets / "train")
    fill(pets, classes=("cat",))
    assert "must hold either train/, val/, test/ or folders of classes, got cat, train" in refusal(pets)


def test_two_folders_of_validation_are_refused(pets):
    for part in ("train", "val", "valid"):
        fill(pets / part)
    assert "must hold one folder for each part, got train, val, valid" in refusal(pets)


@pytest.mark.parametrize("spellings", [("Train", "Test"), ("TRAINING", "testing"), ("train", "Dev")])
def test_parts_are_known_by_any_usual_spelling(pets, spellings):
    for part in spellings:
        fill(pets / part)
    dataset = load_dataset(pets)
    given = dataset.y_val if "Dev" in spellings else dataset.sealed_test.open()[1]
    assert dataset.class_names == ("cat", "dog") and len(given) == 10


def test_parts_without_training_are_refused(pets):
    for part in ("Validation", "Test"):
        fill(pets / part)
    assert "must hold either train/, val/, test/ or folders of classes" in refusal(pets)


def test_hidden_folders_and_files_that_are_no_images_are_passed_over_and_counted(pets):
    plain = load_dataset(fill(pets)).digest
    (pets / "cat" / ".ipynb_checkpoints").mkdir()
    picture(seed=9).save(pets / "cat" / ".ipynb_checkpoints" / "0.png")
    (pets / "dog" / "notes.txt").write_text("good dogs")
    dataset = load_dataset(pets)
    assert dataset.digest == plain
    assert sorted(dataset.notes) == [
        "'pets': files passed over, hidden: 1",
        "'pets': files passed over, no images: 1",
    ]


def test_jfif_is_jpeg(pets):
    fill(pets)
    picture(seed=7).save(pets / "cat" / "more.jfif", "JPEG")
    dataset = load_dataset(pets)
    assert len(dataset.y_train) + len(dataset.y_val) + len(dataset.sealed_test.open()[1]) == 11


def test_what_is_transparent_is_laid_over_white_which_is_told(pets):
    """The shape is in the transparency alone."""
    for label, name in enumerate(("cat", "dog")):
        (pets / name).mkdir(parents=True)
        for index in range(5):
            pixels = np.full((5, 6, 4), 80, np.uint8)
            pixels[..., 3] = 255 * (np.arange(6) % 2 == label)
            Image.fromarray(pixels, "RGBA").save(pets / name / f"{index}.png")
    dataset = load_dataset(pets)
    cat, dog = (dataset.x_train[dataset.y_train == label][0] for label in (0, 1))
    assert (cat[:, :, 0::2] < cat[:, :, 1::2]).all() and (dog[:, :, 0::2] > dog[:, :, 1::2]).all()
    assert dataset.notes == ("'pets': images with transparency, laid over white: 10",)


def test_a_file_that_is_no_image_is_named(pets):
    fill(pets)
    (pets / "dog" / "bad.png").write_text("not an image")
    text = refusal(pets)
    assert "bad.png" in text
    assert "unknown format" in text


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_truncated_image_is_named(pets, suffix):
    fill(pets, size=(60, 50))
    path = pets / "dog" / f"cut.{suffix}"
    picture(size=(60, 50)).save(path)
    path.write_bytes(path.read_bytes()[:-600])
    assert f"'cut.{suffix}' can't be read as an image" in refusal(pets)


def test_an_image_of_absurdly_many_pixels_is_not_decoded(pets, monkeypatch):
    fill(pets)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    assert "has too many pixels" in refusal(pets)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert "has too many pixels" in refusal(pets)


def test_images_that_would_not_fit_into_memory_are_refused_before_they_are_read(pets, monkeypatch):
    fill(pets)
    monkeypatch.setattr("rl_designer.envs.datasets.readers.images._LARGEST", 10 * 30 * 4 - 1)
    text = refusal(pets)
    assert "GiB of memory at 5 x 6 pixels; make them smaller with --image-size" in text
    assert load_dataset(pets, image_size=5).input_shape == (1, 5, 5)


@pytest.mark.parametrize("size", [0, -1, 5000])
def test_an_image_size_that_makes_no_sense_is_refused(pets, size):
    assert f"the image size must be from 1 to 4096 pixels, got {size}" in refusal(fill(pets), image_size=size)


def test_a_folder_that_can_not_be_listed_is_refused(pets, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied")

    fill(pets)
    monkeypatch.setattr("pathlib.Path.iterdir", denied)
    assert "'pets' can't be read as a folder of images: Permission denied" in refusal(pets)


def test_an_image_that_can_not_be_opened_is_named(pets, monkeypatch):
    def denied(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    fill(pets)
    monkeypatch.setattr(Image, "open", denied)
    assert "'0.png' can't be read as an image: Permission denied" in refusal(pets)
