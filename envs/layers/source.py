"""A layer as plain Python source, derived from its module, so that the two can't disagree. No torch here."""

import math
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

    @property
    def statements(self) -> tuple[str, ...]:
        """All of its text."""
        return (*(text for texts in self.modules.values() for text in texts), *self.forward)


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


def periodic(name: str, module: Any) -> LayerSource:
    """Of a `Periodic`."""
    features, waves, made = module.weight.shape
    modules = {
        f"{name}_frequencies": _parameter(f"{module.sigma} * torch.randn({module.frequencies.numel()})"),
        f"{name}_weight": _parameter(f"{math.sqrt(2 / waves)} * torch.randn({features}, {waves}, {made})"),
        f"{name}_bias": _parameter(f"torch.zeros({module.bias.numel()})"),
    }
    forward = (
        f"frequencies = self.{name}_frequencies[0].reshape({features}, {waves // 2})",
        "angles = 2 * torch.pi * x.unsqueeze(2) * frequencies",
        "waves = torch.cat([angles.sin(), angles.cos()], dim=2)",
        f'mixed = torch.einsum("nfi,fio->nfo", waves, self.{name}_weight[0]).flatten(1)',
        f"x = torch.cat([x, mixed + self.{name}_bias[0]], dim=1)",
    )
    return LayerSource(modules, forward)


def piecewise(name: str, module: Any) -> LayerSource:
    """Of a `Piecewise`, which has no weights."""
    count = len(module.edges)
    forward = (
        f"edges = torch.special.ndtri((torch.arange({count}, device=x.device) + 0.5) / {count})",
        "shares = ((x.unsqueeze(2) - edges[:-1]) / edges.diff()).clamp(0, 1)",
        "x = torch.cat([x, 2 * shares.flatten(1) - 1], dim=1)",
    )
    return LayerSource({}, forward)


def members(name: str, module: Any) -> LayerSource:
    """Of `Members`."""
    scale = f"self.{name}_scale[0].reshape({module.members}, -1)"
    drawn = f"torch.randint(0, 2, ({module.scale.numel()},)) * 2.0 - 1.0"
    forward = (f"x = (x.unsqueeze(1) * {scale}).flatten(0, 1)",)
    return LayerSource({f"{name}_scale": _parameter(drawn)}, forward)


def classifier(name: str, module: Any) -> LayerSource:
    """Of the classifier that completes a network, an `nn.Linear` or a `MembersClassifier`."""
    if type(module).__name__ != "MembersClassifier":
        return plain(name, module)
    count, classes, features = module.weight.shape
    modules = {
        f"{name}_weight": _parameter(f"torch.randn({count}, {classes}, {features}) / {math.sqrt(features)}"),
        f"{name}_bias": _parameter(f"torch.zeros({module.bias.numel()})"),
    }
    mean = "x.mean(dim=1)"
    if classes > 1:
        mean = f"x.log_softmax(dim=2).logsumexp(dim=1) - {math.log(count)}"
    forward = (
        f"x = x.reshape(-1, {count}, {features})",
        f'x = torch.einsum("nmf,mcf->nmc", x, self.{name}_weight[0])',
        f"x = x + self.{name}_bias[0].reshape({count}, {classes})",
        f"x = x if self.training else {mean}",
    )
    return LayerSource(modules, forward)


def _parameter(drawn: str) -> tuple[str, ...]:
    """A list of one parameter: a network lists its own parameters before those of its modules."""
    return (f"nn.ParameterList([{drawn}])",)


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
