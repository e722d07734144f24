"""Why a rare class is not found: ask whether it was there, whether it counted, and where the threshold is."""

import torch


def classes_hardly_trained(y_train, y_val):
    """Look for classes of the validation set of which the training set has fewer than five samples."""
    size = int(max(y_train.max(), y_val.max())) + 1
    have, need = (
        torch.bincount(y[y >= 0].long(), minlength=size).tolist()
        for y in (y_train, y_val)
    )
    few = {
        label: have[label] for label in range(size) if need[label] and have[label] < 5
    }
    if few:
        return f"training samples of classes that the validation set has: {few}"


def class_ignored_by_the_loss(loss_fn, y_train):
    """Ask whether the loss leaves out a number that can be a class: not below 0, and without a gap to the others."""
    left_out = getattr(loss_fn, "ignore_index", -100)
    share = (y_train == left_out).float().mean().item()
    others = y_train[y_train != left_out].tolist()
    if share > 0 and 0 <= left_out <= max(others, default=0) + 1:
        return f"ignore_index={left_out} takes {share:.1%} of the training labels out of the loss"


def threshold_hides_the_class(model, x_val, y_val, y_train, predictions):
    """Ask for each rare class whether its samples rank above the others, and the predictions of x_val miss them."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            outputs = model(x_val).float().reshape(len(x_val), -1)
    finally:
        for module, mode in modes.items():
            module.training = mode
    if outputs.shape[1] == 1:  # the logit of class 1 gets a column of zeros beside it
        outputs = torch.cat([torch.zeros_like(outputs), outputs], dim=1)
    outputs, y_val = outputs.log_softmax(dim=1), y_val.flatten()
    predictions = predictions.flatten()
    share = torch.bincount(y_train.flatten().long(), minlength=outputs.shape[1]) / len(
        y_train
    )
    for label in (
        ((share > 0) & (share < 0.5 / len(share))).nonzero().flatten().tolist()
    ):
        own, others = (
            outputs[(y_val == label) == side, label] for side in (True, False)
        )
        recall = (predictions[y_val == label] == label).float().mean().item()
        area = (own[:, None] > others).float().mean().item()
        if len(own) >= 5 and recall < 0.5 and area > 0.8:
            return f"class {label}: recall {recall:.2f}, though its outputs rank above others', area {area:.2f}"
