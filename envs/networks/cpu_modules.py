"""Networks computed otherwise on a CPU where that is faster: the same functions, but for rounding."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear

from rl_designer.envs.layers.padding import Embedding, ImageEmbedding, takes_symbols

# Up to so many positions, of all maps of a batch, a product of matrices is faster than a convolution, which
# takes 40 µs before it begins, and twice that backwards.
_MOST_POSITIONS = 8192


def use_faster_modules(network: nn.Module) -> None:
    """Changes the network's 2-D convolutions and its batch norms in place; weights and their names stay."""
    for module in network.modules():
        if _is_plain_norm(module):
            module.__class__ = _BatchNorm
        elif type(module) is nn.Conv2d and module.groups > 1 and max(module.stride) > 1:
            module.__class__ = _Float32Conv
        elif type(module) is nn.Conv2d and _is_pointwise(module):
            module.__class__ = _PointwiseConv


def _is_plain_norm(module: nn.Module) -> bool:
    if type(module).forward is not nn.BatchNorm2d.forward:
        return False
    return module.track_running_stats is True and module.momentum is not None


def _is_pointwise(conv: nn.Conv2d) -> bool:
    return conv.kernel_size == (1, 1) and conv.groups == 1 and conv.padding == (0, 0)


class _Float32Conv(nn.Conv2d):
    """Has no fast backward pass in bfloat16 on CPUs: it is 10 to 20 times slower there."""

    def forward(self, input: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return super().forward(input.float())


class _PointwiseConv(nn.Conv2d):
    """On small maps a product of the positions' channels and the kernel's matrix."""

    def forward(self, input: Tensor) -> Tensor:
        if max(self.stride) > 1:
            input = input[:, :, :: self.stride[0], :: self.stride[1]]
        if input.numel() > _MOST_POSITIONS * self.in_channels:
            return conv2d(input, self.weight, self.bias)
        positions = linear(input.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias)
        return positions.permute(0, 3, 1, 2)


class _BatchNorm(nn.BatchNorm2d):
    """Without a count of batches, which is read where there is no momentum only."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.batch_norm(
            input,
            self.weight,
            self.bias,
            self.running_mean,
            self.running_var,
            self.training,
            self.momentum or 0.0,
            self.eps,
            False,
        )


# -- signals as images -----------------------------------------------------------------------------


def faster_signal_network(network: nn.Module) -> nn.Module:
    """The same function of signals, float [n, channels, length], with the same weights in other modules,
    those for images of height 1. Only for images do PyTorch's CPU kernels know the format `channels_last`;
    with it, the training of small 1-D networks takes a quarter to two thirds less time.

    Takes `network` apart. One with a 1-D module that `build_network` doesn't use is returned as it is. Of
    texts the embedding gives such images.
    """
    modules = network.modules()
    if not all(type(module) in _AS_IMAGE for module in modules if type(module).__name__.endswith("1d")):
        return network
    of_texts, converted = takes_symbols(network), _converted(network)
    image_network = converted if of_texts else nn.Sequential(_HeightOne(), converted)
    return image_network.train(network.training).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


class _HeightOne(nn.Module):
    def forward(self, signals: Tensor) -> Tensor:
        return signals.unsqueeze(2).contiguous(memory_format=torch.channels_last)


def _converted(network: nn.Module) -> nn.Module:
    if type(network) in _AS_IMAGE:
        return _AS_IMAGE[type(network)](network).train(network.training)
    for name, child in network.named_children():
        setattr(network, name, _converted(child))
    return network


class _AnyBatchNorm(nn.BatchNorm1d):
    """A batch norm of vectors and of images: a layer can't tell which it follows."""

    def _check_input_dim(self, input: Tensor) -> None:
        pass


def _conv(conv: Any) -> nn.Module:
    image = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        (1, *conv.kernel_size),
        stride=(1, *conv.stride),
        padding=(0, *conv.padding),
        dilation=(1, *conv.dilation),
        groups=conv.groups,
        bias=conv.bias is not None,
        device="meta",  # `skip_init` does the same, but imports sympy for it
    )
    image.weight = nn.Parameter(conv.weight.detach().unsqueeze(2))
    image.bias = conv.bias
    return image


def _batch_norm(norm: Any) -> Any:
    norm.__class__ = _AnyBatchNorm
    return norm


def _embedding(embedding: Any) -> Any:
    embedding.__class__ = ImageEmbedding
    return embedding


def _max_pool(pool: Any) -> nn.Module:
    return nn.MaxPool2d((1, _one(pool.kernel_size)), (1, _one(pool.stride)), (0, _one(pool.padding)))


def _average_pool(pool: Any) -> nn.Module:
    sizes = ((1, _one(pool.kernel_size)), (1, _one(pool.stride)), (0, _one(pool.padding)))
    return nn.AvgPool2d(*sizes, count_include_pad=pool.count_include_pad)


def _one(size: int | tuple[int]) -> int:
    return size if isinstance(size, int) else size[0]


_AS_IMAGE: Mapping[type[nn.Module], Callable[[Any], nn.Module]] = {
    nn.Conv1d: _conv,
    nn.BatchNorm1d: _batch_norm,
    nn.MaxPool1d: _max_pool,
    nn.AvgPool1d: _average_pool,
    nn.AdaptiveMaxPool1d: lambda pool: nn.AdaptiveMaxPool2d((1, _one(pool.output_size))),
    nn.AdaptiveAvgPool1d: lambda pool: nn.AdaptiveAvgPool2d((1, _one(pool.output_size))),
    Embedding: _embedding,
    nn.Dropout1d: lambda dropout: nn.Dropout2d(dropout.p),
}
