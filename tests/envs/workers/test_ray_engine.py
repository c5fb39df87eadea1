"""The engine `ray`: whom it joins, on what it trains, and its options on the command line."""

import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from rl_designer.config import SearchConfig, make_config
from rl_designer.envs.evaluators.training import TrainingEvaluator
from rl_designer.envs.workers import ray_engine
from rl_designer.envs.workers.engines import ENGINES, make_engine
from rl_designer.envs.workers.ray_engine import RayEngine
from rl_designer.errors import WrongUsage
from rl_designer.searches.search import on_engine
from tests.helpers.training_candidates import blobs

needs_ray = pytest.mark.skipif(ray_engine.find_spec("ray") is None, reason="Ray (the extra `ray`) is missing")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders are shared by POSIX locks")


# -- joining, devices, shares ----------------------------------------------------------------------


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., RayEngine]:
    """Makes an engine on a cluster of these nodes."""

    def make(*nodes: dict[str, float], **options: Any) -> RayEngine:
        monkeypatch.setattr(ray_engine, "find_spec", lambda name: True)
        monkeypatch.setattr(ray_engine, "_nodes", lambda: list(nodes))
        made = RayEngine(**options)
        monkeypatch.setattr(made, "join", lambda: None)
        return made

    return make


CPUS, GPUS = {"CPU": 4.0}, {"CPU": 16.0, "GPU": 4.0}


@pytest.mark.parametrize(
    ("nodes", "options", "name", "device", "at_once"),
    [
        ([CPUS, CPUS], {}, "auto", "cpu", 8),
        ([CPUS, CPUS], {"workers": 3}, "auto", "cpu", 3),
        ([CPUS, {"CPU": 0.5}], {}, "cpu", "cpu", 4),
        ([GPUS], {}, "auto", "cuda:0", 16),
        ([GPUS], {}, "cpu", "cpu", 16),
        ([GPUS], {"gpus_per_candidate": 0.0}, "auto", "cpu", 16),
        ([GPUS, CPUS], {"gpus_per_candidate": 0.5}, "cuda", "cuda:0", 8),
        ([{"CPU": 64.0, "GPU": 1.0}], {}, "auto", "cuda:0", 8),
        ([{"CPU": 2.0, "GPU": 4.0}], {}, "auto", "cuda:0", 2),
        ([], {}, "auto", "cpu", 0),
    ],
)
def test_tasks_get_a_core_and_a_share_of_a_gpu_where_there_are_gpus(
    engine: Any, nodes: Any, options: Any, name: str, device: str, at_once: int
) -> None:
    made = engine(*nodes, **options)
    assert made.device(name) == device
    assert made.at_once(device) == at_once


@pytest.mark.parametrize(
    ("nodes", "options", "name", "rule"),
    [
        ([CPUS], {}, "cuda", "the Ray cluster has no GPU"),
        ([CPUS], {"gpus_per_candidate": 0.5}, "auto", "the Ray cluster has no GPU"),
        ([GPUS], {"gpus_per_candidate": 0.5}, "cpu", "a share of a GPU needs --device cuda or auto, got 0.5"),
        ([GPUS], {"gpus_per_candidate": 0.0}, "cuda", "--device cuda needs a share of a GPU above 0"),
        ([GPUS], {}, "cuda:1", "unknown device 'cuda:1'.* Ray chooses which GPU"),
    ],
)
def test_devices_that_cannot_be_are_refused(
    engine: Any, nodes: Any, options: Any, name: str, rule: str
) -> None:
    with pytest.raises(ValueError, match=rule):
        engine(*nodes, **options).device(name)


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"gpus_per_candidate": 1.5}, "share of a GPU must be 0 to 1, got 1.5"),
        ({"address": "ray://a:1"}, "is HOST:PORT or auto, got 'ray://a:1'"),
        ({"address": "a"}, "is HOST:PORT or auto, got 'a'"),
    ],
)
def test_options_that_cannot_be_are_refused(engine: Any, options: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        engine(**options)


@needs_ray
def test_a_ray_that_was_started_here_ends_with_close_and_another_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import ray

    said: list[str] = []
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "is_initialized", lambda: "init local" in said)
    monkeypatch.setattr(ray, "init", lambda address, **options: said.append(f"init {address}"))
    monkeypatch.setattr(ray, "shutdown", lambda: said.append("shutdown"))
    engine, other = RayEngine(workers=1), RayEngine()
    engine.pool_opened()
    other.join()
    other.close()
    engine.close()  # a pool is open
    assert said == ["init local"]
    engine.pool_closed()
    engine.close()
    assert said == ["init local", "shutdown"]


@needs_ray
def test_ray_says_nothing_on_stdout_meanwhile(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import ray
    from ray._private import worker

    def lose_a_node() -> str:
        data = {"lines": ["a node is lost"], "pid": "raylet", "is_err": False}
        worker.print_to_stdstream(data, ignore_prefix=False)
        return str(capsys.readouterr().out)

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(ray, "init", lambda address, **options: None)
    engine = RayEngine(workers=1)
    assert "a node is lost" in lose_a_node()
    engine.join()
    assert lose_a_node() == ""
    engine.close()
    assert worker.print_to_stdstream is engine._printer


def test_an_engine_that_is_unknown_is_refused_and_the_near_one_named() -> None:
    with pytest.raises(ValueError, match=r"unknown engine 'rya'\. Did you mean 'ray'"):
        make_engine("rya")


def test_workers_and_an_engine_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="workers and an engine exclude each other"):
        TrainingEvaluator(blobs(), workers=2, engine=make_engine("local"))


# -- the command line ------------------------------------------------------------------------------

Command = Callable[..., Any]


TRAIN = ("train", "--data", "wine", "--engine", "ray", "--run", "a")


def test_where_ray_is_missing_one_line_says_what_brings_it(command: Command, monkeypatch: Any) -> None:
    monkeypatch.setattr(ray_engine, "find_spec", lambda name: None)
    ended = command(*TRAIN)
    assert (ended.status, ended.err.count("\n")) == (1, 1)
    assert "--engine ray needs Ray, which isn't installed: pip install 'rl-designer[ray]'" in ended.err
    assert not Path("a").exists()


@needs_ray
def test_an_address_without_a_cluster_is_one_line_and_status_1(command: Command, monkeypatch: Any) -> None:
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        ended = command(*TRAIN, "--ray-address", address)
    assert (ended.status, ended.err.count("\n")) == (1, 1)
    assert f"can't join the Ray cluster at {address}" in ended.err
    assert not Path("a").exists()


@pytest.mark.parametrize("option", [("--ray-address", "a:1"), ("--gpus-per-candidate", "0.5")])
def test_options_of_ray_need_ray(command: Command, option: tuple[str, str]) -> None:
    ended = command("train", "--data", "wine", *option)
    assert ended.status == 2
    assert f"{option[0]} needs --engine ray" in ended.err


def test_a_table_needs_no_engine(command: Command) -> None:
    ended = command("train", "--table", "t.npz", "--engine", "local")
    assert ended.status == 2
    assert "--table and --engine exclude each other" in ended.err


def test_a_config_names_the_engines_that_there_are() -> None:
    literal = get_args(SearchConfig.declared()["engine"].annotation)[0]
    assert set(get_args(literal)) == set(ENGINES)


def test_a_run_may_go_on_with_another_engine_which_brings_its_own_options() -> None:
    began = make_config({"data": "wine", "engine": "ray", "ray_address": "a:1", "sources": ["x"]})
    assert on_engine(began, {"engine": None, "ray_address": None}) == began
    elsewhere = on_engine(began, {"ray_address": "b:2"})
    assert (elsewhere.where.engine, elsewhere.where.ray_address) == ("ray", "b:2")
    local = on_engine(began, {"engine": "local"})
    assert (local.where.engine, local.where.ray_address, local.sources) == ("local", None, ("x",))
    with pytest.raises(WrongUsage, match="--ray-address needs --engine ray"):
        on_engine(local, {"ray_address": "b:2"})
