"""An agent of a comparison and what it starts with."""

from dataclasses import replace
from pathlib import Path

import pytest

from rl_designer.comparisons.contender import Contender
from rl_designer.config import make_config
from rl_designer.errors import WrongUsage
from rl_designer.setting import make_setting
from tests.helpers.experiences import made_experience


def test_it_names_an_agent_its_options_the_runs_and_the_experience_that_it_starts_with() -> None:
    assert Contender.of("ppo") == Contender("ppo", (), "none")
    assert Contender.of("ppo:batch=8") == Contender("ppo:batch=8")
    assert Contender.of("ppo:from=a") == Contender("ppo", ("a",))
    assert Contender.of("ppo:from=a/{seed},batch=8,from=b=c", 3) == Contender("ppo:batch=8", ("a/3", "b=c"))
    assert Contender.of("ppo:experience=shipped,from=a") == Contender("ppo", ("a",), "shipped")
    assert Contender.of("optuna:GPSampler") == Contender("optuna:GPSampler")


def test_what_it_starts_with_is_read_and_its_content_tells_runs_apart(tmp_path: Path) -> None:
    setting, path = make_setting(make_config({"data": "mnist1d"})), tmp_path / "mine-0.npz"
    made_experience().save(path)
    contender = Contender.of(f"ppo:experience={tmp_path / 'mine-{seed}.npz'}")
    contender.check()
    [source] = contender.sources(setting)
    assert source.is_experience and source.name == f"experience {path}"
    before = contender.starts_with(setting)
    assert len(before) == 2 and Contender.of("ppo").starts_with(setting) == before[:1]
    policy = {name: 2 * array for name, array in made_experience().policy.items()}
    replace(made_experience(), policy=policy).save(path)
    assert contender.starts_with(setting) != before


def test_what_it_cannot_start_with_is_refused() -> None:
    with pytest.raises(WrongUsage, match="agent 'random' can't start from"):
        Contender.of("random:experience=shipped").check()
    on_table = make_setting(make_config({"table": "mnist1d-convnet1d"}))
    with pytest.raises(WrongUsage, match="experience shipped needs data to train on"):
        Contender.of("ppo:experience=shipped").sources(on_table)
