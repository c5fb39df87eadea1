"""`FrontPolicy`: one policy for all preferences among several objectives."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.policy import LARGEST_WEIGHT, Policy
from rl_designer.envs.errors import Error
from rl_designer.envs.files.archives import read_described, write_described
from rl_designer.envs.objectives import check_preference, equal_preference
from rl_designer.envs.objectives.objectives import FEWEST, MOST

FILE = "front.npz"
FORMAT = "rl-designer-front/1"
_WEIGHT = "preference.weight"
_MOST_BYTES = 2**20
_LONGEST = 1_000  # characters of an objective's text
_APART = 2.0


@dataclass(frozen=True, eq=False)
class FrontPolicy:
    """A policy, and how it changes with the preference: of a fixed one it is a plain `Policy`.

    Attributes:
        equal: the policy by which all objectives are wanted alike; what readers of `policy.*` get.
        weight: float32 [hidden, k], which times what is `shown` of a preference adds to the hidden bias.
        objectives: their texts, in the order of a preference's weights.
    """

    equal: Policy
    weight: NDArray[np.float32]
    objectives: tuple[str, ...]

    @classmethod
    def of(cls, policy: Policy, objectives: tuple[str, ...]) -> Self:
        """Of a policy that sees preferences behind its observations."""
        weight = policy.weights["hidden.weight"][:, -len(objectives) :].copy()
        none = shown(equal_preference(len(objectives)))
        return cls(policy.given(none), weight, objectives)

    def at(self, preference: Any) -> Policy:
        """The plain policy for a preference.

        Args:
            preference: weights of 0 or more that sum to 1, one for each objective.

        Raises:
            ValueError: as `check_preference`.
        """
        weights = check_preference(preference, len(self.objectives))
        seeing = {**self.equal.weights}
        seeing["hidden.weight"] = np.concatenate([seeing["hidden.weight"], self.weight], axis=1)
        policy = Policy(seeing, self.equal.space, self.equal.facts)
        return policy.given(shown(weights), preference=weights.tolist())

    def save(self, folder: Path) -> None:
        """Writes `front.npz`; the equal policy is written where it always is."""
        meta = {"format": FORMAT, "objectives": list(self.objectives)}
        write_described(folder / FILE, meta, {_WEIGHT: self.weight})

    @classmethod
    def load(cls, folder: Path, equal: Policy) -> "FrontPolicy | None":
        """Reads what `save` wrote; None where there is none. Raises ValueError where it is damaged."""
        path = folder / FILE
        if not path.is_file():
            return None

        def made(meta: Any, arrays: dict[str, NDArray[Any]]) -> "FrontPolicy":
            return cls(equal, *_checked(meta, arrays, len(equal.weights["hidden.bias"])))

        return read_described(path, "policy of a front", made, _MOST_BYTES)


def _checked(
    meta: Any, arrays: dict[str, NDArray[Any]], hidden: int
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise Error(f"it must be of format {FORMAT!r}")
    texts = meta.get("objectives")
    if not isinstance(texts, list) or not FEWEST <= len(texts) <= MOST:
        raise Error(f"it must name {FEWEST} or {MOST} objectives")
    if not all(isinstance(text, str) and len(text) <= _LONGEST for text in texts):
        raise Error("its objectives must be texts")
    weight = arrays.get(_WEIGHT)
    if weight is None or len(arrays) != 1 or weight.shape != (hidden, len(texts)):
        raise Error(f"it must hold {_WEIGHT!r} of the shape {(hidden, len(texts))} and nothing else")
    if weight.dtype != np.float32 or not (np.abs(weight) <= LARGEST_WEIGHT).all():
        raise Error(f"it must hold float32 numbers from -{LARGEST_WEIGHT:,} to {LARGEST_WEIGHT:,} only")
    return weight, tuple(texts)


def shown(preferences: NDArray[np.float64]) -> NDArray[np.float32]:
    """What a policy sees of preferences, float32 […, k]: 0 where all objectives are wanted alike, and about
    as far apart as its other inputs.
    """
    return (_APART * (preferences - 1 / preferences.shape[-1])).astype(np.float32)
