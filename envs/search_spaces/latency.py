"""`LatencyModel`: about how long one example takes through a network, as a sum over its layers.

A layer takes a time of its own, which hangs on its kind and on those options that are no numbers (a norm, an
activation), more where it changes the shape, since blocks then project their skip; and a time for each
multiply-add and each value held at once, the same for all kinds. Being a sum of non-negative terms it is a
limit as multiply-adds are one. What each term is, is fitted to measured networks (`rl_designer.latencies`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from rl_designer.envs.errors import Error

if TYPE_CHECKING:
    from rl_designer.envs.layers.kind import Count, Part

NETWORK, LAYER, MACS, HELD = "network", "layer", "multiply-add", "value held"
SHARED = (NETWORK, LAYER, MACS, HELD)  # terms of all kinds of layers; the first is of a network, once
CHANGES = "changes the shape"
CLASSIFIER, CELL, POOL = "classifier", "cell", "global-pool"

NANOSECOND = 1e-9
_MOST_TERMS = 10_000
_NEVER = 10**12  # nanoseconds


@dataclass(frozen=True)
class LatencyModel:
    """Nanoseconds of each term, by name: those of `SHARED`; `dense`, of any dense layer; `dense changes the
    shape`; `dense activation=gelu`. A term that isn't there takes none. `about` says for people where they
    are from; it is no part of what is kept. A kind of layers that no measured network had takes 1,000 s, so
    that no limit lets it in.

    Raises:
        ValueError: for anything but names and non-negative numbers.
    """

    nanoseconds: Mapping[str, float]
    about: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        terms = self.nanoseconds
        if not isinstance(terms, Mapping) or not 0 < len(terms) <= _MOST_TERMS:
            raise Error(f"a model of latency must have terms by name, got {str(terms)[:60]!r}")
        for name, value in terms.items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not isinstance(name, str) or not number or not 0 <= value < 1e12:
                raise Error(f"a term of latency must be from 0 to 1e12 nanoseconds, got {name!r}: {value!r}")

    @classmethod
    def of(cls, given: Any) -> Self:
        """Of itself, or of its terms as JSON has them."""
        return given if isinstance(given, cls) else cls(given)

    def layer(self, part: "Part") -> "Count":
        """Nanoseconds of a layer, whole ones; of a cell all that its edges do."""
        if part.kind == CELL:
            return sum(self.layer(edge) for edge in part.parts)
        if part.kind not in self.nanoseconds:
            return _NEVER * next(terms_of(part))[1]
        import numpy as np  # not for the declaration of settings, which `--help` waits for

        terms = terms_of(part)
        seconds = sum(self.nanoseconds.get(name, 0.0) * count for name, count in terms)
        return np.rint(seconds).astype(np.int64)

    def without(self, kinds: Iterable[str]) -> Self:
        """The same, which says which of these kinds it doesn't know."""
        unknown = ", ".join(sorted(set(kinds) - set(self.nanoseconds)))
        left_out = f"; left out, since no measured network has any: {unknown}" if unknown else ""
        return replace(self, about=self.about + left_out)

    @cached_property
    def once(self) -> int:
        """Nanoseconds of a network, whatever its layers."""
        return round(self.nanoseconds.get(NETWORK, 0.0))


def terms_of(part: "Part") -> Iterator[tuple[str, "Count"]]:
    """What a layer, or many at once, takes of each term: name and count; of a network as a whole nothing.

    The pooling of a single position is nothing, as it holds nothing. What all kinds of poolings at the end
    cost is the same, so that any of them may end a network.
    """
    inputs, outputs, kind = part.inputs, part.effect.outputs, part.kind
    there = 1 * (inputs.positions > 1) if kind == POOL else 1
    yield LAYER, there
    yield kind, there
    yield MACS, part.effect.macs
    yield HELD, part.effect.held_of(inputs) * there
    if kind == POOL:
        return
    yield (
        f"{kind} {CHANGES}",
        1 * ((inputs.channels != outputs.channels) | (inputs.positions != outputs.positions)),
    )
    for option, value in part.options.items():
        yield from _of_option(f"{kind} {option}", value)


def _of_option(name: str, value: Any) -> Iterator[tuple[str, "Count"]]:
    """A truth value is a term where it is true; of texts each is one; a number is none."""
    if isinstance(value, bool):
        yield name, int(value)
    elif isinstance(value, str):
        yield f"{name}={value}", 1
    elif getattr(value, "dtype", None) is not None and value.dtype.kind == "b":
        yield name, value.astype(int)
    elif getattr(value, "dtype", None) is not None and value.dtype.kind == "U":
        for choice in sorted(set(value.tolist())):
            yield f"{name}={choice}", (value == choice).astype(int)
