"""Modules computed otherwise on a CPU where that is faster: the same functions, but for rounding."""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear

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
