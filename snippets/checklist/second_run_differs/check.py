"""What a first run leaves to the second: record starts, histories and fingerprints."""


def run_that_begins_trained(histories):
    """Compare the losses at which two runs begin."""
    first, second = (sum(losses[:3]) / 3 for losses in histories)
    if second < 0.7 * first:
        return (
            f"the first run begins at a loss of {first:.2f}, the second at {second:.2f}: "
            "it goes on from trained weights"
        )


def optimizer_of_another_model(model, optimizer):
    """Count the model's parameters that the optimizer holds."""
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    trained = [p for p in model.parameters() if p.requires_grad]
    inside = sum(id(p) in held for p in trained)
    if inside < len(trained):
        return f"the optimizer holds {inside} of the {len(trained)} parameters of this model"


def weights_drawn_again(starts, histories):
    """Ask whether the second run begins untrained, with other random weights."""
    gaps = [(a - b).abs().max().item() for a, b in zip(*starts, strict=True)]
    first, second = (sum(losses[:3]) / 3 for losses in histories)
    if max(gaps) > 0 and second > 0.7 * first:
        return (
            f"the weights at the start differ by up to {max(gaps):.2g}, and both runs "
            "begin untrained: the second one drew other random numbers"
        )


def data_that_changed(fingerprints):
    """Compare a sum over the training data, taken at the start of each run."""
    first, second = fingerprints[0], fingerprints[-1]
    if abs(second - first) > 1e-6 * abs(first):
        return f"the sum over x_train was {first:.6g} in the first run and is {second:.6g} now"
