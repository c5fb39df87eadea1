"""`FrontSearch`: a whole front by one policy that sees the preference; what `ppo` does with objectives."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.controller import Controller, PPOSettings
from rl_designer.agents.front_belief import FrontBelief, FrontModel, Joint
from rl_designer.agents.front_policy import FrontPolicy, shown
from rl_designer.agents.memory import Memory
from rl_designer.agents.mutation import mutations
from rl_designer.agents.policy import Policy
from rl_designer.agents.preference_vec_env import PreferenceScore, PreferenceVecEnv
from rl_designer.envs.objectives import Objectives, Scale, drawn_preferences, scalarised, spread_preferences
from rl_designer.envs.problem import BudgetSpent, Problem
from rl_designer.envs.rewards.dominance import improvements, non_dominated
from rl_designer.envs.search_spaces.base import Actions

_TIMES_AS_WIDE = 2  # one policy has to be many
_ORDINARY_DESIGNS = 512  # random ones, by which rewards are standardised
_STEPS = {2: 20, 3: 8}  # preferences that the policy that is handed out learns designs for: 21, or 45
_EACH = 3  # designs of each
_POOL = 3_000  # samples of which those are chosen
_IMITATION_STEPS = 300
# Deviations of up to three objectives that aren't known, equally likely and independent, as a lattice.
_NODES = [
    [NormalDist().inv_cdf((number * step % 12 + 0.5) / 12) for step in (1, 5, 7)] for number in range(12)
]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class FrontSettings:
    """The options of `ppo` that hold for fronts, too; see there."""

    warm: int
    batch: int
    front_bound: float
    updates: int
    entropy: float
    candidates: int
    mutations: int
    structure: bool
    final_updates: int
    final_entropy: float
    final_share: float
    network: Mapping[str, Any]
    training: Mapping[str, Any]


@dataclass
class FrontSearch:
    """One search for a front.

    Rounds of: fit a reward model for each objective that isn't known in closed form; train the policy, each
    episode by a preference of its own, paid the scalarised values that a design may have (the models' means
    and some deviations; a cost as it is); evaluate those of its samples, and of mutations of the front's
    designs, by which the hypervolume is expected to grow most (Emmerich et al. 2006), each chosen as if those
    before had come out as expected.

    Args:
        facts: of the policy that is handed out.
        draws: everything random.
    """

    settings: FrontSettings
    problem: Problem
    memory: Memory
    facts: dict[str, Any]
    draws: np.random.Generator

    def __post_init__(self) -> None:
        assert self.problem.objectives is not None
        self.objectives: Objectives = self.problem.objectives
        self.space = self.problem.space

    def run(self) -> FrontPolicy | None:
        """Spends the budget, and returns the policy; None where there is no design to learn from, or none is
        asked for.
        """
        memory, space, warm = self.memory, self.space, self.settings.warm
        model, controller = self._model(), self._controller(self.settings.entropy)
        try:
            first = memory.first(space, warm, self.draws, known=len(self.problem.designs))
            self.problem.evaluate(space.architectures(first))
            while True:
                experienced = memory.experienced
                if memory.review(self.problem):
                    model = self._model()
                    if memory.experienced is not experienced:
                        controller = self._controller(self.settings.entropy)
                    if len(missing := memory.missing(space, warm, self.draws)):
                        self.problem.evaluate(space.architectures(missing))
                belief = model.fit(self.problem)
                hope = self._paid(belief, self.settings.front_bound)
                controller.update(hope, self.settings.updates, int(self.draws.integers(2**63)))
                proposals = self._proposals(belief, controller.policy())
                if len(proposals) == 0:
                    break  # the space is exhausted
                self.problem.evaluate(space.architectures(proposals))
        except BudgetSpent:
            pass
        if not self.problem.designs or self.settings.final_updates == 0:
            return None
        return self._final_policy(model.fit(self.problem))

    def _model(self) -> FrontModel:
        scored = self.memory.model(self.space, structure=self.settings.structure)
        return FrontModel(self.objectives, self.space, scored)

    def _controller(self, entropy: float) -> Controller:
        """A fresh policy, or that of experience to go on with, which knows no preferences."""
        begun = self.memory.experienced
        settings = PPOSettings(entropy=entropy, **self.settings.network, **self.settings.training)
        if begun is None:
            settings = replace(settings, hidden=_TIMES_AS_WIDE * settings.hidden)
        else:
            hidden = len(begun.weights["hidden.bias"])
            settings = replace(settings, hidden=hidden, layers=begun.layers, activation=begun.activation)
        seed = int(self.draws.integers(2**63))
        env = partial(PreferenceVecEnv, objectives=len(self.objectives), draws=self.draws)
        controller = Controller(self.space, _nothing, settings, seed, env)
        if begun is not None:
            controller.start_from(begun)
        return controller

    def _paid(self, belief: FrontBelief, bound: float) -> PreferenceScore:
        """What a design may be worth by a preference, in deviations of random designs', by the same."""
        ordinary = belief.bounds(self.space.random_actions(_ORDINARY_DESIGNS, self.draws), bound)
        scale = Scale.of_front(np.concatenate([self._expected(belief), ordinary]))
        units = scale.units(ordinary)[:, None]

        def score(actions: Actions, preferences: Values) -> Values:
            worth = scalarised(scale.units(belief.bounds(actions, bound)), preferences)
            usual = scalarised(units, preferences)
            return (worth - usual.mean(axis=0)) / np.maximum(usual.std(axis=0), 1e-9)

        return score

    def _expected(self, belief: FrontBelief) -> Values:
        """Of the designs so far, float64 [n, k]: halfway between the models' means and their own values,
        since one evaluation doesn't tell how much of the difference is luck.
        """
        own, mean = self.problem.values, belief.means(self.problem.actions)
        return np.where(np.isfinite(own), (own + mean) / 2, mean)

    def _proposals(self, belief: FrontBelief, policy: Policy) -> Actions:
        """The most promising of the policy's samples by many preferences, of mutations of the front's
        designs, and of what sources propose, that were not evaluated before.
        """
        space, settings, temperature = self.space, self.settings, 1.0
        mutated = mutations(space, self._parents(belief), settings.mutations, self.draws)
        fresh = np.concatenate([self.memory.candidates(space), mutated])
        for _ in range(30):
            sampled = self._samples(policy, settings.candidates, temperature)
            fresh = self.problem.unseen(np.concatenate([fresh, sampled]))
            if len(fresh) >= settings.batch:
                break
            temperature *= 1.3
        if len(fresh) <= settings.batch:
            return fresh
        joint = belief.joint(fresh)
        return fresh[improving(joint, self._expected(belief), settings.front_bound, settings.batch)]

    def _samples(self, policy: Policy, n: int, temperature: float = 1.0) -> Actions:
        preferences = drawn_preferences(len(self.objectives), n, self.draws)
        return policy.sample(self.space, n, self.draws, temperature=temperature, seen=shown(preferences))[0]

    def _parents(self, belief: FrontBelief) -> Actions:
        """The designs on the expected front."""
        return self.problem.actions[non_dominated(self._expected(belief))]

    # -- the policy that is handed out -----------------------------------------------------------------

    def _final_policy(self, belief: FrontBelief) -> FrontPolicy:
        """Trained towards what is expected, then to sample the best designs for each preference."""
        controller = self._controller(self.settings.final_entropy)
        mean = self._paid(belief, 0.0)
        controller.update(mean, self.settings.final_updates, int(self.draws.integers(2**63)))
        if self.settings.final_share > 0:
            best, preferences = self._best_designs(belief, controller.policy())
            controller.imitate(best, _IMITATION_STEPS, shown(preferences))
        policy = controller.policy(**self.facts)
        return FrontPolicy.of(policy, self.objectives.texts)

    def _best_designs(self, belief: FrontBelief, policy: Policy) -> tuple[Actions, Values]:
        """For each of some preferences those that are expected to be the best by it, and the preferences."""
        space, evaluated = self.space, self.problem.actions
        mutated = mutations(space, self._parents(belief), _POOL // 3, self.draws)
        pool = np.concatenate([evaluated, mutated, self._samples(policy, _POOL)])
        distinct, place = np.unique(space.canonical(pool), axis=0, return_inverse=True)
        expected = belief.means(distinct)
        expected[place.reshape(-1)[: len(evaluated)]] = self._expected(belief)
        units = Scale.of_front(expected).units(expected)
        preferences = spread_preferences(len(self.objectives), _STEPS[len(self.objectives)])
        worth = scalarised(units[:, None], preferences)
        best = np.argsort(-worth, axis=0, kind="stable")[:_EACH]
        return distinct[best.T.reshape(-1)], np.repeat(preferences, len(best), axis=0)


def improving(joint: Joint, values: Values, bound: float, batch: int) -> list[int]:
    """The batch by which the hypervolume of a front is expected to grow most, each as if those before had
    come out as expected.

    Args:
        values: of the designs so far, float64 [n, k].
        bound: the deviations count so many times.
    """
    scale = Scale.of_front(np.concatenate([values, joint.values(bound)]))
    front, expected = scale.units(values), scale.units(joint.values(0.0))
    picked: list[int] = []
    for _ in range(batch):
        possible = np.concatenate([scale.units(joint.values(*(bound * z for z in node))) for node in _NODES])
        each = improvements(possible, front[non_dominated(front)], scale.reference)
        grown = each.reshape(len(_NODES), -1).mean(axis=0)
        # Where nothing would grow, that which comes nearest.
        grown += 1e-9 * expected.sum(axis=1)
        grown[picked] = -np.inf
        best = int(grown.argmax())
        picked.append(best)
        front = np.concatenate([front, expected[best : best + 1]])
        joint.count_on(best)
    return picked


def _nothing(actions: Actions, preferences: Values) -> Values:
    return np.zeros(len(actions))
