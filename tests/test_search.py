"""A search from config to run folder: budgets, the control, and going on after any stop."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest

from rl_designer import setting
from rl_designer.config import make_config
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluators.base import Evaluation
from rl_designer.errors import WrongUsage
from rl_designer.observers import Observer
from rl_designer.replay import RunClock
from rl_designer.report import read_run, report_to_dict
from rl_designer.runs import RunFolder
from rl_designer.search import resume_search, run_search
from rl_designer.search_run import Interrupted, SearchResult
from tests.evaluators import LayerEvaluator
from tests.tables import synthetic_table


class Fake(LayerEvaluator):
    """Trains nothing; stops the search when it is asked for the n-th time."""

    device = "cpu"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __init__(self, stop_at: int | None = None, digest: str = "fake") -> None:
        self.digest = digest
        self.stop_at = stop_at
        self.asked = 0
        self.on_result: Callable[[int, Evaluation], None] | None = None

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        results = []
        for index, architecture in enumerate(architectures):
            if self.asked == self.stop_at:
                raise KeyboardInterrupt
            self.asked += 1
            results += super().evaluate([architecture])
            if self.on_result is not None:
                self.on_result(index, results[-1])
        return results


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Callable[..., SearchResult]:
    """Searches on mnist1d's space, with an evaluator that trains nothing."""

    def run(
        name: str, evaluator: Fake | None = None, *, resume: bool = False, **options: Any
    ) -> SearchResult:
        given = evaluator or Fake()

        monkeypatch.setattr(setting, "_training_evaluator", lambda *settings: given)
        if resume:
            result = resume_search(Path(name))
            assert result is not None
            return result
        options = {"agent": "random:batch=4", "evaluations": 16, "max_parameters": 5000, **options}
        return run_search(make_config(options), Path(name))

    return run


@pytest.fixture
def table(tmp_path: Path) -> str:
    synthetic_table(missing=0.1).save(tmp_path / "table.npz")
    return str(tmp_path / "table.npz")


def digests(result: SearchResult) -> list[str]:
    return [design.architecture.digest for design in result.designs]


def all_digests(result: SearchResult) -> list[str]:
    return digests(result) + [design.architecture.digest for design in result.controls]


# -- on a table ------------------------------------------------------------------------------------


def test_a_search_on_a_table_leaves_a_run_folder_with_everything(table: str) -> None:
    result = run_search(make_config({"table": table, "agent": "regularized-evolution", "evaluations": 20}))
    assert result.folder.path == Path("runs/table-regularized-evolution-0")
    assert sorted(path.name for path in result.folder.path.iterdir()) == ["config.toml", "summary.json"]
    summary = json.loads((result.folder.path / "summary.json").read_text())
    assert summary["state"] == "finished"
    assert (summary["agent"], summary["evaluations"]) == ("regularized-evolution", 20)
    assert set(summary["best"]) >= {"digest", "layers", "reward", "val_accuracy", "parameters", "macs"}
    assert summary["control"]["agent"] == "random" and summary["control"]["evaluations"] == 20
    assert summary["control"]["paid"] == 0
    assert summary["best"]["digest"] == max(result.designs, key=lambda d: d.reward).architecture.digest
    assert "verdict" in summary and "improvement" in summary and "better_than_control" in summary
    assert read_run(result.folder.path).folder.config.table == table


def test_a_second_search_of_the_same_kind_gets_a_number(table: str) -> None:
    config = make_config({"table": table, "agent": "random", "evaluations": 2, "task": "task"})
    assert [run_search(config).folder.path.name for _ in range(3)] == [
        "table-task-random-0", "table-task-random-0-2", "table-task-random-0-3",
    ]  # fmt: skip


def test_the_same_seed_gives_the_same_designs_and_the_same_policy(table: str) -> None:
    options = {"table": table, "agent": "ppo:warm=4,batch=4,updates=1,final_updates=1", "evaluations": 12}
    first, second = (run_search(make_config(options), Path(name)) for name in ("first", "second"))
    other = run_search(make_config({**options, "seed": 1}), Path("other"))
    assert digests(first) == digests(second) != digests(other)
    weights = [
        Path(name, "policy", "policy.safetensors").read_bytes() for name in ("first", "second", "other")
    ]
    assert weights[0] == weights[1] != weights[2]


def test_without_control_nothing_is_compared(table: str) -> None:
    config = make_config({"table": table, "agent": "local-search", "evaluations": 5, "control_share": 0.0})
    result = run_search(config)
    assert (result.summary["control"], result.summary["better_than_control"]) == (None, None)


def test_a_space_smaller_than_the_budget_ends_the_search(table: str) -> None:
    result = run_search(make_config({"table": table, "agent": "random", "evaluations": 1000}))
    assert len(result.designs) == 72


# -- the budget and the control --------------------------------------------------------------------


def test_a_quarter_of_the_budget_is_the_controls_when_nothing_is_stored(train: Any) -> None:
    evaluator = Fake()
    result = train("a", evaluator, agent="reinforce", evaluations=16)
    assert (len(result.designs), len(result.controls), evaluator.asked) == (12, 4, 16)
    assert result.summary["evaluations"] == 16 and result.summary["agent_evaluations"] == 12
    assert result.summary["control"]["paid"] == result.summary["control"]["evaluations"] == 4


def test_a_stored_random_run_pays_for_later_controls(train: Any) -> None:
    random = train("random", evaluations=16)
    result = train("a", agent="reinforce", evaluations=16, reward="accuracy-cubed", seed=5)
    assert (len(result.designs), len(result.controls)) == (16, 0)
    # What they are worth is asked of this run's reward.
    best = max(d.evaluation.val_accuracy or 0 for d in random.designs)
    control = {"agent": "random", "evaluations": 16, "reward": best**3, "paid": 0}
    assert result.summary["control"] == control


def test_controls_of_earlier_runs_count_and_only_the_rest_is_paid(train: Any) -> None:
    first = train("a", agent="reinforce", evaluations=16)
    second = train("b", agent="reinforce", evaluations=16, seed=1)
    assert second.summary["control"]["evaluations"] == 8
    assert second.summary["control"]["paid"] == 4
    assert not {d.architecture.digest for d in first.controls} & {
        d.architecture.digest for d in second.controls
    }


@pytest.mark.parametrize("change", [{"max_parameters": 6000}, {"evaluator": Fake(digest="other")}])
def test_random_designs_under_other_conditions_are_no_control(train: Any, change: dict[str, Any]) -> None:
    train("random", evaluations=16)
    evaluator = change.pop("evaluator", Fake())
    assert len(train("a", evaluator, agent="reinforce", evaluations=16, **change).controls) == 4


def test_the_best_of_all_is_handed_out_whoever_found_it(train: Any) -> None:
    result = train("a", agent="reinforce", evaluations=16)
    best = max(d.reward for d in [*result.designs, *result.controls])
    assert result.summary["best"]["reward"] == best
    assert result.summary["agent_best"]["reward"] == max(d.reward for d in result.designs)


def test_what_another_run_measured_is_not_measured_again(train: Any) -> None:
    train("a", agent="random:batch=4", evaluations=10)
    evaluator = Fake()
    result = train("b", evaluator, agent="random:batch=4", evaluations=12, reward="accuracy-cubed")
    assert evaluator.asked == 2
    accuracy = result.designs[0].evaluation.val_accuracy
    assert accuracy is not None and result.designs[0].reward == accuracy**3


def test_a_search_by_time_ends_and_keeps_a_share_for_the_control(
    train: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(100_000))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))
    result = train("a", agent="reinforce", evaluations=None, time_limit=200.0)
    assert len(result.designs) > 0 and len(result.controls) > 0
    assert 145 < max(d.seconds for d in read_run(Path("a")).designs if d.source == "agent") <= 160
    assert 200 <= result.summary["seconds"] <= 210


# -- after any stop --------------------------------------------------------------------------------


PPO = "ppo:warm=4,batch=4,updates=1,final_updates=1"


@pytest.mark.parametrize(
    ("agent", "stop_at"), [*(("reinforce", n) for n in (0, 1, 7, 11, 12, 14, 15)), (PPO, 6)]
)
def test_a_stopped_run_goes_on_as_if_it_had_never_stopped(train: Any, agent: str, stop_at: int) -> None:
    whole = train("whole", agent=agent)
    options = {"agent": agent, "store": "other.sqlite"}
    with pytest.raises(Interrupted, match=f"stopped after {stop_at} evaluations.*rl-designer resume part"):
        train("part", Fake(stop_at), **options)
    stopped = RunFolder.open(Path("part"))
    assert stopped.summary["state"] == "interrupted"
    evaluator = Fake()
    result = train("part", evaluator, resume=True)
    assert evaluator.asked == 16 - stop_at
    assert all_digests(result) == all_digests(whole)
    if agent == PPO:
        policies = [Path(name, "policy", "policy.safetensors").read_bytes() for name in ("part", "whole")]
        assert policies[0] == policies[1]
    same = ("verdict", "best", "control", "better_than_control", "improvement", "evaluations")
    assert {key: result.summary[key] for key in same} == {key: whole.summary[key] for key in same}
    assert [d.source for d in read_run(Path("part")).designs] == ["agent"] * 12 + ["control"] * 4


def test_a_run_may_be_stopped_again_and_again(train: Any) -> None:
    whole = train("whole", agent="reinforce")
    with pytest.raises(Interrupted):
        train("part", Fake(3), agent="reinforce", store="other.sqlite")
    for _ in range(3):
        with pytest.raises(Interrupted):
            train("part", Fake(3), resume=True)
    result = train("part", resume=True)
    assert all_digests(result) == all_digests(whole)


def test_random_designs_stored_meanwhile_do_not_change_a_resumed_run(train: Any) -> None:
    with pytest.raises(Interrupted):
        train("part", Fake(5), agent="reinforce", evaluations=16)
    train("random", evaluations=16, seed=9)
    result = train("part", resume=True)
    assert (len(result.designs), len(result.controls)) == (12, 4)
    assert result.summary["control"]["evaluations"] == 4


def test_a_finished_run_is_left_as_it_is(train: Any) -> None:
    train("a")
    assert resume_search(Path("a")) is None


def test_a_run_whose_evaluator_changed_can_not_go_on(train: Any) -> None:
    with pytest.raises(Interrupted):
        train("part", Fake(5))
    with pytest.raises(
        ValueError, match="part can't go on: its data, space or settings are not what they were"
    ):
        train("part", Fake(digest="other"), resume=True)


def test_two_processes_do_not_search_in_one_folder(train: Any) -> None:
    with pytest.raises(Interrupted):
        train("part", Fake(5))
    with (
        RunFolder.open(Path("part")).locked(),
        pytest.raises(ValueError, match="another process is searching in part"),
    ):
        train("part", resume=True)


def test_seconds_count_over_all_starts_and_stand_still_while_designs_are_replayed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    clock = RunClock(replayed=3, seconds=50.0)
    now += 7
    clock.replay(2)
    assert clock() == 0
    clock.replay(2)
    assert clock() == 50
    now += 5
    clock.replay(1)
    assert clock() == 55


# -- what can go wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"agent": "pop"}, "unknown agent 'pop'. Did you mean 'ppo'?"),
        ({"agent": "random:bunch=2"}, "unknown option of agent 'random' 'bunch'. Did you mean 'batch'?"),
        ({"reward": "acuracy"}, "unknown reward 'acuracy'. Did you mean 'accuracy'?"),
        ({"data": "mnist2d"}, "unknown data set 'mnist2d'. Did you mean 'mnist1d'?"),
        ({"space": "convnet2d"}, "unknown space 'convnet2d'. Did you mean 'convnet1d'?"),
        ({"max_parameters": 3}, "no network of space 'convnet1d' keeps max_parameters=3"),
        ({"device": "gpu"}, "unknown device 'gpu'."),
        ({"augment": "flip"}, "unknown augmentation 'flip'. Did you mean 'flip-shift'?"),
        ({"augment": "flip-shift"}, "augmentation 'flip-shift' needs images"),
    ],
)
def test_wrong_names_are_refused_before_anything_is_written(options: dict[str, Any], message: str) -> None:
    with pytest.raises(WrongUsage) as error:
        run_search(make_config(options))
    assert str(error.value).startswith(message) and "\n" not in str(error.value)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": "nowhere.npz"}, r"nowhere\.npz"),
        ({"data": "wine", "space": "convnet"}, "use --space mlp"),
        ({"table": "nowhere.npz"}, r"no such architecture table: nowhere\.npz"),
    ],
)
def test_data_that_can_not_be_used_is_no_wrong_usage(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        run_search(make_config(options))
    assert not isinstance(error.value, WrongUsage)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def score(e): return 1 / 0", r"ZeroDivisionError: division by zero \(mine.py, line 1: `def score"),
        ("def score(e):\n  raise KeyError('a\\nb')", r"KeyError: 'a\\nb' \(mine.py, line 2: `raise KeyError"),
        ("def score(e): return 'good'", r"it must give a finite number, got 'good' \(mine.py, line 1\)"),
        ("def score(e): return None", "it must give a finite number, got None"),
        ("def score(e): return float('nan')", "it must give a finite number, got nan"),
        ("def score(e, history): return history[-1].val_accuracy", "IndexError: list index out of range"),
    ],
)
def test_a_reward_that_fails_gets_one_line_with_its_name_the_design_and_the_place(
    train: Any, source: str, message: str
) -> None:
    Path("mine.py").write_text(source)
    where = r"the reward 'mine.py:score' failed on the design .* → .* \([0-9a-f]{20}\): "
    with pytest.raises(ValueError, match=where + message) as error:
        train("a", reward="mine.py:score")
    assert "\n" not in str(error.value)


def test_when_a_reward_fails_nothing_that_was_evaluated_is_lost(train: Any) -> None:
    good = "def score(e):\n    return e.val_accuracy\n"
    Path("mine.py").write_text(f"calls = 0\n{good}    global calls\n")
    Path("mine.py").write_text(good.replace("return", "assert e.val_accuracy < 0.6\n    return"))
    stopped = Fake()
    with pytest.raises(ValueError, match="AssertionError"):
        train("a", stopped, reward="mine.py:score")
    assert 0 < stopped.asked < 16
    Path("mine.py").write_text(good)
    rest = Fake()
    result = train("a", rest, reward="mine.py:score", resume=True)
    assert stopped.asked + rest.asked == 16 == len(result.designs)


def test_a_function_that_is_no_reward_is_wrong_usage_before_anything_is_written(train: Any) -> None:
    Path("mine.py").write_text("def score(): return 1.0")
    with pytest.raises(WrongUsage, match=r"must be a function of .evaluation. or of .evaluation, history."):
        train("a", reward="mine.py:score")
    assert not Path("a").exists()


# -- what a reward takes from the setting, and from the history --------------------------------------


@pytest.mark.parametrize(("limit", "target"), [(130, 130), (None, 140)])
def test_a_target_that_was_not_given_is_taken_from_the_setting_and_kept(
    table: str, limit: int | None, target: int
) -> None:
    options = {"table": table, "agent": "random", "reward": "mnasnet:w=-1", "max_parameters": limit}
    result = run_search(make_config({**options, "evaluations": 4}))
    assert RunFolder.open(result.folder.path).config.reward == f"mnasnet:w=-1,target={target}"
    for design in result.designs:
        accuracy, parameters = design.evaluation.val_accuracy or 0, design.evaluation.parameters or 0
        assert design.evaluation.failure or design.reward == pytest.approx(accuracy * target / parameters)


def test_a_latency_to_aim_at_must_be_given_where_none_is_known_beforehand(train: Any) -> None:
    with pytest.raises(WrongUsage, match=r"needs `target`: no typical latency is known beforehand .* give"):
        train("a", reward="mnasnet:cost=latency")
    assert not Path("a").exists()


@pytest.mark.parametrize("reward", ["rank", "hypervolume:scale=linear"])
def test_a_run_with_a_reward_that_sees_the_history_goes_on_as_if_it_had_never_stopped(
    train: Any, reward: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate = LayerEvaluator.evaluate

    def with_costs(self: LayerEvaluator, architectures: Sequence[Architecture]) -> list[Evaluation]:
        return [
            replace(e, parameters=100 * len(a.layers))
            for a, e in zip(architectures, evaluate(self, architectures), strict=True)
        ]

    monkeypatch.setattr(LayerEvaluator, "evaluate", with_costs)
    options = {"agent": "regularized-evolution:population=5,sample=3", "reward": reward, "evaluations": 30}
    whole = train("whole", store="one.sqlite", **options)
    with pytest.raises(Interrupted):
        train("part", Fake(11), store="two.sqlite", **options)
    result = train("part", resume=True)
    assert [d.reward for d in result.designs] == [d.reward for d in whole.designs]
    assert digests(result) == digests(whole) and len(set(digests(whole))) == 30


@pytest.mark.parametrize("on_table", [True, False])
def test_by_a_reward_that_sees_the_history_a_run_is_not_compared_with_random_search(
    train: Any, table: str, on_table: bool
) -> None:
    if on_table:
        config = make_config({"table": table, "agent": "local-search", "evaluations": 16, "reward": "rank"})
        result = run_search(config, Path("a"))
    else:
        result = train("a", agent="local-search", reward="rank")
    assert len(result.designs) == 16 and result.controls == []
    assert (result.summary["better_than_control"], result.summary["control"]) == (None, None)
    assert "not compared with random search. The reward 'rank' depends on" in result.summary["verdict"]
    best = max(result.designs, key=lambda d: d.evaluation.val_accuracy or 0)
    assert result.summary["best"]["digest"] == best.architecture.digest
    assert result.summary["best_by"] == "val_accuracy" and result.summary["improvement"] is None
    report = read_run(Path("a"))
    assert report.winners[0].design.architecture == best.architecture
    assert report_to_dict([report])["best"]["digest"] == best.architecture.digest


def test_a_reward_of_the_users_own_is_what_is_paid(train: Any) -> None:
    Path("mine.py").write_text("def score(evaluation):\n    return 2 * evaluation.val_accuracy\n")
    result = train("a", reward="mine.py:score")
    assert all(d.reward == 2 * (d.evaluation.val_accuracy or 0) for d in result.designs)
    assert RunFolder.open(Path("a")).config.reward == f"{Path('mine.py').absolute()}:score"


def test_failures_are_counted_and_paid_as_was_asked_for(table: str) -> None:
    options = {"table": table, "agent": "random", "evaluations": 72, "failure_reward": -7.0}
    result = run_search(make_config(options))
    failed = [d for d in result.designs if d.evaluation.failure is not None]
    assert result.summary["failures"] == len(failed) > 0
    assert {d.reward for d in failed} == {-7.0}


class Recorder(Observer):
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []

    def started(self, start: Any) -> None:
        self.heard.append(("started", (start.evaluations, start.paid, start.done)))

    def evaluated(
        self, architecture: Architecture, evaluation: Evaluation, reward: float, stored: bool
    ) -> None:
        self.heard.append(("evaluated", stored))

    def designed(self, design: Any, source: str) -> None:
        self.heard.append(("designed", source))

    def closed(self) -> None:
        self.heard.append(("closed", None))


def test_observers_hear_everything_in_order(train: Any) -> None:
    train("warm", agent="reinforce", evaluations=4, control_share=0.0)
    recorder = Recorder()
    run_search(
        make_config({"agent": "reinforce", "evaluations": 4, "max_parameters": 5000}), Path("a"), [recorder]
    )
    assert recorder.heard[0] == ("started", (4, 1, 0))
    assert [source for event, source in recorder.heard if event == "designed"] == ["agent"] * 3 + ["control"]
    assert [stored for event, stored in recorder.heard if event == "evaluated"] == [True] * 3 + [False]
    assert recorder.heard[-1] == ("closed", None)


def test_observers_are_closed_after_an_interruption(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    with pytest.raises(Interrupted):
        train("part", Fake(2))
    monkeypatch.setattr(setting, "_training_evaluator", lambda *settings: Fake(1))
    with pytest.raises(Interrupted):
        resume_search(Path("part"), [recorder])
    assert recorder.heard[0] == ("started", (16, 0, 0))
    assert recorder.heard[-1] == ("closed", None)


def test_everything_may_fail(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Fake, architectures: Sequence[Architecture]) -> Iterator[Evaluation]:
        return [Evaluation(failure="diverged: nan") for _ in architectures]  # type: ignore[return-value]

    monkeypatch.setattr(Fake, "evaluate", fails)
    result = train("a", agent="reinforce")
    assert (result.summary["best"], result.summary["failures"]) == (None, 16)
    assert result.summary["better_than_control"] is False
