"""Why a regression answers the mean for everything. None of these trains anything."""

import torch


def shapes_that_broadcast(outputs, targets):
    """Compare the shapes that enter the loss."""
    if outputs.shape != targets.shape:
        try:
            full = torch.broadcast_shapes(outputs.shape, targets.shape)
        except RuntimeError:  # such a difference is refused, and not broadcast
            return None
        return (
            f"outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)} become {tuple(full)}: "
            "each output is compared with every target"
        )


def targets_out_of_reach(y_train):
    """Compare the targets with what a fresh network gives, numbers of size 1."""
    y = y_train.float()
    mean, std = y.mean().item(), y.std().item()
    if max(abs(mean), std) > 10:
        return f"targets have mean {mean:.4g} and standard deviation {std:.4g}; a fresh network gives about 0 ± 1"


def features_with_an_offset(x_train):
    """Find features whose distance from 0 is much larger than their spread."""
    x = x_train.flatten(1).float()
    mean, std = x.mean(dim=0).abs(), x.std(dim=0)
    far = (mean > 10 * std) & (mean > 10)
    # what they add to a unit of the first layer, at torch's default initialization
    shift = (mean[far].square().sum() / (3 * len(far))).sqrt()
    if shift > 3:
        n = int(far.sum())
        return f"{n} of {len(far)} features lie over 10 standard deviations from 0, up to {mean[far].max():.4g}"


def features_that_say_nothing(x_train, y_train):
    """Predict each target by its 10 nearest other samples (standardized features, 2000 samples)."""
    if len(x_train) < 50:
        return None
    some = torch.randperm(len(x_train), generator=torch.Generator().manual_seed(0))[
        :2000
    ].to(x_train.device)
    x, y = (
        x_train[some].flatten(1).float(),
        y_train[some].reshape(len(some), -1).float(),
    )
    x = (x - x.mean(dim=0)) / x.std(dim=0).clamp(min=1e-6)
    distance = torch.cdist(x, x).fill_diagonal_(torch.inf)
    guess = y[distance.topk(10, largest=False).indices].mean(dim=1)
    explained = 1 - ((guess - y).square().mean() / y.var(dim=0).mean()).item()
    if explained < 0.2:
        share = max(explained, 0.0)
        return f"the 10 nearest neighbours explain {share:.0%} of the targets' variance: the features say little"
