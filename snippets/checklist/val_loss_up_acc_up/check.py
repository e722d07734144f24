"""Why the validation loss rises while the accuracy does not fall: look at which samples make up the loss."""

import torch
from torch.nn import functional


def classes_never_trained(y_train, y_val):
    """Look for classes of the validation set that the training set does not have."""
    missing = sorted(
        c for c in set(y_val.tolist()) - set(y_train.tolist()) if c >= 0
    )  # -100 is to be ignored
    if missing:
        share = (
            torch.isin(y_val, torch.tensor(missing, device=y_val.device))
            .float()
            .mean()
            .item()
        )
        return f"no training sample has class {missing}; {share:.0%} of y_val has"


def labels_that_all_contradict(val_outputs, x_train, y_train, x_val, y_val, worst=20):
    """Of the samples with the largest loss, count those that network and neighbours together place in another class.

    Costs the distances of these few samples to the training set. Of photographs, hand in features instead of pixels.
    """
    losses = functional.cross_entropy(val_outputs, y_val, reduction="none")
    index = losses.topk(min(worst, len(losses))).indices
    near = (
        torch.cdist(x_val[index].flatten(1).float(), x_train.flatten(1).float())
        .topk(min(5, len(x_train)), largest=False)
        .indices
    )
    said = val_outputs[index].argmax(dim=1)
    agree = (y_train[near] == said[:, None]).sum(dim=1) >= 4
    wrong = index[agree & (said != y_val[index])].tolist()
    if len(wrong) > 0.6 * len(index):
        share = (losses[wrong].sum() / losses.sum()).item()
        return f"{len(wrong)} of the {len(index)} worst samples look mislabelled and make {share:.0%} of the loss"


def temperature_that_helps(val_outputs, y_val):
    """Divide the outputs by one number and look for the lowest loss; the predictions stay the same.

    Where 3 % of the samples make up most of the loss, these are the matter, and not the confidence of all.
    """
    losses = (
        functional.cross_entropy(val_outputs, y_val, reduction="none")
        .flatten()
        .sort(descending=True)
        .values
    )
    few = (losses[: max(1, len(losses) * 3 // 100)].sum() / losses.sum()).item()
    tried = {
        t / 10: functional.cross_entropy(val_outputs * 10 / t, y_val).item()
        for t in range(5, 101)
    }
    best = min(tried, key=tried.__getitem__)
    if best > 1.3 and tried[best] < 0.9 * losses.mean().item() and few < 0.6:
        return f"outputs divided by {best} have a loss of {tried[best]:.3f} instead of {losses.mean():.3f}"
