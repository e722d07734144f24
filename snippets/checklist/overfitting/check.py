"""Why the validation set does worse than the training set: hand in the tensors that the network receives."""

import torch
from torch.utils.data import WeightedRandomSampler


def classes_shared_unevenly(y_train, y_val):
    """Compare how often each class occurs in the two sets; a random split shares them out almost equally."""
    both = torch.cat([y_train, y_val])
    shares = [
        torch.bincount(y, minlength=int(both.max()) + 1) / len(y)
        for y in (y_train, y_val)
    ]
    moved = (shares[0] - shares[1]).abs().sum().item() / 2
    p = torch.bincount(both) / len(both)
    chance = (
        0.4 * (p * (1 - p) * (1 / len(y_train) + 1 / len(y_val))).sqrt().sum().item()
    )  # of a random split
    if moved > 0.05 and moved > 3 * chance:
        missing = sorted(set(y_val.tolist()) - set(y_train.tolist()))
        return f"{moved:.0%} of y_val would have to change class to be like y_train; missing in y_train: {missing}"


def inputs_on_another_scale(x_train, x_val):
    """Compare mean and standard deviation of all numbers; random parts of a set are alike unless few values are huge."""
    (m1, s1), (m2, s2) = (
        (x.float().mean().item(), x.float().std().item()) for x in (x_train, x_val)
    )
    if abs(m1 - m2) > 0.25 * s1 or not 0.8 < s2 / s1 < 1.25:
        return f"x_train has mean {m1:.2f} and standard deviation {s1:.2f}, x_val has {m2:.2f} and {s2:.2f}"


def weights_for_too_few_samples(train_loader):
    """Compare the number of the sampler's weights with that of the samples; it draws none without a weight."""
    sampler = getattr(train_loader.batch_sampler, "sampler", train_loader.sampler)
    if not isinstance(sampler, WeightedRandomSampler):
        return None
    weights, samples = len(sampler.weights), len(train_loader.dataset)
    if weights < samples:
        return f"the sampler has {weights} weights for {samples} samples: it only draws samples 0 to {weights - 1}"


def contradicted(x, y):
    """Samples of which four of the five nearest neighbours agree on another label than their own."""
    x = x.flatten(1).float()
    distance = torch.cdist(x, x).fill_diagonal_(torch.inf)
    near = y[distance.topk(5, largest=False).indices]
    votes = torch.stack([(near == label).sum(dim=1) for label in y.unique()], dim=1)
    winner = y.unique()[votes.argmax(dim=1)]
    return ((votes.max(dim=1).values >= 4) & (winner != y)).nonzero().flatten().tolist()


def labels_against_neighbours(x_train, y_train, x_val, y_val, most=2000):
    """Ask whether labels contradict their neighbours, and more often in the training than in the validation set.

    Costs two tables of distances between `most` samples. Nearness of raw pixels tells little of photographs: hand in
    features of a pretrained network instead.
    """
    n = min(most, len(y_train), len(y_val))
    wrong, there = (
        contradicted(x_train[:n], y_train[:n]),
        contradicted(x_val[:n], y_val[:n]),
    )
    if len(wrong) > 0.05 * n + 2 * len(there):
        return (
            f"{len(wrong)} of {n} training labels contradict their neighbours, {len(there)} of {n} validation labels; "
            f"look at samples {wrong[:5]}"
        )


def more_data_would_help(x_train, y_train, x_val, y_val, most=2000):
    """Ask how much the nearest training sample's label gains when the training set doubles.

    Costs one table of distances, and trains nothing.
    """
    chosen = torch.randperm(len(x_train), generator=torch.Generator().manual_seed(0))
    x, y = x_train[chosen[:most]].flatten(1).float(), y_train[chosen[:most]]
    distance = torch.cdist(x_val[:most].flatten(1).float(), x)
    half, whole = (
        (y[distance[:, :n].argmin(dim=1)] == y_val[:most]).float().mean()
        for n in (len(x) // 2, len(x))
    )
    if whole - half > 0.03:
        return f"twice the data lifted a nearest-neighbour classifier from {half:.2f} to {whole:.2f}: more may help"


def trained_past_the_best(val_losses):
    """Ask whether the validation loss has left its minimum long behind."""
    best = min(range(len(val_losses)), key=val_losses.__getitem__)
    rise = val_losses[-1] / val_losses[best]
    if rise > 1.2 and best < 0.75 * (len(val_losses) - 1):
        return f"the lowest val loss, {val_losses[best]:.3f}, was at epoch {best}; the last is {rise:.1f} times that"
