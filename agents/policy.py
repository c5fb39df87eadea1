"""`Policy`: a trained policy as plain arrays, sampled from without torch, saved without pickle."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.files import beside
from rl_designer.envs.files.archives import read_arrays, readable, write_arrays
from rl_designer.envs.files.untrusted import MEBIBYTE, bounded_bytes, json_of
from rl_designer.envs.search_spaces.base import Actions, SearchSpace

FORMAT = "rl-designer-policy/1"  # one hidden layer of tanh units
_WIDER_FORMAT = "rl-designer-policy/2"  # any other, which earlier versions can't read
_WEIGHTS = ("hidden.weight", "hidden.bias", "output.weight", "output.bias")
_SECOND = ("second.weight", "second.bias")
_MOST_HIDDEN = 8_192
LARGEST_WEIGHT = 1_000_000  # far from any that is learned, and from those whose sums overflow
TANH = "tanh"


def _relu(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.maximum(values, 0)


# What a hidden unit makes of its sum.
ACTIVATIONS: Mapping[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    TANH: np.tanh,
    "relu": _relu,
}


@dataclass(frozen=True)
class Policy:
    """One hidden layer, or two as wide: observation → logits of the actions.

    Attributes:
        weights: float32 arrays `hidden.weight` [hidden, observation_size], `hidden.bias` [hidden],
            `output.weight` [num_actions, hidden], `output.bias` [num_actions]; of two layers also
            `second.weight` [hidden, hidden], `second.bias` [hidden].
        space: name of the search space that the actions belong to.
        facts: what else is known of it, JSON-ready: the agent, its seed, its settings.
        activation: of its hidden units, a name of `ACTIVATIONS`.
    """

    weights: dict[str, NDArray[np.float32]]
    space: str
    facts: dict[str, Any]
    activation: str = TANH

    @property
    def layers(self) -> int:
        """Hidden ones, 1 or 2."""
        return 2 if _SECOND[0] in self.weights else 1

    def log_probabilities(
        self, observations: NDArray[np.float32], masks: NDArray[np.bool_], temperature: float = 1.0
    ) -> NDArray[np.float64]:
        """Natural logarithms over the legal actions, float64 [n, num_actions]; -inf where illegal."""
        activated = ACTIVATIONS[self.activation]
        hidden = activated(observations @ self.weights["hidden.weight"].T + self.weights["hidden.bias"])
        if self.layers > 1:
            hidden = activated(hidden @ self.weights["second.weight"].T + self.weights["second.bias"])
        logits = hidden @ self.weights["output.weight"].T + self.weights["output.bias"]
        scaled = np.where(masks, logits.astype(np.float64), -np.inf)
        scaled -= scaled.max(axis=1, keepdims=True)
        with np.errstate(over="ignore"):  # at a temperature near 0 the less likely ones become impossible
            scaled /= temperature
        return scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))

    def sample(
        self,
        space: SearchSpace,
        n: int,
        generator: np.random.Generator,
        *,
        temperature: float = 1.0,
        deterministic: bool = False,
        seen: NDArray[np.float32] | None = None,
    ) -> tuple[Actions, NDArray[np.float64]]:
        """`n` complete designs within the limits of `space`: actions int64 [n, max_steps] padded with -1,
        and the logarithms of their probabilities at this temperature, float64 [n].

        Args:
            seen: what the policy sees of each design besides its observations, behind them, float32 [n, k].

        Raises:
            ValueError: for a temperature that isn't above 0 and finite, or a space of another name or size.
        """
        if not 0 < temperature < np.inf:
            raise Error(f"the temperature must be above 0 and finite, got {temperature}")
        besides = np.zeros((n, 0), dtype=np.float32) if seen is None else seen
        self.check(space, besides.shape[1])
        actions = np.full((n, space.max_steps), -1, dtype=np.int64)
        total, states, rows = np.zeros(n), space.start(n), np.arange(n)
        for step in range(space.max_steps):
            masks = space.masks(states)
            live = masks.any(axis=1)
            rows, states, masks = rows[live], states[live], masks[live]
            if len(rows) == 0:
                break
            observations = np.concatenate([space.observations(actions[rows]), besides[rows]], axis=1)
            logs = self.log_probabilities(observations, masks, temperature)
            # Adding Gumbel noise and taking the largest draws from the distribution.
            chosen = (logs if deterministic else logs + generator.gumbel(size=logs.shape)).argmax(axis=1)
            actions[rows, step] = chosen
            total[rows] += logs[np.arange(len(rows)), chosen]
            states = space.advance(states, chosen)
        return actions, total

    def log_probability_of(self, space: SearchSpace, actions: Actions) -> NDArray[np.float64]:
        """Natural logarithms of the probabilities of complete designs, int64 [n, max_steps], as they are
        spelt; float64 [n], -inf for what is no complete design within the limits of `space`.
        """
        total, states = np.zeros(len(actions)), space.start(len(actions))
        taken = np.full_like(actions, -1)
        for step, chosen in enumerate(actions.T):
            masks = space.masks(states)
            total[masks.any(axis=1) != (chosen >= 0)] = -np.inf  # too short or too long
            rows = np.flatnonzero((chosen >= 0) & np.isfinite(total))
            logs = self.log_probabilities(space.observations(taken[rows]), masks[rows])
            total[rows] += logs[np.arange(len(rows)), chosen[rows]]
            rows = rows[np.isfinite(total[rows])]  # an illegal action leads nowhere
            states[rows] = space.advance(states[rows], chosen[rows])
            taken[rows, step] = chosen[rows]
        total[space.masks(states).any(axis=1)] = -np.inf
        return total

    def given(self, seen: NDArray[np.float32], **facts: Any) -> Self:
        """The policy that sees this for ever, and so doesn't have to be told; `seen` is float32 [k]."""
        hidden, own = self.weights["hidden.weight"], self.weights["hidden.weight"].shape[1] - len(seen)
        weights = {
            **self.weights,
            "hidden.weight": hidden[:, :own].copy(),
            "hidden.bias": self.weights["hidden.bias"] + hidden[:, own:] @ seen,
        }
        return replace(self, weights=weights, facts={**self.facts, **facts})

    def check(self, space: SearchSpace, besides: int = 0) -> None:
        """Raises ValueError where the policy's actions or observations are not those of `space`, with so many
        numbers besides.
        """
        size = (space.num_actions, space.observation_size + besides)
        own = (len(self.weights["output.bias"]), self.weights["hidden.weight"].shape[1])
        if self.space != space.name or own != size:
            raise Error(
                f"the policy is for space {self.space[:200]!r} with {own[0]} actions and observations of "
                f"{own[1]}, not for {space.name!r} with {size[0]} and {size[1]}"
            )

    def save(self, folder: Path) -> None:
        """Writes `policy.json` and `policy.safetensors`, each beside and renamed."""
        folder.mkdir(parents=True, exist_ok=True)
        usual = self.layers == 1 and self.activation == TANH
        form = {"format": FORMAT} if usual else {"format": _WIDER_FORMAT, "activation": self.activation}
        facts = {**form, "space": self.space, **self.facts}
        text = json.dumps(facts, indent=2) + "\n"
        write_arrays(folder / "policy.safetensors", self.weights)
        with beside(folder / "policy.json") as free:
            free.write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote. Raises ValueError where it is missing or damaged."""
        facts = _read_facts(folder / "policy.json")
        weights = _read_weights(folder / "policy.safetensors")
        space = facts.pop("space")
        activation = TANH if facts.pop("format") == FORMAT else facts.pop("activation")
        return cls(weights, space, facts, activation)


def _read_facts(path: Path) -> dict[str, Any]:
    path = readable(path, "trained policy")
    try:
        facts = json_of(bounded_bytes(path, MEBIBYTE))
    except (ValueError, OSError) as error:
        raise Error(f"{path} is damaged: {error}") from error
    if (
        not isinstance(facts, dict)
        or facts.get("format") not in (FORMAT, _WIDER_FORMAT)
        or not isinstance(facts.get("space"), str)
    ):
        raise Error(f"{path} is no policy file of format {FORMAT!r} or {_WIDER_FORMAT!r}")
    if facts["format"] == _WIDER_FORMAT and facts.get("activation") not in list(ACTIVATIONS):
        raise Error(f"{path}: {unknown_name('activation', str(facts.get('activation'))[:80], ACTIVATIONS)}")
    return facts


def _read_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    weights = read_arrays(path, "trained policy")
    check_weights(weights, path)
    return weights


def check_weights(weights: dict[str, NDArray[Any]], path: Path) -> None:
    """Raises ValueError, which names the file, for arrays that are no policy's."""
    own = (*_WEIGHTS, *_SECOND) if _SECOND[0] in weights else _WEIGHTS
    ranks = [weights[name].ndim for name in own if name in weights]
    if set(weights) != set(own) or ranks != [2, 1] * (len(own) // 2):
        raise Error(f"{path} must hold {', '.join(own)}, got {sorted(weights)[:8]}")
    (hidden, _), (actions, inner) = weights["hidden.weight"].shape, weights["output.weight"].shape
    if hidden > _MOST_HIDDEN:
        raise Error(f"{path} must have at most {_MOST_HIDDEN:,} hidden units, got {hidden:,}")
    biases = [("hidden.bias", hidden), ("output.bias", actions)]
    second = weights[_SECOND[0]].shape if own != _WEIGHTS else (hidden, hidden)
    biases += [(_SECOND[1], hidden)] if own != _WEIGHTS else []
    if {inner, *second} != {hidden} or any(len(weights[name]) != size for name, size in biases):
        raise Error(f"{path} holds arrays whose shapes don't fit together")
    if not all(w.dtype == np.float32 and (np.abs(w) <= LARGEST_WEIGHT).all() for w in weights.values()):
        raise Error(f"{path} must hold float32 numbers from -{LARGEST_WEIGHT:,} to {LARGEST_WEIGHT:,} only")
