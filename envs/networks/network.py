"""`build_network`: `Architecture` → `torch.nn.Module`. Imports torch, so nothing imports this eagerly."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.errors import Error
from rl_designer.envs.layers import KINDS
from rl_designer.envs.layers.dense import classifier_module
from rl_designer.envs.layers.kind import PADDING
from rl_designer.envs.layers.modules import Attention, OwnWeights
from rl_designer.envs.layers.padding import Embedding, Place, on_padded
from rl_designer.envs.search_spaces.costs import Step, check_size, final_shape, trace


def build_network(
    architecture: Architecture,
    input_shape: Sequence[int],
    num_classes: int,
    *,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """The network of a complete architecture: one module a layer, and the linear classifier.

    It depends on the layers alone, not on the space's name. Takes float [batch, *input_shape], or numbers of
    symbols [batch, length] where it begins with an embedding of texts, gives logits [batch, num_classes].
    Batch norms need batches of at least 2 while training. With an `ensemble` among its layers it gives the
    logits of each member while training, [batch, members, num_classes], so that each has a loss of its own,
    and then the logarithm of the members' mean probability, or their mean number.

    Args:
        input_shape: of one example: (features,), (channels, length) or (channels, height, width); of texts
            (symbols that there are, length).
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


def drawn_inputs(
    architecture: Architecture, input_shape: Sequence[int], count: int, generator: torch.Generator
) -> Tensor:
    """Random inputs of a network: float32 [count, *input_shape], standard normal; or of texts int64
    [count, length], any symbols, padding included.
    """
    if architecture.of_texts:
        return torch.randint(0, input_shape[0], (count, *input_shape[1:]), generator=generator)
    return torch.randn(count, *input_shape, generator=generator)


def skeleton(architecture: Architecture, input_shape: Sequence[int], num_classes: int) -> nn.Sequential:
    """The network without weights, on the meta device, where nothing is allocated or drawn."""
    outputs = final_shape(architecture, input_shape)
    steps = list(trace(architecture, input_shape))
    with torch.device("meta"):
        blocks = [
            KINDS[step.layer.kind].module(int(step.inputs.channels), step.inputs.rank, **step.options)
            for step in steps
        ]
        if blocks and isinstance(blocks[0], Embedding):
            blocks = on_padded(blocks, [_place(step) for step in steps])
        return nn.Sequential(*blocks, classifier_module(outputs, num_classes))


def _place(step: Step) -> Place:
    kind = KINDS[step.layer.kind]
    return Place(kind.role, kind.reach(**step.options)[1], str(step.options.get("operation", "")))


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
    the classifier, which is the last module, and for attention's maps; zero biases; norms as identity.
    Embeddings of symbols are standard normal, and zero for padding; other modules as they say.
    """
    linear = {network[-1]}
    for module in network.modules():
        if isinstance(module, Attention):
            linear |= {module.inputs, module.outputs}
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
            if module in linear:
                nn.init.kaiming_normal_(module.weight, nonlinearity="linear", generator=generator)
            else:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, Embedding):
            nn.init.normal_(module.weight, generator=generator)
            with torch.no_grad():
                module.weight[PADDING] = 0
        elif isinstance(module, OwnWeights):
            module.draw(generator)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.LayerNorm):
            module.reset_parameters()
