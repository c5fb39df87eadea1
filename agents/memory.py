"""`Source`: what an earlier search learned. `Memory`: a search's sources, and which it still believes."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.belief import DEEPEST, MOST_SEARCHES, Belief
from rl_designer.agents.policy import Policy
from rl_designer.agents.prior import Prior
from rl_designer.envs.errors import Error
from rl_designer.envs.problem import Problem
from rl_designer.envs.search_spaces.base import Actions, SearchSpace

if TYPE_CHECKING:
    from rl_designer.agents.reward_model import RewardModel

CHANCE = 0.1  # a source whose agreement would be as good by chance this often is dropped
FEWEST = 6  # evaluations, below which nobody can tell
# A prior's first designs are all among the best that it knows, so that little can be told by them.
_CHANCE_OF_PRIOR = 0.75
_FEWEST_OF_PRIOR = 16
_APART = 2  # layers that not both of two first designs have
_SAMPLES = 4_096  # of a source's policy, of which the most promising are tried
_CANDIDATES = 128  # of each source, beside the samples of the search's own policy
_UNEXPLAINED = 0.3  # variance of the scores that sources are at first expected to leave


@dataclass(frozen=True, eq=False)
class Source:
    """The policy and the reward model of an earlier search on the same space, or those of experience.

    Attributes:
        name: for people.
        belief: None where the search had no reward model; its policy is all there is then.
    """

    name: str
    policy: Policy
    belief: Belief | Prior | None = None

    def save(self, folder: Path) -> None:
        """Writes what `load` reads."""
        self.policy.save(folder)
        if self.belief is not None:
            self.belief.save(folder)

    @classmethod
    def load(cls, folder: Path, space: SearchSpace, name: str | None = None) -> Self:
        """Reads what `PolicyAgent.save` or `save` wrote.

        Raises:
            ValueError: for a file that is missing, damaged or of another space, and for the last of eight
                searches that each built upon the one before.
        """
        policy = Policy.load(folder)
        policy.check(space)
        belief = Prior.load(folder, space) or Belief.load(folder, space)
        if belief is not None and belief.depth >= DEEPEST:
            raise Error(
                f"{folder} is from the last of {DEEPEST} searches that each started from the one before; "
                "start from an earlier one"
            )
        return cls(name or str(folder), policy, belief)

    @property
    def searches(self) -> int:
        """How many a search that starts from it builds upon through it."""
        return 0 if self.belief is None else self.belief.searches

    def expects(self, space: SearchSpace, actions: Actions) -> NDArray[np.float64]:
        """Higher for complete designs that it takes to be better, float64 [n]: its reward model's mean, or
        the logarithm of its policy's probability.
        """
        if self.belief is None:
            return self.policy.log_probability_of(space, actions)
        return self.belief.mean(space, actions)

    def proposals(self, space: SearchSpace, draws: np.random.Generator) -> Actions:
        """Distinct designs, the most promising first: samples of its policy, and what it has evaluated."""
        actions, _ = self.policy.sample(space, _SAMPLES, draws)
        if isinstance(self.belief, Belief) and len(self.belief.actions):
            evaluated = self.belief.actions
            legal = np.isfinite(self.policy.log_probability_of(space, evaluated))  # within other limits
            actions = np.concatenate([actions, evaluated[legal]])
        actions = np.unique(space.canonical(actions), axis=0)
        return actions[np.argsort(-self.expects(space, actions), kind="stable")]

    @property
    def is_experience(self) -> bool:
        """Whether it was learned on many tasks, and not by one search."""
        return isinstance(self.belief, Prior)


@dataclass(frozen=True)
class Review:
    """How a source stands.

    Attributes:
        kept: None where too little was evaluated to tell.
        evaluations: how many there were when it was judged last.
        correlation: rank correlation of what it expected of them with their rewards; None without a verdict.
    """

    source: str
    kept: bool | None = None
    evaluations: int = 0
    correlation: float | None = None

    def __str__(self) -> str:
        if self.kept is None or self.correlation is None:
            return f"{self.source}: too few evaluations to judge it by"
        agreement = f"a rank correlation of {self.correlation:.2f} over {self.evaluations:,} evaluations"
        if self.kept:
            return f"{self.source}: kept, since what it expects agrees with what is found ({agreement})"
        return f"{self.source}: dropped, since what it expects doesn't agree with what is found ({agreement})"


def check_sources(sources: Sequence[Source]) -> None:
    """Raises ValueError where a search that started from all of them could not be read again."""
    together = 1 + sum(source.searches for source in sources)
    if together > MOST_SEARCHES:
        raise Error(
            f"the search would build upon {together - 1} earlier ones, directly or through others; at most "
            f"{MOST_SEARCHES - 1} are kept: start from fewer runs, or from earlier ones"
        )


@dataclass
class Memory:
    """The sources of one search. Those that mislead are noticed and dropped, for good.

    Attributes:
        observer: called with a source's review when it is first judged, and when it is dropped.
        kept: the sources that are still believed.
        reviews: how each one stands.
    """

    sources: Sequence[Source]
    observer: Callable[[Review], None] = lambda review: None
    kept: list[Source] = field(init=False)
    reviews: list[Review] = field(init=False)
    _proposed: list[Actions] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.kept = list(self.sources)
        self.reviews = [Review(source.name) for source in self.sources]

    def first(self, space: SearchSpace, warm: int, draws: np.random.Generator, known: int = 0) -> Actions:
        """The designs to start with. Half of the `warm` are from the sources in turn, each giving its best
        first, and at least two from each; the rest are random, so that the sources can be judged. With
        experience there is no rest, and what experience gives differs in two layers at least. So many random
        ones as designs are `known` already are left out.
        """
        if not self.sources:
            return space.random_actions(max(warm - known, 1), draws)
        self._proposed = [source.proposals(space, draws) for source in self.sources]
        most = max((warm + 1) // 2, 2 * len(self.sources))
        if not self.experienced:
            rest = space.random_actions(max(warm // 2 - known, 0), draws)
            return np.concatenate([_in_turn(self._proposed, most), rest])
        first = [
            various(space, proposed, most) if source.is_experience else proposed
            for source, proposed in zip(self.sources, self._proposed, strict=True)
        ]
        return _in_turn(first, most)

    @property
    def experienced(self) -> Policy | None:
        """The policy of experience that is still believed."""
        return next((source.policy for source in self.kept if source.is_experience), None)

    def missing(self, space: SearchSpace, warm: int, draws: np.random.Generator) -> Actions:
        """Random designs in place of those that sources gave; none as long as one is believed."""
        return space.random_actions(0 if self.kept else (warm + 1) // 2, draws)

    def candidates(self, space: SearchSpace) -> Actions:
        """The most promising designs of each source that is still believed."""
        kept = [p[:_CANDIDATES] for s, p in zip(self.sources, self._proposed, strict=False) if s in self.kept]
        return np.concatenate([space.pad([]), *kept])

    def model(self, space: SearchSpace, **settings: Any) -> "RewardModel":
        """A reward model that builds upon the sources that are still believed; `settings` are its own."""
        from rl_designer.agents.reward_model import RewardModel, RewardModelSettings

        beliefs = [source.belief for source in self.kept if source.belief is not None]
        if beliefs:
            settings |= {"scale": _UNEXPLAINED}
        return RewardModel(space, settings=RewardModelSettings(**settings), sources=beliefs)

    def review(self, problem: Problem) -> bool:
        """Judges each source by itself by all designs so far; whether one was dropped."""
        designs, space = problem.designs, problem.space
        if not self.kept or len(designs) < FEWEST:
            return False
        actions, rewards = problem.actions, designs.rewards
        before = len(self.kept)
        for number, source in enumerate(self.sources):
            if source in self.kept:
                self._judge(number, source.expects(space, actions), rewards)
        return len(self.kept) < before

    def _judge(self, number: int, expected: NDArray[np.float64], rewards: NDArray[np.float64]) -> None:
        found = agreement(expected, rewards)
        if found is None:
            return
        correlation, chance = found
        of_prior = self.sources[number].is_experience
        if of_prior and len(rewards) < _FEWEST_OF_PRIOR:
            return
        earlier, kept = self.reviews[number], chance <= (_CHANCE_OF_PRIOR if of_prior else CHANCE)
        self.reviews[number] = Review(earlier.source, kept, len(rewards), round(correlation, 3))
        if not kept:
            self.kept.remove(self.sources[number])
        if earlier.kept != kept:
            self.observer(self.reviews[number])


@runtime_checkable
class Remembers(Protocol):
    """An agent that can start with what earlier searches learned."""

    def search_from(self, problem: Problem, memory: Memory) -> None:
        """As `Agent.search`, starting with the memory's sources; how each stands is in `memory.reviews`."""


def agreement(expected: NDArray[np.float64], rewards: NDArray[np.float64]) -> tuple[float, float] | None:
    """The rank correlation (Spearman's), and the chance of one at least as high if there were no connection.

    None where all of the ones or of the others are the same.
    """
    from scipy.stats import spearmanr

    if len(np.unique(expected)) < 2 or len(np.unique(rewards)) < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        result = spearmanr(expected, rewards, alternative="greater")
    return float(result.statistic), float(result.pvalue)


def various(space: SearchSpace, ranked: Actions, most: int) -> Actions:
    """The first of ranked designs, each with at least `_APART` layers that an earlier one doesn't have; where
    there are too few such, the best of the rest follow.
    """
    layers = (ranked[:, :, None] == np.arange(space.num_actions)).sum(axis=1)
    picked: list[int] = []
    for row, own in enumerate(layers):
        if all(np.abs(own - layers[other]).sum() >= 2 * _APART for other in picked):
            picked.append(row)
        if len(picked) == most:
            break
    rest = [row for row in range(len(ranked)) if row not in picked]
    return ranked[[*picked, *rest][:most]]


def _in_turn(ranked: Sequence[Actions], most: int) -> Actions:
    """The first distinct rows of several lists, one from each in turn; fewer where there are no more."""
    queues = [list(actions) for actions in ranked]
    picked: dict[bytes, NDArray[np.int64]] = {}
    while len(picked) < most and any(queues):
        for queue in queues:
            while queue and queue[0].tobytes() in picked:
                queue.pop(0)
            if queue and len(picked) < most:
                design = queue.pop(0)
                picked[design.tobytes()] = design
    return np.array(list(picked.values()))
