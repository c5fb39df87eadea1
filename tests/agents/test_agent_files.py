"""The options of an agent from a TOML file."""

from pathlib import Path

import pytest

from rl_designer.agents.registry import agent_class, expanded

CONTROLLER = """
agent = "ppo"
about = "made by hand"

[options]
hidden = 16
layers = 2
activation = "relu"
learning_rate = 0.003
structure = false
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "controller.toml"
    path.write_text(CONTROLLER)
    return path


def test_an_agent_has_the_options_of_its_file_and_the_defaults_of_the_rest(file: Path) -> None:
    agent = agent_class(f"ppo:from-file={file}")(seed=3)
    assert agent.network == {"hidden": 16, "layers": 2, "activation": "relu"}  # type: ignore[attr-defined]
    assert (agent.structure, agent.seed, agent.batch) == (False, 3, 4)  # type: ignore[attr-defined]
    assert agent.name == f"ppo:from-file={file}"


def test_an_option_beside_the_file_goes_before_it_wherever_it_stands(file: Path) -> None:
    for text in (f"ppo:hidden=8,from-file={file}", f"ppo:from-file={file},hidden=8"):
        agent = agent_class(text)()
        assert agent.network["hidden"] == 8 and agent.network["layers"] == 2  # type: ignore[attr-defined]


def test_the_text_can_be_written_without_the_file(file: Path) -> None:
    whole = "ppo:hidden=16,layers=2,activation=relu,learning_rate=0.003,structure=false"
    assert expanded(f"ppo:from-file={file}") == whole
    assert expanded(whole) == whole and expanded("ppo") == "ppo"


def test_a_file_without_options_is_the_agent_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "plain.toml").write_text('agent = "ppo"')
    text = f"ppo:from-file={tmp_path / 'plain.toml'}"
    assert expanded(text) == "ppo" and agent_class(text)().batch == 4  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "content, message",
    [
        (None, "can't read the agent's file"),
        ("agent = ", "is no TOML"),
        ('agent = "random"', "must say agent = 'ppo', got 'random'"),
        ("[options]\nbatch = 8", "must say agent = 'ppo', got 'None'"),
        ('agent = "ppo"\noption = 3', "unknown key 'option'. Did you mean 'options'?"),
        ('agent = "ppo"\noptions = 3', "`options` must be a section, got '3'"),
        ('agent = "ppo"\n[options]\nbach = 8', "unknown option of agent 'ppo' 'bach'. Did you mean 'batch'?"),
        ('agent = "ppo"\n[options]\nbatch = 8.5', "'batch' of agent 'ppo' must be a whole number, got '8.5'"),
        ('agent = "ppo"\n[options]\nbatch = [8]', "'batch' must be a number, a text or a truth value"),
        (
            'agent = "ppo"\n[options]\nactivation = "relu,batch=8"',
            "must be a number, a text or a truth value",
        ),
        ('agent = "ppo"\n[options]\nlayers = 3', "'layers' must be 1 or 2, got 3"),
        ('agent = "ppo"\n[options]\nactivation = "rel"', "unknown activation 'rel'. Did you mean 'relu'?"),
    ],
)
def test_a_bad_file_is_explained_in_one_line(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "controller.toml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError) as error:
        agent_class(f"ppo:from-file={path}")()
    assert message in str(error.value) and "\n" not in str(error.value)
