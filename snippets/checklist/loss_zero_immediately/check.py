"""Why a loss is zero at once: call these with the last batch, or the training data; they change nothing."""

import torch


def share_of_labels_that_count(targets, ignore_index=-100):
    """Ask whether the loss leaves out all targets, or all those of most sequences."""
    if targets.is_floating_point():
        return None
    counts = targets != ignore_index
    count = int(counts.sum())
    if not count:
        return (
            f"{count} of {targets.numel()} targets in this batch are not {ignore_index}"
        )
    empty = int((~counts.flatten(1).any(dim=1)).sum()) if targets.dim() > 1 else 0
    if 2 * empty > len(targets):
        return f"{empty} of {len(targets)} samples in this batch have no target that is not {ignore_index}"


def softmax_over_one_class(outputs, targets, loss_fn):
    """Ask whether the loss stays zero whatever the only output is."""
    if outputs.dim() < 2 or outputs.shape[1] != 1:
        return None
    anything = [
        loss_fn(torch.full_like(outputs.detach(), value), targets).mean().item()
        for value in (-5.0, 0.0, 5.0)
    ]
    if max(map(abs, anything)) < 1e-6:
        return f"with one output, the loss is {anything[0]:.4f} for outputs of -5, 0 and 5: its softmax is always 1"


def targets_equal_to_inputs(inputs, targets):
    """Count the positions of tokens at which the target is the input itself, where the next input is another one."""
    if inputs.shape != targets.shape or targets.is_floating_point():
        return None
    counted = (targets != -100)[..., :-1] & (inputs[..., 1:] != inputs[..., :-1])
    same = (inputs == targets)[..., :-1][counted].float().mean().item()
    if same > 0.99:
        return f"{same:.0%} of the targets equal the input at the same position"


def features_that_tell_the_label(x_train, y_train):
    """Look for single features whose ranges for some class of 10 samples or more, and for all others, do not touch."""
    if y_train.dim() != 1 or x_train.dim() != 2 or x_train.is_floating_point() is False:
        return None
    found = []
    for label, count in zip(*y_train.unique(return_counts=True), strict=True):
        if not 10 <= count <= len(y_train) - 10:
            continue
        own, rest = x_train[y_train == label], x_train[y_train != label]
        apart = (own.amin(dim=0) > rest.amax(dim=0)) | (
            own.amax(dim=0) < rest.amin(dim=0)
        )
        found += [(int(label), column) for column in apart.nonzero().flatten().tolist()]
    if found:
        columns = sorted({column for _, column in found})
        return f"{len(columns)} features separate a class from all others on their own: columns {columns[:5]}"
