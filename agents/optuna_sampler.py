"""Optuna's samplers as agents: TPE, NSGA-II, and any other by its class name."""

import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.base import Agent, at_least_one
from rl_designer.envs.designs import Design
from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.problem import BudgetSpent, Problem
from rl_designer.envs.search_spaces.base import Actions, SearchSpace
from rl_designer.envs.seeding import stream

# These draw categories independently and uniformly; so an action is a whole number to them.
_NUMBERS_ONLY = ("CmaEsSampler", "QMCSampler")
# These can't be made from a seed alone, or end a study by themselves.
_NOT_OFFERED = ("BaseSampler", "BaseGASampler", "GridSampler", "PartialFixedSampler", "BruteForceSampler")
_SETTINGS = {"TPESampler": {"multivariate": True, "group": True}, "QMCSampler": {"scramble": True}}
_NEEDS = {"CmaEsSampler": "cmaes", "GPSampler": "torch"}
_PATIENCE = 50


class OptunaSampler(Agent):
    """Any of Optuna's samplers, through ask and tell; the agent `optuna:GPSampler` is Optuna's GPSampler.

    One parameter a step, called `step 0`, `step 1`, …, whose values are the actions; the steps after a
    design's end are not asked for. Optuna wants the same values at every step, however few are legal: an
    illegal action k stands for the legal one number k modulo their count, so that a trial's parameters always
    mean the same design, and no trial is wasted. A failed design is told with the problem's failure reward;
    where there are several objectives, as failed.
    After 50 proposals in a row that were known already, uniformly random designs are added to the study until
    one of them is new.

    Args:
        sampler: name of a class in `optuna.samplers`, made with its defaults and the seed; TPE is made
            multivariate, in groups of the steps that occur together, and QMC is scrambled by the seed.
        batch: designs asked for before any is told.

    Raises:
        ValueError: where Optuna or a package that the sampler needs isn't installed, or where Optuna has no
            such sampler.
    """

    name = "optuna"

    def __init__(self, *, seed: int = 0, sampler: str = "TPESampler", batch: int = 1) -> None:
        super().__init__(seed=seed)
        at_least_one(batch=batch)
        self.sampler = sampler
        self.batch = batch
        _sampler_class(installed_optuna(), sampler)

    def search(self, problem: Problem) -> None:
        optuna = installed_optuna()
        generator = stream(self.seed, "optuna", self.sampler)
        objectives = 1 if problem.objectives is None else len(problem.objectives)
        with quiet(optuna):
            study = optuna.create_study(
                directions=["maximize"] * objectives,
                sampler=self._make(optuna, int(generator.integers(2**31))),
            )
            with suppress(BudgetSpent):
                self._ask_and_tell(study, problem, generator)

    def _make(self, optuna: ModuleType, seed: int) -> Any:
        return _sampler_class(optuna, self.sampler)(seed=seed, **_SETTINGS.get(self.sampler, {}))

    def _ask_and_tell(self, study: Any, problem: Problem, generator: np.random.Generator) -> None:
        space, known = problem.space, 0
        numbers = self.sampler in _NUMBERS_ONLY
        for row, design in zip(problem.actions, problem.designs, strict=True):
            study.add_trial(_told(space, row[None], numbers, _values(problem, design)))
        while True:
            paid = len(problem.designs)
            trials = [study.ask() for _ in range(self.batch)]
            rows = np.array([_design(space, trial, numbers) for trial in trials])
            designs = problem.evaluate(space.architectures(rows))
            for trial, design in zip(trials, designs, strict=True):
                values = _values(problem, design)
                study.tell(trial, values, state=None if values else _failed())
            known = 0 if len(problem.designs) > paid else known + len(rows)
            if known >= _PATIENCE:
                _add_random_designs(study, problem, numbers, generator)
                known = 0


class OptunaTPE(OptunaSampler):
    """Optuna's tree-structured Parzen estimator, multivariate (Bergstra et al. 2011; Falkner et al. 2018).

    Args:
        batch: designs asked for before any is told.
    """

    name = "optuna-tpe"
    finds_fronts = True  # Ozaki et al. 2022, multi-objective TPE
    by_order = True

    def __init__(self, *, seed: int = 0, batch: int = 1) -> None:
        super().__init__(seed=seed, sampler="TPESampler", batch=batch)


class NSGA2(OptunaSampler):
    """Optuna's NSGA-II (Deb et al. 2002): evolution by fronts, and by how crowded it is around a design.

    Args:
        population: of a generation; the first one is random.
        batch: designs asked for before any is told.
    """

    name = "nsga-ii"
    finds_fronts = True

    def __init__(self, *, seed: int = 0, population: int = 20, batch: int = 1) -> None:
        super().__init__(seed=seed, sampler="NSGAIISampler", batch=batch)
        at_least_one(population=population // 2)
        self.population = population

    def _make(self, optuna: ModuleType, seed: int) -> Any:
        return optuna.samplers.NSGAIISampler(population_size=self.population, seed=seed)


def _design(space: SearchSpace, trial: Any, numbers: bool) -> NDArray[np.int64]:
    """The design that a trial's parameters mean, int64 [max_steps]."""
    actions = np.full(space.max_steps, -1, dtype=np.int64)
    state = space.start(1)
    for step in range(space.max_steps):
        mask = space.masks(state)[0]
        if not mask.any():
            break
        if numbers:
            action = trial.suggest_int(f"step {step}", 0, space.num_actions - 1)
        else:
            action = trial.suggest_categorical(f"step {step}", list(range(space.num_actions)))
        if not mask[action]:
            legal = np.flatnonzero(mask)
            action = legal[action % len(legal)]
        actions[step] = action
        state = space.advance(state, actions[step : step + 1])
    return actions


def _add_random_designs(study: Any, problem: Problem, numbers: bool, generator: np.random.Generator) -> None:
    """Evaluates random designs until one is new, and adds that one to the study."""
    paid = len(problem.designs)
    while len(problem.designs) == paid:
        rows = problem.space.random_actions(1, generator)
        design = problem.evaluate(problem.space.architectures(rows))[0]
    study.add_trial(_told(problem.space, rows, numbers, _values(problem, design)))


def _values(problem: Problem, design: Design) -> list[float] | None:
    """What a study is told: the reward, or the values of all objectives; None of a design that has none."""
    if problem.objectives is None:
        return [design.reward]
    return None if design.evaluation.failure else problem.values[design.index].tolist()


def _failed() -> Any:
    return installed_optuna().trial.TrialState.FAIL


def _told(space: SearchSpace, rows: Actions, numbers: bool, values: list[float] | None) -> Any:
    optuna = installed_optuna()
    distributions = optuna.distributions
    kind = (
        distributions.IntDistribution(0, space.num_actions - 1)
        if numbers
        else distributions.CategoricalDistribution(list(range(space.num_actions)))
    )
    taken = {f"step {step}": action for step, action in enumerate(rows[0].tolist()) if action >= 0}
    known = {"params": taken, "distributions": dict.fromkeys(taken, kind)}
    if values is None:
        return optuna.trial.create_trial(state=_failed(), **known)
    return optuna.trial.create_trial(values=values, **known)


def installed_optuna(what: str = "this agent") -> ModuleType:
    """The package. Raises ValueError, saying what needs it, where it isn't installed."""
    try:
        import optuna
    except ImportError as error:
        raise Error(
            f"{what} needs Optuna, which isn't installed: pip install 'rl-designer[optuna]'"
        ) from error
    return optuna


def _sampler_class(optuna: ModuleType, name: str) -> Any:
    legal = [
        n
        for n in optuna.samplers.__all__
        if n not in _NOT_OFFERED and inspect.isclass(getattr(optuna.samplers, n))
    ]
    if name not in legal:
        raise Error(unknown_name("Optuna sampler", name, legal))
    try:
        import_module(_NEEDS.get(name, "optuna"))
    except ImportError as error:
        raise Error(f"Optuna's {name} needs a package that isn't installed: {error}") from error
    return getattr(optuna.samplers, name)


@contextmanager
def quiet(optuna: ModuleType) -> Iterator[None]:
    """Neither Optuna's log nor its warnings, and both as they were afterwards."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(level)
