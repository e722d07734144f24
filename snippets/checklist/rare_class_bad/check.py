"""Why a rare class is not found: ask whether it was there, whether it counted, and where the threshold is."""

import torch


def classes_hardly_trained(y_train, y_val):
    """Look for classes of the validation set of which the training set has fewer than five samples."""
    size = int(max(y_train.max(), y_val.max())) + 1
    have, need = (
        torch.bincount(y.flatten(), minlength=size).tolist() for y in (y_train, y_val)
    )
    few = {
        label: have[label] for label in range(size) if need[label] and have[label] < 5
    }
    if few:
        return f"training samples of classes that the validation set has: {few}"


def class_ignored_by_the_loss(loss_fn, y_train):
    """Ask whether the loss leaves out a number that is the label of a class."""
    left_out = getattr(loss_fn, "ignore_index", None)
    share = (y_train == left_out).float().mean().item() if left_out is not None else 0.0
    if share > 0:
        return f"ignore_index={left_out} takes {share:.1%} of the training labels out of the loss"


def threshold_hides_the_class(model, x_val, y_val, y_train, predictions):
    """Ask for each rare class whether its samples rank above the others, and the predictions of x_val miss them."""
    was_training = model.training
    model.eval()
    with torch.no_grad():
        outputs = model(x_val).log_softmax(dim=1)
    model.train(was_training)
    share = torch.bincount(y_train, minlength=outputs.shape[1]) / len(y_train)
    for label in (
        ((share > 0) & (share < 0.5 / len(share))).nonzero().flatten().tolist()
    ):
        own, others = (
            outputs[(y_val == label) == side, label] for side in (True, False)
        )
        recall = (predictions[y_val == label] == label).float().mean().item()
        area = (own[:, None] > others).float().mean().item()
        if recall < 0.5 and area > 0.8:
            return f"class {label}: recall {recall:.2f}, though its outputs rank above others', area {area:.2f}"
