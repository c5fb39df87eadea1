"""Measured networks, the model of what they take, and its limit, from `latency` to the report."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rl_designer.api import load_run, sample, search
from rl_designer.config import Subject
from rl_designer.envs.search_spaces.costs import costs_within
from rl_designer.envs.search_spaces.latency import NANOSECOND, LatencyModel
from rl_designer.envs.search_spaces.limits import Limits
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.latencies.checking import latency_told
from rl_designer.latencies.files import Latencies
from rl_designer.latencies.fitting import fitted
from rl_designer.latencies.measuring import chosen, measured
from rl_designer.runs.folder import RunFolder
from rl_designer.searches.replay import settings_of
from rl_designer.searches.search import resume_search
from rl_designer.setting import training_data
from tests.helpers.command_line import Ended, runner

TERMS = {"network": 20_000, "layer": 9_000, "dense activation=gelu": 7_000, "multiply-add": 0.5}
TERMS |= {"residual-dense": 30_000, "dense normalisation=batch": 5_000, "value held": 2.0, "dense": 0.0}
TERMS |= {"dropout": 0.0, "classifier": 0.0}
TRUTH = LatencyModel(TERMS)
SPACE = make_space("mlp", (8,), 3, max_parameters=20_000)

Command = Callable[..., Ended]


def made_up(designs: int = 40, noise: float = 0.0) -> Latencies:
    """What networks would take on a device of which all terms are known."""
    networks, numbers = chosen(SPACE, designs), np.random.default_rng(0)
    limits = Limits(max_latency=1.0, latency=TRUTH)
    seconds = [costs_within(network, (8,), 3, limits)["latency"] * NANOSECOND for network in networks]
    noisy = tuple(float(s * numbers.lognormal(0, noise)) for s in seconds)
    return Latencies("a made-up device", "made up", (8,), 3, networks, noisy)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    return runner(capsys)


# -- the model ---------------------------------------------------------------------------------------


def test_a_model_is_found_again_from_what_it_made() -> None:
    found = fitted(made_up())
    assert found.error < 0.02 and found.rank > 0.99
    others = chosen(SPACE, 30, seed=5)
    both = [Limits(max_latency=1.0, latency=model) for model in (found.model, TRUTH)]
    for design in others:
        expected, true = (costs_within(design, (8,), 3, limits)["latency"] for limits in both)
        assert expected == pytest.approx(true, rel=0.08)


def test_what_is_said_of_the_error_is_of_networks_that_were_not_fitted() -> None:
    luck = replace(made_up(24), seconds=tuple(np.random.default_rng(1).uniform(1e-4, 1e-2, 24).tolist()))
    found = fitted(luck)
    assert found.error > 0.3 and found.rank < 0.6  # to the networks themselves such a model fits


def test_a_design_takes_the_sum_of_its_layers_and_the_network_s_own() -> None:
    [design] = chosen(SPACE, 1)
    doubled = LatencyModel({name: 2 * value for name, value in TERMS.items()})
    once, twice = (
        costs_within(design, (8,), 3, Limits(max_latency=1.0, latency=model))["latency"]
        for model in (TRUTH, doubled)
    )
    assert twice == pytest.approx(2 * once, abs=len(design.layers) + 1)
    assert once > TERMS["network"] + len(design.layers) * TERMS["layer"]


def test_kinds_of_layers_that_were_not_measured_are_left_out_and_told(tmp_path: Path) -> None:
    known = made_up(160)
    chain = [any(layer.kind == "residual-dense" for layer in design.layers) for design in known.designs]
    kept = [number for number, has in enumerate(chain) if not has]
    designs, seconds = ([every[i] for i in kept] for every in (known.designs, known.seconds))
    replace(known, designs=tuple(designs), seconds=tuple(seconds)).write(tmp_path / "l.json")
    subject = Subject.of({"data": "wine", "max_latency": "1s", "latency_from": str(tmp_path / "l.json")})
    space = training_data(subject)[1]
    kinds = {layer.kind for design in chosen(space, 60) for layer in design.layers}
    assert kinds == {"dense", "dropout"}
    assert any("left out, since no measured network has any: residual-dense" in a for a in space.limits.about)
    signals = Subject.of({"data": "mnist1d", "max_latency": "1s", "latency_from": str(tmp_path / "l.json")})
    with pytest.raises(ValueError, match=r"keeps max_latency=1.0 .* ms of latency"):
        training_data(signals)


def test_networks_to_measure_have_all_kinds_of_layers() -> None:
    space = make_space("convnet1d-wide", (1, 64), 5)
    offered = {layer.kind for layer in space.definition.enumerate()}
    assert {layer.kind for design in chosen(space, 12) for layer in design.layers} == offered


@pytest.mark.parametrize("terms", [{}, {"layer": -1}, {"layer": "much"}, {"layer": True}, {"layer": 1e13}, 7])
def test_terms_that_are_none_are_refused(terms: Any) -> None:
    with pytest.raises(ValueError, match="of latency must"):
        Limits.given({"max_latency": 0.001, "latency": terms})


def test_few_networks_make_no_model() -> None:
    with pytest.raises(ValueError, match="at least 10 measured networks, got 9"):
        fitted(made_up(9))


# -- files -------------------------------------------------------------------------------------------


def test_a_file_is_read_back_as_it_was(tmp_path: Path) -> None:
    known = made_up(12)
    known.write(tmp_path / "l.json")
    assert Latencies.read(tmp_path / "l.json") == known


def test_files_that_hold_none_are_refused_in_one_line(tmp_path: Path) -> None:
    good, path = made_up(10).to_dict(), tmp_path / "l.json"
    [first, *others] = good["designs"]
    kernel = {"kind": "dense", "width": 0}
    for change in (
        {"format": "latencies/9"},
        {"designs": []},
        {"designs": [{**first, "seconds": -1.0}, *others]},
        {"designs": [{**first, "layers": [kernel]}, *others]},
        {"input_shape": [3, 8]},
        {"num_classes": 0},
        {"more": 1},
    ):
        path.write_text(json.dumps(good | change), encoding="utf-8")
        with pytest.raises(ValueError, match="holds no latencies: ") as told:
            Latencies.read(path)
        assert "\n" not in str(told.value)
    with pytest.raises(ValueError, match="can't read the latencies"):
        Latencies.read(tmp_path / "none.json")


# -- a search ----------------------------------------------------------------------------------------

TINY = {"evaluations": 3, "epochs": 1, "agent": "random", "experience": "none", "workers": 1}
TINY |= {"tensorboard": False, "progress": False}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("latency") / "run"
    made_up().write(folder.parent / "l.json")
    search("wine", run=folder, max_latency="0.1ms", latency_from=str(folder.parent / "l.json"), **TINY)
    return folder


def test_a_search_by_a_file_keeps_the_limit_and_needs_the_file_no_more(run: Path, tmp_path: Path) -> None:
    folder = RunFolder.open(run)
    limits = Limits.given(Limits.kept(folder.summary["setting"]))
    assert limits.max_latency == 1e-4 and limits.latency == fitted(made_up()).model
    for found in load_run(run).designs:
        assert costs_within(found.architecture, (13,), 3, limits)["latency"] <= 100_000
    (run.parent / "l.json").rename(tmp_path / "moved.json")
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    again = RunFolder.open(copy)
    again.update_summary(state="interrupted")
    resume_search(copy, store=str(run.parent / "store.sqlite"))
    assert RunFolder.open(copy).summary["space_key"] == folder.summary["space_key"]
    assert RunFolder.open(copy).summary["best"] == folder.summary["best"]
    assert settings_of(again.config)["latency_from"] == str(run.parent / "l.json")


def test_what_is_of_another_device_is_not_measured_here(run: Path) -> None:
    summary = RunFolder.open(run).summary
    assert summary["latency"]["measured"] is None and summary["latency"]["expected"] <= 1e-4
    assert "not measured, being of another device" in str(latency_told(summary))


def test_a_search_without_a_file_measures_before_and_after(command: Command) -> None:
    limits = ("--max-latency", "50ms", "--max-parameters", "2k")
    given = ("--evaluations", 2, "--epochs", 1, "--agent", "random", "--workers", 1, "--json", "--run", "a")
    ended = command("train", "--data", "wine", *limits, *given)
    assert ended.status == 0, ended.err
    assert "latency as expected from 32 networks measured on " in ended.err
    checked = ended.json["latency"]
    assert 0 < checked["measured"] < 0.05 and checked["limit"] == 0.05
    assert "measured here, within the limit of 50 ms; expected were" in command("report", "a").out


def test_designs_for_new_data_keep_it(tmp_path: Path) -> None:
    made_up().write(tmp_path / "l.json")
    limits = {"max_latency": 8e-5, "latency_from": str(tmp_path / "l.json")}
    model = Limits(max_latency=8e-5, latency=fitted(made_up()).model)
    for found in sample("wine", 2, **limits):
        assert costs_within(found.architecture, (13,), 3, model)["latency"] <= 80_000


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (("table", "build", "--data", "wine", "--max-latency", "1ms", "--output", "t.npz"), "--latency-from"),
        (("train", "--data", "wine", "--latency-from", "l.json"), "--latency-from needs --max-latency"),
        (("train", "--data", "wine", "--max-latency", "1ms", "--latency-from", "l.json"), "can't read"),
        (("latency", "info", "l.json"), "can't read the latencies l.json"),
        (
            ("train", "--table", "mnist1d-cell1d", "--max-latency", "1ms", "--latency-from", "l.json"),
            "--table and --latency-from exclude each other",
        ),
    ],
)
def test_what_can_not_be_is_said_in_a_line(command: Command, typed: tuple[str, ...], why: str) -> None:
    ended = command(*typed)
    assert ended.status != 0 and why in ended.err and ended.err.count("\n") == 1


# -- measuring ---------------------------------------------------------------------------------------


def test_measure_writes_what_a_limit_is_fitted_to(command: Command) -> None:
    given = ("--data", "wine", "--max-parameters", "1k", "--designs", 12, "--output", "here/l.json")
    ended = command("latency", "measure", *given, "--json")
    assert ended.status == 0, ended.err
    known = Latencies.read(Path("here/l.json"))
    assert len(known.designs) == 12 == ended.json["designs"] and all(known.seconds)
    assert len({design.digest for design in known.designs}) == 12
    told = command("latency", "info", "here/l.json")
    assert "latency as expected from 12 networks measured on" in told.out


def test_a_small_space_is_measured_whole(tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text('name = "two"\nfamily = "mlp"\nmax_layers = 1\n[layers.dense]\nwidth = [2, 4]\n')
    assert len(measured(make_space(path, (3,), 2), "cpu").designs) == 2


def test_exported_networks_are_measured_by_a_script_that_needs_onnx_runtime_alone(command: Command) -> None:
    given = ("--data", "wine", "--max-parameters", "500", "--designs", 2, "--output", "device")
    ended = command("latency", "export", *given)
    assert ended.status == 0, ended.err
    assert sorted(p.name for p in Path("device").iterdir()) == [
        "design-0.onnx",
        "design-1.onnx",
        "designs.json",
        "measure.py",
    ]
    alone = (
        "import sys; sys.modules |= dict.fromkeys(['torch', 'rl_designer', 'onnx']); sys.argv = sys.argv[1:]"
    )
    script = f"{alone}; import runpy; runpy.run_path(sys.argv[0], run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, "device/measure.py", "a board"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    known = Latencies.read(Path("device/latencies.json"))
    assert known.device == "a board" and "ONNX Runtime" in known.how and all(known.seconds)
    refused = command("latency", "export", *given)
    assert refused.status == 1 and "device isn't empty" in refused.err
