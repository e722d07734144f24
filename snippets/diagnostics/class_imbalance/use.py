"""Three corrections for rare classes: weights in the loss, a balanced sampler, and a shift of the trained outputs.

Source: Buda et al., "A systematic study of the class imbalance problem in convolutional neural networks", 2017.
"""

import torch
from torch import Tensor, nn
from torch.utils.data import WeightedRandomSampler


def class_weights(y: Tensor, classes: int) -> Tensor:
    """For ``CrossEntropyLoss(weight=…)``: samples / (classes * samples of the class); their mean over the samples is 1.

    Args:
        y: all training targets, integers of shape (samples,).
        classes: their number.

    Raises:
        ValueError: when a class has no sample, for which no weight can make up, or a label is not in 0 … classes - 1.
    """
    if ((y < 0) | (y >= classes)).any():
        raise ValueError(f"labels outside 0 to {classes - 1}: from {y.min()} to {y.max()}")
    counts = torch.bincount(y, minlength=classes)
    if (counts == 0).any():
        raise ValueError(f"classes without a training sample: {(counts == 0).nonzero().flatten().tolist()}")
    return len(y) / (classes * counts)


def balanced_sampler(y: Tensor, classes: int, generator: torch.Generator | None = None) -> WeightedRandomSampler:
    """For ``DataLoader(sampler=…)``, without ``shuffle``: each class is drawn equally often on average, with repeats.

    Args:
        y: all training targets, integers of shape (samples,).
        classes: their number.
        generator: source of the draws.
    """
    return WeightedRandomSampler(class_weights(y, classes)[y].tolist(), len(y), generator=generator)


def shifted(logits: Tensor, y: Tensor, classes: int) -> Tensor:
    """Outputs of a network that was trained without correction, as if all classes were equally frequent.

    Args:
        logits: of shape (batch, classes).
        y: the targets with which it was trained.
        classes: their number.
    """
    return logits + class_weights(y, classes).log().to(logits)


if __name__ == "__main__":
    torch.manual_seed(0)
    y = torch.cat([torch.zeros(950, dtype=torch.int64), torch.ones(50, dtype=torch.int64)])
    x = torch.randn(1000, 2) + 1.5 * y.unsqueeze(1)
    weights = class_weights(y, 2)
    print(f"weights: {[round(w, 2) for w in weights.tolist()]}")
    share = y[torch.tensor(list(balanced_sampler(y, 2)))].float().mean().item()
    print(f"share of the rare class: {y.float().mean():.2f} in the data, {share:.1f} from the sampler")

    def recall(weight: Tensor | None, shift: bool) -> float:
        """Recall of the rare class after logistic regression."""
        model = nn.Linear(2, 2)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        for _ in range(100):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y, weight=weight).backward()
            optimizer.step()
        outputs = shifted(model(x), y, 2) if shift else model(x)
        return (outputs.argmax(dim=1)[y == 1] == 1).float().mean().item()

    print(
        f"recall: {recall(None, False):.1f} plain, {recall(weights, False):.1f} weights, {recall(None, True):.1f} shift"
    )
