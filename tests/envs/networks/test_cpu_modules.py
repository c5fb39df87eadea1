"""Modules that are computed otherwise on a CPU: the same functions, gradients and weights."""

import copy

import pytest
import torch
from torch import Tensor, nn

from rl_designer.envs.networks import cpu_modules
from rl_designer.envs.networks.cpu_modules import use_faster_modules
from rl_designer.envs.training.steps import computed_in, placed

LARGEST = 2 * cpu_modules._MOST_POSITIONS


def images(n: int, channels: int, size: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, channels, size, size, generator=generator)
    return x.contiguous(memory_format=torch.channels_last)


def faster(network: nn.Module) -> nn.Module:
    twin = copy.deepcopy(network)
    use_faster_modules(twin)
    return twin


def outcome(network: nn.Module, x: Tensor) -> list[Tensor]:
    """The outputs of two passes, the gradients of both, and the state."""
    x = x.clone().requires_grad_()
    outputs = [network(x), network(x.square())]
    sum(output.square().sum() for output in outputs).backward()
    assert x.grad is not None
    parameters = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    statistics = [tensor for name, tensor in network.state_dict().items() if "batches" not in name]
    return [*outputs, x.grad, *parameters, *statistics]


@pytest.mark.parametrize("stride", [1, 2, (1, 2)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [1, 5, 8])
def test_a_pointwise_convolution_is_a_product_of_matrices(
    size: int, bias: bool, stride: int | tuple[int, int]
) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(6, 10, 1, stride, bias=bias).to(memory_format=torch.channels_last)
    twin, x = faster(conv), images(16, 6, size)
    assert type(twin) is not type(conv)
    for found, expected in zip(outcome(twin, x), outcome(conv, x), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert twin(x).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("n", "expected"), [(LARGEST // 16 // 2, "product"), (LARGEST // 16, "convolution")])
def test_large_maps_stay_convolutions(n: int, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    for way, name in (("product", "linear"), ("convolution", "conv2d")):
        whole = getattr(cpu_modules, name)
        monkeypatch.setattr(
            cpu_modules, name, lambda *a, way=way, whole=whole: (called.append(way), whole(*a))[1]
        )
    twin = faster(nn.Conv2d(3, 4, 1))
    assert twin(images(n, 3, 4)).shape == (n, 4, 4, 4)
    assert called == [expected]


@pytest.mark.parametrize("training", [True, False])
def test_a_batch_norm_is_the_same_to_the_bit(training: bool) -> None:
    norm = nn.BatchNorm2d(5).train(training)
    twin, x = faster(norm), images(8, 5, 4)
    assert type(twin) is not type(norm)
    for found, expected in zip(outcome(twin, x), outcome(norm, x), strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize(
    "module",
    [
        nn.BatchNorm2d(4, momentum=None),
        nn.BatchNorm2d(4, track_running_stats=False),
        nn.InstanceNorm2d(4),
        nn.Conv2d(4, 4, 1, groups=2),
        nn.Conv2d(4, 4, 1, padding=1),
        nn.Conv2d(4, 4, 3),
    ],
)
def test_others_stay_what_they_are(module: nn.Module) -> None:
    assert type(faster(module)) is type(module)


def test_names_and_shapes_of_the_weights_stay() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, 2, groups=4))
    assert [(n, t.shape) for n, t in faster(network).state_dict().items()] == [
        (n, t.shape) for n, t in network.state_dict().items()
    ]


def test_strided_depthwise_convolutions_stay_in_float32_for_speed() -> None:
    torch.manual_seed(0)
    depthwise = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8, bias=False)
    network = nn.Sequential(depthwise, nn.Conv2d(8, 4, 1, bias=False))
    x = images(2, 8, 6)
    exact, expected = depthwise(x), network(x)
    ready = placed(network, x)
    torch.testing.assert_close(ready(x), expected)
    with computed_in("bfloat16", x.device):
        assert ready[0](x).dtype == torch.float32
        torch.testing.assert_close(ready[0](x), exact)
        assert ready(x).dtype == torch.bfloat16
    with computed_in("float32", x.device):
        assert ready(x).dtype == torch.float32
