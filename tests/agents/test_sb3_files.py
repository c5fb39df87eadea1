"""Policies that Stable-Baselines3 saved: the same as ours, read only where they are trusted, never run."""

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rl_designer.agents.controller import Controller, PPOSettings
from rl_designer.agents.sb3_files import read_sb3_policy
from rl_designer.envs.search_spaces.table import TableSpace
from tests.helpers.command_line import runner
from tests.helpers.tables import synthetic_table

SPACE = TableSpace(synthetic_table((2, 3)))


def saved(path: Path, space: TableSpace = SPACE) -> Controller:
    controller = Controller(space, lambda actions: np.zeros(len(actions)), PPOSettings(episodes=4), seed=0)
    controller.ppo.save(path)
    return controller


def test_a_policy_is_the_one_that_was_saved(tmp_path: Path) -> None:
    controller = saved(tmp_path / "a.zip")
    policy = read_sb3_policy(tmp_path / "a.zip", SPACE, trust=True)
    for name, weights in controller.policy().weights.items():
        np.testing.assert_array_equal(policy.weights[name], weights)


def test_without_trust_nothing_is_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds pickles, which can run code .* add --trust only if"):
        read_sb3_policy(tmp_path / "gone.zip", SPACE, trust=False)


def test_a_policy_for_another_space_is_refused(tmp_path: Path) -> None:
    saved(tmp_path / "a.zip", TableSpace(synthetic_table((2, 3, 4))))
    with pytest.raises(ValueError, match="the policy is for space"):
        read_sb3_policy(tmp_path / "a.zip", SPACE, trust=True)


class Harm:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return self.marker.touch, ()


def test_pickles_that_would_run_code_are_refused_even_where_trusted(tmp_path: Path) -> None:
    import torch

    path, marker = tmp_path / "a.zip", tmp_path / "code-was-run"
    torch.save({"action_net.weight": Harm(marker)}, tmp_path / "policy.pth")
    for content in ((tmp_path / "policy.pth").read_bytes(), pickle.dumps(Harm(marker)), b"PK", b""):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("data", pickle.dumps(Harm(marker)))
            archive.writestr("policy.pth", content)
        with pytest.raises(ValueError, match="can't be read as a policy of Stable-Baselines3") as error:
            read_sb3_policy(path, SPACE, trust=True)
        assert "\n" not in str(error.value)
    assert not marker.exists()


def test_a_network_of_another_form_or_none_is_refused(tmp_path: Path) -> None:
    import torch

    path = tmp_path / "a.zip"
    for state, said in (({}, "one hidden layer"), ([1, 2], "holds no weights")):
        torch.save(state, tmp_path / "policy.pth")
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(tmp_path / "policy.pth", "policy.pth")
        with pytest.raises(ValueError, match=said):
            read_sb3_policy(path, SPACE, trust=True)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    controller = saved(tmp_path / "a.zip")
    controller.ppo.policy.action_net.bias.data[0] = float("nan")
    controller.ppo.save(tmp_path / "a.zip")
    with pytest.raises(ValueError, match="must hold float32 numbers from"):
        read_sb3_policy(tmp_path / "a.zip", SPACE, trust=True)


def test_the_command_samples_it_in_place_of_the_runs_policy_where_it_is_trusted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, run = runner(capsys), tmp_path / "run"
    SPACE.table.save(tmp_path / "table.npz")
    setting = {"table": str(tmp_path / "table.npz"), "name": SPACE.table.name}
    run.mkdir()
    (run / "config.toml").write_text(f'table = "{tmp_path}/table.npz"\n')
    (run / "summary.json").write_text(json.dumps({"id": "0", "state": "finished", "setting": setting}))
    saved(tmp_path / "a.zip")
    ended = command("sample", run, "--sb3", tmp_path / "a.zip")
    assert ended.status == 2 and "add --trust only if" in ended.err
    ended = command("sample", run, "--sb3", tmp_path / "a.zip", "--trust", "--json", "-n", 5)
    assert ended.status == 0 and len(ended.json["architectures"]) == 5
