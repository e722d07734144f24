"""Whether inputs and labels belong together: call these on the data in the order in which they are loaded."""

import random
import re
from pathlib import Path

import numpy as np
import torch


def what_tells_names_apart(files):
    """For each name its numbers and words, without those that all names have at that place."""
    names = [re.findall(r"\d+|[a-z]+", Path(file).stem.lower()) for file in files]
    names = [[part.lstrip("0") for part in name] for name in names]
    shared = (
        set.intersection(*(set(enumerate(name)) for name in names)) if names else set()
    )
    return [[p[1] for p in enumerate(name) if p not in shared] for name in names]


def belong_together(a, b):
    """Ask whether one name has all that the other has, in the same order."""
    one, other = sorted([a, b], key=len)
    return [part for part in other if part in one] == one


def files_paired_by_position(image_files, label_files):
    """Compare the numbers and words in the names of the two lists, pair by pair."""
    names = what_tells_names_apart(image_files), what_tells_names_apart(label_files)
    pairs = list(zip(image_files, label_files, *names, strict=False))
    wrong = [(str(a), str(b)) for a, b, p, q in pairs if not belong_together(p, q)]
    if wrong or len(image_files) != len(label_files):
        first = f", first {wrong[0][0]} with {wrong[0][1]}" if wrong else ""
        return f"{len(wrong)} of {len(pairs)} pairs differ in the numbers or words of their names{first}"


def neighbours_that_agree(x, y, size):
    """For each sample: whether the nearest other one of its block has the same label."""
    blocks = zip(x.flatten(1).float().split(size), y.split(size), strict=True)
    agree = []
    for a, labels in blocks:
        distance = torch.cdist(a, a).fill_diagonal_(torch.inf)
        agree.append(labels[distance.argmin(dim=1)] == labels)
    return torch.cat(agree).float()


def labels_at_chance(x_train, y_train):
    """Ask whether neighbours agree on their class any more often than strangers do, each class counted alike."""
    count = y_train.bincount()
    weight = 1 / count[y_train] / (count > 0).sum()
    chance = 1 / (count > 0).sum().item()
    margin = (
        3
        * chance
        * ((1 - count / len(y_train))[count > 0].sum() / len(y_train)).sqrt().item()
    )
    order = torch.arange(len(y_train))
    if (
        y_train.diff() == 0
    ).float().mean() > 0.9:  # sorted by class: mix, or blocks hold one class each
        order = torch.randperm(len(y_train), generator=torch.Generator().manual_seed(0))
    agree = neighbours_that_agree(x_train[order], y_train[order], 200)
    found = (agree * weight[order]).sum().item()
    if found < chance + margin:
        return f"nearest neighbours have the same label in {found:.0%} of cases; chance is {chance:.0%}"


def labels_that_slip(x_train, y_train):
    """Ask whether labels fit up to some sample and are at chance from there on (classes in mixed order)."""
    agree = neighbours_that_agree(x_train, y_train, 200).split(200)
    kept, lost = [], []
    for block, labels in enumerate(y_train.split(200)):
        chance = (labels.bincount() / len(labels)).square().sum().item()
        share, margin = (
            agree[block].mean().item(),
            3 * (chance * (1 - chance) / len(labels)) ** 0.5,
        )
        if chance < 0.8 and len(labels) >= 100:
            (lost if share < chance + margin else kept).append(
                (block, share, (1 + chance) / 2)
            )
    if (
        lost
        and kept
        and lost[0] > kept[-1]
        and any(share > high for _, share, high in kept)
    ):
        return (
            f"nearest neighbours agree in {max(share for _, share, _ in kept):.0%} of cases at best, "
            f"and in {lost[0][1]:.0%} from sample {200 * lost[0][0]} on"
        )


def flips_that_leave_the_target(train_set):
    """Draw one sample 20 times: count draws that are exactly mirrored while its target stays."""
    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            draws = [train_set[0] for _ in range(20)]
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
    x, target = draws[0]
    if not torch.is_tensor(target):
        return None
    mirrored = sum(
        any(x.dim() > d and torch.equal(a, x.flip(-d)) for d in (1, 2))
        and not torch.equal(a, x)
        for a, _ in draws
    )
    moved = any(not torch.equal(t, target) for _, t in draws)
    several_labels = target.dim() == 1 and bool(((target == 0) | (target == 1)).all())
    place = (target.is_floating_point() or target.dim() > 0) and not several_labels
    if mirrored and not moved and place:
        shown = target.tolist() if target.numel() < 9 else list(target.shape)
        return f"{mirrored} of 20 draws are the mirror image of the first, all with the target {shown}"
