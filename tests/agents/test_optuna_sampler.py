"""Optuna's samplers as agents."""

import sys
import warnings

import pytest

from rl_designer.agents.registry import agent_class
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.problem import Budget, Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.testing import agents as contract
from tests.helpers.tables import synthetic_table

optuna = pytest.importorskip("optuna", reason="the extra `optuna` is not installed")


@pytest.mark.parametrize("sampler", ["CmaEsSampler", "NSGAIISampler", "QMCSampler"])
@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
def test_any_sampler_of_optuna_keeps_the_contract(sampler: str, check) -> None:  # type: ignore[no-untyped-def]
    if sampler == "CmaEsSampler":
        pytest.importorskip("cmaes", reason="the package `cmaes` is not installed")
    check(agent_class(f"optuna:{sampler}"))


def test_the_gaussian_process_sampler_searches() -> None:
    contract.survives_failures(agent_class("optuna:GPSampler"))


def test_several_designs_can_be_asked_for_at_once() -> None:
    contract.spends_the_budget_and_no_more(agent_class("optuna-tpe:batch=4"))
    contract.gives_the_same_designs_for_the_same_seed(agent_class("optuna-tpe:batch=4"))


def test_a_sampler_that_does_not_exist_is_named_with_the_nearest_that_does() -> None:
    with pytest.raises(ValueError, match=r"unknown Optuna sampler 'GPSampling'. Did you mean 'GPSampler'\?"):
        agent_class("optuna:GPSampling")(seed=0)


@pytest.mark.parametrize("sampler", ["GridSampler", "BaseSampler", "nsgaii", "__all__"])
def test_what_is_no_sampler_or_needs_more_than_a_seed_is_not_offered(sampler: str) -> None:
    with pytest.raises(ValueError, match="unknown Optuna sampler"):
        agent_class(f"optuna:{sampler}")(seed=0)


@pytest.mark.parametrize("name", ["optuna", "optuna-tpe"])
def test_without_optuna_the_message_says_how_to_get_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = agent_class(name)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ValueError, match=r"pip install 'rl-designer\[optuna\]'"):
        agent(seed=0)


def test_a_sampler_that_needs_another_package_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(
        ValueError, match=r"Optuna's CmaEsSampler needs a package that isn't installed: .*cmaes"
    ):
        agent_class("optuna:CmaEsSampler")(seed=0)


def test_optunas_log_and_warnings_stay_inside_and_its_settings_are_left_as_they_were(
    capfd: pytest.CaptureFixture[str],
) -> None:
    optuna.logging.set_verbosity(optuna.logging.INFO)
    agent = agent_class("optuna-tpe")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        contract.spends_the_budget_and_no_more(agent)
    assert capfd.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == optuna.logging.INFO


def test_a_search_goes_on_after_its_sampler_comes_back_to_known_designs_only() -> None:
    evaluator = TableEvaluator(TableSpace(synthetic_table((2, 3, 4))))
    problem = Problem(evaluator.space, evaluator, accuracy, Budget(24))
    agent_class("optuna-tpe")(seed=0).search(problem)
    assert len(problem.designs) == 24
