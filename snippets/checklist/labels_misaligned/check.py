"""Whether inputs and labels belong together: call these on the data in the order in which they are loaded."""

import re
from pathlib import Path

import torch


def files_paired_by_position(image_files, label_files):
    """Compare the numbers in the names of the two lists, pair by pair."""
    pairs = list(zip(image_files, label_files, strict=False))
    wrong = [
        (str(a), str(b))
        for a, b in pairs
        if re.findall(r"\d+", Path(a).stem) != re.findall(r"\d+", Path(b).stem)
    ]
    if wrong or len(image_files) != len(label_files):
        first = f", first {wrong[0][0]} with {wrong[0][1]}" if wrong else ""
        return f"{len(wrong)} of {len(pairs)} pairs have different numbers in their names{first}"


def share_of_neighbours_that_agree(x, y, size=200):
    """By blocks in loading order: how often the nearest other sample has the same label."""
    x, shares = x.flatten(1).float(), []
    for start in range(0, len(x) - size + 1, size):
        a, labels = x[start : start + size], y[start : start + size]
        distance = torch.cdist(a, a).fill_diagonal_(torch.inf)
        shares.append((labels[distance.argmin(dim=1)] == labels).float().mean().item())
    return shares


def chance_of_agreeing(y):
    """How often two samples that have nothing to do with each other have the same label."""
    return (y.bincount() / len(y)).square().sum().item()


def labels_at_chance(x_train, y_train):
    """Ask whether neighbours agree on their label any more often than strangers do."""
    shares = share_of_neighbours_that_agree(x_train, y_train)
    chance = chance_of_agreeing(y_train)
    margin = 3 * (chance * (1 - chance) / (200 * len(shares))) ** 0.5
    found = sum(shares) / len(shares)
    if found < chance + margin:
        return f"nearest neighbours have the same label in {found:.0%} of cases; chance is {chance:.0%}"


def labels_that_slip(x_train, y_train):
    """Ask whether labels fit in one part of the data and are at chance in another."""
    shares = share_of_neighbours_that_agree(x_train, y_train)
    chance = chance_of_agreeing(y_train)
    limit = chance + 3 * (chance * (1 - chance) / 200) ** 0.5
    lost = [block for block, share in enumerate(shares) if share < limit]
    if lost and max(shares) > (1 + chance) / 2:
        return (
            f"nearest neighbours agree in {max(shares):.0%} of cases at best, "
            f"and in {shares[lost[0]]:.0%} from sample {200 * lost[0]} on"
        )


def flips_that_leave_the_target(train_set):
    """Draw one sample 20 times: count draws that are mirrored while its target stays."""
    with torch.random.fork_rng(devices=[]):
        draws = [train_set[0] for _ in range(20)]
    x, target = draws[0]
    mirrored = sum(
        any(x.dim() > d and torch.equal(a, x.flip(-d)) for d in (1, 2))
        and not torch.equal(a, x)
        for a, _ in draws
    )
    moved = any(not torch.equal(t, target) for _, t in draws)
    if mirrored and not moved and torch.is_floating_point(target):
        return f"{mirrored} of 20 draws are the mirror image of the first, all with the target {target.tolist()}"
