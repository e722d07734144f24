"""The bias that minimizes the loss of a constant prediction, by Newton's method and gradient descent, not by formula.

Source: Lin et al., "Focal Loss for Dense Object Detection", 2017.
"""

import math

import torch


def binary_bias(prior: float, steps: int = 30) -> float:
    """Minimize the expected binary cross entropy over the logit b by Newton's method: gradient sigmoid(b) - prior."""
    b = 0.0
    for _ in range(steps):
        p = 1 / (1 + math.exp(-b))
        step = (p - prior) / (p * (1 - p))
        b -= max(-1.0, min(1.0, step))  # damped, or the first steps overshoot
    return b


def class_bias(frequencies: list[float], steps: int = 400, lr: float = 1.0) -> list[float]:
    """Minimize the expected cross entropy over the logits by gradient descent: gradient softmax(b) - frequencies."""
    b = [0.0] * len(frequencies)
    for _ in range(steps):
        total = sum(math.exp(value) for value in b)
        b = [value - lr * (math.exp(value) / total - f) for value, f in zip(b, frequencies, strict=True)]
    return b


if __name__ == "__main__":
    priors = torch.tensor([0.01, 0.1, 0.5, 0.9], dtype=torch.float64)
    found = torch.tensor([binary_bias(p) for p in priors.tolist()], dtype=torch.float64)
    print(f"binary: difference from torch.logit below 1e-9: {bool((found - torch.logit(priors)).abs().max() < 1e-9)}")
    frequencies = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    softmax = torch.softmax(torch.tensor(class_bias(frequencies.tolist()), dtype=torch.float64), 0)
    print(f"classes: difference of the softmax below 1e-9: {bool((softmax - frequencies).abs().max() < 1e-9)}")
