"""Generations of controllers: designed, resumed, judged."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rl_designer as rl
from rl_designer.agents.controller_space import agent_text, usual_options
from rl_designer.agents.registry import agent_class
from rl_designer.controllers import evaluator as controllers
from rl_designer.controllers import generation
from rl_designer.controllers.generation import CONTROLLER, GENERATION
from rl_designer.controllers.loop import Loop, config_of, run_loop
from rl_designer.errors import WrongUsage
from rl_designer.runs.reading import read_run
from tests.helpers.command_line import runner
from tests.helpers.in_process import work_in_process
from tests.helpers.quick_ppo import quicken
from tests.helpers.tables import synthetic_table

SETTINGS: dict[str, Any] = {
    "controllers": ("tried.npz",),
    "trial_seeds": 1,
    "trial_evaluations": 6,
    "evaluations": 3,
}
WORDS = ("--controllers", "tried.npz", "--trial-seeds", 1, "--trial-evaluations", 6, "--evaluations", 3)
JUDGED = ("--judge", "judge.npz", "--judge-seeds", 2, "--judge-evaluations", 8, "--finalists", 1)


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Everything in this process, by a `ppo` that hardly trains."""
    with pytest.MonkeyPatch.context() as patch:
        work_in_process(patch)
        quicken(patch)
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loop")
    synthetic_table((3, 3, 3)).save(folder / "tried.npz")
    synthetic_table((4, 2, 3)).save(folder / "judge.npz")
    return folder


@pytest.fixture(autouse=True)
def inside(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


@pytest.fixture(scope="module")
def looped(place: Path) -> dict[str, Any]:
    """Two generations."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        return rl.loop(
            **SETTINGS,
            generations=2,
            finalists=1,
            judge=["judge.npz"],
            judge_seeds=2,
            judge_evaluations=8,
            run="looped",
            progress=False,
        )


def timeless(data: Any) -> Any:
    """Without what no two loops have in common."""
    if isinstance(data, list):
        return [timeless(part) for part in data]
    if not isinstance(data, dict):
        return data
    return {name: timeless(part) for name, part in data.items() if name not in ("seconds", "folder")}


# -- what a loop leaves --------------------------------------------------------------------------------


def test_each_generation_is_designed_by_the_one_before(looped: dict[str, Any]) -> None:
    first, second = looped["generations"]
    assert first["designer"] == usual_options()
    assert second["designer"] == first["options"]
    for made in looped["generations"]:
        report = read_run(Path(made["folder"]))
        assert report.folder.summary["state"] == "finished"
        assert len(report.designs) == made["controllers"] == 3
        assert report.folder.config.agent == agent_text(made["designer"])


def test_a_generation_is_never_worse_than_its_designer_in_the_finals(looped: dict[str, Any]) -> None:
    for made in looped["generations"]:
        assert made["progress"] >= made["designer_progress"]
        kept = made["progress"] == made["designer_progress"]
        assert (made["changed"] == {}) == kept == ("nothing gained" in made["told"])


def test_its_controller_is_an_agent(looped: dict[str, Any]) -> None:
    for made in looped["generations"]:
        file = Path(made["folder"]) / CONTROLLER
        agent = agent_class(f"ppo:from-file={file}")()
        options = made["options"]
        assert agent.network["hidden"] == options["hidden"]  # type: ignore[attr-defined]
        assert agent.bound == options["bound"]  # type: ignore[attr-defined]


def test_all_generations_are_judged_with_todays_controller(looped: dict[str, Any]) -> None:
    judged = looped["judged"]
    (task,) = judged["tasks"]
    assert task["task"] == "judge.npz" and len(task["generations"]) == len(judged["over_all"]) == 3
    for figures in task["generations"]:
        assert len(figures["per_seed"]) == 2 and all(1 <= count <= 8 for count in figures["per_seed"])
    assert len(looped["conclusions"]) == 2
    assert json.loads(Path("looped/loop.json").read_text()) == looped


# -- again ---------------------------------------------------------------------------------------------


def test_the_same_again_does_nothing_anew_and_says_the_same(
    looped: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controllers, "course_of", None)  # whatever would be tried fails
    again = runner(capsys)(
        "loop", *WORDS, *JUDGED, "--generations", 2, "--run", "looped", "--json", "--quiet"
    )
    assert again.status == 0 and again.json == looped


def test_a_loop_that_was_stopped_anywhere_ends_as_one_that_was_not(
    looped: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    course_of, begun = controllers.course_of, list[int]()

    def stopping(*arguments: Any) -> Any:
        begun.append(len(begun))
        if len(begun) in (2, 4, 6):  # in the search, in the finals, in the next search
            raise KeyboardInterrupt
        return course_of(*arguments)

    monkeypatch.setattr(controllers, "course_of", stopping)
    command = runner(capsys)
    words = ("loop", *WORDS, *JUDGED, "--generations", 2, "--run", "stopped", "--json", "--quiet")
    ends = [command(*words, "--workers", workers) for workers in range(1, 5)]  # which make no difference
    assert [end.status for end in ends] == [130, 130, 130, 0]
    assert "the same command goes on with the rest" in ends[0].err
    assert timeless(ends[-1].json) == timeless(looped)
    assert len(begun) < 3 * len(usual_options())


def test_a_search_that_goes_on_does_so_where_it_is_told_to(
    looped: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = list[Any]()
    monkeypatch.setattr(generation, "resume_search", lambda *given: told.append(given[3]["workers"]))
    run_loop(Loop(config_of({**SETTINGS, "workers": 3}), 1, 1, ("judge.npz",), 2, 8), Path("looped"))
    assert told == [3]


def test_a_generation_more_goes_on_from_those_that_are_there(looped: dict[str, Any]) -> None:
    loop = Loop(config_of(SETTINGS), 1, 1, ("judge.npz",), 2, 8)
    fewer = run_loop(loop, Path("looped"))
    assert fewer["generations"] == looped["generations"][:1]


@pytest.mark.parametrize(
    "changes, finalists, message",
    [
        ({"trial_evaluations": 7}, 1, "generation-1 holds another search (trial_evaluations: 6, now 7)"),
        ({"seed": 5}, 1, "generation-1 holds another search (seed: 0, now 5)"),
        ({}, 2, "generation-1 had 1 finalists, not 2"),
    ],
)
def test_another_loop_in_the_same_folder_is_refused(
    looped: dict[str, Any], changes: dict[str, Any], finalists: int, message: str
) -> None:
    loop = Loop(config_of({**SETTINGS, **changes}), 1, finalists, ("judge.npz",), 2, 8)
    with pytest.raises(WrongUsage) as error:
        run_loop(loop, Path("looped"))
    assert message in str(error.value)


def test_a_damaged_generation_is_told(looped: dict[str, Any], tmp_path: Path) -> None:
    file = Path("looped/generation-1") / GENERATION
    before = file.read_text()
    file.write_text("{}")
    try:
        with pytest.raises(ValueError, match=r"generation\.json is damaged"):
            run_loop(Loop(config_of(SETTINGS), 1, 1, ("judge.npz",), 2, 8), Path("looped"))
    finally:
        file.write_text(before)


# -- what can't be -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings, judge, message",
    [
        ({}, ("tried.npz",), "tried.npz can't judge: controllers are tried on it"),
        ({}, ("nowhere",), "unknown table 'nowhere'"),
        ({}, ("judge.npz:cifar10",), "cifar10"),
        ({"controllers": ("mnist1d-convnet1d", "mnist1d-cell1d")}, (), "name others with --judge"),
        ({"controllers": ("tried.npz:size=3",)}, (), "unknown option of table 'tried.npz' 'size'"),
        ({"table": "tried.npz"}, (), "--controllers and --table exclude each other"),
        ({"max_parameters": 5}, (), "--controllers and --max-parameters exclude each other"),
        ({"epochs": 5}, (), "--controllers and --epochs exclude each other"),
    ],
)
def test_what_can_not_be_is_refused_before_anything_is_made(
    settings: dict[str, Any], judge: tuple[str, ...], message: str
) -> None:
    with pytest.raises(WrongUsage) as error:
        run_loop(Loop(config_of({**SETTINGS, **settings}), judge=judge), Path("none"))
    assert message in str(error.value)
    assert not Path("none").exists()


def test_without_tables_the_embedded_one_is_tried_on_and_the_other_judges() -> None:
    loop = Loop(config_of({}))
    assert loop.config.subject.controllers == ("mnist1d-convnet1d",)
    assert [str(task) for task in loop.judged_by().tasks] == ["mnist1d-cell1d"]
