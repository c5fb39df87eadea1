"""Optimisers of trainings: each by its name, for every layer there is, and what it goes on from."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from rl_designer.envs.training.optimizers import _BUILDERS, Optimizers, optimizers_of, uncompiled
from rl_designer.envs.training.settings import OPTIMIZERS, TrainingSettings

RATE = 0.02
SETTINGS = TrainingSettings(learning_rate=RATE, weight_decay=0.05)


def network_of(memory_format: torch.memory_format = torch.contiguous_format) -> nn.Module:
    """A plain, a grouped and a strided convolution, norms, biases, a matrix."""
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(2, 12, 3, padding=1),
        nn.BatchNorm2d(12),
        nn.Conv2d(12, 12, 5, padding=2, groups=12, bias=False),
        nn.ReLU(),
        nn.Conv2d(12, 4, 3, stride=2),
        nn.Flatten(),
        nn.LazyLinear(3),
    ]
    network = nn.Sequential(*layers)
    network(torch.zeros(2, 2, 8, 8))
    return network.to(memory_format=memory_format)


def examples() -> tuple[Tensor, Tensor]:
    """Classes that are told by the mean of one channel."""
    generator = torch.Generator().manual_seed(1)
    y = torch.arange(96) % 3
    x = torch.randn(96, 2, 8, 8, generator=generator)
    return x + (y.float() - 1).view(-1, 1, 1, 1), y


def steps(network: nn.Module, optimizers: Optimizers, number: int) -> list[float]:
    """The loss before each step."""
    x, y = examples()
    losses = []
    for _ in range(number):
        network.zero_grad()
        loss = cross_entropy(network(x), y)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizers.step(RATE)
        losses.append(loss.item())
    return losses


def test_every_name_is_built() -> None:
    assert set(_BUILDERS) == set(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_each_moves_every_parameter_and_the_loss_falls(name: str, memory_format: torch.memory_format) -> None:
    network = network_of(memory_format)
    before = [parameter.detach().clone() for parameter in network.parameters()]
    # Chance has a loss of ln 3 = 1.1.
    losses = steps(network, optimizers_of(network, replace(SETTINGS, optimizer=name)), 30)
    assert losses[-1] < 0.3 < 0.9 < losses[0]
    for old, parameter in zip(before, network.parameters(), strict=True):
        assert (old != parameter).any()


@pytest.mark.parametrize(
    "without", [{}, {"4.bias": [0, 1, 2, 3, 4, 5]}, {"4.bias": [2, 3]}, {"0.weight": [0]}]
)
def test_adamw_moves_as_torchs_to_the_bit_whichever_gradients_are_missing(
    without: dict[str, list[int]],
) -> None:
    ours, torchs = network_of(torch.channels_last), network_of(torch.channels_last)
    decayed = [parameter for parameter in torchs.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in torchs.parameters() if parameter.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    optimizers = optimizers_of(ours, SETTINGS)
    expected = torch.optim.AdamW(groups, lr=RATE, fused=True)
    x, y = examples()
    for step in range(6):
        for network in (ours, torchs):
            network.zero_grad()
            cross_entropy(network(x), y).backward()  # type: ignore[no-untyped-call]
            for name, steps_without in without.items():
                if step in steps_without:
                    network.get_parameter(name).grad = None
        optimizers.step(RATE)
        expected.step()
        for found, parameter in zip(ours.parameters(), torchs.parameters(), strict=True):
            assert torch.equal(found, parameter)


@pytest.mark.parametrize("name", ["Adam", "AdamW", "Muon", "SGD"])
def test_without_its_marks_an_optimiser_moves_as_torchs_to_the_bit(name: str) -> None:
    moved = []
    for optimizer in (getattr(torch.optim, name), uncompiled(getattr(torch.optim, name))):
        weights = nn.Parameter(torch.arange(6.0).reshape(2, 3))
        steps = optimizer([weights], lr=RATE)
        for _ in range(3):
            steps.zero_grad()
            (weights**3).sum().backward()
            steps.step()
        other = optimizer([weights], lr=RATE)
        other.load_state_dict(steps.state_dict())
        other.step()
        moved.append(weights)
    assert torch.equal(*moved) and not torch.equal(moved[0], torch.arange(6.0).reshape(2, 3))


def test_neither_trainings_nor_the_controller_import_torchs_compiler_or_its_algebra() -> None:
    code = """
import sys, numpy as np, torch
from rl_designer.agents.controller import Controller, PPOSettings
from rl_designer.envs.networks.network import build_network
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.training.optimizers import optimizers_of
from rl_designer.envs.training.settings import OPTIMIZERS, TrainingSettings
from rl_designer.envs.training.steps import laid_out, placed
for name, shape in (("mlp", (4,)), ("convnet1d", (2, 8)), ("convnet", (1, 8, 8))):
    space = make_space(name, shape, 3, max_parameters=2_000)
    x = torch.ones(4, *shape)
    for architecture in space.architectures(space.random_actions(8, np.random.default_rng(0))):
        network = placed(build_network(architecture, shape, 3), x)
        network(laid_out(x)).sum().backward()
network = torch.nn.Linear(2, 3)
for name in OPTIMIZERS:
    steps = optimizers_of(network, TrainingSettings(optimizer=name))
    network(torch.ones(1, 2)).sum().backward()
    steps.step(0.1)
    steps.restore(steps.state)
space = make_space("mlp", (4,), 3, max_parameters=1_000)
score = lambda actions: actions.sum(axis=1) * 1.0
Controller(space, score, PPOSettings(), 0).update(score, 1, 0)
print([name for name in ("torch._dynamo", "sympy") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_adamw_takes_steps_where_nothing_has_a_gradient() -> None:
    network = network_of()
    before = [parameter.detach().clone() for parameter in network.parameters()]
    optimizers = optimizers_of(network, SETTINGS)
    optimizers.step(RATE)
    optimizers.step(RATE)
    for old, parameter in zip(before, network.parameters(), strict=True):
        assert torch.equal(old, parameter)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_was_saved_goes_on_to_the_same_bits(name: str) -> None:
    settings = replace(SETTINGS, optimizer=name)
    whole = network_of(torch.channels_last)
    losses = steps(whole, optimizers_of(whole, settings), 6)

    first = network_of(torch.channels_last)
    stopped = optimizers_of(first, settings)
    assert steps(first, stopped, 3) == losses[:3]
    second = network_of(torch.channels_last)
    second.load_state_dict(first.state_dict())
    goes_on = optimizers_of(second, settings)
    goes_on.restore(stopped.state)
    assert steps(second, goes_on, 3) == losses[3:]


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_muon_moves_a_kernel_as_the_matrix_of_its_outputs(memory_format: torch.memory_format) -> None:
    torch.manual_seed(2)
    conv = nn.Conv2d(6, 8, 3, bias=False).to(memory_format=memory_format)
    matrix = nn.Parameter(conv.weight.detach().flatten(1).clone())
    gradient = torch.randn(8, 6, 3, 3)
    conv.weight.grad, matrix.grad = gradient, gradient.flatten(1)
    optimizers_of(conv, replace(SETTINGS, optimizer="muon")).step(RATE)
    torch.optim.Muon([matrix], lr=RATE, weight_decay=0.05, adjust_lr_fn="match_rms_adamw").step()
    # The same sums in another order, in bfloat16.
    assert torch.allclose(conv.weight.flatten(1), matrix, atol=0.02 * RATE)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_pulls_kernels_and_leaves_norms_and_biases(name: str) -> None:
    network = network_of()
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    before = {key: tensor.detach().clone() for key, tensor in network.named_parameters()}
    optimizers_of(network, replace(SETTINGS, optimizer=name)).step(RATE)
    for key, parameter in network.named_parameters():
        kept = 1 - RATE * SETTINGS.weight_decay if parameter.ndim > 1 else 1.0
        assert torch.allclose(parameter, kept * before[key]), key


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_network_may_have_vectors_alone_or_matrices_alone(name: str) -> None:
    for layer in (nn.BatchNorm1d(4), nn.Linear(4, 2, bias=False)):
        optimizers = optimizers_of(layer, replace(SETTINGS, optimizer=name))
        layer(torch.randn(8, 4)).square().mean().backward()
        optimizers.step(RATE)


def test_sgd_s_weight_decay_is_apart_from_its_momentum_and_spares_biases() -> None:
    network = network_of()
    before = [parameter.detach().clone() for parameter in network.parameters()]
    optimizers = optimizers_of(network, replace(SETTINGS, optimizer="sgd"))
    for _ in range(2):
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizers.step(RATE)
    for old, parameter in zip(before, network.parameters(), strict=True):
        share = (1 - RATE * 0.05) ** 2 if parameter.ndim > 1 else 1.0
        assert torch.allclose(parameter, share * old, rtol=1e-6)
