"""Why the test set does worse than the validation set: one of the two is not what it seems."""

import math

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict


def best_of_many(val_accuracies, y_val):
    """Ask how much the best of so many tries lies above the rest by chance alone.

    Args:
        val_accuracies: the validation accuracy of every configuration, seed and epoch among which you chose.
    """
    mean, best = sum(val_accuracies) / len(val_accuracies), max(val_accuracies)
    error = math.sqrt(mean * (1 - mean) / len(y_val))
    luck = error * math.sqrt(
        2 * math.log(max(len(val_accuracies), 2))
    )  # largest of k normal errors, at most
    if luck > 0.1 and 0.5 * luck < best - mean < 1.5 * luck:
        return f"best of {len(val_accuracies)} tries: {best:.2f}, their mean: {mean:.2f}; luck adds up to {luck:.2f}"


def groups_on_both_sides(groups_train, groups_val):
    """Count validation samples whose person, document or machine is in the training set as well."""
    shared = torch.isin(groups_val, groups_train).float().mean().item()
    if shared > 0.01:
        return f"{shared:.0%} of the validation samples belong to a group that the training set has too"


def test_set_has_its_own_scale(x_train, x_test):
    """Look for features with mean 0 and standard deviation 1 in both sets: only a fit on itself gives these to a test set."""
    fitted, alive = [], []
    for x in (x_train.flatten(1).double(), x_test.flatten(1).double()):
        std = x.std(dim=0, correction=0)
        alive.append(std > 0)
        fitted.append(
            (x.mean(dim=0).abs() < 1e-3) & ((std - 1).abs() < 1e-3 + 1 / len(x))
        )
    scaled = fitted[0] & alive[1]
    if scaled.any() and fitted[1][scaled].all():
        return f"{int(scaled.sum())} features have mean 0 and standard deviation 1 in x_train and again in x_test"


def test_set_can_be_told_apart(x_val, x_test):
    """Train a linear classifier to tell test samples from validation samples, with three-fold validation.

    Takes about a second for some thousand samples. Of images, hand in features instead of pixels.
    """
    n = min(len(x_val), len(x_test), 1000)
    if n < 10:
        return None
    chance = torch.Generator().manual_seed(0)  # files may be sorted by class
    some = [
        x[torch.randperm(len(x), generator=chance)[:n].to(x.device)]
        for x in (x_val, x_test)
    ]
    x = torch.cat(some).flatten(1).cpu().numpy()
    side = [0] * n + [1] * n
    guessed = cross_val_predict(LogisticRegression(max_iter=200, C=0.01), x, side, cv=3)
    right = sum(
        int(guess == true) for guess, true in zip(guessed, side, strict=True)
    ) / len(side)
    if right > max(0.7, 0.5 + 1.5 / math.sqrt(2 * n)):
        return f"a linear classifier tells test samples from validation samples in {right:.0%} of cases; 50% is chance"
