"""A user's own data, from the file to a trained network: an .npz, a .csv, a folder of images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.command_line import Ended, runner

Command = Callable[..., Ended]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    return runner(capsys)


def train(command: Command, *options: object) -> Ended:
    quick = ["--agent", "random", "--evaluations", 2, "--epochs", 2, "--workers", 1, "--max-parameters", "3k"]
    return command("train", *quick, *options, "--quiet", "--json", "--run", "a")


def check_end_to_end(command: Command, ended: Ended, space: str) -> None:
    """It was trained for real, in the space made for it, and can be reported."""
    assert (ended.status, ended.err) == (0, "")
    assert (ended.json["space"], ended.json["evaluations"], ended.json["failures"]) == (space, 2, 0)
    assert 0 <= ended.json["best"]["val_accuracy"] <= 1
    assert ended.json["best"]["parameters"] <= 3000
    report = command("report", "a")
    assert report.status == 0 and "classifier(classes=2)" in report.out


def classes(n: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.arange(n) % 2


def test_own_signals_in_an_npz(command: Command) -> None:
    generator = np.random.Generator(np.random.PCG64(0))
    y = classes(120)
    x = generator.normal(size=(120, 2, 24)) + y[:, None, None]
    np.savez("signals.npz", x=x.astype(np.float32), y=y)
    check_end_to_end(command, train(command, "--data", "signals.npz", "--space", "convnet1d"), "convnet1d")


def test_own_rows_in_a_csv(command: Command) -> None:
    generator = np.random.Generator(np.random.PCG64(0))
    rows = [f"{a:.3f},{b:.3f},{'yes' if a + b > 0 else 'no'}" for a, b in generator.normal(size=(120, 2))]
    Path("rows.csv").write_text("\n".join(["height,weight,answer", *rows]))
    check_end_to_end(command, train(command, "--data", "rows.csv", "--target", "answer"), "mlp")


def test_own_images_in_a_folder(command: Command) -> None:
    generator = np.random.Generator(np.random.PCG64(0))
    for number in range(60):
        folder = Path("images", "dark" if number % 2 else "light")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 128, (12, 12, 3)) + (0 if number % 2 else 120)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    ended = train(command, "--data", "images", "--image-size", 8, "--augment", "flip-shift")
    check_end_to_end(command, ended, "convnet")


def test_own_search_space_in_a_toml(command: Command) -> None:
    Path("tiny.toml").write_text(
        'name = "tiny"\nfamily = "mlp"\nmax_layers = 2\n[layers.dense]\nwidth = [4, 8]\n'
    )
    generator = np.random.Generator(np.random.PCG64(0))
    y = classes(120)
    np.savez("rows.npz", x=generator.normal(size=(120, 3)) + y[:, None], y=y)
    check_end_to_end(command, train(command, "--data", "rows.npz", "--space", "tiny.toml"), "tiny")


def test_own_cells_in_a_toml(command: Command) -> None:
    Path("tiny.toml").write_text(
        'name = "tiny"\nfamily = "cell1d"\nnodes = 3\n[macro]\nwidth = [4]\nstages = [2]\ncells = [1]\n'
        "[operations.none]\n[operations.skip]\n[operations.conv]\nkernel = [3]\n"
    )
    generator = np.random.Generator(np.random.PCG64(0))
    y = classes(120)
    np.savez("signals.npz", x=generator.normal(size=(120, 1, 12)) + y[:, None, None], y=y)
    check_end_to_end(command, train(command, "--data", "signals.npz", "--space", "tiny.toml"), "tiny")
    assert 'class="cell"' in Path("a", "report.html").read_text(encoding="utf-8")
    retrained = command("retrain", "a", "--seeds", 1, "--epochs", 1, "--workers", 1, "--quiet", "--json")
    assert (retrained.status, retrained.err) == (0, "")
    found = command("export", "a", "--format", "python", "--output", "exported", "--quiet", "--json")
    assert (found.status, found.err) == (0, "") and Path("exported", "network.py").exists()


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (lambda: None, ["--data", "nowhere.csv", "--target", "y"], "nowhere.csv"),
        (lambda: Path("d.csv").write_text("a,b\n1,2\n3,4\n"), ["--data", "d.csv", "--target", "c"], "'c'"),
        (lambda: np.savez("d.npz", x=np.zeros((9, 3)), y=np.zeros(9, int)), ["--data", "d.npz"], "2 classes"),
        (lambda: np.savez("d.npz", x=np.full((9, 3), np.nan), y=classes(9)), ["--data", "d.npz"], "finite"),
        (lambda: np.savez("d.npz", x=np.full((9, 3), "a"), y=classes(9)), ["--data", "d.npz"], "numbers"),
        (lambda: np.savez("d.npz", x=np.zeros((9, 3)), y=classes(8)), ["--data", "d.npz"], "9 examples"),
        (lambda: Path("images").mkdir(), ["--data", "images"], "images"),
    ],
)
def test_bad_data_gets_one_line_that_helps(
    command: Command, make: Callable[[], object], options: list[str], message: str
) -> None:
    make()
    ended = train(command, *options)
    assert ended.status in (1, 2) and ended.out == ""
    assert ended.err.startswith("Error: ") and message in ended.err and ended.err.count("\n") == 1
    assert not Path("a").exists()


def test_designs_may_be_trained_on_fewer_examples(command: Command) -> None:
    few = train(command, "--data", "wine", "--examples", 2)
    assert few.status == 2 and "wine has 114 training examples of 3 classes" in few.err
    assert not Path("a").exists()
    assert train(command, "--data", "wine", "--examples", 40).json["failures"] == 0


def test_a_table_as_it_is_goes_all_the_way(command: Command) -> None:
    generator = np.random.Generator(np.random.PCG64(0))
    lines = ["id,age,colour,seen,visits,who,answer"]
    for number, age in enumerate(generator.integers(20, 80, 120)):
        cells = (
            "" if number % 9 == 0 else age,
            ("red", "blue", "")[number % 3],
            f"2024-{1 + number % 12}-05",
        )
        lines.append(
            ",".join(
                map(
                    str, (number, *cells, f'"{1 + number % 8},{100 + age}"', f"p{number % 40}", int(age > 50))
                )
            )
        )
    Path("rows.csv").write_text("\n".join(lines))
    asked = train(command, "--data", "rows.csv", "--target", "answer", "--group", "who")
    assert asked.status == 1 and "say --decimal point" in asked.err and not Path("a").exists()
    settings = 'data = "rows.csv"\ntarget = "answer"\ngroup = "who"\ndrop = ["seen"]\ndecimal = "point"\n'
    Path("own.toml").write_text(settings)
    check_end_to_end(command, train(command, "--config", "own.toml"), "mlp")
    retrained = command("retrain", "a", "--seeds", 1, "--epochs", 1, "--workers", 1, "--quiet", "--json")
    assert (retrained.status, retrained.err) == (0, "")
    other = command("retrain", "a", "--drop", "age", "--seeds", 1, "--quiet")
    assert (
        other.status == 2 and "the run brings its own data" in other.err and "leave --drop away" in other.err
    )
    [architecture] = Path("a/retrained").glob("*/architecture.json")
    data = (
        "--data",
        "rows.csv",
        "--target",
        "answer",
        "--group",
        "who",
        "--drop",
        "seen",
        "--decimal",
        "point",
    )
    exported = command("export", architecture, *data, "--format", "python", "--output", "out", "--quiet")
    assert (exported.status, exported.err) == (0, "")
