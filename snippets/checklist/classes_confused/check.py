"""Why two classes are mixed up. For photographs, text and sound pass features of a pretrained network as inputs."""

import random

import numpy as np
import torch


def worst_pair(y, found):
    """The class, what it is taken for, and the share of it that is."""
    n = int(max(y.max(), found.max())) + 1
    pairs = torch.zeros(n, n).index_put((y, found), torch.ones(()), True)
    shares = (pairs / pairs.sum(dim=1, keepdim=True).clamp(min=1)).fill_diagonal_(0)
    label, other = divmod(int(shares.argmax()), n)
    return label, other, shares[label, other].item()


def nearest(x, originals, y):
    """What most of the 5 nearest other originals are, and how far the nearest one is."""
    distance = torch.cdist(x.flatten(1).float(), originals.flatten(1).float())
    distance, near = distance.fill_diagonal_(torch.inf).topk(
        min(5, len(x) - 1), largest=False
    )
    return y[near].mode(1)[0], distance[:, 0]


def augmentation_that_makes_another_class(augment, x_train, y_train):
    """Ask which augmented samples are as near to another class as its own samples are to each other (1000 drawn)."""
    some = torch.Generator().manual_seed(0)
    some = torch.randperm(len(x_train), generator=some)[:1000]
    x, y = x_train[some], y_train[some]
    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            changed = augment(x.clone())
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
    before, usual = nearest(x, x, y)
    found, distance = nearest(changed, x, y)
    for label in y.unique():  # what is far from every original looks like none
        far = distance > 1.5 * usual[y == label].median()
        found = torch.where((found == label) & far, y, found)
    (_, _, plain), (label, other, share) = worst_pair(y, before), worst_pair(y, found)
    if share > 0.1 and share > 2 * plain:
        return f"augmented, {share:.0%} of class {label} look like class {other}; before, at most {plain:.0%} do"


def apart_on_a_line(x, y, label, other):
    """The larger share of the two classes that a linear fit takes for the other, each sample judged by all others."""
    own = y[(y == label) | (y == other)] == label
    x = x[(y == label) | (y == other)]
    x = (x - x.mean(0)) / x.std(0).clamp(min=1e-6)
    target = torch.where(own, 1 / own.sum(), -1 / (~own).sum())
    kernel = x @ x.T / x.shape[1] + 0.01 * torch.eye(len(x))
    inverse = kernel.inverse()
    left_out = target - inverse @ target / inverse.diagonal()
    wrong = (left_out < 0) == own
    return max(wrong[own].float().mean().item(), wrong[~own].float().mean().item())


def classes_that_overlap(x_train, y_train):
    """Ask whether the inputs, as they enter, tell the classes apart (5 nearest other samples, 2000 drawn)."""
    if x_train.dtype in (torch.int32, torch.int64):
        return None  # numbers of tokens have no distance: pass their features
    some = torch.Generator().manual_seed(0)
    some = torch.randperm(len(x_train), generator=some)[:2000]
    x, y = x_train[some].flatten(1).float(), y_train[some]
    found, _ = nearest(x, x, y)
    enough = y.bincount()[y] >= 30
    if not enough.any():
        return None
    label, other, share = worst_pair(y[enough], found[enough])
    if share > 0.1 and apart_on_a_line(x, y, label, other) > share / 2:
        return f"by its nearest neighbours {share:.0%} of class {label} would be class {other}: the inputs overlap"


def rare_class_of_the_pair(model, x_test, y_test, y_train):
    """Compare how often the two classes of the worst pair occur in training."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            label, other, share = worst_pair(y_test, model(x_test).argmax(dim=1))
    finally:
        for module, training in modes:
            module.training = training
    counts = y_train.bincount(minlength=int(y_test.max()) + 1)
    if share > 0.1 and counts[label] < counts[other] / 4:
        return (
            f"{share:.0%} of class {label} are taken for class {other}, "
            f"with {counts[label]} training samples against {counts[other]}"
        )
