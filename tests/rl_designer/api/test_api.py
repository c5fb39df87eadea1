"""Python's front door: what the commands do, with data in memory and functions besides."""

import inspect
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rl_designer as rl
from rl_designer.errors import WrongUsage
from rl_designer.searches.observers import Observer
from tests.helpers.command_line import Ended, runner
from tests.helpers.tables import synthetic_table

Command = Callable[..., Ended]
AGENT = "ppo:warm=4,batch=4,updates=1,final_updates=1,final_share=0"
QUICK = {"evaluations": 8, "agent": AGENT, "progress": False}
TRAINED = {
    "evaluations": 4,
    "epochs": 1,
    "agent": "random",
    "control_share": 0,
    "workers": 1,
    "progress": False,
}


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    synthetic_table().save(tmp_path / "t.npz")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run on a table, and its store."""
    folder = tmp_path_factory.mktemp("searched")
    synthetic_table().save(folder / "t.npz")
    rl.search(table=folder / "t.npz", **QUICK, run=folder / "own", store=folder / "store.sqlite")
    return folder


@pytest.fixture
def own(searched: Path) -> rl.Run:
    """The same run in the test's own folder."""
    shutil.copytree(searched, Path(), dirs_exist_ok=True)
    return rl.load_run("own")


def accuracy_squared(evaluation: Any) -> float:
    return float(evaluation.val_accuracy**2)


def aims(evaluation: Any, *, target: float) -> float:
    return float(evaluation.val_accuracy - evaluation.parameters / target)


def features() -> tuple[Any, Any]:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 3))
    return x, np.where(x[:, 0] > 0, "up", "down")


# -- names -----------------------------------------------------------------------------------------


def test_the_public_names_are_shown_verbs_first_and_importing_them_is_cheap() -> None:
    verbs = [
        "search",
        "resume",
        "load_run",
        "sample",
        "retrain",
        "export",
        "predict",
        "approve",
        "audit",
        "compare_agents",
        "compare_rewards",
        "loop",
    ]
    assert rl.__all__[: len(verbs)] == verbs
    assert set(dir(rl)) == set(rl.__all__)
    assert all(getattr(rl, name) is not None for name in rl.__all__)
    assert all(inspect.isfunction(getattr(rl, name)) for name in verbs)
    with pytest.raises(AttributeError, match="no attribute 'no_such'"):
        rl.no_such  # noqa: B018
    code = "import sys, rl_designer; print([m for m in ('torch', 'numpy', 'pydantic') if m in sys.modules])"
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- the same as the commands ----------------------------------------------------------------------


def test_lines_of_python_give_what_the_commands_give(capsys: pytest.CaptureFixture[str]) -> None:
    command = runner(capsys)
    words: tuple[Any, ...] = (
        "--max-parameters",
        "2k",
        "--agent",
        AGENT,
        "--evaluations",
        6,
        "--epochs",
        1,
        "--seed",
        3,
        "--workers",
        1,
    )
    assert command("train", "--data", "wine", *words, "--quiet", "--run", "a/run").status == 0
    trained = command(
        "retrain", "a/run", "--seeds", 2, "--epochs", 2, "--workers", 1, "--quiet", "--json"
    ).json
    assert command("export", "a/run", "--format", "python", "--quiet").status == 0
    sampled = command("sample", "a/run", "-n", 4, "--seed", 5, "--json", "--quiet").json["architectures"]

    settings = {
        "max_parameters": 2_000,
        "agent": AGENT,
        "evaluations": 6,
        "epochs": 1,
        "seed": 3,
        "workers": 1,
    }
    run = rl.search("wine", **settings, run="b/run", progress=False)
    networks = rl.retrain(run, seeds=2, epochs=2, workers=1, progress=False)
    rl.export(run, formats=["python"])

    one, other = (rl.load_run(path) for path in ("a/run", "b/run"))
    assert [(d.architecture, d.reward) for d in one.designs] == [
        (d.architecture, d.reward) for d in other.designs
    ]
    assert run.verdict == one.verdict
    assert networks.best.results["test_accuracy"] == trained["designs"][0]["test_accuracy"]
    names = ["policy/policy.safetensors", "exported/network.py", "exported/network.safetensors"]
    for name in names:
        assert (Path("a/run") / name).read_bytes() == (Path("b/run") / name).read_bytes(), name
    digests = [found.architecture.digest for found in rl.sample(run, 4, seed=5)]
    assert digests == [found["digest"] for found in sampled]
    weights = np.concatenate([p.detach().numpy().ravel() for p in networks.best.network(1).parameters()])
    assert len(weights) == networks.best.results["parameters"] and len(networks) == 1
    assert Path("b/run/report.html").is_file()


def test_settings_are_checked_as_the_commands_are() -> None:
    for settings, reason in (
        ({"evaluation": 3}, "unknown setting 'evaluation'. Did you mean 'evaluations'"),
        ({"evaluations": 0}, "evaluations"),
        ({"data": "wyne"}, "unknown data set 'wyne'. Did you mean 'wine'"),
        ({"data": "wine", "agent": "pppo"}, "unknown agent 'pppo'"),
        ({"data": "wine", "reward": "acuracy"}, "unknown reward 'acuracy'"),
    ):
        with pytest.raises(WrongUsage, match=reason):
            rl.search(**settings, progress=False)
    assert not Path("runs").exists()
    with pytest.raises(WrongUsage, match=r"retrain\(\): unknown setting 'epoch'. Did you mean 'epochs'"):
        rl.retrain("a", epoch=3)
    with pytest.raises(WrongUsage, match=r"retrain\(\): examples must be a whole number .* got 'many'"):
        rl.retrain("a", examples="many")
    with pytest.raises(WrongUsage, match=r"export\(\): unknown setting 'format'"):
        rl.export("a", format="python")
    with pytest.raises(ValueError, match="is no run folder"):
        rl.load_run("a")


# -- a run -----------------------------------------------------------------------------------------


def test_a_run_says_what_it_found() -> None:
    run = rl.search(table="t.npz", **QUICK, run=Path("own"))
    assert (run.folder, len(run.designs)) == (Path("own"), 8)
    assert run.best is not None and run.best.reward == max(design.reward for design in run.designs)
    assert run.verdict == run.summary["verdict"] and run.config.agent_name == "ppo"
    assert repr(run) == f"<Run own: 8 designs, best reward {run.best.reward:.4f}>"
    assert json.loads(json.dumps(run.summary)) == run.summary
    assert len(run.sample(3, seed=1, unique=True)) == 3
    assert run.report() == Path("own/report.html") and run.report("other.html").is_file()
    frame = pytest.importorskip("pandas") and run.to_frame()
    assert list(frame["reward"]) == [design.reward for design in run.designs]
    assert list(frame["found_by"]) == ["ppo"] * 8  # of a table's designs all are known


def test_a_run_shows_itself_in_a_notebook(own: rl.Run) -> None:
    cell = own._repr_html_()
    assert "<svg" in cell and "random search" in cell and "<script" not in cell


def test_a_table_of_designs_needs_pandas(own: rl.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        own.to_frame()


@pytest.mark.parametrize(
    ("draw", "reason"),
    [({"n": 0}, "n must be at least 1, got 0"), ({"temperature": 0}, "must be above 0, got 0")],
)
def test_what_cannot_be_drawn_is_refused(own: rl.Run, draw: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        rl.sample(own, **draw)


def test_a_search_starts_from_a_run() -> None:
    first = rl.search(table="t.npz", **QUICK)
    second = rl.search(table="t.npz", sources=[first], **QUICK)
    assert second.config.sources == (str(first.folder.absolute()),)
    assert second.folder == Path("runs/t-ppo-0-2")


# -- what is told ----------------------------------------------------------------------------------


class Counting(Observer):
    designs = 0

    def designed(self, design: rl.Design, source: str) -> None:
        self.designs += 1


def test_observers_are_told_and_progress_is_shown_where_it_is_wanted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    observer = Counting()
    rl.search(table="t.npz", **{**QUICK, "progress": observer})
    rl.search(table="t.npz", **{**QUICK, "progress": [observer, observer]})
    assert observer.designs == 8 + 2 * 8
    assert capsys.readouterr().err == ""
    rl.search(table="t.npz", **{**QUICK, "progress": True})
    assert "8/8 evaluations" in capsys.readouterr().err


# -- functions as rewards --------------------------------------------------------------------------


def test_a_function_is_the_reward_and_its_run_goes_on_where_it_is_given_again() -> None:
    run = rl.search(table="t.npz", reward=accuracy_squared, **QUICK, run="own")
    name = f"{__name__}.accuracy_squared()"
    assert run.config.reward == name
    assert all(d.reward == accuracy_squared(d.evaluation) for d in run.designs)
    summary = json.loads(Path("own/summary.json").read_text())
    Path("own/summary.json").write_text(json.dumps({**summary, "state": "interrupted"}))
    with pytest.raises(ValueError, match=r"must be given again: rl_designer.resume\(run, reward"):
        rl.resume(run, progress=False)
    with pytest.raises(ValueError, match="must be given again"):
        rl.resume(run, reward=aims, progress=False)
    again = rl.resume("own", reward=accuracy_squared, progress=False)
    assert [d.reward for d in again.designs] == [d.reward for d in run.designs]
    assert again.summary["state"] == "finished" and rl.resume(again, progress=False).best == run.best


def test_a_functions_target_comes_from_the_setting_and_a_known_reward_keeps_its_name() -> None:
    from rl_designer.envs.rewards import accuracy

    run = rl.search(table="t.npz", reward=aims, max_parameters=150, **QUICK)
    assert run.config.reward == f"{__name__}.aims():target=150"
    assert rl.search(table="t.npz", reward=accuracy, **QUICK).config.reward == "accuracy"
    assert "<lambda>()" in rl.search(table="t.npz", reward=lambda e: e.val_accuracy, **QUICK).config.reward
    with pytest.raises(ValueError, match=r"must be a function of \(evaluation\)"):
        rl.search(table="t.npz", reward=lambda: 1, **QUICK)


# -- data in memory --------------------------------------------------------------------------------


def test_arrays_are_kept_beside_the_run_so_that_it_is_one_like_any_other() -> None:
    x, y = features()
    run = rl.search((x, y), **TRAINED, run="runs/own")
    kept = Path(str(run.config.subject.data))
    assert kept.parent == Path("runs/data").absolute() and kept.suffix == ".npz"
    network = rl.retrain(run, seeds=1, epochs=1, workers=0, examples="20", progress=False).best
    assert (network.results["data"]["name"], network.results["data"]["examples"]) == (kept.stem, 20)
    assert rl.export(run, formats=["python"])[0].path == Path("runs/own/exported/network.py")
    again = rl.search((x.tolist(), list(y)), **TRAINED)
    assert again.config.subject.data == run.config.subject.data  # the same data are the same file
    with np.load(kept) as arrays:
        np.testing.assert_array_equal(arrays["x_train"], x)


def test_tensors_and_frames_and_parts_are_data_too() -> None:
    torch = pytest.importorskip("torch")
    pandas = pytest.importorskip("pandas")
    x, y = features()
    number = (y == "up").astype(int)
    tensors = rl.search((torch.tensor(x), torch.tensor(number)), **TRAINED)
    frame = pandas.DataFrame(x, columns=["a", "b", "c"]).assign(price=y)
    framed = rl.search(frame, target="price", **TRAINED)
    assert Path(str(framed.config.subject.data)).suffix == ".csv"
    as_tables = rl.search((frame[["a", "b", "c"]], frame["price"]), **TRAINED)
    assert {len(run.designs) for run in (tensors, framed, as_tables)} == {4}
    assert [d.reward for d in framed.designs] == [d.reward for d in as_tables.designs]
    parts = {"x_train": x, "y_train": y, "x_test": x[:6], "y_test": y[:6]}
    run = rl.search(parts, **TRAINED)
    assert (
        rl.retrain(run, seeds=1, epochs=1, workers=0, progress=False).best.results["seeds"][0]["failure"]
        is None
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (3, r"the data must be a pair \(x, y\), or a mapping with x_train"),
        (([[np.nan]] * 8, [0, 1] * 4), "must be finite, got nan"),
        (([[1.0], [2.0]], [0, 1, 1]), "has 2 examples and its y has 3"),
        (([[{}]], [0]), "x of the data must hold numbers, or text alone"),
    ],
)
def test_data_that_can_not_be_used_are_refused(data: Any, reason: str) -> None:
    with pytest.raises(rl.Error, match=reason):
        rl.search(data, **TRAINED)
    assert not list(Path().glob("runs/*/config.toml"))


# -- code from elsewhere ---------------------------------------------------------------------------


def test_a_copied_run_that_names_code_goes_on_only_where_it_is_trusted() -> None:
    Path("mine.py").write_text("def mine(evaluation):\n    return 1\n")
    rl.search(table="t.npz", reward="mine.py:mine", **QUICK, run="own")
    shutil.copytree("own", "copied")
    with pytest.raises(WrongUsage, match="copied from elsewhere and names the reward"):
        rl.resume("copied", progress=False)
    assert rl.resume("copied", trust=True, progress=False).summary["state"] == "finished"


# -- what is damaged -------------------------------------------------------------------------------

NOT_JSON, NO_RUN = b"\xff{", b'{"id": 5}'
VERBS: dict[str, Callable[[Path], object]] = {
    "load_run": rl.load_run,
    "resume": lambda run: rl.resume(run, progress=False),
    "sample": rl.sample,
    "search": lambda run: rl.search(table="t.npz", sources=run, **QUICK),
    "retrain": lambda run: rl.retrain(run, seeds=1, epochs=1, workers=0, progress=False),
    "export": lambda run: rl.export(run, "exported", formats=["python"]),
}


DAMAGED_RUNS = [
    ("config.toml", b"[", list(VERBS)),
    ("config.toml", b"colour = 1", list(VERBS)),
    ("summary.json", NOT_JSON, list(VERBS)),
    ("summary.json", NO_RUN, list(VERBS)),
    ("policy/policy.json", NOT_JSON, ["sample", "search"]),
    ("policy/policy.safetensors", b"", ["sample", "search"]),
    ("policy/policy.safetensors", b"\xff" * 64, ["sample", "search"]),
]
NO_SUCH_LAYER = b'{"format": "architecture/1", "space": "mlp", "layers": [{"kind": "none"}]}'
DAMAGED_NETWORKS = [
    ("training.json", NOT_JSON),
    ("training.json", b"{}"),
    ("results.json", NOT_JSON),
    ("architecture.json", NOT_JSON),
    ("architecture.json", NO_SUCH_LAYER),
    ("seed-0.safetensors", b""),
    ("seed-0.safetensors", b"\xff" * 64),
]


def refused(verb: str, damaged: Path) -> None:
    with pytest.raises(rl.Error):
        VERBS[verb](damaged)


def test_a_damaged_run_is_one_kind_of_error_in_every_verb(own: rl.Run) -> None:
    run = own.folder
    for file, content, verbs in DAMAGED_RUNS:
        whole = (run / file).read_bytes()
        (run / file).write_bytes(content)
        for verb in verbs:
            refused(verb, run)
        (run / file).write_bytes(whole)
    assert rl.sample(run)


def test_a_damaged_network_is_one_kind_of_error() -> None:
    run = rl.search(features(), run="own", max_parameters=500, **TRAINED)
    folder = rl.retrain(run, seeds=1, epochs=1, workers=0, progress=False).best.folder
    for file, content in DAMAGED_NETWORKS:
        whole = (folder / file).read_bytes()
        (folder / file).write_bytes(content)
        refused("export", folder)
        if file == "architecture.json":
            refused("export", folder / file)
            refused("retrain", folder / file)
        (folder / file).write_bytes(whole)
    assert VERBS["export"](folder)
