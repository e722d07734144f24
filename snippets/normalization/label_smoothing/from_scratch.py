"""Cross-entropy with label smoothing, without torch's loss.

Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2015, section 7.
"""

import torch
from torch import Tensor


def smoothed_cross_entropy(logits: Tensor, target: Tensor, smoothing: float = 0.1) -> Tensor:
    """Mean loss of logits (batch, classes, …) for class numbers (batch, …).

    Args:
        logits: scores before the softmax.
        target: the right class of each.
        smoothing: share of the label that is spread evenly over all classes, the right one included.
    """
    log_p = logits.log_softmax(dim=1)
    right = -log_p.gather(1, target.unsqueeze(1)).squeeze(1)  # the usual cross-entropy
    even = -log_p.mean(dim=1)  # cross-entropy with the same probability for every class
    return ((1 - smoothing) * right + smoothing * even).mean()


if __name__ == "__main__":
    torch.manual_seed(0)
    logits, target = 5 * torch.randn(32, 10), torch.randint(10, (32,))
    ours = smoothed_cross_entropy(logits, target, 0.1)
    theirs = torch.nn.functional.cross_entropy(logits, target, label_smoothing=0.1)
    print(f"loss {ours.item():.3f}, torch says {theirs.item():.3f}")
    print(f"differ by less than 1e-6: {(ours - theirs).abs().item() < 1e-6}")
