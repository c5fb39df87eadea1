"""`TunedByHand`: an agent that leaves a network as people designed it, and tunes how it is trained."""

from contextlib import suppress

import numpy as np

from rl_designer.agents.base import Agent
from rl_designer.agents.optuna_sampler import installed_optuna, quiet
from rl_designer.envs.errors import Error
from rl_designer.envs.problem import BudgetSpent, Problem
from rl_designer.envs.references.nearest import nearest_references
from rl_designer.envs.search_spaces.trained_space import TrainedSpace


class TunedByHand(Agent):
    """Optuna's multivariate TPE on a design's training; its network is the space's nearest to a reference.

    Args:
        reference: its name.

    Raises:
        ValueError: where the space's designs don't say how they are trained, or it has no such network.
    """

    name = "tuned-by-hand"

    def __init__(self, *, seed: int = 0, reference: str = "resnet-8") -> None:
        super().__init__(seed=seed)
        self.reference = reference

    def search(self, problem: Problem) -> None:
        space, optuna = problem.space, installed_optuna()
        if not isinstance(space, TrainedSpace):
            raise Error("this agent tunes how a design is trained: give --hyperparameters")
        near = nearest_references(space, space.input_shape, [self.reference])
        if not near.found:
            raise Error(f"the space has no {self.reference}: {near.left_out}")
        by_hand = space.pad([space.actions(near.found[0].architecture)])[0]
        states = [space.start(1)]
        for action in by_hand[: space.decisions]:
            states.append(space.advance(states[-1], np.array([action])))
        legal = [np.flatnonzero(space.masks(state)[0]).tolist() for state in states[: space.decisions]]
        with quiet(optuna), suppress(BudgetSpent):
            sampler = optuna.samplers.TPESampler(seed=self.seed, multivariate=True)
            study = optuna.create_study(direction="maximize", sampler=sampler)
            while True:
                trial = study.ask()
                chosen = [trial.suggest_categorical(f"step {n}", actions) for n, actions in enumerate(legal)]
                actions = np.concatenate([chosen, by_hand[space.decisions :]]).astype(np.int64)
                study.tell(trial, problem.evaluate(space.architectures(actions[None]))[0].reward)
