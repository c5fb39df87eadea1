"""A search with several objectives: its front, its verdict, how it goes on, and what it refuses."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import rl_designer as rl
from rl_designer.config import make_config
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.search_spaces.costs import costs, costs_within
from rl_designer.envs.search_spaces.limits import Limits
from rl_designer.errors import Error, Interrupted, WrongUsage
from rl_designer.reports.designs import device_costs
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.reading import read_run
from rl_designer.searches.run import SearchResult
from rl_designer.searches.search import run_search
from rl_designer.testing.problems import LayerEvaluator
from tests.helpers.searches import Fake, all_digests
from tests.helpers.tables import synthetic_table

TWO = ("val_accuracy", "parameters")
PPO = "ppo:warm=4,batch=4,updates=1,final_updates=1,final_share=0"


@pytest.fixture
def table(tmp_path: Path) -> str:
    synthetic_table(missing=0.1).save(tmp_path / "table.npz")
    return str(tmp_path / "table.npz")


@pytest.fixture(autouse=True)
def _with_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What trains nothing knows how large its networks are."""
    evaluate = LayerEvaluator.evaluate

    def sized(self: LayerEvaluator, architectures: Sequence[Architecture]) -> list[Evaluation]:
        sizes = [100 * len(a.layers) + int(a.digest, 16) % 50 for a in architectures]
        return [replace(e, parameters=n) for e, n in zip(evaluate(self, architectures), sizes, strict=True)]

    monkeypatch.setattr(LayerEvaluator, "evaluate", sized)


def on_table(table: str, name: str = "run", **options: Any) -> SearchResult:
    given = {"table": table, "objectives": TWO, "evaluations": 24, "agent": "random:batch=4", **options}
    return run_search(make_config(given), Path(name))


def half(evaluation: Evaluation) -> float:
    return (evaluation.val_accuracy or 0) / 2


# -- the front --------------------------------------------------------------------------------------


def beats(one: Evaluation, other: Evaluation) -> bool:
    more = (
        (one.val_accuracy or 0) - (other.val_accuracy or 0),
        (other.parameters or 0) - (one.parameters or 0),
    )
    return min(more) >= 0 and max(more) > 0


def test_the_result_is_what_no_design_beats_in_all(table: str) -> None:
    run = rl.search(table=table, objectives=TWO, agent="random", evaluations=24, run="run", progress=False)
    trained = [d for d in run.designs if d.evaluation.failure is None]
    expected = {
        d.architecture.digest for d in trained if not any(beats(o.evaluation, d.evaluation) for o in trained)
    }
    assert {each.digest for each in run.front} == expected and 1 < len(expected) < len(trained)
    for each in run.front:
        evaluation = each.design.evaluation
        assert each.figures == {"val_accuracy": evaluation.val_accuracy, "parameters": evaluation.parameters}
    accuracies = [each.figures["val_accuracy"] for each in run.front]
    assert accuracies == sorted(accuracies, reverse=True)
    best = run.front[0].design
    assert run.best == best and run.summary["best"]["digest"] == best.architecture.digest
    assert [entry["digest"] for entry in run.summary["front"]] == [each.digest for each in run.front]
    assert rl.load_run("run").front == run.front


def test_the_controls_designs_count_and_stopped_ones_do_not(train: Any) -> None:
    options = {"objectives": TWO, "agent": "ppo-model-free", "fidelity": "quarters"}
    with pytest.raises(
        WrongUsage, match=r"agent 'ppo-model-free' can't search for several objectives at once; .*ppo"
    ):
        train("none", **options)
    run = read_run(train("run", **options | {"agent": "nsga-ii"}).folder.path)
    found = {run.found_by(each.found) for each in run.front}
    assert found <= {"nsga-ii", "random"} and run.front
    assert all(each.design.evaluation.in_full for each in run.front)


def test_trainings_are_not_stopped_early_unless_that_is_asked_for(train: Any) -> None:
    assert train("whole", objectives=TWO).folder.config.training.fidelity == "full"
    assert train("asked", objectives=TWO, fidelity="quarters").folder.config.training.fidelity == "quarters"
    with pytest.raises(
        WrongUsage, match=r"--fidelity quarters .* objective 'latency' isn't known .* use --fidelity full"
    ):
        train("never", objectives=("val_accuracy", "latency"), fidelity="quarters")


@pytest.mark.parametrize("limit", [None, 3_000])
def test_memory_is_an_objective_that_is_known_of_every_design(train: Any, limit: int | None) -> None:
    options = {"objectives": ("val_accuracy", "ram", "flash"), "fidelity": "quarters", "max_ram": limit}
    run = read_run(train("run", agent=PPO, **options).folder.path)
    shape, classes = run.folder.summary["setting"]["input_shape"], 10
    for found in run.designs:
        spent = costs_within(found.design.architecture, shape, classes, Limits(max_ram=1, max_flash=1))
        evaluation = found.design.evaluation
        assert {"ram": evaluation.ram, "flash": evaluation.flash} == {c: spent[c] for c in ("ram", "flash")}
        assert limit is None or spent["ram"] <= limit
    [most] = [
        text
        for words, _, text in device_costs(run.designs[0].design.architecture, run.folder.summary["setting"])
        if "RAM" in words
    ]
    assert most == ("no limit" if limit is None else "of at most 3,000")
    assert all(each.figures["ram"] == each.design.evaluation.ram for each in run.front)


def test_what_numbers_a_device_has_may_be_said_for_an_objective_alone(train: Any) -> None:
    run = train("run", objectives=("val_accuracy", "flash"), device_numbers="float32", evaluations=4)
    shape = run.folder.summary["setting"]["input_shape"]
    for design in run.designs:
        assert design.evaluation.flash == 4 * costs(design.architecture, shape, 10).parameters
    with pytest.raises(WrongUsage, match="device_numbers=float32 says how max_flash or max_ram"):
        train("none", objectives=TWO, device_numbers="float32")
    assert not Path("none").exists()


def test_a_reward_may_ask_for_memory_and_a_table_has_none(train: Any, table: str) -> None:
    run = train("run", reward="mnasnet:cost=flash")
    assert all(d.evaluation.flash and d.evaluation.ram is None for d in run.designs)
    with pytest.raises(Error, match="needs `ram`, which this evaluator doesn't measure"):
        on_table(table, "none", objectives=("val_accuracy", "ram"))


def test_without_objectives_nothing_is_other_than_before(train: Any) -> None:
    folder = train("run").folder
    assert "objective" not in (folder.path / "config.toml").read_text()
    assert not {"objectives", "front", "hypervolume"} & set(folder.summary)
    assert set(folder.summary["control"] or {}) <= {"agent", "evaluations", "reward", "paid"}


# -- the verdict ------------------------------------------------------------------------------------


def test_on_a_table_the_verdict_is_by_hypervolumes_of_random_draws(table: str) -> None:
    summary = on_table(table, agent=PPO).summary
    assert (
        summary["verdict"].startswith("ppo: ")
        and "of the hypervolume of the whole table's" in summary["verdict"]
    )
    assert 0 < summary["hypervolume"] <= 1 and 0 < summary["p_value"] <= 1
    assert 0 < summary["control"]["hypervolume"] < 1 and summary["control"]["paid"] == 0


def test_a_control_is_paid_for_where_designs_are_trained(train: Any) -> None:
    result = train("run", agent="nsga-ii", objectives=TWO)
    assert len(result.controls) == 4 and len(result.designs) == 12
    assert result.summary["control"] == {
        "agent": "random",
        "evaluations": 4,
        "hypervolume": pytest.approx(result.summary["control"]["hypervolume"]),
        "paid": 4,
    }
    assert "4 designs of random search (4 paid for by this run)" in result.verdict.sentence


# -- going on ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("agent", "stop_at"), [("random", 9), (PPO, 7), ("nsga-ii", 7)])
def test_a_stopped_run_goes_on_to_the_same_front(train: Any, agent: str, stop_at: int) -> None:
    options = {"objectives": TWO, "agent": agent, "evaluations": 8 if agent == PPO else 16}
    whole = train("whole", **options)
    with pytest.raises(Interrupted):
        train("part", Fake(stop_at), store="other.sqlite", **options)
    stopped = read_run(Path("part"))
    assert stopped.front and {each.digest for each in stopped.front} <= {
        found.design.architecture.digest for found in stopped.designs
    }
    before = RunFolder.open(Path("part")).summary["front"]
    with pytest.raises(Interrupted):  # while it is replayed what was known stays
        train_again("part", Fake(0), train)
    assert RunFolder.open(Path("part")).summary["front"] == before
    result = train("part", resume=True)
    assert all_digests(result) == all_digests(whole)
    same = ("front", "best", "verdict", "hypervolume", "control")
    assert {key: result.summary[key] for key in same} == {key: whole.summary[key] for key in same}
    if agent == PPO:
        policies = [Path(name, "policy", "front.npz").read_bytes() for name in ("part", "whole")]
        assert policies[0] == policies[1]


def train_again(name: str, evaluator: Fake, train: Callable[..., SearchResult]) -> None:
    train(name, evaluator, resume=True)


def test_a_function_of_ones_own_is_an_objective_and_must_be_given_again(table: str) -> None:
    options = {"table": table, "agent": "random", "evaluations": 8, "progress": False}
    run = rl.search(objectives=[half, "parameters"], run="run", **options)
    name = next(iter(run.front[0].figures))
    assert name.endswith(".half()") and run.front[0].figures[name] == half(run.front[0].design.evaluation)
    assert run.designs[0].reward == half(run.designs[0].evaluation)  # the first that is no cost
    folder = RunFolder.open(run.folder)
    folder.update_summary(state="interrupted")
    with pytest.raises(
        Error, match=r"half\(\) is a function .* given again: rl_designer.resume\(run, objectives="
    ):
        rl.resume("run", progress=False)
    again = rl.resume("run", objectives=[half], progress=False)
    assert [(each.design, each.figures) for each in again.front] == [(e.design, e.figures) for e in run.front]


def test_an_objective_of_a_file_is_read_again_from_there(table: str) -> None:
    Path("mine.py").write_text("def mine(evaluation):\n    return evaluation.val_accuracy ** 2\n")
    run = on_table(table, objectives=("mine.py:mine", "parameters"))
    [mine, _] = run.folder.config.objectives
    assert mine == f"{Path('mine.py').absolute()}:mine"
    assert set(run.summary["front"][0]["figures"]) == {mine, "parameters"}
    assert RunFolder.open(Path("run")).config.objectives == run.folder.config.objectives
    shutil.copytree("run", "copy")  # as of a stranger
    with pytest.raises(WrongUsage, match=r"names the objectives .*mine\.py:mine, whose code would be run"):
        RunFolder.open(Path("copy")).check_code()
    assert read_run(Path("copy")).front  # without its code


# -- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"objectives": ("val_accuracy",)}, "there must be 2 or 3 objectives, got 1: val_accuracy"),
        ({"objectives": ("val_accuracy", "parametrs")}, "unknown objective 'parametrs'.*parameters"),
        ({"objectives": ("val_accuracy", "rank")}, "'rank' can't be an objective: it depends on what"),
        ({"objectives": ("val_accuracy", "macs")}, "'macs' failed.*"),
        ({"reward": "mnasnet"}, "--objective and --reward exclude each other"),
        ({"finalists": 2}, "--objective and --finalists exclude each other.*retrain --front"),
        (
            {"agent": "regularized-evolution"},
            "can't search for several objectives at once; those that can: ppo",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_before_there_is_a_folder(
    table: str, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(WrongUsage, match=told):
        on_table(table, **options)
    assert not Path("run").exists()


def test_a_config_file_keeps_them_and_begins_the_same_run_again(table: str) -> None:
    first = on_table(table)
    assert "\nreward" not in (first.folder.path / "config.toml").read_text()
    again = run_search(RunFolder.open(Path("run")).config, Path("again"))
    assert again.summary["front"] == first.summary["front"]
