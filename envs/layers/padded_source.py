"""The layers of a text's network as plain Python source, see `padding.py`. No torch here."""

from collections.abc import Callable
from typing import Any

from rl_designer.envs.layers.source import FUNCTIONS, LayerSource, expressions

_ZERO = "{0} = {0} * ~padding"
_MEAN = "({0} * ~padding).sum(dim=2) / (~padding).sum(dim=2)"


def padded_source(name: str, module: Any, own: Callable[[str, Any], LayerSource]) -> LayerSource:
    """Of a module of `on_padded`.

    Args:
        name: of the layer.
        own: the source of its kind.
    """
    kind = type(module).__name__
    if kind == "PaddedPool":
        highest = "x.masked_fill(padding, -torch.inf).amax(dim=2)"
        return LayerSource({}, (f"x = {highest if module.operation == 'max' else _MEAN.format('x')}",))
    if kind != "OnPadded":
        return own(name, module)
    source = _of_layer(name, module, own)
    zero = (_ZERO.format("x"),) if module.learns else ()
    return LayerSource(source.modules, (*source.forward, *zero))


def _of_layer(name: str, module: Any, own: Callable[[str, Any], LayerSource]) -> LayerSource:
    layer = module.layer
    if not hasattr(layer, "body"):
        source = own(name, layer)
        cut = "[..., : x.shape[2]]"  # pools leave out what is odd
        moved = (f"padding = padding[..., :: {module.stride}]{cut}",) if module.stride > 1 else ()
        return LayerSource(source.modules, (*source.forward, *moved))
    body, modules, skip = _body(name, layer.body), dict[str, tuple[str, ...]](), "x"
    if hasattr(layer, "has_skip"):
        last = "x = x + made" if layer.has_skip else "x = made"
    else:
        if list(layer.skip.parameters()):
            modules[f"{name}_skip"] = expressions(layer.skip)
            skip = f"self.{name}_skip(x)"
        last = f"x = {FUNCTIONS[type(layer.activation).__name__]}(made + {skip})"
    return LayerSource({**body.modules, **modules}, (*body.forward, last))


def _body(name: str, body: Any) -> LayerSource:
    """From `x` to `made`, as `OnPadded` computes it: padding is zero before a convolution looks at it."""
    modules: dict[str, tuple[str, ...]] = {}
    forward: list[str] = []
    given = "x"

    def add(*parts: str) -> None:
        nonlocal given
        modules[part := f"{name}_part{len(modules) + 1}"] = parts
        forward.append(f"made = self.{part}({given})")
        given = "made"

    waiting: list[str] = []
    for number, child in enumerate(body):
        squeezes, looks = hasattr(child, "excite"), max(getattr(child, "kernel_size", (1,))) > 1
        if waiting and (squeezes or (number > 0 and looks)):
            add(*waiting)
            waiting = []
        if squeezes:
            [squeeze], [excite] = (expressions(linear) for linear in child.children())
            modules[gates := f"{name}_gates"] = (squeeze, "nn.ReLU()", excite, "nn.Sigmoid()")
            forward.append(f"made = made * self.{gates}({_MEAN.format('made')}).unsqueeze(2)")
            continue
        if number > 0 and looks:
            forward.append(_ZERO.format("made"))
        waiting += expressions(child)
        if (stride := max(getattr(child, "stride", (1,)))) > 1:
            add(*waiting)
            waiting = []
            forward.append(f"padding = padding[..., :: {stride}]")
    if waiting:
        add(*waiting)
    return LayerSource(modules, tuple(forward))
