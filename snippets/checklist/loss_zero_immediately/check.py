"""Why a loss is zero at once: call these with the last batch, or the training data; they change nothing."""

import torch


def share_of_labels_that_count(targets, ignore_index=-100):
    """Count the targets that the loss does not leave out."""
    if targets.is_floating_point():
        return None
    count = int((targets != ignore_index).sum())
    if count < 0.01 * targets.numel():
        return (
            f"{count} of {targets.numel()} targets in this batch are not {ignore_index}"
        )


def softmax_over_one_class(outputs, targets, loss_fn):
    """Ask whether the loss stays zero whatever the only output is."""
    if outputs.dim() < 2 or outputs.shape[1] != 1:
        return None
    anything = [
        float(loss_fn(torch.full_like(outputs.detach(), value), targets))
        for value in (-5.0, 0.0, 5.0)
    ]
    if max(map(abs, anything)) < 1e-6:
        return f"with one output, the loss is {anything[0]:.4f} for outputs of -5, 0 and 5: its softmax is always 1"


def targets_equal_to_inputs(inputs, targets):
    """Count the positions at which the target is the input itself."""
    if inputs.shape != targets.shape:
        return None
    counted = targets != -100
    same = (inputs == targets)[counted].float().mean().item() if counted.any() else 0.0
    if same > 0.99:
        return f"{same:.0%} of the targets equal the input at the same position"


def features_that_tell_the_label(x_train, y_train):
    """Look for single features whose ranges of values for some class and for all others do not touch."""
    if y_train.dim() != 1 or x_train.dim() != 2 or x_train.is_floating_point() is False:
        return None
    found = []
    for label in y_train.unique():
        own, rest = x_train[y_train == label], x_train[y_train != label]
        apart = (own.amin(dim=0) > rest.amax(dim=0)) | (
            own.amax(dim=0) < rest.amin(dim=0)
        )
        found += [(int(label), column) for column in apart.nonzero().flatten().tolist()]
    if found:
        columns = sorted({column for _, column in found})
        return f"{len(columns)} features separate a class from all others on their own: columns {columns[:5]}"
