"""Tables with a task and limits, as people name them."""

from pathlib import Path

import pytest

from rl_designer.controllers.named_task import NamedTask
from rl_designer.envs.tables.catalogue import DEFAULT_TABLE
from tests.helpers.tables import synthetic_table


@pytest.mark.parametrize(
    "text, task",
    [
        (DEFAULT_TABLE, NamedTask(DEFAULT_TABLE)),
        ("t.npz:cifar10", NamedTask("t.npz", "cifar10")),
        ("t.npz:task=cifar10", NamedTask("t.npz", "cifar10")),
        ("t.npz:cifar10,max_parameters=5k", NamedTask("t.npz", "cifar10", 5_000)),
        ("t.npz:max_macs=1M,max_parameters=200", NamedTask("t.npz", None, 200, 1_000_000)),
        ("C:\\t.npz:cifar10", NamedTask("C:\\t.npz", "cifar10")),
    ],
)
def test_a_task_is_read_and_written(text: str, task: NamedTask) -> None:
    assert NamedTask.of(text) == task == NamedTask.of(str(task))


def test_a_file_with_a_colon_in_its_name_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a:b").touch()
    assert NamedTask.of("a:b") == NamedTask("a:b")


@pytest.mark.parametrize(
    "text, message",
    [
        ("t.npz:size=3", "unknown option of table 't.npz' 'size'. Legal: max_macs, max_parameters, task."),
        ("t.npz:max_parameters=few", "t.npz:max_parameters=few: max_parameters must be a whole number"),
        ("t.npz:cifar10,cifar100", "unknown option of table 't.npz' 'cifar100'"),
    ],
)
def test_what_can_not_be_is_explained(text: str, message: str) -> None:
    with pytest.raises(ValueError) as error:
        NamedTask.of(text)
    assert message in str(error.value)


def test_its_evaluator_has_its_limits(tmp_path: Path) -> None:
    synthetic_table().save(tmp_path / "t.npz")
    every = NamedTask(str(tmp_path / "t.npz")).evaluator
    parameters = sorted(evaluation.parameters or 0 for evaluation in every.evaluations())
    limit = parameters[len(parameters) // 2]
    fewer = NamedTask(str(tmp_path / "t.npz"), max_parameters=limit).evaluator
    assert len(fewer.search_values()) == sum(count <= limit for count in parameters)
