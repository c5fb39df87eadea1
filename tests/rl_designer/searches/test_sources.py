"""`--from`: earlier runs are checked before anything starts, kept in the run folder, judged, and told of."""

import json
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from rl_designer.agents.memory import Review
from rl_designer.comparisons.agents import Benchmark, run_benchmark
from rl_designer.comparisons.benchmark import RUNS, BenchmarkLog
from rl_designer.config import SearchConfig, make_config
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.errors import Interrupted, WrongUsage
from rl_designer.jobs.progress import Display
from rl_designer.runs.folder import RunFolder
from rl_designer.searches.observers import Observer, SearchProgress, Start
from rl_designer.searches.run import SearchResult
from rl_designer.searches.search import resume_search, run_search
from rl_designer.searches.sources import digest_of_sources
from tests.helpers.command_line import Ended, runner
from tests.helpers.jobs import Noted
from tests.helpers.tables import synthetic_table

QUICK = "ppo:updates=2,final_updates=2,final_share=0,candidates=64"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs: `first` and `second` of ppo, `model-free`, `random`; `other` is on another table."""
    folder = tmp_path_factory.mktemp("runs")
    synthetic_table((3, 4, 3, 4)).save(folder / "table.npz")
    synthetic_table((3, 4, 3), seed=1).save(folder / "other.npz")
    for name, agent, table, seed in (
        ("first", QUICK, "table", 1),
        ("second", QUICK, "table", 2),
        ("model-free", "ppo-model-free", "table", 1),
        ("random", "random", "table", 1),
        ("other", QUICK, "other", 1),
    ):
        options = {"table": str(folder / f"{table}.npz"), "agent": agent, "evaluations": 20, "seed": seed}
        run_search(make_config(options | {"tensorboard": False}), folder / name)
    return folder


@pytest.fixture(autouse=True)
def runs(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same runs in a folder of its own for each test."""
    shutil.copytree(made, tmp_path / "runs")
    monkeypatch.chdir(tmp_path / "runs")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    return runner(capsys)


def train(name: str, *sources: str, observer: Observer | None = None, **options: object) -> SearchResult:
    settings = {"table": "table.npz", "agent": QUICK, "evaluations": 16, "tensorboard": False, **options}
    config = make_config({**settings, "sources": sources or None})
    return run_search(config, Path(name), [observer] if observer else [])


def designs(result: SearchResult) -> list[str]:
    return [design.architecture.digest for design in result.designs]


# -- a run that starts from others ------------------------------------------------------------------


def test_the_run_folder_keeps_what_it_started_from() -> None:
    train("mine", "first", "second")
    for number, source in enumerate(("first", "second")):
        names = {path.name for path in Path(source, "policy").iterdir()}
        assert {path.name for path in Path("mine/sources", str(number)).iterdir()} == names
        for name in names:
            kept = Path("mine/sources", str(number), name).read_bytes()
            assert kept == Path(source, "policy", name).read_bytes()
    assert SearchConfig.read("mine/config.toml")["sources"] == [
        str(Path(name).absolute()) for name in ("first", "second")
    ]
    assert RunFolder.open(Path("mine")).config.sources == tuple(
        str(Path(name).absolute()) for name in ("first", "second")
    )


def test_the_summary_says_what_became_of_each_source() -> None:
    result = train("mine", "first", "second")
    for facts, name in zip(result.summary["sources"], ("first", "second"), strict=True):
        assert facts["run"].endswith(name) and facts["kept"] in (True, False, None)
        assert facts["reason"].startswith(facts["run"])
        assert -1 <= facts["correlation"] <= 1 and 8 <= facts["evaluations"] <= 16
    assert json.loads(Path("mine/summary.json").read_text())["sources"] == result.summary["sources"]
    assert "sources" not in train("without").summary
    assert "sources" not in SearchConfig.read("without/config.toml")


def test_what_it_starts_with_changes_what_it_tries() -> None:
    assert designs(train("mine", "first")) != designs(train("without"))
    assert designs(train("again", "first")) == designs(train("once more", "first"))


def test_a_stopped_run_goes_on_with_what_it_had_kept_even_when_its_source_is_gone() -> None:
    class Stop(Observer):
        count = 0

        def designed(self, design: object, source: str) -> None:
            self.count += 1
            if self.count == 11:
                raise KeyboardInterrupt

    whole = train("whole", "first")
    with pytest.raises(Interrupted):
        train("stopped", "first", observer=Stop())
    shutil.rmtree("first")
    result = resume_search(Path("stopped"))
    assert result is not None and designs(result) == designs(whole)
    for name in ("policy.safetensors", "reward_model.safetensors"):
        assert Path("stopped/policy", name).read_bytes() == Path("whole/policy", name).read_bytes()
    assert [s["kept"] for s in result.summary["sources"]] == [s["kept"] for s in whole.summary["sources"]]


def test_a_kept_source_that_is_damaged_is_told_in_one_line() -> None:
    class Stop(Observer):
        def started(self, start: Start) -> None:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        train("stopped", "first", observer=Stop())
    Path("stopped/sources/0/policy.json").write_text("{")
    with pytest.raises(ValueError, match=r"stopped/sources/0/policy\.json is damaged"):
        resume_search(Path("stopped"))
    shutil.rmtree("stopped/sources")
    with pytest.raises(ValueError, match="no trained policy"):
        resume_search(Path("stopped"))


def test_a_run_that_started_from_another_can_be_started_from() -> None:
    train("mine", "first")
    assert len(train("third", "mine").designs) == 16


def test_a_policy_without_a_reward_model_is_enough() -> None:
    result = train("mine", "model-free")
    assert len(result.designs) == 16 and result.summary["sources"][0]["kept"] in (True, False)
    assert not Path("mine/sources/0/reward_model.safetensors").exists()


def test_who_listens_hears_what_it_starts_from_and_of_the_verdict() -> None:
    text = StringIO()
    display = Display(console=Console(file=text, width=1_000))
    result = train("mine", "first", observer=SearchProgress(display))
    lines = text.getvalue().splitlines()
    assert ", starting from " in lines[0] and "first: at most 16 evaluations" in lines[0]
    verdicts = [line for line in lines if ": kept, since" in line or ": dropped, since" in line]
    assert verdicts and result.summary["sources"][0]["kept"] == (": kept, since" in verdicts[-1])


def test_a_progress_line_of_a_review_can_not_be_forged() -> None:
    text = StringIO()
    SearchProgress(Display(console=Console(file=text))).reviewed(Review("a\nb\x1b", True, 8, 0.9))
    assert text.getvalue().startswith("a\\nb\\x1b: kept")


# -- what can't be started from ---------------------------------------------------------------------


def refusal(*sources: str, **options: object) -> str:
    with pytest.raises(ValueError) as caught:
        train("mine", *sources, **options)
    assert not Path("mine").exists() and "\n" not in str(caught.value)
    return f"{type(caught.value).__name__}: {caught.value}"


def test_a_run_on_another_space_is_wrong_usage() -> None:
    alike = refusal("other")  # its table has the same name, but another number of decisions
    assert alike.startswith("WrongUsage: the policy is for space 'table:synthetic' with")
    summary = json.loads(Path("other/summary.json").read_text())
    summary["setting"]["name"] = "another table"
    Path("other/summary.json").write_text(json.dumps(summary))
    line = refusal("other")
    assert line == (
        "WrongUsage: other was on table 'another table', this search is on table 'synthetic'; "
        "a search can start only from runs on the same space"
    )
    data = refusal("first", table=None, data="wine", evaluations=4, epochs=1)
    assert data.startswith("WrongUsage") and "this search is on space 'mlp'" in data


@pytest.mark.parametrize(
    "break_it, reason",
    [
        (lambda: shutil.rmtree("first"), "first is no run folder"),
        (lambda: Path("first/config.toml").unlink(), "first holds no run"),
        (lambda: Path("first/summary.json").write_text("{"), "the run first is damaged"),
        (lambda: shutil.rmtree("first/policy"), "the agent 'ppo' of first has left no policy"),
        (lambda: Path("first/policy/policy.json").write_text("{"), "policy.json is damaged"),
        (lambda: Path("first/policy/policy.safetensors").unlink(), "policy.safetensors is missing"),
        (lambda: Path("first/policy/reward_model.safetensors").write_bytes(b"x"), "safetensors is damaged"),
    ],
)
def test_what_is_no_sound_run_is_refused_before_anything_starts(
    break_it: Callable[[], object], reason: str
) -> None:
    break_it()
    assert reason in refusal("first")


def test_an_unfinished_run_is_refused_with_the_command_that_finishes_it() -> None:
    RunFolder.open(Path("first")).update_summary(state="interrupted")
    line = refusal("first")
    assert "first isn't finished, so there is nothing to start from" in line
    assert line.endswith("go on with: rl-designer resume first")


def test_a_run_without_a_policy_is_refused() -> None:
    assert "the agent 'random' of random has left no policy to start from" in refusal("random")


@pytest.mark.parametrize("agent", ["random", "ppo-model-free", "local-search", "bananas:batch=2"])
def test_an_agent_that_can_not_remember_says_which_can(agent: str) -> None:
    name = agent.partition(":")[0]
    assert refusal("first", agent=agent) == (
        f"WrongUsage: agent {name!r} can't start from earlier runs; those that can: ppo"
    )


def test_the_same_run_twice_is_wrong_usage() -> None:
    assert refusal("first", "second", "first") == "WrongUsage: --from names first twice; once is enough"


# -- configs ----------------------------------------------------------------------------------------


def test_a_config_file_may_name_them_and_options_win() -> None:
    Path("search.toml").write_text('sources = ["first"]')
    file = SearchConfig.read("search.toml")
    assert make_config({}, file).sources == ("first",)
    assert make_config({"sources": ("second",)}, file).sources == ("second",)
    assert make_config({"sources": "alone"}, file).sources == ("alone",)
    config = make_config({"sources": ("first", "second")})
    Path("kept.toml").write_text(config.to_toml())
    assert make_config({}, SearchConfig.read("kept.toml")) == config


@pytest.mark.parametrize("wrong", ["[1]", '[""]', "true"])
def test_what_names_no_runs_is_refused(wrong: str) -> None:
    Path("search.toml").write_text(f"sources = {wrong}")
    with pytest.raises(WrongUsage, match=r"search\.toml: `sources`"):
        make_config({}, SearchConfig.read("search.toml"), "search.toml")


# -- the command ------------------------------------------------------------------------------------


def test_the_command_takes_several_and_reports_them(command: Callable[..., Ended]) -> None:
    options = ("--table", "table.npz", "--agent", QUICK, "--evaluations", 16, "--no-tensorboard")
    ended = command("train", *options, "--from", "first", "--from", "second", "--run", "mine", "--json")
    assert ended.status == 0 and [s["run"] for s in ended.json["sources"]] == ["first", "second"]
    assert ended.err.count("Started from ") == 2 and ", starting from first, second: " in ended.err
    quiet = command("train", *options, "--from", "first", "--run", "quiet", "--json", "--quiet")
    assert quiet.status == 0 and quiet.err == ""
    drawn = command("sample", "mine", "-n", 3, "--json")
    assert all(a["predicted_reward"] is not None for a in drawn.json["architectures"])


@pytest.mark.parametrize(
    "arguments, status, reason",
    [
        (["--from", "nowhere"], 1, "nowhere is no run folder"),
        (["--from", "random"], 1, "has left no policy"),
        (["--from", "first", "--from", "first"], 2, "--from names first twice"),
        (["--from", "first", "--agent", "random"], 2, "agent 'random' can't start from earlier runs"),
        (["--from", ""], 2, "--from"),
    ],
)
def test_its_errors_are_one_line(
    command: Callable[..., Ended], arguments: list[str], status: int, reason: str
) -> None:
    ended = command("train", "--table", "table.npz", "--run", "mine", *arguments)
    assert ended.status == status and ended.err.startswith("Error: ") and ended.err.count("\n") == 1
    assert reason in ended.err and not Path("mine").exists()


# -- benchmarks -------------------------------------------------------------------------------------


def benchmark(*agents: str, seeds: int = 2) -> Benchmark:
    config = make_config({"table": "table.npz", "evaluations": 16})
    return Benchmark(config, agents, seeds, samples=0, sample_after=0)


def test_the_same_agent_with_and_without_side_by_side_and_only_changed_sources_run_again() -> None:
    log = BenchmarkLog(Path(RUNS))
    shutil.copytree("first", "start-0")
    shutil.copytree("second", "start-1")
    started = f"{QUICK},from=start-{{seed}}"

    def run() -> list[tuple[str, int]]:
        noted = Noted()
        result = run_benchmark(benchmark(QUICK, started), log=log, engine=LocalEngine(1), observer=noted)
        assert list(result.data["agents"]) == [QUICK, started]
        assert result.data["agents"][QUICK]["sources"] is None
        counts = result.data["agents"][started]["sources"]
        assert len(counts) == 1 and sum(counts[0].values()) == 2
        return [(record.agent, record.seed) for record in noted.results]

    assert len(run()) == 4
    assert run() == []
    shutil.copytree("first/policy", "start-1/policy", dirs_exist_ok=True)
    assert run() == [(started, 1)]


def test_its_sources_are_checked_before_anything_runs(command: Callable[..., Ended]) -> None:
    for agents, error, reason in (
        (("random:from=first",), WrongUsage, "agent 'random' can't start from earlier runs"),
        (("ppo:from=nowhere",), ValueError, "nowhere is no run folder"),
        (("ppo:from=start-{seed}",), ValueError, "start-0 is no run folder"),
        (("ppo:from=random",), ValueError, "has left no policy"),
    ):
        with pytest.raises(error, match=reason):
            run_benchmark(benchmark(*agents))
    wrong = command("benchmark", "agents", "random:from=first", "--table", "table.npz")
    assert wrong.status == 2 and wrong.err.count("\n") == 1


def test_a_digest_of_sources_changes_with_their_content_and_their_order() -> None:
    assert digest_of_sources([]) == ""
    before = digest_of_sources(["first", "second"])
    assert len({before, digest_of_sources(["second", "first"]), digest_of_sources(["first"])}) == 3
    path = Path("second/policy/policy.json")
    path.write_text(path.read_text() + " ")
    assert digest_of_sources(["first", "second"]) != before
