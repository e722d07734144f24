"""Label smoothing with torch.nn.CrossEntropyLoss: smoothed in training, plain where models are compared.

Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2015, section 7.
"""

import torch
from torch import nn


def make_losses(smoothing: float = 0.1) -> tuple[nn.CrossEntropyLoss, nn.CrossEntropyLoss]:
    """The loss to train with, and the plain one for the validation set.

    Args:
        smoothing: share of the label that is spread evenly over all classes, the right one included.

    Raises:
        RuntimeError: at the first call, when smoothing is above 1; torch takes a negative one for 0.
    """
    return nn.CrossEntropyLoss(label_smoothing=smoothing), nn.CrossEntropyLoss()


if __name__ == "__main__":
    train_loss, test_loss = make_losses(0.1)
    target = torch.arange(10)
    for gap in (2.0, 4.51, 20.0):
        logits = gap * nn.functional.one_hot(target, 10).float()  # the right logit is larger by the gap
        values = f"smoothed {train_loss(logits, target).item():.3f}, plain {test_loss(logits, target).item():.3f}"
        print(f"right logit ahead by {gap:5.2f}: loss {values}")
