"""Why predictions are over-confident: call these with data that was not trained on."""

import torch
from torch import nn


def surer_on_training_data(model, x_train, y_train, x_test, y_test):
    """Compare confidence and log-loss on training data with those on test data."""
    modes = [module.training for module in model.modules()]
    model.eval()
    said = []
    for x, y in ((x_train, y_train), (x_test, y_test)):
        with torch.no_grad():
            outputs = model(x)
        sure, answer = outputs.softmax(dim=1).max(dim=1)
        loss = nn.functional.cross_entropy(outputs, y).item()
        said.append((loss, sure.mean().item(), (answer == y).float().mean().item()))
    for module, mode in zip(model.modules(), modes, strict=True):
        module.training = mode
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
    if y_test.is_floating_point():
        return None  # not one class a sample
    modes = [module.training for module in model.modules()]
    model.eval()
    with torch.no_grad():
        own = nn.functional.cross_entropy(model(x_test), y_test).item()
    for module, mode in zip(model.modules(), modes, strict=True):
        module.training = mode
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
