"""What a kind says of its reach is what its module sees."""

import pytest
import torch

from rl_designer.envs.architecture import Layer
from rl_designer.envs.layers import KINDS, full_options

LAYERS = [
    Layer.of("conv", kernel=5, width=4),
    Layer.of("conv", kernel=3, width=4, stride=2),
    Layer.of("separable", kernel=7, width=4, stride=2),
    Layer.of("residual", kernel=3, width=4, stride=2),
    Layer.of("inverted-residual", expansion=2, kernel=5, width=3),
    Layer.of("dilated", kernel=3, dilation=4, width=4),
    Layer.of("dilated", kernel=5, dilation=2, width=3, separable=True),
    Layer.of("inception", kernel=15, width=8),
    Layer.of("inception", kernel=9, width=5, stride=3),
    Layer.of("pool", operation="average"),
    Layer.of("same-pool", operation="average", kernel=5),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_an_output_depends_on_as_many_positions_and_the_next_one_on_those_further_on(layer: Layer) -> None:
    kind, options = KINDS[layer.kind], full_options(layer)
    module = kind.module(3, 1, **options).double().eval()
    for parameter in module.parameters():
        torch.nn.init.uniform_(parameter, 0.5, 1, generator=torch.Generator().manual_seed(0))
    signal = torch.linspace(1, 2, 121, dtype=torch.float64).expand(1, 3, 121).clone().requires_grad_()
    outputs = module(signal)[0, 0]
    middle, seen = len(outputs) // 2, []
    for place in (middle, middle + 1):
        [gradient] = torch.autograd.grad(outputs[place], signal, retain_graph=True)
        seen.append(gradient[0].abs().sum(dim=0).nonzero().flatten().tolist())
    beyond, step = kind.reach(**options)
    assert seen[0][-1] - seen[0][0] == beyond
    assert seen[1][-1] - seen[0][-1] == step
