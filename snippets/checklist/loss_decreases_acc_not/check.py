"""Why accuracy stands still while the loss falls: the metric, the test labels, the classes, or the loss itself."""

import torch


def shapes_that_broadcast(predictions, y_test):
    """Ask whether == compares each prediction with its own label, or with all of them."""
    compared = tuple((predictions == y_test).shape)
    if compared != tuple(y_test.shape):
        return f"predictions {tuple(predictions.shape)} == labels {tuple(y_test.shape)} gives {compared} comparisons"


def evaluated(model, inputs):
    """The outputs in evaluation mode, without a trace in the model."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            outputs = model(inputs)
    finally:
        for module, mode in modes:
            module.training = mode
    return outputs


def labels_under_other_numbers(model, x_test, y_test):
    """Name each predicted class by half of the test: is the other half right then? One pass over the test."""
    outputs = evaluated(model, x_test)
    if outputs.dim() != 2 or outputs.shape[1] < 2 or y_test.is_floating_point():
        return None
    known = y_test.flatten() >= 0
    predicted, y_test = outputs.argmax(dim=1)[known], y_test.flatten()[known]
    table = torch.zeros(outputs.shape[1], int(y_test.max()) + 1)
    half = (predicted[::2], y_test[::2])
    table.index_put_(half, torch.ones(len(half[0])), accumulate=True)
    right, renamed = (
        (predicted == y_test).float().mean().item(),
        (table.argmax(dim=1)[predicted] == y_test)[1::2].float().mean().item(),
    )
    if (
        renamed > 0.6
        and renamed - right > 0.3
        and len(table.argmax(dim=1).unique()) > len(table) // 2
    ):
        return f"{right:.0%} of the test is right as numbered, and {renamed:.0%} if the classes are renumbered"


def answers_of_one_class(model, x_test, y_test):
    """Count the answers of each class: do samples of the other classes get the largest class's answer too?"""
    outputs, y_test = evaluated(model, x_test), y_test.flatten()
    if y_test.is_floating_point() and not ((y_test == 0) | (y_test == 1)).all():
        return None
    y_test = y_test.long()
    single = outputs.numel() == len(y_test)
    predicted = (outputs.flatten() > 0).long() if single else outputs.argmax(dim=1)
    top, share = (
        predicted.mode().values.item(),
        (predicted == predicted.mode().values).float().mean().item(),
    )
    largest = (torch.bincount(y_test).max() / len(y_test)).item()
    others = predicted[y_test != top] == top
    if (
        share > 0.98
        and largest < 1
        and others.float().mean() > 0.9
        and top == y_test.mode().values.item()
    ):
        return f"{share:.0%} of the answers are class {top}, to which {largest:.0%} of the samples belong"


def classes_treated_as_numbers(outputs, targets, loss_fn):
    """Ask whether a loss for quantities is applied to class numbers."""
    regression = (
        torch.nn.MSELoss,
        torch.nn.L1Loss,
        torch.nn.SmoothL1Loss,
        torch.nn.HuberLoss,
    )
    classes = len(targets.unique())
    if (
        isinstance(loss_fn, regression)
        and not targets.is_floating_point()
        and classes > 2
        and outputs[0].numel() == 1
    ):
        return f"{type(loss_fn).__name__} compares one output with class numbers from {targets.min()} to {targets.max()}"
