"""Agents by name, and with options as text."""

import pytest

from rl_designer.agents.base import Agent
from rl_designer.agents.random_search import RandomSearch
from rl_designer.agents.registry import AGENTS, agent_class, with_options


@pytest.mark.parametrize("name", AGENTS)
def test_every_agent_of_the_registry_is_there_and_knows_its_name(name: str) -> None:
    assert agent_class(name).name == name


def test_an_option_by_name_is_set_and_the_others_keep_their_defaults() -> None:
    agent = agent_class("regularized-evolution:sample=5,population=7")(seed=3)
    assert (agent.seed, agent.sample, agent.population, agent.batch) == (3, 5, 7, 1)  # type: ignore[attr-defined]


def test_a_first_value_without_a_name_is_the_first_option() -> None:
    assert agent_class("random:3")(seed=0).batch == 3  # type: ignore[attr-defined]
    assert agent_class("reinforce:0.5,batch=2")(seed=0).learning_rate == 0.5  # type: ignore[attr-defined]


def test_an_agent_with_options_goes_by_the_whole_text_and_is_of_the_same_kind() -> None:
    agent = agent_class("random:batch=3")
    assert agent.name == "random:batch=3" and issubclass(agent, RandomSearch)
    assert RandomSearch.name == "random"


class Manifold(Agent):
    name = "manifold"

    def __init__(
        self,
        *,
        seed: int = 0,
        flag: bool = False,
        rate: float = 0.5,
        limit: float | None = None,
        kind: str = "a",
    ) -> None:
        super().__init__(seed=seed)
        self.values = (flag, rate, limit, kind)

    def search(self, problem: object) -> None:
        raise NotImplementedError


def test_truth_values_numbers_and_texts_are_read_by_the_kind_of_the_default() -> None:
    agent = with_options(Manifold, "manifold:flag=true,rate=2,limit=1e3,kind=b")()
    assert agent.values == (True, 2.0, 1000.0, "b")  # type: ignore[attr-defined]
    assert with_options(Manifold, "manifold:flag=false")().values[0] is False  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text, message",
    [
        ("evolution", "unknown agent 'evolution'. Did you mean 'regularized-evolution'?"),
        ("random:bach=3", "unknown option of agent 'random' 'bach'. Did you mean 'batch'?"),
        ("random:", "'batch' of agent 'random' must be a whole number, got ''"),
        ("random:batch=3,4", "unknown option of agent 'random' '4'"),
        ("random:batch=x", "option 'batch' of agent 'random' must be a whole number, got 'x'"),
        ("reinforce:learning_rate=x", "must be a number, got 'x'"),
        ("random:seed=3", "unknown option of agent 'random' 'seed'"),
    ],
)
def test_a_wrong_name_or_option_is_explained_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ValueError) as error:
        agent_class(text)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_truth_value_must_be_true_or_false() -> None:
    with pytest.raises(ValueError, match="must be true or false, got 'yes'"):
        with_options(Manifold, "manifold:flag=yes")


@pytest.mark.parametrize(
    "text, message",
    [
        ("regularized-evolution:population=0", "'population' must be at least 1, got 0"),
        ("regularized-evolution:sample=-1", "'sample' must be at least 1"),
        ("local-search:batch=0", "'batch' must be at least 1"),
        ("reinforce:batch=0", "'batch' must be at least 1"),
        ("ppo-model-free:imitated_share=1.1", "'imitated_share' must be from 0 to 1, got 1.1"),
        ("reinforce:learning_rate=0", "'learning_rate' must be above 0 and finite, got 0"),
        ("reinforce:learning_rate=nan", "'learning_rate' must be above 0"),
        ("reinforce:momentum=1", "'momentum' must be at least 0 and below 1, got 1"),
    ],
)
def test_an_option_out_of_range_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        agent_class(text)(seed=0)
