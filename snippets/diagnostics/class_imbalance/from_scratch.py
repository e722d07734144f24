"""Cross-entropy with class weights, and draws of a balanced sampler, without torch's own.

Source: the documentation of torch.nn.CrossEntropyLoss, the formula for reduction "mean".
"""

import torch
from torch import Tensor
from torch.utils.data import WeightedRandomSampler


def weighted_cross_entropy(logits: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Mean of the samples' losses, each counted with its class's weight; divided by the sum of these weights.

    Args:
        logits: of shape (batch, classes).
        y: integers of shape (batch,).
        weight: one number for each class.
    """
    log_p = logits - logits.logsumexp(dim=1, keepdim=True)  # (batch, classes)
    losses = -log_p[torch.arange(len(y), device=y.device), y]  # (batch,)
    return (weight[y] * losses).sum() / weight[y].sum()


def draw_balanced(y: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Indices drawn with replacement, each with a probability of 1 / (classes * samples of its class)."""
    counts = torch.bincount(y)
    probabilities = 1.0 / (len(counts) * counts[y].double())
    return torch.multinomial(probabilities, count, replacement=True, generator=generator)


if __name__ == "__main__":
    torch.manual_seed(0)
    logits, y = torch.randn(200, 3, dtype=torch.float64), torch.randint(3, (200,))
    weight = 200 / (3 * torch.bincount(y).double())
    reference = torch.nn.functional.cross_entropy(logits, y, weight=weight)
    print(f"difference to torch's cross-entropy: {abs(weighted_cross_entropy(logits, y, weight) - reference):.0e}")
    generators = [torch.Generator(y.device).manual_seed(1) for _ in range(2)]
    ours = draw_balanced(y, 100, generators[0]).tolist()
    theirs = list(WeightedRandomSampler(weight[y].tolist(), 100, generator=generators[1]))
    print(f"draws equal to WeightedRandomSampler's: {sum(a == b for a, b in zip(ours, theirs, strict=True))} of 100")
