"""Compare an accumulated gradient with that of the whole batch. All checks work on copies of the model.

`accumulate(model, inputs, targets)` is your loop over micro-batches, without `optimizer.step()`.
"""

import copy

import torch
from torch.nn.functional import cosine_similarity


def copied(model):
    """Copy a model; results of a forward pass that it keeps, which deepcopy refuses, are copied as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(model, {id(v): v.detach().clone() for v in results})


def gradient_of(model, work):
    """The gradient that `work` leaves in a copy of the model, as one vector."""
    twin = copied(model)
    twin.zero_grad()
    with torch.random.fork_rng(), torch.enable_grad():
        work(twin)
    return torch.cat(
        [
            (torch.zeros_like(p) if p.grad is None else p.grad).flatten()
            for p in twin.parameters()
            if p.requires_grad
        ]
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
    """Ask whether only the last half, third, … of the batch left a gradient, whether it divides evenly or not."""
    ours, whole = both_gradients(model, loss_fn, accumulate, inputs, targets)
    if cosine_similarity(ours, whole, dim=0) > 0.999:
        return None
    n = len(inputs)
    sizes = {n // k for k in range(2, n + 1)} | {n % k for k in range(2, n)} - {0}
    for size in sorted(sizes, reverse=True):
        x, y = inputs[-size:], targets[-size:]
        try:
            last = gradient_of(
                model, lambda twin, x=x, y=y: loss_fn(twin(x), y).backward()
            )
        except ValueError:  # batch normalization refuses a batch of one
            continue
        if cosine_similarity(ours, last, dim=0) > 0.9999:
            return f"the accumulated gradient is that of the last {size} of {len(inputs)} samples alone"


def micro_batches_of_unequal_weight(model, loss_fn, accumulate, inputs, targets):
    """Ask whether targets are ignored, and the gradient is the sum of those of 2, 3, 4, … parts, each a mean."""
    ignored = targets == getattr(loss_fn, "ignore_index", -100)
    ours, whole = both_gradients(model, loss_fn, accumulate, inputs, targets)
    apart = ((ours - whole).norm() / whole.norm()).item()
    if not ignored.any() or cosine_similarity(ours, whole, dim=0) > 0.9999:
        return None

    def by_parts(twin, k):
        for x, y in zip(inputs.chunk(k), targets.chunk(k), strict=True):
            loss_fn(twin(x), y).backward()

    for k in [k for k in (2, 3, 4, 6, 8, 16, 32) if k <= len(inputs)]:
        parts = gradient_of(model, lambda twin, k=k: by_parts(twin, k))
        if cosine_similarity(ours, parts, dim=0) > 0.9999:
            counts = [int((~part).sum()) for part in ignored.chunk(k)]
            return f"the gradient is off by {apart:.0%}; {len(counts)} micro-batches have {counts} targets that count"


def layers_that_use_the_batch(model, loss_fn, accumulate, inputs, targets):
    """Ask whether the difference is gone when batch normalization uses its running statistics."""
    apart = []
    for frozen in (False, True):
        twin = copied(model)
        for module in twin.modules():
            if frozen and "BatchNorm" in type(module).__name__:
                module.eval()
        ours, whole = both_gradients(twin, loss_fn, accumulate, inputs, targets)
        apart.append(((ours - whole).norm() / whole.norm()).item())
    if apart[0] > 0.01 > 10 * apart[1]:
        return f"the gradient is off by {apart[0]:.0%}, and by {apart[1]:.0%} with batch normalization in eval mode"
