"""The Python source of each layer kind, module by module, in the order of `build_network`'s weights.

All of it comes from options that `full_options` has checked: numbers, and names of a fixed list.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rl_designer.envs.search_spaces.costs import Step
from rl_designer.envs.search_spaces.layer_kinds import squeezed_channels

_POOLS = {"max": "Max", "average": "Avg"}
_ACTIVATIONS = {"relu": "nn.ReLU()", "gelu": "nn.GELU()", "tanh": "nn.Tanh()"}
_FUNCTIONS = {"relu": "torch.relu", "gelu": "nn.functional.gelu", "tanh": "torch.tanh"}
_DROPOUTS = ("nn.Dropout", "nn.Dropout1d", "nn.Dropout2d")


@dataclass(frozen=True)
class LayerSource:
    """A layer as source.

    Attributes:
        modules: attribute of the network → the expressions of its modules; more than one are a sequence.
        forward: statements that take `x` to the next `x`.
    """

    modules: Mapping[str, tuple[str, ...]]
    forward: tuple[str, ...]


def layer_source(step: Step, number: int) -> LayerSource:
    """The source of a layer where it stands; `number`, from 1, is part of its attributes' names."""
    name = f"{step.layer.kind.replace('-', '_')}{number}"
    return _WRITERS[step.layer.kind](name, int(step.inputs.channels), step.inputs.rank, **step.options)


def linear(inputs: int, outputs: int, bias: bool = True) -> str:
    return f"nn.Linear({inputs}, {outputs}{'' if bias else ', bias=False'})"


def _conv_norm(
    rank: int, channels: int, width: int, kernel: int, stride: int = 1, groups: int = 1
) -> tuple[str, str]:
    options = {"stride": (stride, 1), "padding": (kernel // 2, 0), "groups": (groups, 1)}
    given = "".join(f", {name}={value}" for name, (value, default) in options.items() if value != default)
    conv = f"nn.Conv{rank}d({channels}, {width}, {kernel}{given}, bias=False)"
    return conv, f"nn.BatchNorm{rank}d({width})"


def _plain(name: str, *modules: str) -> LayerSource:
    return LayerSource({name: modules}, (f"x = self.{name}(x)",))


def _conv(name: str, channels: int, rank: int, *, kernel: int, width: int, stride: int) -> LayerSource:
    return _plain(name, *_conv_norm(rank, channels, width, kernel, stride), "nn.ReLU()")


def _separable(name: str, channels: int, rank: int, *, kernel: int, width: int, stride: int) -> LayerSource:
    depthwise = _conv_norm(rank, channels, channels, kernel, stride, groups=channels)
    return _plain(name, *depthwise, "nn.ReLU()", *_conv_norm(rank, channels, width, 1), "nn.ReLU()")


def _residual(name: str, channels: int, rank: int, *, kernel: int, width: int, stride: int) -> LayerSource:
    first = _conv_norm(rank, channels, width, kernel, stride)
    modules: dict[str, tuple[str, ...]] = {}
    modules[f"{name}_body"] = (*first, "nn.ReLU()", *_conv_norm(rank, width, width, kernel))
    skip = "x"
    if channels != width or stride != 1:
        modules[f"{name}_skip"] = _conv_norm(rank, channels, width, 1, stride)
        skip = f"self.{name}_skip(x)"
    return LayerSource(modules, (f"x = torch.relu(self.{name}_body(x) + {skip})",))


def _inverted_residual(
    name: str,
    channels: int,
    rank: int,
    *,
    expansion: int,
    kernel: int,
    width: int,
    stride: int,
    squeeze_excitation: bool,
) -> LayerSource:
    hidden = channels * expansion
    expand = () if expansion == 1 else (*_conv_norm(rank, channels, hidden, 1), "nn.ReLU()")
    depthwise = (*_conv_norm(rank, hidden, hidden, kernel, stride, groups=hidden), "nn.ReLU()")
    project = _conv_norm(rank, hidden, width, 1)
    sum_with = "x + " if channels == width and stride == 1 else ""
    if not squeeze_excitation:
        return LayerSource({name: (*expand, *depthwise, *project)}, (f"x = {sum_with}self.{name}(x)",))
    squeezed = int(squeezed_channels(channels))
    gates = (linear(hidden, squeezed), "nn.ReLU()", linear(squeezed, hidden), "nn.Sigmoid()")
    axes, spread = ("2", ":, :, None") if rank == 1 else ("(2, 3)", ":, :, None, None")
    return LayerSource(
        {f"{name}_expand": (*expand, *depthwise), f"{name}_gates": gates, f"{name}_project": project},
        (
            f"hidden = self.{name}_expand(x)",
            f"gates = self.{name}_gates(hidden.mean(dim={axes}))",
            f"x = {sum_with}self.{name}_project(hidden * gates[{spread}])",
        ),
    )


def _pool(name: str, channels: int, rank: int, *, operation: str) -> LayerSource:
    return _plain(name, f"nn.{_POOLS[operation]}Pool{rank}d(2)")


def _dropout(name: str, channels: int, rank: int, *, rate: float) -> LayerSource:
    return _plain(name, f"{_DROPOUTS[rank]}({float(rate)!r})")


def _global_pool(name: str, channels: int, rank: int, *, operation: str) -> LayerSource:
    return _plain(name, f"nn.Adaptive{_POOLS[operation]}Pool{rank}d(1)", "nn.Flatten()")


def _linear_norm(features: int, width: int, normalisation: str) -> tuple[str, ...]:
    if normalisation == "batch":
        return linear(features, width, bias=False), f"nn.BatchNorm1d({width})"
    norm = (f"nn.LayerNorm({width})",) if normalisation == "layer" else ()
    return linear(features, width), *norm


def _dense(
    name: str, channels: int, rank: int, *, width: int, activation: str, normalisation: str
) -> LayerSource:
    return _plain(name, *_linear_norm(channels, width, normalisation), _ACTIVATIONS[activation])


def _residual_dense(
    name: str, channels: int, rank: int, *, width: int, activation: str, normalisation: str
) -> LayerSource:
    first = (*_linear_norm(channels, width, normalisation), _ACTIVATIONS[activation])
    modules = {f"{name}_body": (*first, *_linear_norm(width, width, normalisation))}
    skip = "x"
    if channels != width:
        modules[f"{name}_skip"] = (linear(channels, width, bias=False),)
        skip = f"self.{name}_skip(x)"
    return LayerSource(modules, (f"x = {_FUNCTIONS[activation]}(self.{name}_body(x) + {skip})",))


_WRITERS: Mapping[str, Callable[..., LayerSource]] = {
    "conv": _conv,
    "separable": _separable,
    "residual": _residual,
    "inverted-residual": _inverted_residual,
    "pool": _pool,
    "dropout": _dropout,
    "global-pool": _global_pool,
    "dense": _dense,
    "residual-dense": _residual_dense,
}
