"""List samples whose label is probably wrong: confident learning, on probabilities from cross-validation.

Source: Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", 2019, section 3.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

FitPredict = Callable[[Tensor, Tensor, Tensor], Tensor]


def cross_validated(
    fit_predict: FitPredict, x: Tensor, y: Tensor, folds: int = 5, generator: torch.Generator | None = None
) -> Tensor:
    """Probabilities of each sample by a model that has not seen it, (samples, classes).

    Args:
        fit_predict: takes training inputs, training labels and held-out inputs, trains a *new* model and returns the
            held-out probabilities, (held out, classes).
        x: inputs, (samples, ...); copies of one sample should be removed before.
        y: the given labels, integers, (samples,).
        folds: so many models are trained.
        generator: source of the folds.

    Raises:
        ValueError: when a fold, or the data for its model, would be empty.
    """
    if not 2 <= folds <= len(x):
        raise ValueError(f"{len(x)} samples cannot be held out in {folds} folds; take 2 to {len(x)}")
    parts = torch.randperm(len(x), generator=generator, device=x.device).tensor_split(folds)
    found = [
        fit_predict(x[rest], y[rest], x[part]).detach()
        for i, part in enumerate(parts)
        for rest in [torch.cat([*parts[:i], *parts[i + 1 :]])]
    ]
    probabilities = torch.cat(found)
    return torch.empty_like(probabilities).index_copy_(0, torch.cat(parts), probabilities)


def confident_classes(probabilities: Tensor, y: Tensor) -> Tensor:
    """The class to which each sample belongs with confidence, -1 where there is none, (samples,).

    Confident is a probability that is at least the mean one of the samples that bear this label.

    Raises:
        ValueError: when a number is below 0 or above 1: logits, or their logarithms, want ``softmax(dim=1)`` first.
    """
    if ((probabilities < 0) | (probabilities > 1 + 1e-3)).any():
        raise ValueError("these are no probabilities; apply softmax(dim=1) to logits or log-probabilities")
    classes = probabilities.shape[1]
    thresholds = torch.stack([probabilities[y == c, c].mean() for c in range(classes)])  # NaN for a missing class
    confident = probabilities >= thresholds - 1e-6
    best = probabilities.masked_fill(~confident, -1).argmax(dim=1)
    return torch.where(confident.any(dim=1), best, -1)


def confident_joint(probabilities: Tensor, y: Tensor) -> Tensor:
    """Counts of samples by given label (row) and confident class (column), (classes, classes)."""
    classes, confident = probabilities.shape[1], confident_classes(probabilities, y)
    pairs = (y * classes + confident)[confident >= 0]
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def label_issues(probabilities: Tensor, y: Tensor) -> Tensor:
    """Places of samples that belong to another class with confidence; the least probable label first.

    Args:
        probabilities: of models that have not seen the sample, (samples, classes).
        y: the given labels, (samples,).
    """
    confident = confident_classes(probabilities, y)
    issues = ((confident >= 0) & (confident != y)).nonzero().flatten()
    return issues[probabilities[issues, y[issues]].argsort()]


if __name__ == "__main__":
    torch.manual_seed(0)
    true = torch.randint(3, (600,))
    x = torch.randn(600, 10) + 4 * nn.functional.one_hot(true, 10)
    flipped = torch.rand(600) < 0.1
    y = torch.where(flipped, (true + 1) % 3, true)

    def fit_predict(x_train: Tensor, y_train: Tensor, x_held: Tensor) -> Tensor:
        """Logistic regression."""
        model = nn.Linear(10, 3)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05, weight_decay=1e-3)
        for _ in range(100):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x_train), y_train).backward()
            optimizer.step()
        return model(x_held).softmax(dim=1).detach()

    issues = label_issues(cross_validated(fit_predict, x, y), y)
    print(f"over 5% of all labels are wrong: {flipped.float().mean() > 0.05}")
    print(f"over 80% of the listed ones are wrong: {flipped[issues].float().mean() > 0.8}")
    print(f"over half of the wrong ones are listed: {flipped[issues].sum() > flipped.sum() / 2}")
