"""Why predictions are over-confident: call these with data that was not trained on."""

import torch
from torch import nn


def outputs_of(model, x):
    """Run the model in evaluation mode; each module's mode is put back."""
    modes = [module.training for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            return model(x)
    finally:
        for module, mode in zip(model.modules(), modes, strict=True):
            module.training = mode


def one_class_each(outputs, y):
    """Ask whether there are outputs for each class, on axis 1, and one class for each sample or pixel."""
    return (
        not y.is_floating_point()
        and outputs.dim() > 1
        and outputs[:, 0].shape == y.shape
    )


def surer_on_training_data(model, x_train, y_train, x_test, y_test):
    """Compare confidence and log-loss on training data with those on test data."""
    said = []
    for x, y in ((x_train, y_train), (x_test, y_test)):
        outputs = outputs_of(model, x)
        if not one_class_each(outputs, y):
            return None
        sure, answer = outputs.softmax(dim=1).max(dim=1)
        loss = nn.functional.cross_entropy(outputs, y).item()
        said.append((loss, sure.mean().item(), (answer == y).float().mean().item()))
    (train_loss, _, _), (test_loss, sure, right) = said
    if train_loss < 0.1 * test_loss and sure > right + 0.05:
        return (
            f"the log-loss is {train_loss:.3f} on training data and {test_loss:.3f} on test "
            f"data, where the confidence is {sure:.0%} and the accuracy {right:.0%}"
        )


def inputs_on_another_scale(x_train, x_test):
    """Compare mean and standard deviation of what the model gets; numbers of tokens have none."""
    if x_train.dtype == torch.int64:
        return None
    (mean, std), (other, spread) = (
        (x.float().mean(), x.float().std()) for x in (x_train, x_test)
    )
    wider = spread < 0.67 * std or spread > 1.5 * std
    if wider or (other - mean).abs() > 0.5 * std + 1e-6 * mean.abs():
        return (
            f"training inputs have mean {mean:.2f} and standard deviation {std:.2f}, "
            f"test inputs {other:.2f} and {spread:.2f}"
        )


def probabilities_of_another_softmax(model, x_test, y_test, probabilities):
    """Compare the probabilities that you report with the softmax of the outputs."""
    outputs = outputs_of(model, x_test)
    if not one_class_each(outputs, y_test):
        return None
    own = nn.functional.cross_entropy(outputs, y_test).item()
    chosen = probabilities.gather(1, y_test.unsqueeze(1)).clamp(min=1e-12)
    reported = -chosen.log().mean().item()
    if reported > 1.2 * own + 1e-4:  # the last digits of a perfect answer say nothing
        return (
            f"the log-loss of the reported probabilities is {reported:.2f}; that of the "
            f"softmax of the model's outputs is {own:.2f}"
        )


def probabilities_above_the_frequency(probabilities, y_test):
    """Compare the mean probability of each class with how often it occurs."""
    if (
        probabilities.numel() == y_test.numel()
    ):  # one output, or several labels for a sample
        probabilities, y_test = (
            one.reshape(len(one), -1).float() for one in (probabilities, y_test)
        )
        often = y_test.mean(dim=0)
    elif probabilities.dim() != 2 or y_test.dim() != 1:
        return None
    else:
        often = torch.bincount(y_test, minlength=probabilities.shape[1]) / len(y_test)
    mean, n = probabilities.mean(dim=0), len(probabilities)
    chance = (
        4 * (mean / n).sqrt()
    )  # what a class of this size may be missing in the sample
    found = (mean > 2 * often) & (mean - often > chance)
    if found.any():
        worst = int(torch.where(found, mean / often.clamp(min=1e-6), 0).argmax())
        return (
            f"the mean predicted probability is {mean[worst]:.1%}, but the class occurs "
            f"in {often[worst]:.1%} of the samples"
        )
