"""Kinds of layers: one from outside goes through space, costs, network and export like the package's own."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.layers import KINDS, Effect, Kind, Shape
from rl_designer.envs.layers.kind import WIDTH
from rl_designer.envs.layers.source import LayerSource, expressions
from rl_designer.envs.networks.network import build_network
from rl_designer.envs.search_spaces.costs import costs, describe
from rl_designer.envs.search_spaces.definition import SpaceDefinition
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.exporting.export import export
from rl_designer.exporting.subject import Origin, Subject


class Halves(nn.Module):
    """A pointwise convolution of the smaller of `x` and a half of it."""

    def __init__(self, convolution: nn.Module) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.convolution(torch.minimum(x, x / 2))
        return result


def effect(inputs: Shape, *, width: Any) -> Effect:
    weights = inputs.channels * width
    return Effect(
        Shape(width, inputs.height, inputs.width, inputs.rank), weights + width, weights * inputs.positions
    )


def pointwise(channels: int, rank: int, *, width: int) -> nn.Module:
    return nn.Conv1d(channels, width, 1) if rank == 1 else nn.Conv2d(channels, width, 1)


def halves(channels: int, rank: int, *, width: int) -> nn.Module:
    return Halves(pointwise(channels, rank, width=width))


def halves_source(name: str, module: Any) -> LayerSource:
    forward = f"x = self.{name}(torch.minimum(x, x / 2))"
    return LayerSource({name: expressions(module.convolution)}, (forward,))


PLAIN = Kind("feature", (1, 2), {"width": WIDTH}, effect, pointwise)
OWN = Kind("feature", (1, 2), {"width": WIDTH}, effect, halves, source=halves_source)
SILENT = Kind("feature", (1, 2), {"width": WIDTH}, effect, halves)
DESIGN = Architecture(
    "toys", (Layer.of("toy", width=6), Layer.of("global-pool", operation="max")), complete=True
)


def subject(shape: tuple[int, ...]) -> Subject:
    return Subject(DESIGN, build_network(DESIGN, shape, 3).eval(), shape, 3, Origin("toys"))


@pytest.mark.parametrize(("family", "shape"), [("convnet1d", (2, 9)), ("convnet", (2, 9, 7))])
@pytest.mark.parametrize("kind", [PLAIN, OWN], ids=["plain", "with-a-module-of-its-own"])
def test_a_kind_from_outside_is_designed_counted_built_and_exported(
    kind: Kind, family: str, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(KINDS, "toy", kind)
    layers = {"toy": {"width": [4, 6]}, "global-pool": {"operation": ["max", "average"]}}
    space = LayerSpace(SpaceDefinition.of("toys", family, 4, layers), shape, 3, max_parameters=150)
    designs = space.architectures(space.random_actions(30, np.random.default_rng(0)))
    assert {layer.kind for design in designs for layer in design.layers} == {"toy", "global-pool"}
    for design in designs:
        network = build_network(design, shape, 3)
        counted = costs(design, shape, 3).parameters
        assert counted == sum(parameter.numel() for parameter in network.parameters()) <= 150
        assert network(torch.ones(2, *shape)).shape == (2, 3)
    assert [line.output_shape for line in describe(DESIGN, shape, 3)] == [(6, *shape[1:]), (6,), (3,)]
    file = export(subject(shape), tmp_path, ["python"])[0]
    assert file.difference == 0
    assert "toy1" in file.path.read_text(encoding="utf-8")


def test_a_kind_with_a_module_of_its_own_is_told_to_say_how_it_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(KINDS, "toy", SILENT)
    with pytest.raises(TypeError, match=r"Halves is no module of torch.nn: its kind needs a `source`"):
        export(subject((2, 9)), tmp_path / "files", ["python"])
    assert not (tmp_path / "files").exists()


def test_a_kind_stands_in_the_spaces_of_its_data_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "toy", PLAIN)
    with pytest.raises(ValueError, match="unknown mlp layer 'toy'"):
        SpaceDefinition.of("toys", "mlp", 4, {"toy": {"width": [4]}})


def test_sources_say_only_what_differs_from_torch_s_defaults() -> None:
    modules = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False),
        nn.Conv2d(4, 4, (1, 3), groups=2),
        nn.Sequential(nn.ReLU(inplace=True), nn.Tanh(), nn.MaxPool2d(2), nn.AvgPool2d(3, stride=1)),
        nn.Dropout(0.5),
        nn.LayerNorm(7),
    )
    assert expressions(modules) == (
        "nn.Conv2d(2, 4, 3, padding=1, bias=False)",
        "nn.Conv2d(4, 4, (1, 3), groups=2)",
        "nn.ReLU()",
        "nn.Tanh()",
        "nn.MaxPool2d(2)",
        "nn.AvgPool2d(3, stride=1)",
        "nn.Dropout(0.5)",
        "nn.LayerNorm(7)",
    )


def test_what_is_known_of_the_kinds_needs_no_torch() -> None:
    code = "import sys, rl_designer.envs.layers, rl_designer.envs.search_spaces.registry as r\n"
    code += "r.make_space('mlp', (4,), 2)\nprint('torch' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"
