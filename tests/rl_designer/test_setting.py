"""What a run's configuration says of its trainings is what they get."""

from typing import Any

import pytest

from rl_designer.config import make_config
from rl_designer.envs.evaluators.training import TrainingEvaluator, TrainingSettings
from rl_designer.setting import make_setting


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
