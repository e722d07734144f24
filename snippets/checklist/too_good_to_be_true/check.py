"""Where a score comes from that is too good: ways in which the answer reached the network or the metric."""

import contextlib
import io
import random
from collections import Counter

import numpy as np
import torch


def copies_across_the_split(x_train, x_val):
    """Count the validation samples that are in the training set, bit by bit."""
    seen = {row.tobytes() for row in x_train.cpu().numpy()}
    copies = sum(row.tobytes() in seen for row in x_val.cpu().numpy())
    if copies > 0.01 * len(x_val):
        return (
            f"{copies} of {len(x_val)} validation samples are in the training set too"
        )


def pairs_the_other_way_round(x_train, x_val):
    """Count the validation pairs (a, b) that the training set holds as (b, a); pairs are rows, or columns of (2, n).

    Says nothing where pairs with new partners are held as often: ids of users and items meet by chance.
    """
    sides = []
    for x in (x_train, x_val):
        x = x.T if x.dim() == 2 and x.shape[0] == 2 else x
        if x.dim() < 2 or x.shape[1] != 2:
            return None
        x = x.cpu().numpy()
        sides.append([(a.tobytes(), b.tobytes()) for a, b in x])
    held, pairs = set(sides[0]), [(a, b) for a, b in sides[1] if a != b]
    turned = sum((b, a) in held for a, b in pairs)
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(0))
    partners = [pairs[i][1] for i in order.tolist()]
    chance = sum((b, a) in held for (a, _), b in zip(pairs, partners, strict=True))
    if turned - chance > 0.01 * len(pairs) + 4 * chance**0.5:
        return f"{turned} of {len(pairs)} validation pairs are in the training set the other way round"


def moments_across_the_split(x_train, x_val):
    """Count the moments in validation windows (windows, time, channels) that training windows contain too.

    Values that occur more often than overlap explains, such as padding or an empty row of an image, do not count.
    """
    if x_train.dim() != 3:
        return None
    seen = Counter(row.tobytes() for row in x_train.flatten(0, 1).cpu().numpy())
    most = x_train.shape[
        1
    ]  # windows that start at every step contain a moment so often
    moments = x_val.flatten(0, 1).cpu().numpy()
    shared = sum(0 < seen[row.tobytes()] <= most for row in moments) / len(moments)
    if shared > 0.1:
        return f"{shared:.0%} of the moments in validation windows are in training windows too"


def split_drawn_anew(split, x):
    """Draw the split twice, as two starts of a job would that have drawn other random numbers before.

    ``split(n)`` gives the numbers of the rows to train on, and of those to validate on.
    """
    states, halves = (random.getstate(), np.random.get_state()), []
    try:
        with torch.random.fork_rng():
            for seed in (0, 1):
                random.seed(seed)
                np.random.seed(seed)
                torch.manual_seed(seed)
                halves.append([set(map(int, rows)) for rows in split(len(x))])
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
    (train, _), (train_again, val_again) = halves
    fresh = len(train_again - train)
    seen = len(val_again & train)
    if fresh or seen:
        return (
            f"after another start {seen} of {len(val_again)} validation rows were in the old training set, "
            f"and {fresh} of {len(train_again)} training rows were not"
        )


def one_feature_tells_all(x, y):
    """Sort the samples by one feature after another; ask how well its order alone separates one class from the rest.

    The number is the area under the ROC curve: 0.5 tells nothing, 1.0 tells all.
    """
    x, best = x.flatten(1).double(), (0.0, 0, 0)
    for label in y.unique().tolist():
        inside = y == label
        for feature in range(x.shape[1]):
            _, place, count = x[:, feature].unique(
                return_inverse=True, return_counts=True
            )
            rank = (count.cumsum(0) - (count - 1) / 2)[
                place
            ]  # ties share their mean rank
            n = inside.sum().item()
            area = (rank[inside].sum().item() - n * (n + 1) / 2) / (n * (len(y) - n))
            best = max(best, (max(area, 1 - area), feature, label))
    if best[0] > 0.98:
        return f"feature {best[1]} alone separates class {best[2]} from the rest, with an area of {best[0]:.3f}"


def learns_shuffled_labels(fit_and_score, x, y, runs=3):
    """Run everything from the raw data to the score, selection included, on labels that mean nothing.

    Costs as many whole runs as you ask for. The accuracy must fall to that of the most frequent class.
    """
    chance = torch.bincount(y).max().item() / len(y)
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(), contextlib.redirect_stdout(io.StringIO()):
        scores = [
            fit_and_score(x, y[torch.randperm(len(y), generator=generator)])
            for _ in range(runs)
        ]
    mean = sum(scores) / runs
    if mean > chance + 0.1:
        return f"on shuffled labels the score is still {mean:.2f}, where {chance:.2f} would be random guessing"


def padding_in_the_score(model, x_val, y_val, val_score, pad=0):
    """Compute the accuracy with and without the positions that hold padding, and see which of the two was reported."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            right = (model(x_val).argmax(dim=-1) == y_val).float()
    finally:
        for module, mode in modes:
            module.training = mode
    real = right[y_val != pad].mean().item()
    if abs(right.mean().item() - val_score) < 0.01 and val_score > real + 0.05:
        share = (y_val == pad).float().mean().item()
        return f"{share:.0%} of the positions are padding; without them the accuracy is {real:.2f}, not {val_score:.2f}"


def negatives_trained_as_negatives(x_train, y_train, x_val, y_val):
    """Look for the wrong answers of the validation, label 0, among the rows that training holds as wrong.

    Rows are pairs such as (user, item). Chance would bring the right answers there as often as the wrong ones.
    """
    if not set(y_train.unique().tolist()) == set(y_val.unique().tolist()) == {0, 1}:
        return None
    trained = {row.tobytes() for row in x_train[y_train == 0].cpu().numpy()}
    held = torch.tensor([row.tobytes() in trained for row in x_val.cpu().numpy()])
    held, wrong = held.double(), (y_val == 0).cpu()
    shares = held[wrong].mean().item(), held[~wrong].mean().item()
    spread = (held.var(correction=0) / min(wrong.sum(), (~wrong).sum())).sqrt().item()
    if shares[0] - shares[1] > 0.1 + 3 * spread:
        return (
            f"{shares[0]:.0%} of the wrong answers of the validation are trained as wrong, "
            f"and {shares[1]:.0%} of the right ones"
        )


def ties_that_count_as_wins(model, x_val, y_val, val_score, k=10):
    """Rank the true answer among all scores of its row, once above its equals and once below them.

    A score that is not a number is no better than any. Says nothing unless the reported score is the first of the two.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            scores = model(x_val)
    finally:
        for module, mode in modes:
            module.training = mode
    own = scores.gather(-1, y_val.unsqueeze(-1))
    best = ((scores > own).sum(dim=-1) < k).double().mean().item()
    worst = ((~(scores < own)).sum(dim=-1) <= k).double().mean().item()
    if abs(best - val_score) < 0.01 and best > worst + 0.05:
        return f"the hit rate is {best:.2f} if a tie counts as won, and {worst:.2f} if it counts as lost"
