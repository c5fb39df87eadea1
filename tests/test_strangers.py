"""What a stranger's files may cost, which stores a copied run may open, and names that are HTML."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rl_designer.agents import belief as belief_module
from rl_designer.agents.belief import FILE, MOST_SEARCHES, Belief
from rl_designer.agents.memory import Source, check_sources
from rl_designer.agents.policy import Policy
from rl_designer.agents.reward_model import RewardModel
from rl_designer.config import make_config
from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.networks.network import build_network
from rl_designer.envs.search_spaces.costs import MOST_ACTIVATIONS, MOST_PARAMETERS, check_size
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.reports.benchmark_page import BenchmarkReport
from rl_designer.reports.page import page
from rl_designer.runs.folder import RunFolder
from tests.helpers.command_line import Ended, runner
from tests.helpers.hostile_files import LOADERS
from tests.helpers.strategies import walks
from tests.helpers.tables import synthetic_table

SPACE = TableSpace(synthetic_table((3, 3, 2)))
IMAGE = "<img src=x onerror=alert(1)>"
VERY_DEEP = [{"kind": "dense", "width": 4096}] * 500


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    return runner(capsys)


# -- networks ----------------------------------------------------------------------------------------------


def file_of(shape: list[int], layers: list[dict[str, Any]]) -> Path:
    data = {"format": "architecture/1", "space": "mlp", "layers": layers}
    Path("a.json").write_text(json.dumps({**data, "input_shape": shape, "num_classes": 3}))
    return Path("a.json")


@pytest.mark.parametrize(
    ("shape", "layers", "message"),
    [
        ([13], VERY_DEEP, "has 8,373,944,323 parameters, which take 33.5 GB; at most 250,000,000 are built"),
        ([10**6], VERY_DEEP[:1], "has 4,096,016,387 parameters, which take 16.4 GB; at most 250,000,000"),
        (
            [1, 1_000, 1_000],
            [
                {"kind": "conv", "kernel": 3, "width": 512, "stride": 1},
                {"kind": "global-pool", "operation": "max"},
            ],
            "makes 512,000,000 values of one example; at most 50,000,000 are computed",
        ),
        (
            [4, 1_000, 1_000],
            [
                {"kind": "inverted-residual", "kernel": 3, "width": 4, "expansion": 16, "stride": 2},
                {"kind": "global-pool", "operation": "max"},
            ],
            "makes 64,000,000 values of one example",
        ),
    ],
    ids=["parameters", "a large input", "activations", "an expansion"],
)
def test_a_network_too_large_to_be_built_is_refused_before_it_takes_memory(
    shape: list[int], layers: list[dict[str, Any]], message: str, command: Callable[..., Ended]
) -> None:
    ended = command("export", file_of(shape, layers), "--output", "out", "--format", "python")
    assert ended.status == 1 and message in ended.err and ended.err.count("\n") == 1, ended
    assert not Path("out").exists()
    architecture = Architecture("mlp", tuple(Layer.from_dict(layer) for layer in layers), complete=True)
    with pytest.raises(ValueError, match=message.partition(",")[0]):
        build_network(architecture, shape, 3)


@pytest.mark.parametrize("words", [["retrain"], ["benchmark", "references", "--only", "linear"]])
def test_a_network_too_large_to_be_trained_is_refused_before_anything_is_written(
    words: list[str], command: Callable[..., Ended]
) -> None:
    ended = command(*words, file_of([13], VERY_DEEP), "--data", "wine", "--output", "out", "--quiet")
    assert ended.status == 1 and "has 8,373,944,323 parameters" in ended.err, ended
    assert not Path("out").exists()


def test_the_largest_networks_that_may_be_built_are_far_from_those_that_are_designed_here() -> None:
    wide = [Layer.of("residual", kernel=3, width=width, stride=1) for width in (64, 128, 256, 512, 512)]
    resnet = Architecture("convnet", (*wide, Layer.of("global-pool", operation="average")), complete=True)
    found = check_size(resnet, (3, 224, 224), 1_000)
    assert 10_000_000 < found.parameters < MOST_PARAMETERS / 10 and MOST_ACTIVATIONS > 512 * 224 * 224


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("retrained weights", r"it must have at most [\d,]+ bytes, it has 1,073,741,824"),
        ("checkpoint", r"a checkpoint of such a network has at most [\d,]+ bytes"),
    ],
)
def test_tensors_of_more_bytes_than_the_network_has_use_for_are_not_read(name: str, message: str) -> None:
    path = LOADERS[name].make(Path())
    with path.open("r+b") as file:
        file.truncate(2**30)  # takes no room on the disk
    with pytest.raises(ValueError, match=message):
        LOADERS[name].read(path)


# -- reward models -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def one() -> Belief:
    """A reward model of six designs."""
    return RewardModel(SPACE).fit(walks(SPACE, 6), np.arange(6.0))


def built_upon(sources: list[Belief]) -> Belief:
    """The first of them, as if it had started from all."""
    belief = replace(sources[0], sources=tuple(sources), memory_weights=np.ones(1 + len(sources)))
    return replace(belief, points=belief.embed(SPACE, belief.actions))


def test_a_reward_model_of_too_many_searches_is_refused(one: Belief, tmp_path: Path) -> None:
    built_upon([one] * (MOST_SEARCHES - 1)).save(tmp_path)
    found = Belief.load(tmp_path, SPACE)
    assert found is not None and found.searches == MOST_SEARCHES
    built_upon([one] * MOST_SEARCHES).save(tmp_path)
    with pytest.raises(ValueError, match=f"{FILE} is damaged.*: more than 64 searches lie in one another"):
        Belief.load(tmp_path, SPACE)


def test_a_reward_model_of_too_many_designs_in_all_is_refused(
    one: Belief, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built_upon([one]).save(tmp_path)
    monkeypatch.setattr(belief_module, "_MOST_POINTS", 8)  # 6² + 6² are more than 8²
    with pytest.raises(ValueError, match="its searches together have too many designs; one alone may have 8"):
        Belief.load(tmp_path, SPACE)


def test_a_search_can_only_start_from_as_many_searches_as_its_own_model_may_hold(one: Belief) -> None:
    policy = Policy({}, SPACE.name, {})
    sources = [Source("a", policy, one)] * (MOST_SEARCHES - 1)
    check_sources([*sources, Source("without a model", policy)])
    with pytest.raises(
        ValueError, match="build upon 64 earlier ones, directly or through others; at most 63"
    ):
        check_sources([*sources, sources[0]])


# -- stores ------------------------------------------------------------------------------------------------


def run_with_store(store: str) -> Path:
    RunFolder.create(Path("runs/own"), make_config({"data": "wine", "store": store}), {})
    return Path("runs/own")


@pytest.mark.parametrize("store", ["other/private.sqlite", "../private.sqlite", "runs/own/../../p.sqlite"])
def test_a_copied_run_opens_no_store_elsewhere_that_it_names(
    store: str, command: Callable[..., Ended]
) -> None:
    own = run_with_store(store)
    assert RunFolder.open(own).store_location == str(Path(store).absolute())  # a run of one's own
    Path("theirs").mkdir()
    shutil.copytree(own, "theirs/run")
    where = str(Path("theirs/store.sqlite").absolute())
    assert RunFolder.open(Path("theirs/run")).store_location == where
    for words in (["report"], ["resume"], ["sample"]):
        ended = command(*words, "theirs/run")
        assert ended.status == 1, ended
        assert "private" not in ended.err and not Path(store).exists()
    private = Path("named.sqlite")
    with closing(sqlite3.connect(private)) as database:
        database.execute("CREATE TABLE mine (x)")
    ended = command("report", "theirs/run", "--store", private)  # named by its reader
    assert ended.status == 0, ended


@pytest.mark.parametrize("store", ["theirs/run/s.sqlite", "theirs/run/deep/s.sqlite", "theirs/s.sqlite"])
def test_a_copied_run_opens_the_store_that_came_with_it(store: str, tmp_path: Path) -> None:
    own = run_with_store(str(tmp_path / store))
    shutil.copytree(own, "theirs/run")
    assert RunFolder.open(Path("theirs/run")).store_location == str(tmp_path / store)


def test_a_link_in_a_copied_run_leads_to_no_store_elsewhere(tmp_path: Path) -> None:
    own = run_with_store(str(tmp_path / "theirs/run/link.sqlite"))
    shutil.copytree(own, "theirs/run")
    Path("theirs/run/link.sqlite").symlink_to(tmp_path / "private.sqlite")
    assert RunFolder.open(Path("theirs/run")).store_location == str(tmp_path / "theirs" / "store.sqlite")


# -- names that are HTML -----------------------------------------------------------------------------------


def test_names_in_the_plots_of_a_benchmark_are_no_html() -> None:
    agent = f"ppo:from={IMAGE}"
    figures = {"evaluations_to_optimum": None, "seconds_per_run": 1.0}
    figures |= {"best_reward": {"1": 0.5}, "best_reported": {"1": 0.5}}
    data = {"agents": {agent: figures}, "seeds": 3, "evaluations": 1, "task": IMAGE}
    point = {"agent": agent, "figure": "best_reward", "evaluations": "1", "mean": "0.5", "low": "0.4"}
    shown = page([BenchmarkReport(Path(IMAGE), data, {"curves": [point | {"high": "0.6"}]})])
    assert "onerror" in shown and "<img" not in shown and "&lt;img" in shown
