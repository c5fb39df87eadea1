"""`export --to-optuna`: a run as an Optuna study, read back by Optuna itself."""

import builtins
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rl_designer.config import make_config
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.problem import Design
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.seeding import stream
from rl_designer.errors import WrongUsage
from rl_designer.exporting.optuna import export_to_optuna, study_name
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.reading import RunReport
from rl_designer.spaces import space_of
from rl_designer.store.store import StoredDesign
from tests.helpers.command_line import Ended

optuna = pytest.importorskip("optuna", reason="Optuna isn't installed")

TABLE = {"table": "mnist1d-convnet1d", "name": "mnist1d-convnet1d"}


def layers_setting(space: str = "mlp", *shape: int) -> dict[str, Any]:
    from rl_designer.envs.search_spaces.registry import space_definition

    return {"space": space_definition(space).to_dict(), "input_shape": shape or [13], "num_classes": 3}


def evaluation_of(number: int) -> Evaluation:
    """The first was stopped early, every fifth failed."""
    curve = (0.2, 0.3 + number / 100)
    if number == 0:
        return Evaluation(val_accuracy=0.3, learning_curve=curve[:1], stopped_at=1)
    if number % 5 == 4:
        return Evaluation(failure="diverged: the training loss is nan in epoch 1")
    return Evaluation(
        val_accuracy=curve[1], learning_curve=curve, parameters=100 + number, macs=7, training_seconds=1.0
    )


def report_of(folder: Path, setting: dict[str, Any], count: int, agent: str = "ppo") -> RunReport:
    """A run with so many random designs, the last of them of the control."""
    space: SearchSpace = space_of(setting)
    architectures: dict[str, Architecture] = {}
    for found in space.architectures(space.random_actions(200, stream(0, "designs"))):
        architectures.setdefault(found.digest, found)
    designs = []
    for number, architecture in enumerate(list(architectures.values())[:count]):
        evaluation = evaluation_of(number)
        reward = -1.0 if evaluation.failure else evaluation.val_accuracy or 0.0
        source = "control" if number == count - 1 else "agent"
        designs.append(
            StoredDesign(Design(architecture, evaluation, reward, number), source, 2.0 * number + 2)
        )
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text("")
    summary = {"id": "0123456789abcdef", "state": "finished", "title": "data", "setting": setting}
    return RunReport(RunFolder(folder, make_config({"data": "wine", "agent": agent}), summary), designs)


def load(path: Path, report: RunReport) -> Any:
    return optuna.load_study(study_name=study_name(report), storage=f"sqlite:///{path}")


@pytest.mark.parametrize(
    "setting", [TABLE, layers_setting(), layers_setting("cell1d", 1, 40)], ids=["table", "layers", "cells"]
)
def test_optuna_reads_every_design_as_a_trial(tmp_path: Path, setting: dict[str, Any]) -> None:
    report, path = report_of(tmp_path / "run", setting, 12), tmp_path / "optuna.db"
    written = export_to_optuna(report, str(path))
    assert (written.trials, written.added, written.url) == (12, 12, f"sqlite:///{path}")
    study = load(path, report)
    assert study.direction == optuna.study.StudyDirection.MAXIMIZE and study.metric_names == ["reward"]
    states = optuna.trial.TrialState
    for number, (trial, found) in enumerate(zip(study.trials, report.designs, strict=True)):
        expected = states.PRUNED if number == 0 else states.FAIL if number % 5 == 4 else states.COMPLETE
        assert trial.state == expected and trial.number == number
        assert trial.value == (None if expected == states.FAIL else found.design.reward)
        attributes, evaluation = trial.user_attrs, found.design.evaluation
        assert attributes["digest"] == found.design.architecture.digest
        for name in ("parameters", "macs", "val_accuracy", "failure", "stopped_at"):
            assert attributes.get(name) == getattr(evaluation, name)
        assert tuple(trial.intermediate_values.values()) == evaluation.learning_curve
        assert (
            trial.datetime_complete - trial.datetime_start
            <= trial.datetime_complete - study.trials[0].datetime_start
        )
    assert study.trials[-1].user_attrs["found by"] == "random"
    best = max(report.winners, key=lambda d: d.design.reward)
    assert study.best_trial.user_attrs["digest"] == best.design.architecture.digest


def test_the_parameters_of_layers_are_the_design_s(tmp_path: Path) -> None:
    report, path = report_of(tmp_path / "run", layers_setting(), 12), tmp_path / "optuna.db"
    export_to_optuna(report, str(path))
    for trial, found in zip(load(path, report).trials, report.designs, strict=True):
        layers = found.design.architecture.layers
        assert trial.params["layers"] == len(layers)
        for place, layer in enumerate(layers, start=1):
            assert trial.params[f"layer {place}"] == layer.kind
            for name, value in layer.options:
                assert trial.params[f"layer {place} {name}"] == value
        behind = [v for n, v in trial.params.items() if n.removeprefix("layer ").isdigit()][len(layers) :]
        assert set(behind) <= {"none"} and len(behind) + len(layers) == 6


def test_the_parameters_of_cells_are_the_skeleton_s_and_the_edges_operations(tmp_path: Path) -> None:
    report, path = report_of(tmp_path / "run", layers_setting("cell1d", 1, 40), 4), tmp_path / "optuna.db"
    export_to_optuna(report, str(path))
    for trial, found in zip(load(path, report).trials, report.designs, strict=True):
        macro, *edges = found.design.architecture.layers
        assert trial.params["macro width"] == macro["width"]
        assert len(trial.params) == 3 + len(edges) == 9
        for layer in edges:
            assert trial.params[f"edge {layer['edge']}"].startswith(layer.kind)


def test_the_settings_of_a_training_are_parameters(tmp_path: Path) -> None:
    for space, shape in (("mlp", (5,)), ("cell1d", (1, 40))):
        setting = layers_setting(space, *shape)
        setting["space"]["training"] = {"optimizer": ["sgd", "muon"], "learning_rate": [0.1, 0.2]}
        report, path = report_of(tmp_path / space, setting, 4), tmp_path / f"{space}.db"
        export_to_optuna(report, str(path))
        for trial, found in zip(load(path, report).trials, report.designs, strict=True):
            architecture = found.design.architecture
            assert architecture.training == {
                name: trial.params[f"training {name}"] for name in ("optimizer", "learning_rate")
            }
            if space == "mlp":
                assert trial.params["layers"] == len(architecture.network)


def test_a_second_call_adds_what_was_found_since(tmp_path: Path) -> None:
    path = tmp_path / "optuna.db"
    first, more = (report_of(tmp_path / "run", TABLE, count) for count in (6, 9))
    first.designs.pop()  # the control comes later
    assert export_to_optuna(first, str(path)).added == 5
    assert export_to_optuna(first, f"sqlite:///{path}").added == 0
    assert export_to_optuna(more, str(path)).added == 4
    digests = [trial.user_attrs["digest"] for trial in load(path, more).trials]
    assert sorted(digests) == sorted(found.design.architecture.digest for found in more.designs)


def test_optuna_s_plots_and_importances_work_on_it(tmp_path: Path) -> None:
    pytest.importorskip("plotly", reason="Optuna draws with Plotly")
    report, path = report_of(tmp_path / "run", TABLE, 12), tmp_path / "optuna.db"
    export_to_optuna(report, str(path))
    study = load(path, report)
    assert optuna.visualization.plot_optimization_history(study).data
    assert optuna.visualization.plot_parallel_coordinate(study).data
    assert set(optuna.importance.get_param_importances(study)) <= {f"layer {i}" for i in range(1, 5)}


def test_the_value_is_the_accuracy_where_rewards_can_not_be_compared(tmp_path: Path) -> None:
    report, path = report_of(tmp_path / "run", TABLE, 6), tmp_path / "optuna.db"
    report.folder.summary["best_by"] = "val_accuracy"
    export_to_optuna(report, str(path))
    study = load(path, report)
    assert study.metric_names == ["val_accuracy"]
    assert study.trials[1].value == report.designs[1].design.evaluation.val_accuracy


def test_a_study_of_another_run_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "optuna.db"
    report = report_of(tmp_path / "run", TABLE, 6)
    export_to_optuna(report, str(path))
    report.folder.summary["id"] = "01234567-of-another"
    with pytest.raises(ValueError, match="belongs to another run, '0123456789abcdef'"):
        export_to_optuna(report, str(path))
    assert len(load(path, report).trials) == 6


def test_a_storage_that_can_not_be_used_gets_one_line_without_its_password(tmp_path: Path) -> None:
    report = report_of(tmp_path / "run", TABLE, 2)
    with pytest.raises(ValueError, match="can't be used: unable to open database file") as caught:
        export_to_optuna(report, str(tmp_path / "no" / "folder.db"))
    assert "\n" not in str(caught.value)
    with pytest.raises(WrongUsage, match="--to-optuna 'nonsense://"):
        export_to_optuna(report, "nonsense://me:secret@host/x")
    with pytest.raises(WrongUsage, match="--to-optuna 'sqlite://…' is no URL") as caught:
        export_to_optuna(report, "sqlite://me:secret@[::/x")
    assert "secret" not in str(caught.value)


def test_without_optuna_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "optuna", raising=False)
    real = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "optuna":
            raise ImportError("no optuna")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ValueError, match=r"pip install 'rl-designer\[optuna\]'"):
        export_to_optuna(report_of(tmp_path / "run", TABLE, 2), str(tmp_path / "o.db"))


def test_the_command_writes_a_study_and_no_file(command: Callable[..., Ended], tmp_path: Path) -> None:
    search = ["--table", "mnist1d-convnet1d", "--agent", "random", "--evaluations", 5, "--run", "r"]
    assert command("train", *search, "--quiet", "--no-tensorboard").status == 0
    ended = command("export", "r", "--to-optuna", "o.db", "--json")
    assert (ended.status, ended.err) == (0, "")
    assert ended.json["files"] == [] and ended.json["trials"] == ended.json["added"] == 5
    ended = command("export", "r", "--to-optuna", "sqlite:///o.db")
    assert "5 trials, 0 of them new" in ended.out and "optuna-dashboard sqlite:///o.db" in ended.err
    assert not (tmp_path / "r" / "exported").exists()


def test_options_about_files_are_refused(command: Callable[..., Ended]) -> None:
    ended = command("export", "r", "--to-optuna", "o.db", "--licence", "MIT")
    assert ended.status == 2 and "--to-optuna and --licence exclude each other" in ended.err
    ended = command("export", "nowhere", "--to-optuna", "o.db")
    assert ended.status == 1 and "is no run folder" in ended.err
