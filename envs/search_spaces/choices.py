"""What all definitions of spaces have in common: names, options with their choices, files. No torch here."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any, Protocol, TypeVar

from rl_designer.envs.architecture import Layer, Option
from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.files.untrusted import toml_file
from rl_designer.envs.layers import OptionRule

BUILT_IN_NAMES = (
    *("cell", "cell1d", "convnet", "convnet1d", "convnet1d-wide"),
    *("mlp", "mlp-wide", "table", "textnet"),
)
MOST_ACTIONS = 2_000
MOST_CHOICES = 64

Choices = tuple[tuple[str, tuple[Option, ...]], ...]  # option, its choices


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Made = TypeVar("Made", bound=_Named)


def check_name(name: Any) -> None:
    """Raises ValueError for what can't be a space's name."""
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name):
        rule = "a space's name must be 1 to 64 lower-case letters, digits, '-' or '_'"
        raise Error(f"{rule}, got {str(name)[:80]!r}")


def check_tables(key: str, tables: Any) -> None:
    """Raises ValueError for what isn't a table of tables of lists."""
    if not isinstance(tables, Mapping):
        raise Error(f"`{key}` must hold a table a kind, such as [{key}.conv], got {str(tables)[:80]!r}")
    for kind, choices in tables.items():
        check_lists(f"{key}.{kind}", choices)


def check_lists(where: str, choices: Any) -> None:
    """Raises ValueError for what isn't a table of lists."""
    if not isinstance(choices, Mapping):
        raise Error(f"{where} must be a table of options, got {str(choices)[:80]!r}")
    for option, values in choices.items():
        if not isinstance(values, list | tuple):
            raise Error(f"{where}.{option} must be a list of choices such as [{values}], got {values!r}")


def check_choices(where: str, choices: Choices, rules: Mapping[str, OptionRule]) -> None:
    """Raises ValueError where a kind's choices break its options' rules."""
    for option, values in choices:
        if option not in rules:
            raise Error(f"{where}: {unknown_name('option', option, rules)}")
        if not 1 <= len(values) <= MOST_CHOICES:
            raise Error(f"{where}.{option} must have 1 to {MOST_CHOICES} choices, got {len(values)}")
        for value in values:
            rules[option].check(f"{where}.{option}", value)
        repeated = [value for value in values if values.count(value) > 1]
        if repeated:
            raise Error(f"{where}.{option} names the choice {repeated[0]!r} more than once")
    given = [option for option, _ in choices]
    for option, rule in rules.items():
        if option not in given and rule.default is None:
            raise Error(f"{where} needs the option {option!r}: {rule.rule}")


def listed(kind: str, choices: Choices) -> list[Layer]:
    """A kind's layers with all choices, in the declared order; the last option changes fastest."""
    names = [option for option, _ in choices]
    return [
        Layer.of(kind, **dict(zip(names, values, strict=True)))
        for values in product(*(values for _, values in choices))
    ]


def digest_of(definition: Mapping[str, Any]) -> str:
    """20 hexadecimal characters of SHA-256 over everything, the order of the actions included."""
    canonical = json.dumps(definition, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:20]


def read_definition(path: str | Path, make: Callable[[Any], Made]) -> Made:
    """A user's space from a TOML file.

    Args:
        make: the definition of the file's content.

    Raises:
        ValueError: for a file that is missing, not TOML or not a legal space, or that takes the name of a
            built-in one; one line with the file's name.
    """
    path = Path(path).expanduser()
    data = toml_file(path, "the space file")
    try:
        definition = make(data)
    except ValueError as error:
        raise Error(f"{path}: {' '.join(str(error).split())}") from None
    if definition.name in BUILT_IN_NAMES:
        raise Error(f"{path}: the name {definition.name!r} is a built-in space's; choose another")
    return definition
