"""Where a NaN comes from: call these at the first step whose loss is not finite, before the weights are updated."""

import torch


def values_that_are_no_numbers(inputs, targets):
    """Look at the batch itself."""
    for name, tensor in (("inputs", inputs), ("targets", targets)):
        bad = ~torch.isfinite(tensor.float())
        if bad.any():
            samples = (
                bad.flatten(1).any(dim=1).nonzero().flatten()
                if bad.dim() > 1
                else bad.nonzero().flatten()
            )
            return f"{name}: {int(bad.sum())} values are NaN or inf, in {len(samples)} of {len(tensor)} samples"


def features_that_never_change(x_train):
    """Look for features that are finite in no sample, as after a division by a standard deviation of 0."""
    x = x_train.flatten(1)
    bad = (~torch.isfinite(x)).all(dim=0).nonzero().flatten().tolist()
    if bad:
        return f"{len(bad)} of {x.shape[1]} features are NaN or inf in all samples, the first of them: {bad[:5]}"


def losses_that_grew(losses):
    """Ask whether the loss ran away before it was lost."""
    finite = [loss for loss in losses if loss - loss == 0]
    growth = finite[-1] / min(finite) if len(finite) > 1 and min(finite) > 0 else 0.0
    if growth > 1e3 and finite[-1] > 10 * finite[0]:
        return f"the last finite loss is {growth:.1e} times the smallest one: training diverges"


def loss_that_breaks_alone(model, loss_fn, inputs, targets):
    """Ask whether the network's outputs are finite numbers of a common size and the loss is none."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            outputs = model(inputs).float()
            loss = loss_fn(outputs, targets)
    finally:
        for module, mode in modes.items():
            module.training = mode
    size = outputs.abs().max().item()
    sound = size < 1e4 and torch.isfinite(targets.float()).all()
    if sound and not torch.isfinite(loss).all():
        return f"outputs are at most {size:.1f}, and the loss is {loss.item()}: it is the loss's formula"


def numbers_too_large_for_half(outputs, targets):
    """Ask whether an error of float16 outputs is too large for its square to be finite in float16."""
    if outputs.dtype != torch.float16 or outputs.shape != targets.shape:
        return None
    largest = (outputs.float() - targets.float()).abs().max().item()
    if largest**2 > torch.finfo(torch.float16).max:
        return f"outputs are float16 and errors reach {largest:.0f}: the square is above 65504, inf in float16"
