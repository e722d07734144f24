"""Multiply-adds, counted while an empty input runs through on the meta device: by hooks of ours, and by torch."""

from __future__ import annotations

from types import UnionType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

Block = tuple[Any, tuple[int, ...], int]  # module, shape of its input, multiply-adds


def blocks_of(
    model: nn.Module, kind: type[nn.Module] | UnionType, *shape: int
) -> list[tuple[Any, tuple[int, ...], int]]:
    """Each block of that class, the shape of its input and its multiply-adds, in the order in which an image passes.

    The model lies on the meta device afterwards, in eval mode.
    """
    found: list[Block] = []
    total = 0

    def count(module: nn.Module, _: Any, out: Tensor) -> None:
        nonlocal total
        assert isinstance(module, nn.Conv2d | nn.Linear)
        total += out.numel() * module.weight[0].numel()

    def enter(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found.append((module, tuple(inputs[0].shape[1:]), -total))

    def leave(module: nn.Module, *_: Any) -> None:
        place = max(i for i, (block, *_) in enumerate(found) if block is module)
        block, size, before = found[place]
        found[place] = (block, size, before + total)

    handles = []
    for module in model.to("meta").eval().modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            handles.append(module.register_forward_hook(count))
        if isinstance(module, kind):
            handles += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    with torch.device("meta"):
        model(torch.empty(1, *shape))
    for handle in handles:
        handle.remove()
    return found


def multiply_adds(module: nn.Module, *shape: int) -> int:
    """Of one input of that shape, without the batch. The module lies on the meta device afterwards, in eval mode."""
    return blocks_of(module, type(module), *shape)[0][2]


def by_kind(model: nn.Module, *shape: int) -> dict[str, int]:
    """Of depthwise, pointwise and other layers of one input of that shape."""
    counts = {"depthwise": 0, "pointwise": 0, "other": 0}
    for layer, _, work in blocks_of(model, nn.Conv2d | nn.Linear, *shape):
        kind = "other"
        if isinstance(layer, nn.Conv2d):
            kind = "depthwise" if layer.groups > 1 else "pointwise" if layer.kernel_size == (1, 1) else "other"
        counts[kind] += work
    return counts


def by_torch(module: nn.Module, *shape: int) -> int:
    """As torch counts them, which knows every operation; attention as its two products."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        module.to("meta").eval()(torch.empty(1, *shape))
    return counter.get_total_flops() // 2
