"""Made tasks: what they promise of shapes, balance and randomness, and that there is something to learn."""

import contextlib
import io
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from rl_designer.envs.datasets import DatasetError, load_dataset
from rl_designer.envs.tasks.made import FAMILIES, PREFIX, TaskError, make_task

RANKS = {"features": 1, "signal": 2, "image": 3}


def message(error):
    text = str(error.value)
    assert "\n" not in text
    return text


def flat(task):
    x = task.x.reshape(len(task.x), -1)
    return (x - x.mean(axis=0)) / x.std(axis=0)


# -- what every family keeps -----------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILIES)
def test_a_made_task_has_its_shape_and_balanced_classes(name):
    family, task = FAMILIES[name], make_task(f"{name}:examples=500")
    assert (task.kind, task.x.dtype, task.y.dtype) == (family.kind, np.float32, np.int64)
    size = family.usual.size
    sizes = {"features": (size,), "signal": (family.usual.channels, size), "image": (1, size, size)}
    assert task.x.shape == (500, *sizes[family.kind])
    assert len(task.x.shape) == 1 + RANKS[family.kind]
    assert np.isfinite(task.x).all()
    counts = np.bincount(task.y)
    assert len(counts) == family.usual.classes
    assert counts.max() - counts.min() <= 1


@given(data=st.data(), name=st.sampled_from(sorted(FAMILIES)))
@settings(max_examples=80, deadline=None)
def test_whatever_is_legal_is_made(data, name):
    family = FAMILIES[name]
    classes = data.draw(st.integers(2, 12))
    size = family.smallest(classes) + data.draw(st.integers(0, 5))
    channels = 1 if family.kind == "features" else family.channels + data.draw(st.integers(0, 2))
    noise = data.draw(st.floats(0, 3))
    text = f"{name}:classes={classes},size={size},channels={channels},noise={noise},examples={10 * classes}"
    task = make_task(text)
    assert np.bincount(task.y).tolist() == [10] * classes
    assert np.isfinite(task.x).all()
    assert task.x.shape[1] == (size if family.kind == "features" else channels)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_seed_decides_what_is_made(name):
    made, again, other = (make_task(f"{name}:examples=200,seed={seed}") for seed in (1, 1, 2))
    assert np.array_equal(made.x, again.x)
    assert np.array_equal(made.y, again.y)
    assert not np.array_equal(made.x, other.x)


def test_another_process_makes_the_same():
    code = (
        "import hashlib; from rl_designer.envs.tasks.made import FAMILIES, make_task; "
        "made = [make_task(f'{name}:examples=640') for name in FAMILIES]; "
        "print(hashlib.sha256(b''.join(m.x.tobytes() + m.y.tobytes() for m in made)).hexdigest())"
    )
    environment = {"PYTHONHASHSEED": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    here = io.StringIO()
    with contextlib.redirect_stdout(here):
        exec(code, {})
    assert ended.stdout == here.getvalue() != ""


def test_the_noise_changes_the_examples_and_not_the_classes():
    quiet, loud = (make_task(f"motifs:examples=100,noise={noise}") for noise in (0, 1))
    assert np.array_equal(quiet.y, loud.y)
    assert np.std(loud.x - quiet.x) == pytest.approx(1, abs=0.05)


def test_the_classes_stay_what_they_are_with_more_examples():
    few, more = (make_task(f"trends:noise=0,classes=3,examples={n}") for n in (300, 900))
    for label in range(3):
        forms = [task.x[task.y == label, 0].mean(axis=0) for task in (few, more)]
        assert np.corrcoef(forms)[0, 1] > 0.98


# -- there is something to learn, and the noise is in the way ----------------------------------------


def best_accuracy(task):
    """Of a few plain models, on the last 600 of 1,400."""
    x = flat(task)
    models = (
        KNeighborsClassifier(5),
        ExtraTreesClassifier(50, random_state=0),
        MLPClassifier((64,), max_iter=25, random_state=0),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return max(m.fit(x[:800], task.y[:800]).score(x[800:], task.y[800:]) for m in models)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_plain_model_beats_chance_and_isn_t_always_right(name):
    chance = 1 / FAMILIES[name].usual.classes  # of 600 draws: a standard error of at most 0.02
    accuracy = best_accuracy(make_task(f"{name}:examples=1400"))
    assert accuracy > chance + 0.1
    assert accuracy < 0.97


@pytest.mark.parametrize("name", ["motifs", "textures", "many"])
def test_much_noise_leaves_nothing_to_learn(name):
    chance = 1 / FAMILIES[name].usual.classes
    assert best_accuracy(make_task(f"{name}:noise=100,examples=1400")) < chance + 0.08


# -- names and parameters --------------------------------------------------------------------------


def test_a_made_task_is_a_data_set_by_name():
    text = "motifs:classes=3,examples=300"
    dataset, task = load_dataset(PREFIX + text), make_task(text)
    assert (dataset.name, dataset.kind, dataset.input_shape) == (PREFIX + text, "signal", (1, 64))
    assert (len(dataset.x_train), len(dataset.x_val)) == (192, 48)
    parts = [dataset.y_train, dataset.y_val, dataset.sealed_test.open()[1]]
    assert np.bincount(np.concatenate(parts)).tolist() == np.bincount(task.y).tolist()
    assert load_dataset(PREFIX + text, kind="features").input_shape == (64,)


def test_every_family_says_in_one_line_what_is_told_apart():
    lines = [family.line for family in FAMILIES.values()]
    assert all(line.startswith("made ") and ": " in line and "\n" not in line for line in lines)
    assert len(set(lines)) == len(lines)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("motfs", r"unknown made task 'motfs'\. Did you mean 'motifs'\? Legal: autoregressions, "),
        ("", "unknown made task ''"),
        ("motifs:clases=3", "unknown parameter of made task 'motifs' 'clases'. Did you mean 'classes'"),
        ("motifs:classes", "classes of made task 'motifs' must be a whole number, got ''"),
        ("motifs:classes=2.5", "classes of made task 'motifs' must be a whole number, got '2.5'"),
        ("motifs:noise=loud", "noise of made task 'motifs' must be a number, got 'loud'"),
        ("motifs:noise=nan", "noise of made task 'motifs' must be from 0.0 to 100.0, got nan"),
        ("motifs:noise=-1", "noise of made task 'motifs' must be from 0.0 to 100.0, got -1.0"),
        ("motifs:classes=1", "classes of made task 'motifs' must be from 2 to 64, got 1"),
        (
            "motifs:examples=79",
            "examples of made task 'motifs' must be from 80 to 1,000,000 with 8 classes, got 79",
        ),
        ("motifs:examples=999999", "may hold 30,000,000 numbers, these would be 63,999,936: take fewer"),
        ("strokes:size=300", "size of made task 'strokes' must be from 8 to 256 with 10 classes, got 300"),
        ("gaps:size=20", "size of made task 'gaps' must be from 24 to 4,096 with 6 classes, got 20"),
        ("phases:channels=1", "channels of made task 'phases' must be from 2 to 64, got 1"),
        ("few:channels=2", "channels of made task 'few' must be from 1 to 1, got 2"),
        ("few:seed=-1", "seed of made task 'few' must be from 0 to"),
    ],
)
def test_what_can_t_be_made_is_said_in_one_line(text, told):
    with pytest.raises(TaskError, match=told) as error:
        make_task(text)
    message(error)
    with pytest.raises(DatasetError, match=told):
        load_dataset(PREFIX + text)


def test_a_made_task_takes_no_options_of_files():
    with pytest.raises(DatasetError, match=r"--target is for .* not for 'task:few'"):
        load_dataset("task:few", target="y")
