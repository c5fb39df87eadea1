"""`ppo`: PPO trained against a learned reward model; real evaluations only for what it then proposes."""

from collections.abc import Sequence
from copy import copy
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.base import PolicyAgent, at_least_one
from rl_designer.agents.belief import Belief
from rl_designer.agents.front_policy import FrontPolicy
from rl_designer.agents.memory import Memory
from rl_designer.agents.mutation import mutations
from rl_designer.agents.next_designs import ORDINARY_DESIGNS, best_so_far, learned, promising, very_good
from rl_designer.agents.policy import ACTIVATIONS, TANH, Policy
from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.problem import BudgetSpent, Problem
from rl_designer.envs.search_spaces.base import Actions, SearchSpace
from rl_designer.envs.seeding import stream

if TYPE_CHECKING:
    from rl_designer.agents.controller import Controller
    from rl_designer.envs.design_vec_env import Score

_IMITATION_STEPS = 300


class PPO(PolicyAgent):
    """Rounds of: fit the reward model, train the policy against it, evaluate the best of its samples.

    Args:
        warm: designs drawn at random at first, less those that are there already.
        batch: designs evaluated a round.
        bound: the reward is the model's mean and this many standard deviations.
        front_bound: the same where several objectives are searched for; fewer, since a front is tried out all
            along it. Of the designs that are evaluated it is the factor of the deviations.
        updates: PPO updates a round, each of `episodes` designs; 0 leaves the policy untrained.
        hidden: units of each of the policy's hidden layers, of a front's twice as many; with experience they
            are those of its policy.
        layers: hidden ones, 1 or 2.
        activation: of the hidden units: tanh or relu.
        episodes, epochs, learning_rate: as `PPOSettings` has them.
        candidates: designs sampled from the policy, of which the best are evaluated.
        mutations: of the best designs so far, that are candidates, too.
        parents: the best designs so far that are mutated; of a front all of its own are.
        structure: whether the reward model compares designs by what the space knows of them for free
            (`SearchSpace.structure`), and not step by step.
        final_updates: PPO updates of the policy that is handed out; 0 for none, where designs alone count.
        final_quantile: the policy that is handed out is paid at most what the model expects of this quantile
            of random designs; lower for more variety. Not where several objectives are searched for.
        final_share: of the evaluations; at most so many designs, those that are among the best percent in all
            likelihood, the policy that is handed out then learns to sample alike. 0 for none of it.

    Attributes:
        belief: what it expects of designs' rewards.
        front: after a search with objectives, the policy for every preference; `policy` is the one by which
            all are wanted alike.
    """

    name = "ppo"
    finds_fronts = True
    by_order = True
    closing_seconds = 3.0  # measured, on one core, for the policy that is handed out

    def __init__(
        self,
        *,
        seed: int = 0,
        warm: int = 8,
        batch: int = 4,
        bound: float = 2.0,
        front_bound: float = 1.0,
        updates: int = 3,
        entropy: float = 0.2,
        candidates: int = 256,
        mutations: int = 64,
        parents: int = 10,
        structure: bool = True,
        final_updates: int = 30,
        final_entropy: float = 0.1,
        final_quantile: float = 0.999,
        final_share: float = 0.6,
        hidden: int = 32,
        layers: int = 1,
        activation: str = TANH,
        learning_rate: float = 1e-2,
        episodes: int = 128,
        epochs: int = 4,
    ) -> None:
        super().__init__(seed=seed)
        at_least_one(
            warm=warm,
            batch=batch,
            candidates=candidates,
            parents=parents,
            hidden=hidden,
            episodes=episodes,
            epochs=epochs,
        )
        for option, number in {
            "updates": updates,
            "mutations": mutations,
            "final_updates": final_updates,
        }.items():
            if number < 0:
                raise Error(f"{option!r} must be 0 or more, got {number}")
        for option, value in {"final_quantile": final_quantile, "final_share": final_share}.items():
            if not 0 <= value <= 1:
                raise Error(f"{option!r} must be from 0 to 1, got {value}")
        if layers not in (1, 2):
            raise Error(f"'layers' must be 1 or 2, got {layers}")
        if activation not in ACTIVATIONS:
            raise Error(unknown_name("activation", activation, ACTIVATIONS))
        if not 0 < learning_rate <= 1:
            raise Error(f"'learning_rate' must be above 0 and at most 1, got {learning_rate}")
        self.network = {"hidden": hidden, "layers": layers, "activation": activation}
        self.training = {"learning_rate": learning_rate, "episodes": episodes, "epochs": epochs}
        self.warm = warm
        self.batch = batch
        self.bound = bound
        self.front_bound = front_bound
        self.updates = updates
        self.entropy = entropy
        self.candidates = candidates
        self.mutations = mutations
        self.parents = parents
        self.structure = structure
        self.final_updates = final_updates
        self.final_entropy = final_entropy
        self.final_quantile = final_quantile
        self.final_share = final_share
        self.belief: Belief | None = None
        self.front: FrontPolicy | None = None
        self.memory = Memory(())

    def search(self, problem: Problem) -> None:
        self.search_from(problem, Memory(()))

    def search_from(self, problem: Problem, memory: Memory) -> None:
        """Starts with what earlier searches on the same space learned."""
        if problem.objectives is not None:
            self._search_front(problem, memory)
            return
        from rl_designer.envs.workers.devices import one_thread

        draws = stream(self.seed, self.name)
        space = problem.space
        self.memory = memory
        with one_thread():
            model = memory.model(space, structure=self.structure)
            controller = self._controller(space, self._hope(space), self.entropy, draws)
            try:
                first = memory.first(space, self.warm, draws, known=len(problem.designs))
                problem.evaluate(space.architectures(first))
                while True:
                    experienced = memory.experienced
                    if memory.review(problem):
                        model = memory.model(space, structure=self.structure)
                        if memory.experienced is not experienced:
                            controller = self._controller(space, self._hope(space), self.entropy, draws)
                        if len(missing := memory.missing(space, self.warm, draws)):
                            problem.evaluate(space.architectures(missing))
                    self.belief = learned(model, problem)
                    controller.update(self._hope(space), self.updates, int(draws.integers(2**63)))
                    proposals = self._proposals(self.belief, controller.policy(), problem, draws)
                    if len(proposals) == 0:
                        break  # the space is exhausted
                    problem.evaluate(space.architectures(proposals))
            except BudgetSpent:
                pass
            if problem.designs:
                self.belief = learned(model, problem)
            if problem.designs and self.final_updates > 0:
                self.policy = self._final_policy(problem, draws)

    def _search_front(self, problem: Problem, memory: Memory) -> None:
        from rl_designer.agents.front_search import FrontSearch, FrontSettings
        from rl_designer.envs.workers.devices import one_thread

        self.memory = memory
        with one_thread():
            options = FrontSettings(**{f.name: getattr(self, f.name) for f in fields(FrontSettings)})
            facts = {"agent": self.name, "seed": self.seed}
            draws = stream(self.seed, self.name, "front")
            self.front = FrontSearch(options, problem, memory, facts, draws).run()
            if problem.designs:
                self.belief = learned(memory.model(problem.space, structure=self.structure), problem)
            if self.front is not None:
                self.policy = self.front.equal

    def at_preference(self, preference: Sequence[float]) -> Self:
        """The same agent with the policy for a preference, to be sampled from.

        Args:
            preference: weights of 0 or more that sum to 1, one for each objective of the search.

        Raises:
            ValueError: for others, and where the search had no objectives.
        """
        if self.front is None:
            raise Error("the policy knows no preferences: its search had no objectives, or left none")
        chosen = copy(self)
        chosen.policy = self.front.at(preference)
        return chosen

    def _hope(self, space: SearchSpace) -> "Score":
        def score(actions: Actions) -> NDArray[np.float64]:
            mean, deviation = self._believed.predict(space, actions)
            return mean + self.bound * deviation

        return score

    def _enough(self, space: SearchSpace, draws: np.random.Generator) -> "Score":
        """The expected score, but all very good designs are worth the same, so that the policy that is
        handed out learns many of them and not one.
        """
        ordinary = self._believed.mean(space, space.random_actions(ORDINARY_DESIGNS, draws))
        enough = np.quantile(ordinary, self.final_quantile)

        def score(actions: Actions) -> NDArray[np.float64]:
            return np.minimum(self._believed.mean(space, actions), enough)

        return score

    def _controller(
        self, space: SearchSpace, score: "Score", entropy: float, draws: np.random.Generator
    ) -> "Controller":
        """A fresh policy, or that of experience to go on with."""
        from rl_designer.agents.controller import Controller, PPOSettings

        begun = self.memory.experienced
        settings = PPOSettings(entropy=entropy, **self.network, **self.training)  # type: ignore[arg-type]
        if begun is not None:
            hidden = len(begun.weights["hidden.bias"])
            settings = replace(settings, hidden=hidden, layers=begun.layers, activation=begun.activation)
        controller = Controller(space, score, settings, int(draws.integers(2**63)))
        if begun is not None:
            controller.start_from(begun)
        return controller

    def _final_policy(self, problem: Problem, draws: np.random.Generator) -> Policy:
        """Trained towards the model's mean, then to sample each of the best designs about as often."""
        space = problem.space
        enough = self._enough(space, draws)
        controller = self._controller(space, enough, self.final_entropy, draws)
        controller.update(enough, self.final_updates, int(draws.integers(2**63)))
        if self.final_share > 0:
            policy, share = controller.policy(), self.final_share
            best = very_good(self._believed, problem, policy, self.parents, share, draws)
            controller.imitate(best, _IMITATION_STEPS)
        return controller.policy(agent=self.name, seed=self.seed)

    def _proposals(
        self, belief: Belief, policy: Policy, problem: Problem, draws: np.random.Generator
    ) -> Actions:
        """The most promising of the policy's samples, of mutations of the best designs, and of what sources
        propose, that were not evaluated before.
        """
        space, temperature = problem.space, 1.0
        mutated = mutations(space, best_so_far(problem, self.parents), self.mutations, draws)
        fresh = np.concatenate([self.memory.candidates(space), mutated])
        for _ in range(30):
            actions, _ = policy.sample(space, self.candidates, draws, temperature=temperature)
            fresh = problem.unseen(np.concatenate([fresh, actions]))
            if len(fresh) >= self.batch:
                break
            temperature *= 1.3
        if len(fresh) <= self.batch:
            return fresh
        mean, covariance = belief.joint(space, fresh)
        return fresh[promising(mean, covariance, belief.noise, self.bound, self.batch)]

    @property
    def _believed(self) -> Belief:
        assert self.belief is not None, "a search comes first"
        return self.belief

    def save(self, folder: Path) -> None:
        super().save(folder)
        if self.belief is not None:
            self.belief.save(folder)
        if self.front is not None:
            self.front.save(folder)

    @classmethod
    def load(cls, folder: Path, space: SearchSpace) -> Self:
        agent = super().load(folder, space)
        agent.belief = Belief.load(folder, space)
        agent.front = FrontPolicy.load(folder, agent._trained())
        return agent

    def predict(self, actions: Actions, space: SearchSpace) -> NDArray[np.float64] | None:
        return None if self.belief is None else self.belief.expected_rewards(space, actions)
