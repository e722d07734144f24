"""The loss of the best constant output in closed form, for four losses, from the targets alone.

Source: Karpathy, "A Recipe for Training Neural Networks", 2019, section 2, "verify loss @ init" and "init well".
"""

import torch
from torch import Tensor, nn


def best_constant_loss(targets: Tensor, loss: str) -> float:
    """Least mean loss of a model that ignores its input.

    Args:
        targets: classes, labels of 0 and 1, or numbers; shape (samples,).
        loss: ``cross_entropy``, ``binary``, ``squared`` or ``absolute``.
    """
    if loss in ("cross_entropy", "binary"):  # entropy of the frequencies
        p = targets.long().bincount() / len(targets)
        return -(p * p.clamp_min(1e-12).log()).sum().item()
    if loss == "squared":  # the mean is best: the variance, divided by n
        return (targets - targets.mean()).square().mean().item()
    return (targets - targets.median()).abs().mean().item()  # the median is best


if __name__ == "__main__":
    torch.manual_seed(0)
    classes, positive, numbers = torch.randint(5, (999,)).square() % 5, torch.rand(999) < 0.1, 7 + 3 * torch.randn(999)
    share = positive.float().mean()
    log_frequencies = (classes.bincount(minlength=5) / 999).clamp_min(1e-12).log()
    f = nn.functional
    differences = [
        best_constant_loss(classes, "cross_entropy") - f.cross_entropy(log_frequencies.expand(999, 5), classes),
        best_constant_loss(positive, "binary")
        - f.binary_cross_entropy_with_logits(share.logit().expand(999), positive.float()),
        best_constant_loss(numbers, "squared") - f.mse_loss(numbers.mean().expand(999), numbers),
        best_constant_loss(numbers, "absolute") - f.l1_loss(numbers.median().expand(999), numbers),
    ]
    print(f"differences from torch's losses below 1e-5: {max(abs(d.item()) for d in differences) < 1e-5}")
