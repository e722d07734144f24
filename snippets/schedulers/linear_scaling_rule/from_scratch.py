"""Why lr / batch matters, and up to where: closed forms on a noisy parabola, compared with torch's SGD.

Source: Goyal et al., 2017, section 2.1; McCandlish et al., "An Empirical Model of Large-Batch Training", 2018
"""

import torch
from torch import nn


def stationary_variance(lr: float, batch: int, curvature: float, noise: float) -> float:
    """Variance around the minimum at which SGD settles; infinite from ``lr * curvature = 2`` on.

    Args:
        lr: learning rate.
        batch: samples averaged in each update.
        curvature: second derivative of the loss.
        noise: standard deviation of one sample's gradient.
    """
    if lr * curvature >= 2:
        return float("inf")
    return lr / batch * noise**2 / (curvature * (2 - lr * curvature))


def best_rate(batch: int, largest_rate: float, noise_scale: float) -> float:
    """Rate with the largest expected fall of the loss in one update: linear far below ``noise_scale``, level far above.

    Args:
        batch: samples averaged in each update.
        largest_rate: best rate without noise.
        noise_scale: batch at which noise and signal weigh the same.
    """
    return largest_rate / (1 + noise_scale / batch)


if __name__ == "__main__":
    torch.manual_seed(0)
    largest = 0.0
    for lr, batch in ((0.1, 1), (0.4, 4), (0.8, 8)):
        w = nn.Parameter(torch.zeros(100_000))  # each coordinate is a run of its own
        optimizer = torch.optim.SGD([w], lr=lr)
        for _ in range(100):
            w.grad = w.detach() + torch.randn_like(w) / batch**0.5  # curvature 1, noise 1
            optimizer.step()
        expected = stationary_variance(lr, batch, curvature=1.0, noise=1.0)
        largest = max(largest, abs(w.detach().var().item() / expected - 1))
    print(f"largest relative difference of the variance: below 3 % {largest < 0.03}")
    print("best rate, batch 8 to 512:", " ".join(f"{best_rate(8 * 4**i, 1.0, 128):.2f}" for i in range(4)))
