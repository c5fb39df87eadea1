"""Designs from a trained policy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

from rl_designer.agents.base import PolicyAgent, Sample
from rl_designer.agents.registry import agent_class
from rl_designer.config import Subject
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.costs import costs_within
from rl_designer.envs.search_spaces.limits import COSTS
from rl_designer.envs.search_spaces.registry import DataSpace
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.seeding import seed_of
from rl_designer.errors import Error, WrongUsage
from rl_designer.latencies.fitting import with_model
from rl_designer.runs.choosing import Prefer, weights_of
from rl_designer.runs.folder import POLICY, RunFolder
from rl_designer.spaces import space_of
from rl_designer.text import command


@runtime_checkable
class Prefers(Protocol):
    """A controller with a policy for every preference among its search's objectives."""

    def at_preference(self, preference: Sequence[float]) -> PolicyAgent:
        """The same with the policy for weights of 0 or more that sum to 1."""
        ...


_MOST_FRUITLESS = 50  # turns without a new design, after which there are no more to be had


@dataclass(frozen=True)
class Draw:
    """What is drawn from a policy.

    Attributes:
        n: designs.
        unique: whether all must be distinct; there may be fewer then.
        limits: by name, as `Subject` has them; the run's own where there is none, or None.
        policy_file: a `.zip` of Stable-Baselines3 whose policy is sampled in place of the run's.
        trust: whether pickles in it may be read, and code run that a copy from elsewhere names.
        prefer: of a run with objectives how much each is wanted, as `Choice` has it; None for all alike.

    Raises:
        ValueError: for fewer than 1 design, a temperature that isn't above 0.
    """

    n: int = 10
    temperature: float = 1.0
    deterministic: bool = False
    unique: bool = False
    limits: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    policy_file: Path | None = None
    trust: bool = False
    prefer: Prefer | None = None

    @classmethod
    def of(cls, **options: Any) -> Self:
        """Of options by name, the limits among them."""
        limits = {name: options.pop(name) for name in Subject.of_limits() if name in options}
        return cls(limits=limits, **options)

    def __post_init__(self) -> None:
        if self.n < 1:
            raise Error(f"n must be at least 1, got {self.n}")
        if not self.temperature > 0:
            raise Error(f"the temperature must be above 0, got {self.temperature}")
        if self.prefer is not None and self.policy_file is not None:
            raise Error("a policy of a file knows no preferences; leave one of the two away")


@dataclass(frozen=True)
class Drawn:
    """Samples, and the policy's entropy in nats, estimated as minus the mean log-probability of all draws at
    this temperature; 0 for the deterministic policy.
    """

    samples: list[Sample]
    space: SearchSpace
    entropy: float

    @property
    def distinct(self) -> int:
        return len({sample.architecture.digest for sample in self.samples})


def sample_designs(folder: RunFolder, draw: Draw) -> Drawn:
    """Designs from a run's policy, within limits; the run's data aren't needed.

    Raises:
        ValueError: where the run has no policy, or the limits leave no design.
        WrongUsage: for a copy from elsewhere whose agent is code, without `trust`.
    """
    if not draw.trust:
        folder.check_code("agent")
    agent = agent_class(folder.config.agent)
    if not issubclass(agent, PolicyAgent):
        raise Error(
            f"the agent {folder.config.agent_name!r} of {folder.path} leaves no policy; train with ppo"
        )
    if draw.policy_file is None and not (folder.path / POLICY).is_dir():
        raise Error(f"{folder.path} has no policy yet; finish it with: {command('resume', folder.path)}")
    space = space_of(folder.summary.get("setting", {}), with_model(draw.limits))
    policy = _imported(agent(), draw, space) if draw.policy_file else agent.load(folder.path / POLICY, space)
    if draw.prefer is not None:
        policy = _preferring(policy, folder, draw.prefer)
    draws, samples = _draw(policy, space, draw)
    entropy = 0.0 if draw.deterministic else -sum(s.log_probability for s in draws) / len(draws)
    return Drawn(samples, space, entropy)


def costs_of(architectures: Sequence[Architecture], space: SearchSpace) -> list[dict[str, float | None]]:
    """Parameters and multiply-adds of complete designs, None where a table doesn't have them, and what else
    is limited; a latency in seconds.
    """
    if isinstance(space, DataSpace):
        data = (space.input_shape, space.num_classes, space.limits)
        every = (costs_within(architecture, *data) for architecture in architectures)
        return [{cost: COSTS[cost].given(spent) for cost, spent in costs.items()} for costs in every]
    if isinstance(space, TableSpace):
        # Costs are the same for all tasks of a table.
        evaluator = TableEvaluator(space, next(iter(space.table.tasks)))
        found = evaluator.evaluate(architectures)
        return [{"parameters": e.parameters, "macs": e.macs} for e in found]
    return [dict.fromkeys(("parameters", "macs"))] * len(architectures)


def drawn_to_dict(drawn: Drawn, seen: set[str] | None) -> dict[str, Any]:
    """What `sample --json` prints. `seen`: digests of the run's designs; None where they are not known."""
    architectures = [sample.architecture for sample in drawn.samples]
    return {
        "architectures": [
            {
                "digest": sample.architecture.digest,
                "layers": [layer.to_dict() for layer in sample.architecture.layers],
                "log_probability": sample.log_probability,
                **spent,
                "seen": None if seen is None else sample.architecture.digest in seen,
                "predicted_reward": sample.predicted_reward,
                **({} if sample.better_than is None else {"better_than": sample.better_than}),
            }
            for sample, spent in zip(drawn.samples, costs_of(architectures, drawn.space), strict=True)
        ],
        "distinct": drawn.distinct,
        "entropy": drawn.entropy,
    }


def _preferring(policy: PolicyAgent, folder: RunFolder, prefer: Prefer) -> PolicyAgent:
    """The same controller with its policy for a preference."""
    if not folder.config.objectives:
        raise WrongUsage(f"{folder.path} searched by a reward, so that its policy knows no preferences")
    weights = weights_of(folder.summary, prefer)
    if not isinstance(policy, Prefers):
        raise Error(
            f"the policy that {folder.config.agent_name!r} left in {folder.path} knows no preferences"
        )
    return policy.at_preference(weights)


def _imported(agent: PolicyAgent, draw: Draw, space: SearchSpace) -> PolicyAgent:
    from rl_designer.agents.sb3_files import read_sb3_policy

    assert draw.policy_file is not None
    agent.policy = read_sb3_policy(draw.policy_file, space, trust=draw.trust)
    return agent


def _draw(policy: PolicyAgent, space: SearchSpace, draw: Draw) -> tuple[list[Sample], list[Sample]]:
    """All draws, and those that are wanted: all, or the first `n` distinct ones; fewer where 50 turns in
    a row bring nothing new.
    """
    draws: list[Sample] = []
    distinct: dict[str, Sample] = {}
    turn = fruitless = 0
    while len(distinct) < draw.n and fruitless < _MOST_FRUITLESS:
        seed = draw.seed if turn == 0 else seed_of(draw.seed, "turn", turn)
        draws += policy.sample(
            draw.n, space, seed=seed, temperature=draw.temperature, deterministic=draw.deterministic
        )
        if not draw.unique:
            return draws, draws
        known = len(distinct)
        for sample in draws[-draw.n :]:
            distinct.setdefault(sample.architecture.digest, sample)
        fruitless = 0 if len(distinct) > known else fruitless + 1
        turn += 1
        if draw.deterministic:
            break
    return draws, list(distinct.values())[: draw.n]
