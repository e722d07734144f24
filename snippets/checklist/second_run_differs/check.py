"""What a first run leaves to the second: record starts, histories and fingerprints."""


def run_that_begins_trained(histories):
    """Compare the losses, one for each update, at which the first and the last run begin."""
    first, second = (sum(losses[:3]) / 3 for losses in (histories[0], histories[-1]))
    end = sum(histories[0][-10:]) / len(histories[0][-10:])
    goes_on = abs(second - end) < abs(second - first)
    if goes_on and first - second > 0.3 * abs(first):
        return (
            f"the first run begins at a loss of {first:.2f}, the second at {second:.2f}: "
            "it goes on from trained weights"
        )


def optimizer_of_another_model(model, optimizer):
    """Count the model's parameters that the optimizer holds."""
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    strange = len(held - {id(p) for p in model.parameters()})
    trained = [p for p in model.parameters() if p.requires_grad]
    inside = sum(id(p) in held for p in trained)
    if inside < len(trained) and strange:
        return f"the optimizer holds {inside} of the {len(trained)} parameters of this model, and {strange} others"


def weights_drawn_again(starts, histories):
    """Ask whether the second run begins untrained, with other random weights."""
    gaps = [
        (a - b).abs().max().item() for a, b in zip(starts[0], starts[-1], strict=True)
    ]
    first, second = (sum(losses[:3]) / 3 for losses in (histories[0], histories[-1]))
    if max(gaps) > 0 and second > 0.7 * first:
        return (
            f"the weights at the start differ by up to {max(gaps):.2g}, and both runs "
            "begin untrained: the second one drew other random numbers"
        )


def data_that_changed(fingerprints):
    """Compare a sum over the same data, taken at the start of each run: of all folds, or of one that runs twice."""
    first, second = fingerprints[0], fingerprints[-1]
    if first == first and not abs(second - first) <= 1e-6 * abs(first):  # NaN, too
        return f"the sum over x_train was {first:.6g} in the first run and is {second:.6g} now"
