"""Loss at initialization: the first loss beside those of zero outputs and of the best constant, for any loss.

Source: Karpathy, "A Recipe for Training Neural Networks", 2019, section 2, "verify loss @ init".
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Start:
    """Three losses on the same samples.

    Args:
        first: of the model as it is.
        zero: of outputs that are all 0; log C for cross-entropy with C classes.
        constant: of the best constant output, the least that a model can have that ignores its input; where outputs
            have positions, such as tokens or pixels, each position has a constant of its own.
    """

    first: float
    zero: float
    constant: float


def _copied(model: nn.Module) -> nn.Module:
    """Copy a model; results of a pass that it keeps, such as attention, which deepcopy refuses, as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(model, {id(v): v.detach().clone() for v in results})


def loss_at_init(
    model: nn.Module, loss_fn: Callable[[Tensor, Tensor], Tensor], inputs: Tensor, targets: Tensor
) -> Start:
    """Compare the loss before the first update with what is right; the model stays as it is.

    Args:
        model: before its first update, in the mode in which it trains.
        loss_fn: maps raw outputs (logits, not probabilities) and targets to a mean loss.
        inputs: some hundred samples, (samples, ...), as the network gets them.
        targets: their targets.
    """
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    with torch.no_grad(), torch.random.fork_rng(devices=list(devices)):
        outputs = _copied(model)(inputs).float()  # a copy: batch normalization counts what it sees
        first = loss_fn(outputs, targets).item()
        zero = loss_fn(torch.zeros_like(outputs), targets).item()
        constant = outputs.mean(0).requires_grad_()
        optimizer = torch.optim.LBFGS([constant], max_iter=500, line_search_fn="strong_wolfe")

        @torch.enable_grad()
        def closure() -> Tensor:
            loss = loss_fn(constant.expand_as(outputs), targets)
            (constant.grad,) = torch.autograd.grad(loss, constant)  # not backward(): the loss may use weights, too
            return loss

        optimizer.step(closure)
        return Start(first, zero, closure().item())


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(500, 20), torch.randint(5, (500,))
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    start = loss_at_init(model, nn.functional.cross_entropy, x, y)
    print(f"cross-entropy, 5 classes: first {start.first:.2f}, zero {start.zero:.2f}, constant {start.constant:.2f}")
    price = 50 + 10 * torch.randn(500, 1)
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
    start = loss_at_init(model, nn.functional.mse_loss, x, price)
    print(f"squared error: first {start.first:.0f}, zero {start.zero:.0f}, constant {start.constant:.0f}")
