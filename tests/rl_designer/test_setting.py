"""What a run's configuration says of its trainings is what they get."""

import json
from pathlib import Path
from typing import Any

import pytest

from rl_designer.config import make_config
from rl_designer.envs.evaluators.training import TrainingEvaluator, TrainingSettings
from rl_designer.envs.search_spaces.trained_space import TrainedSpace
from rl_designer.errors import Interrupted, WrongUsage
from rl_designer.experience.shipped import shipped_for
from rl_designer.runs.reading import read_run
from rl_designer.setting import make_setting
from rl_designer.spaces import space_of
from tests.helpers.searches import Fake, all_digests, runner


def settings_of(**options: Any) -> TrainingSettings:
    setting = make_setting(make_config({"data": "mnist1d", **options}))
    with setting.open_evaluator() as evaluator:
        assert isinstance(evaluator, TrainingEvaluator)
        return evaluator.settings


@pytest.mark.parametrize(
    ("option", "value"),
    [("epochs", 3), ("augment", "shift"), ("precision", "bfloat16"), ("optimizer", "muon")],
)
def test_options_of_trainings_reach_the_evaluator(option: str, value: Any) -> None:
    plain, changed = settings_of(), settings_of(**{option: value})
    assert getattr(plain, option) != value
    assert changed == TrainingSettings(**{option: value})


def test_hyperparameters_are_a_space_that_is_made_again_from_its_facts() -> None:
    setting = make_setting(make_config({"data": "mnist1d", "max_parameters": 5_000, "hyperparameters": True}))
    space = setting.space
    assert isinstance(space, TrainedSpace) and space.name == "convnet1d"
    assert "learning rate (0.005, 0.01, 0.02, 0.04)" in setting.about[-1]
    again = space_of(json.loads(json.dumps(setting.facts)), {"max_parameters": 5_000})
    assert isinstance(again, TrainedSpace) and again.definition == space.definition
    plain = make_setting(make_config({"data": "mnist1d", "max_parameters": 5_000}))
    assert not isinstance(plain.space, TrainedSpace) and plain.space_key != setting.space_key
    assert shipped_for(space) is shipped_for(plain.space) is not None


def test_hyperparameters_are_not_for_a_table() -> None:
    with pytest.raises(WrongUsage, match="--table and --hyperparameters exclude each other"):
        make_config({"table": "mnist1d-convnet1d", "hyperparameters": True})


def test_a_search_that_decides_trainings_goes_on_after_a_stop_and_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run, options = runner(monkeypatch), {"evaluations": 8, "hyperparameters": True, "store": "one.sqlite"}
    whole = run("whole", **options)
    with pytest.raises(Interrupted):
        run("stopped", Fake(stop_at=5), **{**options, "store": "other.sqlite"})
    assert all_digests(run("stopped", resume=True)) == all_digests(whole)
    winner = read_run(Path("stopped")).winners[0].design.architecture
    assert list(winner.training) == [
        *("optimizer", "learning_rate", "weight_decay", "label_smoothing", "batch_size", "augment")
    ]
