"""Texts end before the map does: an output depends on the text alone, not on how long its padding is."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.layers.kind import PADDING
from rl_designer.envs.networks.network import build_network
from rl_designer.envs.search_spaces.costs import costs
from rl_designer.envs.search_spaces.definition import SpaceDefinition
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.training.steps import placed
from rl_designer.exporting.export import export
from rl_designer.exporting.subject import Origin, Subject

SYMBOLS, LENGTH, CLASSES = 12, 32, 3
CONVOLUTION = {"kernel": [1, 3], "width": [8], "stride": [1, 2]}
LAYERS = {
    "embedding": {"width": [8]},
    "conv": CONVOLUTION,
    "separable": {**CONVOLUTION, "kernel": [3, 5], "stride": [1, 2, 3]},
    "residual": {**CONVOLUTION, "width": [8, 12]},
    "inverted-residual": {
        **CONVOLUTION, "kernel": [3], "expansion": [1, 2], "squeeze_excitation": [False, True]
    },
    "attention": {"heads": [1, 2]},
    "pool": {"operation": ["max", "average"]},
    "dropout": {"rate": [0.5]},
    "global-pool": {"operation": ["max", "average"]},
    "dense": {"width": [8]},
}  # fmt: skip
SPACE = LayerSpace(SpaceDefinition.of("texts", "textnet", 6, LAYERS), (SYMBOLS, LENGTH), CLASSES)
DESIGNS = SPACE.architectures(SPACE.random_actions(40, np.random.default_rng(3)))


def trained(design: Architecture, length: int = LENGTH) -> nn.Sequential:
    """As after a training: norms have statistics, and what they make of zeros isn't zero."""
    generator = torch.Generator().manual_seed(0)
    network = build_network(design, (SYMBOLS, length), CLASSES, generator=generator)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            assert module.running_mean is not None
            for values in (module.bias, module.running_mean):
                values.data = torch.randn(values.shape, generator=generator)
    return network.eval()


def texts() -> Tensor:
    """One text that fills half of the map, a shorter one, one of a single symbol, and an empty one."""
    x = torch.randint(1, SYMBOLS, (4, LENGTH), generator=torch.Generator().manual_seed(1))
    x[:, 17:] = x[1, 7:] = x[2, 1:] = x[3] = PADDING
    return x


def test_the_designs_have_all_kinds_of_layers() -> None:
    assert {layer.kind for design in DESIGNS for layer in design.layers} == set(LAYERS)


@torch.inference_mode()
def test_longer_padding_changes_nothing() -> None:
    for design in DESIGNS:
        short, long = trained(design), trained(design, LENGTH + 12)
        expected = short(texts())
        assert expected.isfinite().all()
        found = long(nn.functional.pad(texts(), (0, 12)))
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_the_form_that_is_fast_on_a_cpu_computes_and_learns_the_same() -> None:
    for design in DESIGNS[:20]:
        network = trained(design)
        twin = placed(copy.deepcopy(network), texts())
        for each in (network, twin):
            each(texts()).square().sum().backward()
        torch.testing.assert_close(twin(texts()), network(texts()), rtol=1e-4, atol=1e-4)
        for other, parameter in zip(twin.parameters(), network.parameters(), strict=True):
            assert other.grad is not None and parameter.grad is not None
            expected = parameter.grad.reshape(other.grad.shape)
            torch.testing.assert_close(other.grad, expected, rtol=1e-3, atol=1e-3)


def test_padding_is_not_learned() -> None:
    network = build_network(DESIGNS[0], (SYMBOLS, LENGTH), CLASSES)
    network(texts()).sum().backward()
    embedding = next(network.parameters())
    assert not embedding[PADDING].any() and embedding.grad is not None and not embedding.grad[PADDING].any()
    assert embedding.grad[1:].any()


def test_plain_python_says_the_same(tmp_path: Path) -> None:
    for number, design in enumerate(DESIGNS[:12]):
        shape = (SYMBOLS, LENGTH)
        subject = Subject(design, trained(design), shape, CLASSES, Origin("texts"))
        file = export(subject, tmp_path / str(number), ["python"])[0]
        assert file.difference is not None and file.difference < 1e-5


def test_order_is_seen_by_attention() -> None:
    layers = (Layer.of("embedding", width=8), Layer.of("attention", heads=2))
    end = Layer.of("global-pool", operation="average")
    forwards = texts()[:1, :17]
    backwards = forwards.flip(1)
    for seen, design in enumerate(((layers[0], end), (*layers, end))):
        network = trained(Architecture("texts", design, complete=True))
        assert torch.allclose(network(forwards), network(backwards), atol=1e-5) is not bool(seen)


def test_an_embedding_comes_first_and_alone() -> None:
    embedding = Layer.of("embedding", width=8)
    with pytest.raises(ValueError, match="takes symbols of texts, so that it can only come first"):
        costs(Architecture("texts", (embedding, embedding)), (SYMBOLS, LENGTH), CLASSES)
    first = SPACE.action_mask(SPACE.initial())
    assert {SPACE.layer(0, int(action)) for action in np.flatnonzero(first)} == {embedding}
    with pytest.raises(ValueError, match="unknown convnet1d layer 'embedding'"):
        SpaceDefinition.of("signals", "convnet1d", 4, LAYERS)
