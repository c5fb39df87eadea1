"""The kinds of layers that designs are made of. A kind is one file, and one line here. No torch here."""

from rl_designer.envs.architecture import Layer, Option
from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.layers.conv import CONV, SEPARABLE
from rl_designer.envs.layers.dense import DENSE, RESIDUAL_DENSE
from rl_designer.envs.layers.dropout import DROPOUT
from rl_designer.envs.layers.inverted_residual import INVERTED_RESIDUAL
from rl_designer.envs.layers.kind import MOST_WIDTH, Effect, Kind, OptionRule, Shape
from rl_designer.envs.layers.pooling import GLOBAL_POOL, POOL
from rl_designer.envs.layers.residual import RESIDUAL

__all__ = ["KINDS", "MOST_WIDTH", "Effect", "Kind", "OptionRule", "Shape", "full_options"]

KINDS: dict[str, Kind] = {
    "conv": CONV,
    "separable": SEPARABLE,
    "residual": RESIDUAL,
    "inverted-residual": INVERTED_RESIDUAL,
    "pool": POOL,
    "dropout": DROPOUT,
    "global-pool": GLOBAL_POOL,
    "dense": DENSE,
    "residual-dense": RESIDUAL_DENSE,
}


def full_options(layer: Layer) -> dict[str, Option]:
    """A layer's options, defaults filled in.

    Raises:
        ValueError: for an unknown kind or option, a missing one, or a value out of range.
    """
    if layer.kind not in KINDS:
        raise Error(unknown_name("layer kind", layer.kind, KINDS))
    rules = KINDS[layer.kind].options
    given: dict[str, Option | None] = dict(layer.options)
    for name, value in given.items():
        if name not in rules:
            raise Error(f"{layer.kind}: {unknown_name('option', name, rules)}")
        rules[name].check(f"{layer.kind}.{name}", value)
    full: dict[str, Option] = {}
    for name, rule in rules.items():
        value = given.get(name, rule.default)
        if value is None:
            raise Error(f"a {layer.kind} layer needs the option {name!r}: {rule.rule}")
        full[name] = value
    return full
