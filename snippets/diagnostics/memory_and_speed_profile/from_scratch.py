"""Operations of linear and convolutional layers in closed form, and the bytes that do not depend on the batch.

Source: the documentation of torch.utils.flop_counter; one multiplication and addition counts as two.
"""

import math

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

Layer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d


def forward_operations(model: nn.Module, inputs: Tensor) -> int:
    """Each output number of a layer costs one multiplication and one addition for each weight that reaches it.

    Args:
        model: its linear and convolutional layers are counted, and nothing else; it is run once, in the mode it is in.
        inputs: one batch.
    """
    total = 0

    def count(layer: Layer, args: object, output: Tensor) -> None:
        nonlocal total
        total += 2 * output.numel() * math.prod(layer.weight.shape[1:])  # weights of one output feature

    layers = [m for m in model.modules() if isinstance(m, Layer)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    try:
        model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return total


def fixed_bytes(model: nn.Module, averages: int) -> int:
    """Weights, their gradients, and so many averages of the optimizer: 2 for Adam, 1 for momentum.

    Args:
        model: all of its parameters are trained.
        averages: numbers that the optimizer keeps for each parameter.
    """
    return sum(p.numel() * p.element_size() * (2 + averages) for p in model.parameters())


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2), nn.Conv2d(16, 32, 3, groups=4), nn.Flatten(), nn.Linear(800, 9)
    )
    x = torch.randn(4, 3, 15, 15)
    with FlopCounterMode(display=False) as counter:
        loss = model(x).sum()
    print(f"difference to FlopCounterMode: {forward_operations(model, x) - counter.get_total_flops()}")
    optimizer = torch.optim.Adam(model.parameters())
    loss.backward()
    optimizer.step()
    kept = [t for state in optimizer.state.values() for t in state.values() if t.dim()]
    there = sum(
        t.nbytes for t in [*model.parameters(), *(p.grad for p in model.parameters() if p.grad is not None), *kept]
    )
    print(f"difference to what is there after a step of Adam, in bytes: {fixed_bytes(model, 2) - there}")
