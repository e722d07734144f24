"""Look for copies and near copies on both sides of a split, and split so that groups stay together.

Source: Barz and Denzler, "Do We Train on Test Data? Purging CIFAR of Near-Duplicates", 2019, for near copies.
"""

import torch
from torch import Tensor


def exact_copies(train: Tensor, other: Tensor) -> list[tuple[int, int]]:
    """Pairs (place in other, place in train) of samples that are equal, bit by bit; the first copy in train counts.

    Args:
        train: the training inputs, (samples, ...).
        other: those of the validation or test set, of the same dtype.

    Raises:
        ValueError: when the two have not the same dtype and shape of a sample, so that no bits could be equal.
    """
    if (train.dtype, train.shape[1:]) != (other.dtype, other.shape[1:]):
        kinds = [f"{each.dtype} {list(each.shape[1:])}" for each in (train, other)]
        raise ValueError(f"samples of {kinds[0]} and of {kinds[1]} are never equal bit by bit")
    places: dict[bytes, int] = {}
    for place, sample in enumerate(train):
        places.setdefault(key(sample), place)
    found = ((place, places.get(key(sample))) for place, sample in enumerate(other))
    return [(place, copy) for place, copy in found if copy is not None]


def key(sample: Tensor) -> bytes:
    """The sample's numbers as bytes."""
    return sample.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def near_copies(train: Tensor, other: Tensor, share: float = 0.2, rows: int = 1024) -> list[tuple[int, int]]:
    """Pairs (place in other, place in train), the nearest first, that are far nearer than two samples usually are.

    Look at the first pairs by eye: whether two samples are "the same" is for you to say.

    Args:
        train: features of the training set, (samples, ...): pixels of small centred images, or a pretrained network's.
        other: those of the validation or test set.
        share: a pair counts up to this share of the median distance between samples of the two sets.
        rows: so many samples are compared with the training set at a time; it changes the memory, not the result.
    """
    a, b = (each.flatten(1).to(torch.promote_types(each.dtype, torch.float32)) for each in (other, train))
    centre = b.mean(0)  # far from 0 cdist, which squares, loses small distances
    a, b = (a - centre).float(), (b - centre).float()
    usual = torch.cdist(a[:1000], b[:1000]).median()
    nearest = [torch.cdist(part, b).min(dim=1) for part in a.split(rows)]
    distance = torch.cat([part.values for part in nearest])  # (samples of other,)
    place = torch.cat([part.indices for part in nearest])
    order = distance.argsort()
    near = order[distance[order] <= share * usual]
    return list(zip(near.tolist(), place[near].tolist(), strict=True))


def group_split(groups: Tensor, share: float = 0.2, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """Places of the training and of the other samples; what belongs to one group lands on one side.

    Args:
        groups: for each sample the number of its person, document, product, day or original, (samples,).
        share: part of the *groups* that is held out.
        generator: source of the draw.

    Raises:
        ValueError: when one side would be empty.
    """
    names = groups.unique()
    count = round(share * len(names))
    if not 0 < count < len(names):
        raise ValueError(f"{share} of {len(names)} groups leaves one side empty")
    held = names[torch.randperm(len(names), generator=generator, device=names.device)[:count]]
    out = torch.isin(groups, held)
    return (~out).nonzero().flatten(), out.nonzero().flatten()


if __name__ == "__main__":
    torch.manual_seed(0)
    originals = torch.randn(100, 64)
    x = originals.repeat(3, 1)  # each sample three times,
    x[100:] += 0.05 * torch.randn(200, 64)  # twice with a little noise
    x[150] = x[3]
    groups = torch.arange(100).repeat(3)
    order = torch.randperm(300)
    for name, (train, test) in {
        "random split": (order[:240], order[240:]),
        "split by group": group_split(groups),
    }.items():
        exact, near = exact_copies(x[train], x[test]), near_copies(x[train], x[test])
        shared = torch.isin(groups[test], groups[train]).sum().item()
        print(
            f"{name}: {len(test)} held out, {shared} with a relative in training, {len(exact)} exact, {len(near)} near"
        )
