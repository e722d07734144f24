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
    """Look for features that no standardization can divide by their standard deviation."""
    x = x_train.flatten(1)
    nothing_left = torch.isnan(x).all(dim=0)
    constant = (x == x[0]).all(dim=0) & (x[0] != 0)
    bad = (nothing_left | constant).nonzero().flatten().tolist()
    if bad:
        return f"{len(bad)} of {x.shape[1]} features are the same number, or NaN, in all samples: {bad[:5]} …"


def losses_that_grew(losses):
    """Ask whether the loss ran away before it was lost."""
    finite = [loss for loss in losses if loss - loss == 0][-10:]
    growth = finite[-1] / min(finite) if len(finite) > 1 and min(finite) > 0 else 0.0
    if growth > 1e3:
        return f"the loss grew {growth:.1e} times in its last {len(finite)} finite steps: training diverges"


def loss_that_breaks_alone(model, loss_fn, inputs, targets):
    """Ask whether the network's outputs are finite numbers of a common size and the loss is none."""
    was_training = model.training
    model.eval()
    with torch.no_grad():
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
    model.train(was_training)
    size = outputs.abs().max().item()
    if size < 1e4 and not torch.isfinite(loss).all():
        return f"outputs are at most {size:.1f}, and the loss is {loss.item()}: it is the loss's formula"


def numbers_too_large_for_half(outputs, targets):
    """Ask whether the same loss would be finite in float32."""
    if outputs.dtype != torch.float16:
        return None
    largest = max(
        outputs.float().abs().max().item(), targets.float().abs().max().item()
    )
    if largest**2 > torch.finfo(torch.float16).max:
        return f"outputs are float16 and values reach {largest:.0f}: the square is above 65504, so it is inf"
