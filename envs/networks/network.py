"""`build_network`: `Architecture` → `torch.nn.Module`. Imports torch, so nothing imports this eagerly."""

from collections.abc import Sequence

import torch
from torch import nn

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.errors import Error
from rl_designer.envs.layers import KINDS
from rl_designer.envs.search_spaces.costs import check_size, final_shape, trace


def build_network(
    architecture: Architecture,
    input_shape: Sequence[int],
    num_classes: int,
    *,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """The network of a complete architecture: one module a layer, and the linear classifier.

    It depends on the layers alone, not on the space's name. Takes float [batch, *input_shape], gives logits
    [batch, num_classes]. Batch norms need batches of at least 2 while training.

    Args:
        input_shape: of one example: (features,), (channels, length) or (channels, height, width).
        generator: the weights' randomness, on the CPU; None is a generator of seed 0. The global one is
            neither read nor moved.

    Raises:
        ValueError: for an architecture that is not complete, doesn't fit the data, or is too large to be
            built; see `check_size`.
    """
    if not architecture.complete:
        raise Error(f"only a complete architecture can be built, got the prefix {architecture}")
    check_size(architecture, input_shape, num_classes)
    network = skeleton(architecture, input_shape, num_classes)
    allocate(network)
    initialise(network, generator or torch.Generator().manual_seed(0))
    return network


def skeleton(architecture: Architecture, input_shape: Sequence[int], num_classes: int) -> nn.Sequential:
    """The network without weights, on the meta device, where nothing is allocated or drawn."""
    outputs = final_shape(architecture, input_shape)
    with torch.device("meta"):
        blocks = [
            KINDS[step.layer.kind].module(int(step.inputs.channels), step.inputs.rank, **step.options)
            for step in trace(architecture, input_shape)
        ]
        return nn.Sequential(*blocks, nn.Linear(int(outputs.channels), num_classes))


def allocate(network: nn.Module) -> None:
    """Room on the CPU for what a skeleton lacks. `to_empty` does the same, but imports sympy for it, which
    takes a worker longer than a short training.
    """
    for module in network.modules():
        for name, weights in list(module.named_parameters(recurse=False)):
            setattr(module, name, nn.Parameter(torch.empty(weights.shape, dtype=weights.dtype, device="cpu")))
        for name, values in list(module.named_buffers(recurse=False)):
            setattr(module, name, torch.empty(values.shape, dtype=values.dtype, device="cpu"))


def initialise(network: nn.Sequential, generator: torch.Generator) -> None:
    """Kaiming-normal weights (He et al. 2015, arXiv:1502.01852) by fan-in, with the gain of ReLU, or 1 for
    the classifier, which is the last module; zero biases; norms as identity.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
            if module is network[-1]:
                nn.init.kaiming_normal_(module.weight, nonlinearity="linear", generator=generator)
            else:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.LayerNorm):
            module.reset_parameters()
