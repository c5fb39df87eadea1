"""Metrics on the command line: a number to predict, rare classes, and a metric of one's own."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import rl_designer as rl
from rl_designer.envs.metrics import METRICS
from tests.helpers.command_line import Ended, runner

Command = Callable[..., Ended]
QUICK = ("--evaluations", 2, "--epochs", 1, "--folds", 1, "--workers", 1, "--max-parameters", "2k")
PPO = ("--agent", "ppo:warm=1,batch=1,updates=1,final_updates=1", "--no-control")
RANDOM = ("--agent", "random", "--no-control", "--no-tensorboard", "--quiet")
OWN = """
from pathlib import Path
Path("code-was-run").touch()
def hits(outputs, y):
    return float((outputs.argmax(axis=1) == y).mean())
"""


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command where `prices.csv` has a number to predict, and `rare.csv` 5 % of the class `yes`."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(200, 4))
    price = 300 + 80 * x[:, 0] + generator.normal(size=200)
    np.savetxt("prices.csv", np.c_[x, price], delimiter=",", header="a,b,c,d,price", comments="", fmt="%.4f")
    kinds = ["yes" if number % 20 == 0 else "no" for number in range(200)]
    rows = [
        f"{a + 2 * (kind == 'yes'):.4f},{b:.4f},{kind}" for (a, b, *_), kind in zip(x, kinds, strict=True)
    ]
    Path("rare.csv").write_text("\n".join(["a,b,kind", *rows]))
    return runner(capsys)


def words_of(page: str) -> str:
    """What people read of a page: neither tags nor scripts, and not its settings."""
    text = re.sub(r"<(script|style)\b.*?</\1>", "", Path(page).read_text(), flags=re.DOTALL)
    return re.sub(r"<[^>]+>", " ", text)


def test_a_number_is_searched_shown_sampled_and_never_called_an_accuracy(command: Command) -> None:
    ended = command("train", "--data", "prices.csv", "--target", "price", *QUICK, *PPO, "--run", "p")
    assert ended.status == 0 and "scored by r2; guessing gives" in ended.err
    assert "val. r2" in ended.err and "linear(numbers=1)" in ended.err
    told = ended.err + words_of("p/report.html").replace("reward  accuracy", "")
    assert "classifier" not in told and "class 0" not in told
    assert "val. r2" in told and "R2 against parameters" in told and "validation accuracy" not in told.lower()
    best = command("report", "p", "--json").json["designs"][0]
    assert best["val_accuracy"] is None and best["val_score"] == best["reward"] < 1
    assert command("sample", "p", "--json").status == 0
    ended = command("table", "build", "--data", "prices.csv", "--target", "price", "--output", "t.npz")
    assert ended.status == 2 and "a table holds accuracies, and prices has a number to predict" in ended.err


def test_benchmarks_say_what_is_measured(command: Command) -> None:
    data = ("--data", "prices.csv", "--target", "price", *QUICK[:-2], "--seeds", 1, "--quiet")
    ended = command("benchmark", "rewards", "--reward", "accuracy", "--agent", "random", *data)
    assert ended.status == 0 and "of the reported r2 of the chosen design" in ended.out, ended


def test_rare_classes_are_searched_by_auroc_or_by_the_worst_class(command: Command) -> None:
    data = ("train", "--data", "rare.csv", "--target", "kind", *QUICK, *RANDOM)
    ended = command(*data, "--metric", "auroc", "--run", "r", "--json")
    assert ended.status == 0 and 0 <= ended.json["best"]["val_accuracy"] <= 1
    assert ended.json["best"]["reward"] == ended.json["best"]["val_score"]
    assert "val. auroc" in words_of("r/report.html")
    ended = command(*data, "--reward", "worst-class", "--run", "w", "--json")
    assert ended.status == 0 and ended.json["best"]["reward"] <= ended.json["best"]["val_accuracy"]
    assert rl.load_run("w").config.training.fidelity == "full"  # known of whole trainings only


def test_every_metric_is_listed(command: Command) -> None:
    listed = command("list", "metrics", "--json").json["metrics"]
    assert list(listed)[: len(METRICS)] == list(METRICS)
    assert listed["rmse"].startswith(
        "of a number: root mean squared error, in the target's unit; less is better"
    )


def interrupted(run: str) -> None:
    summary = json.loads(Path(run, "summary.json").read_text())
    Path(run, "summary.json").write_text(json.dumps({**summary, "state": "interrupted"}))


def test_an_own_metric_is_code_that_is_trusted_and_stays_as_it_is(command: Command) -> None:
    Path("own.py").write_text(OWN)
    ended = command("train", "--data", "wine", "--metric", "own.py:hits", *QUICK, *RANDOM, "--run", "own")
    assert ended.status == 0 and rl.load_run("own").best.evaluation.metric == "hits", ended
    shutil.copytree("own", "copied")
    interrupted("copied")
    Path("code-was-run").unlink()
    for words in (("resume", "copied"), ("retrain", "copied", "--epochs", 1, "--seeds", 1)):
        ended = command(*words)
        assert ended.status == 2 and "add --trust only if you trust" in ended.err, ended
    assert command("report", "copied").status == 0 and not Path("code-was-run").exists()
    assert command("resume", "copied", "--trust", "--quiet").status == 0

    interrupted("own")
    Path("own.py").write_text(OWN + "# another\n")
    ended = command("resume", "own", "--quiet")
    assert ended.status == 1 and "own.py, which has its metric, is not what it was" in ended.err
    Path("own.py").unlink()
    assert "no such metric file" in command("resume", "own", "--quiet").err
    Path("own.py").write_text(OWN)
    assert command("resume", "own", "--quiet").status == 0


def hits(outputs: "np.ndarray", y: "np.ndarray") -> float:  # type: ignore[type-arg]
    return float((outputs.argmax(axis=1) == y).mean())


def test_a_function_is_the_metric_in_python(command: Command) -> None:
    quick = {"evaluations": 2, "epochs": 1, "folds": 1, "agent": "random", "workers": 1, "progress": False}
    run = rl.search("wine", metric=hits, run="h", **quick)
    assert run.config.training.metric == f"{__file__}:hits"
    assert run.best is not None and run.best.evaluation.metric == "hits"
    with pytest.raises(rl.Error, match=r"metric .*<lambda> must be a function at the top level of a \.py"):
        rl.search("wine", metric=lambda outputs, y: 1.0, **quick)
    Path("script.py").write_text(
        "import rl_designer as rl\n\n"
        "def mine(outputs, y):\n    return 1.0\n\n"
        "rl.search('wine', metric=mine)\n"
    )
    with pytest.raises(rl.Error, match="calls what loads it again, while it runs; put its calls under if"):
        rl.search("wine", metric="script.py:mine", **quick)
