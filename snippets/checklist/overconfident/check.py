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
    """Compare mean and standard deviation of what the model gets."""
    (mean, std), (other, spread) = ((x.mean(), x.std()) for x in (x_train, x_test))
    ratio = (spread / std).item()
    if not 0.67 < ratio < 1.5 or (other - mean).abs() > 0.5 * std:
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
    if reported > 1.2 * own:
        return (
            f"the log-loss of the reported probabilities is {reported:.2f}; that of the "
            f"softmax of the model's outputs is {own:.2f}"
        )


def probabilities_above_the_frequency(probabilities, y_test):
    """Compare the mean probability of each class with how often it occurs."""
    if probabilities.dim() == 1 or probabilities.shape[1] == 1:
        mean = probabilities.mean().reshape(1)
        often = y_test.float().mean().reshape(1)
    else:
        mean = probabilities.mean(dim=0)
        often = torch.bincount(y_test, minlength=len(mean)) / len(y_test)
    worst = int((mean / often.clamp(min=1e-6)).argmax())
    if mean[worst] > 2 * often[worst]:
        return (
            f"the mean predicted probability is {mean[worst]:.1%}, but the class occurs "
            f"in {often[worst]:.1%} of the samples"
        )
