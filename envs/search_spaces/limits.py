"""`Limits`: the most that a design may cost, and `COSTS`: what each cost is. A new limit is a field of the
one and a line of the other. No torch here.

What is counted, of one example at inference:
- `parameters`, `macs`: see `layers.kind`.
- `flash`: bytes of the parameters. Of `int8` a weight of a matrix or a kernel takes 1 byte and any other
  parameter 4; a convolution into which its batch norm is folded has a bias and a scale in place of the norm's
  two. Of `float32` each takes 4.
- `ram`: bytes of the values that are held at once, at the moment when these are most: what a layer gets and
  gives, and what it makes in between or keeps for a sum. Norms, activations, sums and scales are computed in
  place. Code, a runtime's own buffers, and copies such as im2col's are not counted.
- `latency`: nanoseconds, as a `LatencyModel` expects.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.search_spaces.latency import CLASSIFIER, NANOSECOND, LatencyModel

if TYPE_CHECKING:
    from rl_designer.envs.layers.kind import Count, Part

# A limit that no sane network reaches; every sum of a space stays far from int64's end (see layer_tables).
# As a limit it limits nothing, and has the cost counted.
UNLIMITED = 10**18

INT8, FLOAT32 = "int8", "float32"
NUMBERS = {INT8: 1, FLOAT32: 4}  # bytes of a value
_BYTES_OF_OTHERS = 4  # of a parameter that is no weight of a matrix


@dataclass(frozen=True)
class Limits:
    """The most that a design may cost; None is without limit.

    Attributes:
        max_parameters: trainable parameters.
        max_macs: multiply-adds of one example's forward pass.
        max_flash: bytes of the parameters.
        max_ram: bytes of values held at once.
        max_latency: seconds that one example takes, as `latency` expects.
        latency: what is expected; it says nothing where it isn't limited.
        device_numbers: what parameters and values are on the device, `int8` or `float32`; None where nothing
            is limited that hangs on it.

    Raises:
        ValueError: for a limit out of range, an unknown kind of numbers, or one that nothing hangs on.
    """

    max_parameters: int | None = None
    max_macs: int | None = None
    max_flash: int | None = None
    max_ram: int | None = None
    device_numbers: str | None = None
    max_latency: float | None = None
    latency: LatencyModel | None = None

    def __post_init__(self) -> None:
        for cost in self.counted:
            kind = COSTS[cost]
            if not 1 <= self.of(cost) <= UNLIMITED:
                least, most = (f"{limit * kind.unit:.3g}" for limit in (1, UNLIMITED))
                given = getattr(self, kind.option)
                raise Error(f"{kind.option} must be from {least} to {most}, or None, got {given}")
        counted = [cost for cost in self.counted if COSTS[cost].of_device]
        if self.device_numbers is None and counted:
            object.__setattr__(self, "device_numbers", INT8)
        if self.device_numbers is not None and self.device_numbers not in NUMBERS:
            raise Error(unknown_name("kind of device_numbers", str(self.device_numbers), NUMBERS))
        if self.device_numbers is not None and not counted:
            needs = " or ".join(cost.option for cost in COSTS.values() if cost.of_device)
            raise Error(f"device_numbers={self.device_numbers} says how {needs} is counted; give one of them")

    @classmethod
    def given(cls, limits: Mapping[str, Any], otherwise: Mapping[str, Any] | None = None) -> Self:
        """Of the fields by name, and those of `otherwise` where they are None or not there. Raises ValueError
        as `Limits`, and for a name that there isn't.
        """
        limits = {**(otherwise or {}), **{name: limit for name, limit in limits.items() if limit is not None}}
        for name in limits:
            if name not in cls.names():
                raise Error(unknown_name("limit", name, cls.names()))
        if limits.get("latency") is not None:
            limits["latency"] = LatencyModel.of(limits["latency"])
        return cls(**limits)

    @classmethod
    def kept(cls, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Those among the facts of a run's setting, by name."""
        return {name: facts.get(name) for name in cls.names()}

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Of its fields."""
        return tuple(field.name for field in fields(cls))

    @property
    def counted(self) -> tuple[str, ...]:
        """The costs that are given, be it `UNLIMITED`."""
        return tuple(name for name, cost in COSTS.items() if getattr(self, cost.option) is not None)

    @property
    def limited(self) -> tuple[str, ...]:
        """The costs that have a limit."""
        return tuple(cost for cost in self.counted if self.of(cost) < UNLIMITED)

    def of(self, cost: str) -> int:
        """The limit on a cost, in its unit; `UNLIMITED` where there is none."""
        limit = getattr(self, COSTS[cost].option)
        if limit is None:
            return UNLIMITED
        return int(limit) if COSTS[cost].unit == 1 else round(limit / COSTS[cost].unit)

    @property
    def numbers(self) -> str:
        """What parameters and values are, limited or not."""
        return self.device_numbers or INT8

    @property
    def facts(self) -> dict[str, Any]:
        """JSON-ready, as `given` takes them. What was no limit when runs were first written stays away where
        it isn't given, so that what is made of it stays as it was.
        """
        every = {name: getattr(self, name) for name in self.names()}
        every["latency"] = None if self.latency is None else dict(self.latency.nanoseconds)
        return {name: value for name, value in every.items() if name in _ALWAYS_WRITTEN or value is not None}

    @property
    def about(self) -> tuple[str, ...]:
        """What people should know of them, a line each."""
        device = any(cost not in ALWAYS for cost in self.limited)
        latency = () if self.latency is None or not self.latency.about else (self.latency.about,)
        return (f"each design has {self.told}", *latency) if device else ()

    @property
    def told(self) -> str:
        """`at most 20,000 parameters and 32,000 bytes of RAM (int8)`."""
        most = " and ".join(COSTS[cost].told(self.of(cost)) for cost in self.limited)
        return f"at most {most}" + (f" ({self.device_numbers})" if self._on_device else "")

    @property
    def _on_device(self) -> bool:
        """Whether something is limited that hangs on `device_numbers`."""
        return any(COSTS[cost].of_device for cost in self.limited)

    def __str__(self) -> str:
        """As an error names them: `max_parameters=100 and max_macs=2000`."""
        told = {name: value for name, value in self.facts.items() if value not in (None, UNLIMITED)}
        told.pop("latency", None)
        if not self._on_device:
            told.pop("device_numbers", None)
        return " and ".join(f"{name}={value}" for name, value in told.items())


_ALWAYS_WRITTEN = ("max_parameters", "max_macs")


@dataclass(frozen=True)
class Cost:
    """What a design may cost.

    Attributes:
        option: the field of `Limits`.
        words: of a number of it, such as `parameters`.
        of: (layer, limits) → what one layer costs.
        adds_up: whether a design costs the sum of its layers; else the most of any.
        least: what tells the least that a design has of it, such as `the smallest has`.
        of_device: whether it hangs on `device_numbers`.
        unit: what it counts, in that of the limit; it is counted in whole numbers.
    """

    option: str
    words: str
    of: Callable[["Part", Limits], "Count"]
    least: str
    adds_up: bool = True
    of_device: bool = False
    unit: float = 1

    def told(self, count: float) -> str:
        """`1,200 bytes of RAM`, `1.2 ms of latency`."""
        return f"{self.figure(count)} {self.words}"

    def given(self, count: int) -> float:
        """A count in the unit of the limit."""
        return count if self.unit == 1 else count * self.unit

    def figure(self, count: float) -> str:
        """The number alone; a time in ms."""
        return f"{count:,}" if self.unit == 1 else f"{count * 1e3 * self.unit:.4g}"


def _parameters(part: "Part", limits: Limits) -> "Count":
    return part.effect.parameters


def _macs(part: "Part", limits: Limits) -> "Count":
    return part.effect.macs


def _flash(part: "Part", limits: Limits) -> "Count":
    return flash_bytes(part.effect.parameters, part.effect.vectors, limits.numbers)


def _ram(part: "Part", limits: Limits) -> "Count":
    return part.effect.held_of(part.inputs) * NUMBERS[limits.numbers]


def _latency(part: "Part", limits: Limits) -> "Count":
    if limits.latency is None:
        raise Error(
            "max_latency needs to know what layers take: --latency-from names a file of measurements, which "
            "`rl-designer latency measure` writes"
        )
    # What a network takes whatever its layers goes with the layer that each has once.
    return limits.latency.layer(part) + (part.kind == CLASSIFIER) * limits.latency.once


def flash_bytes(parameters: "Count", vectors: "Count", numbers: str) -> "Count":
    """Bytes of parameters, of which `vectors` are no weights of matrices; see above."""
    return (parameters - vectors) * NUMBERS[numbers] + vectors * _BYTES_OF_OTHERS


COSTS: dict[str, Cost] = {
    "parameters": Cost("max_parameters", "parameters", _parameters, "the smallest has"),
    "macs": Cost("max_macs", "multiply-adds", _macs, "the cheapest"),
    "flash": Cost("max_flash", "bytes of flash", _flash, "the lightest", of_device=True),
    "ram": Cost(
        "max_ram",
        "bytes of RAM",
        _ram,
        "the one with least to hold",
        adds_up=False,
        of_device=True,
    ),
    "latency": Cost("max_latency", "ms of latency", _latency, "the quickest", unit=NANOSECOND),
}
NO_LIMITS = Limits()
ALWAYS = ("parameters", "macs")  # what spaces know of every design, limited or not
ON_DEVICE = tuple(name for name, cost in COSTS.items() if cost.of_device)
EXACT = (*ALWAYS, *ON_DEVICE)  # follow from the design; a latency is expected


def counted(limits: Limits) -> tuple[str, ...]:
    """The costs that a space within limits keeps count of, the usual ones first."""
    return (*ALWAYS, *(cost for cost in limits.counted if cost not in ALWAYS))


def joined(cost: str, one: "Count", other: "Count") -> "Count":
    """What two parts of a network cost together."""
    if COSTS[cost].adds_up:
        return one + other
    import numpy as np  # not for the declaration of settings, which `--help` waits for

    return np.maximum(one, other)


def told_least(least: Mapping[str, int]) -> str:
    """The least that a network costs, for an error where that is too much."""
    return ", ".join(f"{COSTS[cost].least} {COSTS[cost].told(number)}" for cost, number in least.items())
