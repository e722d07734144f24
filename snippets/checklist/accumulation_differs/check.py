"""Compare an accumulated gradient with that of the whole batch. All checks work on copies of the model.

`accumulate(model, inputs, targets)` is your loop over micro-batches, without `optimizer.step()`.
"""

import copy

import torch
from torch.nn.functional import cosine_similarity


def gradient_of(model, work):
    """The gradient that `work` leaves in a copy of the model, as one vector."""
    twin = copy.deepcopy(model)
    twin.zero_grad()
    with torch.random.fork_rng(devices=[]):
        work(twin)
    return torch.cat(
        [p.grad.flatten() for p in twin.parameters() if p.grad is not None]
    )


def both_gradients(model, loss_fn, accumulate, inputs, targets):
    """The accumulated gradient and that of the whole batch."""
    ours = gradient_of(model, lambda twin: accumulate(twin, inputs, targets))
    whole = gradient_of(model, lambda twin: loss_fn(twin(inputs), targets).backward())
    return ours, whole


def gradient_too_long(model, loss_fn, accumulate, inputs, targets):
    """Ask whether the accumulated gradient points the right way and is a multiple of the right one."""
    ours, whole = both_gradients(model, loss_fn, accumulate, inputs, targets)
    times = (ours.norm() / whole.norm()).item()
    if cosine_similarity(ours, whole, dim=0) > 0.999 and abs(times - 1) > 0.01:
        return f"the accumulated gradient is {times:.2f} times the gradient of the whole batch"


def gradient_of_the_last_micro_batch(model, loss_fn, accumulate, inputs, targets):
    """Ask whether only the last half, quarter, … of the batch left a gradient."""
    ours, whole = both_gradients(model, loss_fn, accumulate, inputs, targets)
    if cosine_similarity(ours, whole, dim=0) > 0.999:
        return None
    size = len(inputs) // 2
    while size >= 1:
        x, y = inputs[-size:], targets[-size:]
        try:
            last = gradient_of(
                model, lambda twin, x=x, y=y: loss_fn(twin(x), y).backward()
            )
        except ValueError:  # batch normalization refuses a batch of one
            return None
        if cosine_similarity(ours, last, dim=0) > 0.9999:
            return f"the accumulated gradient is that of the last {size} of {len(inputs)} samples alone"
        size //= 2


def micro_batches_of_unequal_weight(model, loss_fn, accumulate, inputs, targets):
    """Ask whether targets are ignored, in unequal numbers, and the gradient is another one."""
    ignored = targets == getattr(loss_fn, "ignore_index", -100)
    ours, whole = both_gradients(model, loss_fn, accumulate, inputs, targets)
    apart = ((ours - whole).norm() / whole.norm()).item()
    if ignored.any() and apart > 0.01:
        counts = [int((~part).sum()) for part in ignored.chunk(4)]
        return f"the gradient is off by {apart:.0%}; quarters of the batch have {counts} targets that count"


def layers_that_use_the_batch(model, loss_fn, accumulate, inputs, targets):
    """Ask whether the difference is gone when batch normalization uses its running statistics."""
    apart = []
    for frozen in (False, True):
        twin = copy.deepcopy(model)
        for module in twin.modules():
            if frozen and "BatchNorm" in type(module).__name__:
                module.eval()
        ours, whole = both_gradients(twin, loss_fn, accumulate, inputs, targets)
        apart.append(((ours - whole).norm() / whole.norm()).item())
    if apart[0] > 0.01 > 10 * apart[1]:
        return f"the gradient is off by {apart[0]:.0%}, and by {apart[1]:.0%} with batch normalization in eval mode"
