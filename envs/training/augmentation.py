"""Random changes of training batches that leave the class as it is. Torch is imported on the first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# name: (what it does in one line, the fewest dimensions of one example)
AUGMENTATIONS = {
    "shift": ("moves signals and images by up to an eighth of each side", 2),
    "flip-shift": ("mirrors half of the images left to right, and moves as `shift`", 3),
    "flip-shift-erase": ("as `flip-shift`, and blanks a square of up to half of each side", 3),
}

_SHIFTED_SHARE = 8


def check_augmentation(name: str, input_shape: Sequence[int]) -> None:
    """Raises ValueError where an augmentation of `AUGMENTATIONS` makes no sense for examples of a shape."""
    needed = AUGMENTATIONS[name][1]
    if len(input_shape) < needed:
        needs = "images, shape (channels, height, width)" if needed == 3 else "signals or images"
        raise ValueError(f"augmentation {name!r} needs {needs}; the data has the shape {tuple(input_shape)}")


def augment(name: str, batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A changed copy of a batch, float [n, channels, *sizes].

    Args:
        name: a name of `AUGMENTATIONS`.
        generator: on the CPU, whatever the batch's device, so that all devices see the same changes.
    """
    for change in _CHANGES[name]:
        batch = change(batch, generator)
    return batch


def _flip(batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    import torch

    mirrored = (torch.rand(len(batch), generator=generator) < 0.5).to(batch.device)
    return torch.where(mirrored.view(-1, 1, 1, 1), batch.flip(-1), batch)


def _shift(batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    # The border's value moves in: zero is no background once the data is standardised.
    import torch

    for dimension in range(2, batch.ndim):
        size = batch.shape[dimension]
        most = size // _SHIFTED_SHARE
        offsets = torch.randint(-most, most + 1, (len(batch), 1), generator=generator).to(batch.device)
        source = (torch.arange(size, device=batch.device) - offsets).clamp(0, size - 1)
        shape = [len(batch)] + [1] * (batch.ndim - 1)
        shape[dimension] = size
        batch = batch.gather(dimension, source.view(shape).expand_as(batch))
    return batch


def _erase(batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Cutout (DeVries & Taylor 2017, arXiv:1708.04552) with squares of any size up to half of the shorter
    side, around any point, filled with 0, the mean of standardised data.
    """
    import torch

    height, width = batch.shape[2:]
    halves = torch.randint(0, min(height, width) // 4 + 1, (len(batch), 1), generator=generator)
    inside = []
    for size in (height, width):
        centres = torch.randint(0, size, (len(batch), 1), generator=generator)
        inside.append((torch.arange(size) - centres).abs() < halves)
    erased = (inside[0].unsqueeze(2) & inside[1].unsqueeze(1)).unsqueeze(1)
    return batch.masked_fill(erased.to(batch.device), 0.0)


_CHANGES: Mapping[str, Sequence[Callable[[torch.Tensor, torch.Generator], torch.Tensor]]] = {
    "shift": (_shift,),
    "flip-shift": (_flip, _shift),
    "flip-shift-erase": (_flip, _shift, _erase),
}
