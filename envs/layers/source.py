"""A layer as plain Python source, derived from its module, so that the two can't disagree. No torch here."""

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

FUNCTIONS = {"ReLU": "torch.relu", "GELU": "nn.functional.gelu", "Tanh": "torch.tanh"}


@dataclass(frozen=True)
class LayerSource:
    """A layer as source.

    Attributes:
        modules: attribute of the network → the expressions of its modules; more than one are a sequence.
            In the order of the weights of the layer's own module.
        forward: statements that take `x` to the next `x`.
    """

    modules: Mapping[str, tuple[str, ...]]
    forward: tuple[str, ...]


def plain(name: str, module: Any) -> LayerSource:
    """Of a module of `torch.nn`, or an `nn.Sequential` of such."""
    return LayerSource({name: expressions(module)}, (f"x = self.{name}(x)",))


def residual(name: str, module: Any) -> LayerSource:
    """Of a `Residual`, with a body and a skip of such modules."""
    modules = {f"{name}_body": expressions(module.body)}
    skip = "x"
    if list(module.skip.parameters()):
        modules[f"{name}_skip"] = expressions(module.skip)
        skip = f"self.{name}_skip(x)"
    activation = FUNCTIONS[type(module.activation).__name__]
    return LayerSource(modules, (f"x = {activation}(self.{name}_body(x) + {skip})",))


def expressions(module: Any) -> tuple[str, ...]:
    """What makes a module of `torch.nn` anew, or each in an `nn.Sequential`: `nn.Conv1d(1, 8, 3)`.

    Raises:
        TypeError: for another module.
    """
    if type(module).__name__ == "Sequential":
        return tuple(expression for child in module for expression in expressions(child))
    if not type(module).__module__.startswith("torch.nn."):
        raise TypeError(f"{type(module).__name__} is no module of torch.nn: its kind needs a `source`")
    arguments = []
    for name, parameter in signature(type(module)).parameters.items():
        value, default = _value(module, name, parameter.default), parameter.default
        if value is parameter.empty:
            continue  # what takes any arguments, and looks at none
        if default is parameter.empty or name == "p":
            arguments.append(repr(value))
        elif value != default and name != "inplace":
            arguments.append(f"{name}={value!r}")
    return (f"nn.{type(module).__name__}({', '.join(arguments)})",)


def _value(module: Any, name: str, default: Any) -> Any:
    """An argument that a module was made with."""
    value = getattr(module, name, default)
    if name == "bias":
        return value is not None
    if name == "stride" and default is None and value == module.kernel_size:
        return None  # pools go as far as they are wide
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value
