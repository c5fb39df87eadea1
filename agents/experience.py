"""`Experience`: a policy and a prior that see the task, learned on many others; one file for each space. It
serves broader spaces, too, see `broadening`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.broadening import Broadening, is_broader
from rl_designer.agents.memory import Source
from rl_designer.agents.policy import Policy, check_weights
from rl_designer.agents.prior import Prior, check_arrays
from rl_designer.agents.widening import widened_policy, widened_prior
from rl_designer.envs.errors import Error
from rl_designer.envs.files.archives import read_described, write_described
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.definition import SpaceDefinition
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.search_spaces.trained_space import TrainedSpace
from rl_designer.envs.tasks.facts import FACTS

FORMAT = "experience/1"
_MOST_BYTES = 2**25
_UNLIMITED = {"max_parameters": 1e6, "max_macs": 1e9}  # as what no limit is seen
FARTHEST = 2.5  # standard deviations that a fact may be from those that were learned from
_PRIOR, _POLICY = "prior.", "policy."
_TASK = ("task.centre", "task.spread")


@dataclass(frozen=True, eq=False)
class Experience:
    """What was learned on many tasks for one space, whatever the data and the limits.

    Attributes:
        definition: of the space, as its `to_dict` gives it, and then as JSON has it.
        about: what it was made from, JSON-ready.
        task: float32 `task.centre` and `task.spread` [facts], by which facts are standardised.
        prior: as `Prior` has them, and `facts.weight` [M, facts, hidden], which adds to the first bias.
        policy: as `Policy` has them, and `facts.weight` [hidden, facts], which adds to the hidden bias.
    """

    definition: Mapping[str, Any]
    about: Mapping[str, Any]
    task: Mapping[str, NDArray[np.float32]]
    prior: Mapping[str, NDArray[np.float32]]
    policy: Mapping[str, NDArray[np.float32]]

    def source(self, space: SearchSpace, facts: Mapping[str, float], name: str) -> Source:
        """What it has to say about one task within the limits of `space`.

        Args:
            facts: as `facts_of` gives them.

        Raises:
            ValueError: where it isn't for the space, or its policy or its prior aren't.
        """
        seen, networks = self.seen(space, facts), _networks(space)
        if networks is None or not self.fits(space):
            raise Error(f"what was learned on space {self._own.name!r} isn't for {space.name!r}")
        broader = networks.definition != self._own
        own = LayerSpace(self._own, networks.input_shape, networks.num_classes) if broader else networks
        policy, prior = self._policy_for(own, seen), self.prior_for(seen)
        policy.check(own)
        prior.check(own)
        if broader:
            broadening = Broadening.of(self._own, networks.definition)
            policy, prior = broadening.policy(policy, networks), broadening.prior(prior, networks)
        if isinstance(space, TrainedSpace):
            policy, prior = widened_policy(policy, space), widened_prior(prior, space)
        return Source(name, policy, prior)

    def seen(self, space: SearchSpace, facts: Mapping[str, float]) -> NDArray[np.float32]:
        """A task and limits, standardised, float32 [facts]."""
        described = description(facts, space)
        away = (described - self.task["task.centre"]) / self.task["task.spread"]
        return np.clip(away, -FARTHEST, FARTHEST).astype(np.float32)

    def prior_for(self, seen: NDArray[np.float32]) -> Prior:
        """The prior for a task as `seen` gives it."""
        own = {name: array for name, array in self.prior.items() if name != "facts.weight"}
        return Prior(own).shifted(seen @ self.prior["facts.weight"])

    def _policy_for(self, space: SearchSpace, seen: NDArray[np.float32]) -> Policy:
        own = {name: array for name, array in self.policy.items() if name != "facts.weight"}
        own["hidden.bias"] = own["hidden.bias"] + self.policy["facts.weight"] @ seen
        return Policy(own, space.name, {"agent": "experience"})

    @property
    def digest(self) -> str:
        """Changes with everything that it has to say."""
        content = hashlib.sha256(json.dumps([self.definition, DESCRIBED], sort_keys=True).encode())
        for part in (self.task, self.prior, self.policy):
            for name in sorted(part):
                content.update(f"\0{name}\0".encode() + part[name].tobytes())
        return content.hexdigest()[:20]

    def fits(self, space: SearchSpace) -> bool:
        """Whether it was learned on the same space, or one whose layers that has, too, by the same rules; be
        there decisions of the training before it or not.
        """
        networks = _networks(space)
        return networks is not None and is_broader(networks.definition, self._own)

    @cached_property
    def _own(self) -> SpaceDefinition:
        return SpaceDefinition.from_dict(self.definition)

    def save(self, path: Path) -> None:
        """Writes one `.npz`, beside and renamed."""
        meta = {"format": FORMAT, "space": self.definition, "facts": DESCRIBED, "about": self.about}
        arrays = dict(self.task)
        arrays |= {_PRIOR + name: array for name, array in self.prior.items()}
        arrays |= {_POLICY + name: array for name, array in self.policy.items()}
        write_described(path, meta, arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises ValueError for a file that is missing, damaged, or of other facts than today's."""
        return read_described(path, "experience", cls._of, _MOST_BYTES)

    @classmethod
    def _of(cls, meta: Any, arrays: dict[str, NDArray[Any]]) -> Self:
        if not isinstance(meta, dict) or meta.get("format") != FORMAT:
            raise Error(f"it must be of format {FORMAT!r}")
        if not isinstance(meta["space"], dict) or not {"trainings", "tasks", "families"} <= {*meta["about"]}:
            raise Error("it must say for which space it is, and from what it was made")
        if tuple(meta["facts"]) != DESCRIBED:
            raise Error("it was made with facts of tasks that are others today; make it anew")
        task = {name: arrays.pop(name) for name in _TASK}
        parts = (
            {name.removeprefix(part): array for name, array in arrays.items() if name.startswith(part)}
            for part in (_PRIOR, _POLICY)
        )
        found = cls(meta["space"], meta["about"], task, *parts)
        found._check()
        return found

    def _check(self) -> None:
        facts = len(DESCRIBED)
        own = dict(self.prior)
        members, hidden = own["first.bias"].shape
        by_facts = {"prior": own.pop("facts.weight"), "policy": self.policy["facts.weight"]}
        units = len(self.policy["hidden.bias"])
        check_arrays(own, len(own["centre"]))
        check_weights({name: a for name, a in self.policy.items() if name != "facts.weight"}, Path("policy"))
        for part, shape in {"prior": (members, facts, hidden), "policy": (units, facts)}.items():
            if by_facts[part].shape != shape:
                raise Error(f"'facts.weight' of its {part} must have the shape {shape}")
        for array in (*self.task.values(), *by_facts.values()):
            if array.dtype != np.float32 or not np.isfinite(array).all():
                raise Error("it must hold finite float32 numbers")
        if any(self.task[name].shape != (facts,) for name in _TASK) or not (self.task[_TASK[1]] > 0).all():
            raise Error(f"{_TASK[0]!r} and {_TASK[1]!r} must hold {facts} numbers each, the latter above 0")


def _networks(space: SearchSpace) -> LayerSpace | None:
    """The space of a design's network; None where that is no chain of layers."""
    networks = space.networks if isinstance(space, TrainedSpace) else space
    return networks if isinstance(networks, LayerSpace) else None


def description(facts: Mapping[str, float], space: SearchSpace) -> NDArray[np.float64]:
    """A task's facts, and the decimal logarithms of the limits, float64 [len(DESCRIBED)]."""
    limits = (getattr(space.limits, name) or most for name, most in _UNLIMITED.items())
    return np.array([*(facts[name] for name in FACTS), *np.log10([*limits])])


DESCRIBED = (*FACTS, *_UNLIMITED)
