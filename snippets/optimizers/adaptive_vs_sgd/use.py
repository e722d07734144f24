"""One separable data set, two solutions: SGD finds the minimum norm, Adam a vector of signs that fails on new points.

Source: Wilson et al., "The Marginal Value of Adaptive Gradient Methods in Machine Learning", 2017, section 3.
"""

import torch
from torch import Tensor


def example(labels: Tensor) -> Tensor:
    """The paper's data: the label, two constants, then features that belong to one point alone.

    Args:
        labels: +1 or -1 for each point, (points,).

    Returns:
        Features, (points, 3 + 5 * points). Only the first feature says what the label is; a point with label +1 has one
        feature of its own, a point with label -1 has five.

    Raises:
        ValueError: when a label is neither +1 nor -1.
    """
    if not bool((labels.abs() == 1).all()):
        raise ValueError("labels must be +1 or -1")
    shared = torch.stack([labels, torch.ones_like(labels), torch.ones_like(labels)], dim=1)  # (points, 3)
    own = torch.ones(len(labels), 5, dtype=labels.dtype)
    own[labels > 0, 1:] = 0
    return torch.cat([shared, torch.block_diag(*own.split(1))], dim=1)


def fit(optimizer_class: type, x: Tensor, y: Tensor, steps: int = 1500, **settings: float) -> Tensor:
    """Least squares on all points from w = 0; returns the weights, (features,)."""
    w = torch.zeros(x.shape[1], dtype=x.dtype, requires_grad=True)
    optimizer = optimizer_class([w], **settings)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (x @ w - y).square().mean()
        loss.backward()
        optimizer.step()
    return w.detach()


if __name__ == "__main__":
    train, new = [1.0] * 12 + [-1.0] * 8, [1.0] * 10 + [-1.0] * 10
    y = torch.tensor(train + new, dtype=torch.float64)
    x = example(y)  # (40, 203); the features of new points are 0 in all training points
    n = len(train)
    minimum_norm = torch.linalg.pinv(x[:n]) @ y[:n]
    signs = 0.25 * torch.sign(x[:n].T @ y[:n])  # the closed form for adaptive methods
    for name, w in [
        ("SGD ", fit(torch.optim.SGD, x[:n], y[:n], lr=0.1, momentum=0.9)),
        ("Adam", fit(torch.optim.Adam, x[:n], y[:n], lr=0.01)),
    ]:
        right = [(x @ w * y > 0)[part].double().mean().item() for part in (slice(n), slice(n, None))]
        print(f"{name}: {right[0]:.0%} of training points right, {right[1]:.0%} of new points")
        for solution, label in [(minimum_norm, "minimum norm"), (signs, "sign(X^T y) / 4")]:
            if (w - solution).abs().max() < 1e-3:
                print(f"{name}: ended at {label}")
