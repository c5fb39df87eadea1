"""A search from config to run folder: budgets, the control, observers, and what can go wrong."""

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from rl_designer import setting
from rl_designer.config import make_config
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.errors import Interrupted, WrongUsage
from rl_designer.runs.reading import read_run
from rl_designer.searches.observers import Observer
from rl_designer.searches.search import resume_search, run_search
from tests.helpers.searches import Fake, digests
from tests.helpers.tables import synthetic_table


@pytest.fixture
def table(tmp_path: Path) -> str:
    synthetic_table(missing=0.1).save(tmp_path / "table.npz")
    return str(tmp_path / "table.npz")


# -- on a table ------------------------------------------------------------------------------------


def test_a_search_on_a_table_leaves_a_run_folder_with_everything(table: str) -> None:
    result = run_search(make_config({"table": table, "agent": "regularized-evolution", "evaluations": 20}))
    assert result.folder.path == Path("runs/table-regularized-evolution-0")
    left = sorted(path.name for path in result.folder.path.iterdir())
    assert left == ["audit.jsonl", "config.toml", "summary.json"]
    summary = json.loads((result.folder.path / "summary.json").read_text())
    assert summary["state"] == "finished"
    assert (summary["agent"], summary["evaluations"]) == ("regularized-evolution", 20)
    assert set(summary["best"]) >= {"digest", "layers", "reward", "val_accuracy", "parameters", "macs"}
    assert summary["control"]["agent"] == "random" and summary["control"]["evaluations"] == 20
    assert summary["control"]["paid"] == 0
    assert summary["best"]["digest"] == max(result.designs, key=lambda d: d.reward).architecture.digest
    assert "verdict" in summary and "improvement" in summary and "better_than_control" in summary
    assert read_run(result.folder.path).folder.config.subject.table == table


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


# -- failures and observers -------------------------------------------------------------------------


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
    monkeypatch.setattr(setting, "training_evaluator", lambda *settings, **repeat: Fake(1))
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
