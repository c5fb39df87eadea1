"""A search for controllers is a run like any other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import rl_designer as rl
from rl_designer.agents.controller_space import options_of
from rl_designer.comparisons.agents import Benchmark
from rl_designer.comparisons.benchmark import key_of
from rl_designer.config import make_config
from rl_designer.errors import WrongUsage
from rl_designer.reports.page import REPORT
from tests.helpers.command_line import runner
from tests.helpers.in_process import work_in_process
from tests.helpers.quick_ppo import quicken
from tests.helpers.tables import synthetic_table

WORDS = ("train", "--controllers", "t.npz", "--trial-seeds", 1, "--trial-evaluations", 6, "--evaluations", 4)


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("controllers")
    synthetic_table((3, 3, 3)).save(folder / "t.npz")
    with pytest.MonkeyPatch.context() as patch:
        work_in_process(patch)
        quicken(patch)
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def run(place: Path) -> rl.Run:
    settings = {"controllers": "t.npz", "trial_seeds": 1, "trial_evaluations": 6, "evaluations": 4}
    return rl.search(**settings, run="run", progress=False)


def test_it_leaves_designs_a_policy_and_a_report(run: rl.Run) -> None:
    assert run.folder.name == "run" and (run.folder / REPORT).is_file()
    assert "controllers" in (run.folder / "config.toml").read_text()
    best = rl.load_run("run").best
    assert best is not None and options_of(best.architecture)["layers"] in (1, 2)
    (sample,) = rl.sample("run", 1)
    assert options_of(sample.architecture)["activation"] in ("tanh", "relu")


def test_the_same_again_is_the_same_run(run: rl.Run, capsys: pytest.CaptureFixture[str]) -> None:
    ended = runner(capsys)(*WORDS, "--run", "run", "--json", "--quiet")
    assert ended.status == 0 and ended.json["best"]["digest"] == run.best.architecture.digest  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "words, status, message",
    [
        (("sample", "run", "--max-parameters", 100), 2, "a controller has neither parameters nor"),
        (("retrain", "run"), 1, "run searched on controllers; there is nothing to train on"),
        (("export", "run"), 1, "run searched on controllers; there is no network to export"),
        (
            ("train", "--controllers", "t.npz", "--data", "wine"),
            2,
            "--controllers and --data exclude each other",
        ),
        (("train", "--trial-seeds", 3), 2, "--trial-seeds needs --controllers"),
        (("train", "--controllers", "nowhere"), 2, "unknown table 'nowhere'"),
        (("train", "--controllers", "t.npz", "--experience", "shipped"), 2, "experience shipped needs data"),
    ],
)
def test_what_has_no_meaning_for_controllers_is_told(
    run: rl.Run, capsys: pytest.CaptureFixture[str], words: tuple[object, ...], status: int, message: str
) -> None:
    ended = runner(capsys)(*words)
    assert (ended.status, message in ended.err) == (status, True), ended.err


def test_a_run_keeps_where_its_tables_lie_and_the_options_of_its_agents_file(place: Path) -> None:
    (place / "controller.toml").write_text('agent = "ppo"\n[options]\nhidden = 8\n')
    asked = make_config({"controllers": "t.npz:max_parameters=5k", "agent": "ppo:from-file=controller.toml"})
    kept = asked.to_keep()
    assert kept.subject.controllers == (f"{place / 't.npz'}:max_parameters=5000",)
    assert kept.agent == "ppo:hidden=8"


def test_workers_may_be_named_and_trainings_not() -> None:
    assert make_config({"controllers": "t.npz", "workers": 2}).where.workers == 2
    with pytest.raises(WrongUsage, match="--controllers and --epochs exclude each other"):
        make_config({"controllers": "t.npz", "epochs": 2})


def test_a_benchmark_takes_no_run_of_an_agents_file_that_has_changed(place: Path) -> None:
    def key(content: str) -> str:
        (place / "c.toml").write_text(f'agent = "ppo"\n[options]\n{content}\n')
        config = make_config({"table": str(place / "t.npz"), "evaluations": 4})
        (trial,) = Benchmark(config, (f"ppo:from-file={place / 'c.toml'}",), seeds=1).trials([0])
        return key_of(trial)

    assert key("hidden = 8") == key("hidden = 8") != key("hidden = 16")
