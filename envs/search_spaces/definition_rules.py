"""What a `SpaceDefinition` may say: the families of spaces, and a check of each of its parts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rl_designer.envs.architecture import Option
from rl_designer.envs.names import unknown_name
from rl_designer.envs.search_spaces.layer_kinds import KINDS

# How the widths of a design's convolutions may follow each other. Networks that never become narrower are
# better on the average (Radosavovic et al. 2020, section 3.2.3, arXiv:2003.13678).
ANY, NON_DECREASING = "any", "non-decreasing"
WIDTHS = (ANY, NON_DECREASING)

MOST_LAYERS = 64
MOST_CHOICES = 64

_MAP_KINDS = ("conv", "separable", "residual", "inverted-residual", "pool", "dropout", "global-pool", "dense")


@dataclass(frozen=True)
class Family:
    """What a space's data look like (`rank`: spatial dimensions of an input), and the kinds it may offer."""

    rank: int
    kinds: tuple[str, ...]
    features: tuple[str, ...]


FAMILIES: Mapping[str, Family] = {
    "convnet": Family(2, _MAP_KINDS, _MAP_KINDS[:4]),
    "convnet1d": Family(1, _MAP_KINDS, _MAP_KINDS[:4]),
    "mlp": Family(0, ("dense", "residual-dense", "dropout"), ("dense", "residual-dense")),
}


def family_of(rank: int) -> str:
    """The family, and the built-in space, for data of a spatial rank (0, 1 or 2)."""
    return next(name for name, family in FAMILIES.items() if family.rank == rank)


Choices = tuple[tuple[str, tuple[Option, ...]], ...]


def of_space(name: str, text: str) -> str:
    """An error's text that says whose it is."""
    return f"space {name!r}: {text}"


def check_head(name: Any, family: Any, max_layers: Any) -> None:
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name):
        raise ValueError(
            f"a space's name must be 1 to 64 lower-case letters, digits, '-' or '_', got {str(name)[:80]!r}"
        )
    if not isinstance(family, str) or family not in FAMILIES:
        raise ValueError(of_space(name, unknown_name("family", str(family), FAMILIES)))
    fewest = 1 if FAMILIES[family].rank == 0 else 2
    whole = isinstance(max_layers, int) and not isinstance(max_layers, bool)
    if not whole or not fewest <= max_layers <= MOST_LAYERS:
        rule = f"max_layers must be an integer from {fewest} to {MOST_LAYERS}"
        raise ValueError(of_space(name, f"{rule}, got {max_layers!r}"))


def check_widths(name: str, family: str, widths: Any) -> None:
    if widths not in WIDTHS:
        raise ValueError(of_space(name, unknown_name("order of widths", str(widths), WIDTHS)))
    if widths != ANY and FAMILIES[family].rank == 0:
        raise ValueError(
            of_space(name, f"widths = {widths!r} is about convolutions, and {family!r} has none")
        )


def check_largest_map(
    name: str, family: Family, layers: dict[str, Choices], largest_map: tuple[tuple[str, int], ...]
) -> None:
    legal = [kind for kind in family.features if kind in layers and family.rank > 0]
    for kind, side in largest_map:
        if kind not in legal:
            raise ValueError(of_space(name, f"largest_map: {unknown_name('layer on maps', kind, legal)}"))
        if not isinstance(side, int) or isinstance(side, bool) or side < 1:
            rule = "must be a positive integer, positions a side"
            raise ValueError(of_space(name, f"largest_map.{kind} {rule}, got {side!r}"))


def check_stem(name: str, family: Family, layers: dict[str, Choices], stem: tuple[str, ...]) -> None:
    legal = [kind for kind in family.features if kind in layers]
    for kind in stem:
        if kind not in legal:
            raise ValueError(of_space(name, f"stem: {unknown_name('first layer', str(kind), legal)}"))
        if stem.count(kind) > 1:
            raise ValueError(of_space(name, f"stem names the layer {kind!r} more than once"))


def check_tables(layers: Any) -> None:
    if not isinstance(layers, Mapping):
        raise ValueError(
            f"`layers` must hold a table a kind, such as [layers.conv], got {str(layers)[:80]!r}"
        )
    for kind, choices in layers.items():
        if not isinstance(choices, Mapping):
            raise ValueError(f"layers.{kind} must be a table of options, got {str(choices)[:80]!r}")
        for option, values in choices.items():
            if not isinstance(values, list | tuple):
                raise ValueError(
                    f"layers.{kind}.{option} must be a list of choices such as [{values}], got {values!r}"
                )


def check_choices(where: str, kind: str, choices: Choices) -> None:
    rules = KINDS[kind].options
    for option, values in choices:
        if option not in rules:
            raise ValueError(f"{where}: {unknown_name('option', option, rules)}")
        if not 1 <= len(values) <= MOST_CHOICES:
            raise ValueError(f"{where}.{option} must have 1 to {MOST_CHOICES} choices, got {len(values)}")
        for value in values:
            rules[option].check(f"{where}.{option}", value)
        repeated = [value for value in values if values.count(value) > 1]
        if repeated:
            raise ValueError(f"{where}.{option} names the choice {repeated[0]!r} more than once")
    given = [option for option, _ in choices]
    for option, rule in rules.items():
        if option not in given and rule.default is None:
            raise ValueError(f"{where} needs the option {option!r}: {rule.rule}")


def check_kinds(name: str, family: Family, layers: dict[str, Choices]) -> None:
    if not any(kind in layers for kind in family.features):
        raise ValueError(of_space(name, f"it needs at least one of the layers {', '.join(family.features)}"))
    if family.rank == 0:
        return
    if "global-pool" not in layers:
        remedy = '[layers.global-pool] operation = ["average", "max"]'
        raise ValueError(of_space(name, f"no network could end without a global-pool; add {remedy}"))
    ends = dict(layers["global-pool"])["operation"]
    for operation in dict(layers.get("pool", ())).get("operation", ()):
        if all(end == operation for end in ends):
            # Pooling twice by one operation is pooling once, so the mask forbids it.
            other = "max" if operation == "average" else "average"
            why = f"after pool {operation!r} no other global-pool could end the network"
            raise ValueError(of_space(name, f"{why}; let layers.global-pool offer {other!r} as well"))
