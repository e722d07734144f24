"""How strongly each output depends on each sample of the batch, one backward pass for each output.

Source: Karpathy, "A Recipe for Training Neural Networks", 2019, section 2, "use backprop to chart dependencies".
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def influence(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Norms of d f(x)[i] / d x[j], of shape (samples, samples); off the diagonal they should be 0.

    Args:
        f: maps (samples, ...) to (samples, outputs).
        x: floating-point numbers, (samples, ...).
    """
    x = x.detach().clone().requires_grad_()
    outputs = f(x)  # (samples, outputs)
    squares = torch.zeros(len(x), len(x), dtype=x.dtype)
    for i, output in enumerate(outputs):
        for number in output:
            gradient = torch.autograd.grad(number, x, retain_graph=True)[0]  # of one output, for all samples
            squares[i] += gradient.flatten(1).square().sum(dim=1)
    return squares.sqrt()


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(6, 4, dtype=torch.float64)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3)).double()
    for training in (True, False):
        model.train(training)
        ours = influence(model, x)
        whole = torch.autograd.functional.jacobian(model, x)  # (samples, outputs, samples, inputs)
        difference = (ours - whole.square().sum(dim=(1, 3)).sqrt()).abs().max()
        off = (ours - ours.diagonal().diag()).max() / ours.diagonal().max()
        print(f"train mode {training}: off the diagonal {off:.2f}, as torch's Jacobian to 1e-12: {difference < 1e-12}")
